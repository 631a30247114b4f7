"""What members do with parts: large globals that travel apart from their tasks and are kept. As a client over links to an honest worker, and as a worker to
a client."""

import asyncio
import glob

import p2p
import r_objects as objects
from attacks_results import Trap
from lab import TRAPS, memory_mib
from suite import MEMBER, attack, holds

LENGTH = 20000  # numbers of a part
SUM = "sum(x)"


def numbers(value, length=LENGTH):
    """A part: a vector of so many numbers, each this whole one, of less than 2^31."""
    return objects.HEADER + objects.item(objects.INT) + objects.word(length) + objects.word(value) * length


def described(name, data):
    """`name`: an integer."""
    return name.to_bytes(16, "big"), len(data)


async def task_with_part(lab, code=SUM):
    """The object of a task with the global x, which is a part."""
    return bytes.fromhex(await lab.maker.run(f"""{{ x <- 1; data <- utils::getFromNamespace("getFutureData", "future")(future::future({code}, globals = list(x = 1), lazy = TRUE));
        data$parts <- match("x", names(data$core$globals)); data$core$globals <- future.p2p:::replace_elements(data$core$globals, data$parts, list(NULL)); hex(data) }}""".replace("\n", " ")))


class Sender:
    """A client with a slot, which runs tasks that have parts."""

    @classmethod
    async def start(cls, lab, user="mallory"):
        sender = cls()
        sender.lab, sender.number, sender.user = lab, 0, user
        sender.link = await lab.link(*await lab.client(user))
        await sender.link.take_slots(1)
        sender.data = await task_with_part(lab)
        return sender

    async def ask(self, parts):
        """Sends a TASK. Returns the mask of NEED."""
        self.number += 1
        await self.link.send(p2p.task(self.number, len(self.data), parts=parts))
        kind, number, payload = await self.link.receive(p2p.NEED, p2p.LOST)
        assert (kind, number) == (p2p.NEED, self.number), payload
        return int.from_bytes(payload, "big")

    async def finish(self, *pieces):
        """Sends these bytes, each in frames of its own, and the task. Returns its value, or what it says instead."""
        for data in (*pieces, self.data):
            await self.link.send(*p2p.object_frames(self.number, data))
        return await self.outcome()

    async def outcome(self):
        kind, _, payload = await self.link.receive(p2p.RESULT, p2p.LOST)
        if kind == p2p.LOST:
            return "lost: " + payload.decode(errors="replace")
        result = await self.link.object(int.from_bytes(payload, "big"))
        return "error" if b"cannot be evaluated" in result else await self.lab.value(result)

    async def run(self, name, data):
        mask = await self.ask([described(name, data)])
        return mask, await self.finish(*([data] if mask else []))


@attack(MEMBER, "as an honest client, with parts")
async def parts_of_a_client_are_kept(lab):
    """Otherwise what follows would fail for that reason."""
    sender = await Sender.start(lab)
    assert await sender.run(1, numbers(3)) == (1, str(3 * LENGTH))
    assert await sender.run(1, numbers(3)) == (0, str(3 * LENGTH))
    assert await sender.run(2, numbers(4)) == (1, str(4 * LENGTH))


@attack(MEMBER, "over links with slots")
async def parts_of_one_client_are_not_there_for_another(lab):
    """A client that guesses the id of another one's part gets nothing, and puts nothing in its place."""
    first, second = await Sender.start(lab), await Sender.start(lab, "bob")
    assert await first.run(7, numbers(3)) == (1, str(3 * LENGTH))
    assert await second.run(7, numbers(5)) == (1, str(5 * LENGTH))
    assert await first.run(7, numbers(3)) == (0, str(3 * LENGTH))
    first.link.close()
    other = await Sender.start(lab)  # the same member, over another link
    assert await other.run(7, numbers(6)) == (1, str(6 * LENGTH))
    assert await second.run(7, numbers(5)) == (0, str(5 * LENGTH))


@attack(MEMBER, "over a link with a slot")
async def malformed_parts_of_a_task_end_the_link(lab):
    """Each ends this link alone, at once."""
    name, size = bytes(16), 1 << 20
    lists = {
        "below the least size": [(name, 65535)],
        "without a size": [(name, 0)],
        "sizes of more than 63 bits": [(name, 1 << 62), (name, 1 << 62)],
        "a size of 64 bits": [(name, (1 << 64) - 1)],
        "too many": [(name, size)] * 33,
        "an id that is cut": [(name[1:], size)],
    }
    for what, parts in lists.items():
        sender, since = await Sender.start(lab), await lab.worker.mark()
        await sender.link.send(p2p.task(1, 100, parts=parts))
        try:
            await sender.link.ended(timeout=5)
        except asyncio.TimeoutError:
            raise AssertionError(f"{what}: the link goes on") from None
        await lab.worker.wait_for("closing the link to client 'mallory@.*malformed TASK", since)


@attack(MEMBER, "over a link with a slot", limit=60)
async def announced_parts_take_no_memory(lab):
    """Memory follows the bytes that arrive. What is beyond the worker's limit is refused before anything is asked for, and what never comes costs only the
    client's own slot."""
    peer = await Sender.start(lab)
    before = memory_mib(lab.worker.pid)
    await peer.link.send(p2p.task(50, 100, parts=[(bytes(16), 1 << 61), (bytes(16), 1 << 61)]))
    _, _, text = await peer.link.receive(p2p.LOST, timeout=5)
    assert b"accepts at most" in text, text
    assert await peer.ask([(bytes(15) + b"1", 1 << 30), (bytes(15) + b"2", 1 << 30)]) == 3
    await peer.link.send(p2p.frame(p2p.DATA, peer.number, objects.HEADER))
    await lab.canary.sings_on(lab.canary.mark())
    other = await Sender.start(lab)
    assert await other.run(1, numbers(3)) == (1, str(3 * LENGTH))
    await peer.link.send(p2p.frame(p2p.CANCEL, peer.number))
    await peer.link.receive(p2p.LOST, timeout=10)
    assert await peer.run(1, numbers(3)) == (1, str(3 * LENGTH))
    assert memory_mib(lab.worker.pid) - before < 10


@attack(MEMBER, "over a link with a slot", limit=60)
async def forged_parts_reach_no_supervisor(lab):
    """What is not plain data, or is shorter or longer than announced, is an error of this task. Nothing of it is kept, and the next one is right."""
    whole = numbers(3)
    forged = {
        "code": objects.HEADER + objects.nested_calls(LENGTH),
        "a promise": (objects.HEADER + objects.promise("/nowhere")).ljust(len(whole), b"\0"),
        "lists, 200,000 deep": objects.HEADER + objects.nested(200000),
        "a vector of 8 EB": (objects.HEADER + objects.long_vector(objects.RAW, (1 << 62) - 1)).ljust(len(whole), b"\0"),
        "an object and more": whole + bytes(70000),
        "nothing": bytes(70000),
    }
    sender, since = await Sender.start(lab), len(lab.worker.lines)
    for what, data in forged.items():
        for _ in range(2):
            assert await sender.run(9, data) == (1, "error"), what
        assert await sender.run(1, numbers(3)) == (int(what == "code"), str(3 * LENGTH)), what
    assert await sender.ask([described(10, whole)]) == 1
    assert await sender.finish(whole[:40000], whole[40000:]) == str(3 * LENGTH)  # in pieces
    assert lab.worker.count("starting another", since) == 0, "an evaluator died"


@attack(MEMBER, "over links with slots", limit=120)
async def bytes_of_parts_in_another_order_hurt_nobody(lab):
    """Parts that are swapped, sent twice or not at all, that share a frame, or come before NEED: the link ends, or the task fails or waits; it is never
    evaluated with something else, and others go on."""
    one, two = numbers(3), numbers(4, LENGTH + 1)
    canary = lab.canary.mark()
    async def attempt(pieces, early=b""):
        sender = await Sender.start(lab)
        parts = [described(1, one), described(2, two)]
        try:
            await sender.link.send(p2p.task(1, len(sender.data), parts=parts), *p2p.object_frames(1, early))
            _, _, mask = await sender.link.receive(p2p.NEED)
            assert mask == b"\0\0\0\3"
            sender.number = 1
            return await asyncio.wait_for(sender.finish(*pieces), 5)
        except p2p.Closed:
            return "closed"
        except asyncio.TimeoutError:
            return "waits"
        finally:
            sender.link.close()
    assert await attempt([one, two]) == str(3 * LENGTH)
    wrong = {"twice": [one, one, two], "one of two": [one], "none": [], "swapped": [two, one], "in one frame": [one + two], "too short": [one[:-4], two],
             "too long": [one + bytes(4), two]}
    for what, pieces in wrong.items():
        outcome = await attempt(pieces)
        assert outcome in ("closed", "waits", "error") or outcome.startswith("lost: "), f"{what}: {outcome}"
    outcome = await attempt([one, two], early=bytes(50))
    assert outcome in ("closed", "error") or outcome.startswith("lost: "), f"before NEED: {outcome}"
    await lab.canary.sings_on(canary)


@attack(MEMBER, "over a link with a slot of a worker with a cache of 8 MiB", limit=120)
async def kept_parts_are_limited(lab):
    """An evaluator keeps no more than its cache, whether the futures that had the parts are evaluated, refused or canceled."""
    worker = await lab.start_worker("bob", TRAPS, 1, cache="8MiB", sandbox="none")
    peer = await lab.peer("mallory", TRAPS, "client")
    hello = await peer.topic.find(p2p.is_hello("worker", "bob"))
    sender = Sender()
    sender.lab, sender.number, sender.link, sender.data = lab, 0, await lab.link(peer, hello), await task_with_part(lab)
    await sender.link.take_slots(1)
    length = 1 << 20  # 4 MiB
    assert await sender.run(1, numbers(1, length)) == (1, str(length))
    def descendants(pid):
        children = []
        for path in glob.glob(f"/proc/{pid}/task/*/children"):
            with open(path, encoding="ascii") as file:
                children += [int(child) for child in file.read().split()]
        return children + [pid for child in children for pid in descendants(child)]
    evaluators = descendants(worker.pid)
    def memory():
        return sum(memory_mib(pid) for pid in evaluators)
    before = memory()
    for name in range(2, 22):  # 80 MiB
        assert await sender.ask([described(name, numbers(name, length))]) == 1
        await sender.link.send(*p2p.object_frames(sender.number, numbers(name, length)))
        await sender.link.send(p2p.frame(p2p.CANCEL, sender.number))
        await sender.outcome()
    await holds(lambda: memory() - before < 50, "the parts of canceled tasks are forgotten")
    for name in range(50, 70):
        assert await sender.run(name, numbers(name, length)) == (1, str(name * length))
    await holds(lambda: memory() - before < 50, "the parts of evaluated tasks are forgotten")
    await worker.stop()


@attack(MEMBER, "as a worker that asks for parts", limit=90)
async def forged_needs_end_the_link(lab):
    """What is no answer to a TASK with parts ends the link, and a second answer, too. The future runs elsewhere or waits, and is never sent in part."""
    attempts = {
        "of another length": lambda number, parts: p2p.frame(p2p.NEED, number, b"\0\0\1"),
        "of a part that is not there": lambda number, parts: p2p.need(number, 1 << len(parts)),
        "of 32 parts": lambda number, parts: p2p.need(number, 0xFFFFFFFF),
        "twice": lambda number, parts: p2p.need(number, 0) * 2,
    }
    for what, make in attempts.items():
        trap = await Trap.set_up(lab, cache=100)
        await lab.victim.run(f"{{ x <- numeric({LENGTH}) + 1; f <- future::future(sum(x)); 0 }}")
        number, _, parts = await trap.link.next_task_with_parts()
        assert len(parts) == 1 and parts[0][1] > 8 * LENGTH, parts
        await trap.link.send(make(number, parts))
        try:
            await trap.link.ended(timeout=5)
        except asyncio.TimeoutError:
            raise AssertionError(f"{what}: the link goes on") from None
        await lab.end_attack()
    trap = await Trap.set_up(lab, cache=100)
    await trap.link.send(p2p.need(12345, 1))  # of no task
    number, outcome = await trap.ask()  # without parts
    await trap.link.send(p2p.need(number, 0))
    await trap.link.ended(timeout=5)
    assert not outcome.done()


@attack(MEMBER, "as a worker that asks for parts", limit=90)
async def workers_that_never_need_parts_hold_up_no_session(lab):
    """future() returns although nobody asks for its global, or reads it, and the session goes on."""
    trap = await Trap.set_up(lab, cache=100)
    await lab.victim.run(f"{{ x <- numeric({LENGTH}) + 1; f <- future::future(sum(x)); 0 }}", timeout=20)
    number, size, parts = await trap.link.next_task_with_parts()
    await lab.victim.run("{ x[1] <- 100; 0 }")
    await trap.link.send(p2p.need(number, 1))
    data = await trap.link.object(parts[0][1] + size)
    assert data.count(bytes.fromhex("000000000000f03f") * 1000) > 0 and bytes.fromhex("0000000000005940") not in data, "x was sent as it was"
    value = await lab.victim.start("future::value(f)")
    await trap.link.answer(number, await lab.result('"late"'))
    assert await value == "late"
    await lab.victim.run(f"{{ y <- numeric({LENGTH}) + 2; f <- future::future(sum(y)); 0 }}", timeout=20)
    number, _, _ = await trap.link.next_task_with_parts()
    value = await lab.victim.start("future::value(f)")
    await trap.link.answer(number, await lab.result('"without NEED"'))  # its own affair: it makes up values anyway
    assert await value == "without NEED"
    await lab.victim.run(f"{{ y[1] <- 3; f <- future::future(sum(y)); 0 }}", timeout=20)
    number, _, parts = await trap.link.next_task_with_parts()
    value = await lab.victim.start("tryCatch(future::value(f), error = conditionMessage)")
    await trap.link.send(p2p.need(number, 1), p2p.frame(p2p.LOST, number, b"no room"))
    assert "No room" in await value
