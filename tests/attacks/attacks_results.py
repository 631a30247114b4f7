"""What a member does as a worker to a client that it lures to itself: on alice/traps there is no other worker. The victim is a session of bob."""

import asyncio
import bz2
import gzip
import lzma
import os

import p2p
import r_objects as objects
from lab import TRAPS, memory_mib, r_string
from suite import MEMBER, attack


class Trap:
    """A worker of mallory that holds the victim's link."""

    @classmethod
    async def set_up(cls, lab, slots=2, cache=None, **hello):
        """`cache`: MiB, for a worker that takes parts."""
        trap, more = cls(), {"cache": cache} if cache else {}
        trap.lab = lab
        await lab.plan(TRAPS)
        worker = await lab.peer("mallory", TRAPS, "worker", slots=slots, **hello, **more)
        future = await lab.victim.start("{ f <- future::future(1, lazy = FALSE); 0 }")
        trap.link = await worker.worker_link(await worker.next_call(), slots=slots, more=more)
        lab.open.append(trap.link)
        await trap.link.receive(p2p.SLOT)
        await trap.link.send(p2p.slot(p2p.GRANT, 1))
        await future
        number, _ = await trap.link.next_task()
        await trap.link.answer(number, await lab.result("1"))
        assert await lab.victim.run("future::value(f)") == "1"
        return trap

    async def ask(self, code="future::value(f)"):
        """The victim makes a future and evaluates `code`. Returns the number of the task and an awaitable for the outcome."""
        await self.lab.victim.run("{ f <- future::future(1); 0 }")
        number, _ = await self.link.next_task()
        return number, await self.lab.victim.start(code)


async def error_of(awaitable):
    try:
        return "no error, but " + await awaitable
    except AssertionError as error:
        return str(error)


@attack(MEMBER, "as a worker that answers", limit=60)
async def forged_results_run_no_code_and_take_no_memory(lab):
    """First version: a forged result ran code in the client. Now each of these is an error of this one future: promises, active bindings, functions
    of ALTREP classes, nesting, lengths without data, and compressed data."""
    trap = await Trap.set_up(lab)
    left_behind = os.path.join(lab.dir, "attacked")
    values = {
        "an active binding in a pairlist": objects.active_pairlist(left_behind),
        "a promise": objects.promise(left_behind),
        "lists, 200,000 deep": objects.nested(200000),
        "calls, 200,000 deep": objects.nested_calls(200000),
        "a vector of 16 GB without its elements": objects.long_vector(objects.REAL, (1 << 31) - 1),
        "a vector of 8 EB without its elements": objects.long_vector(objects.RAW, (1 << 62) - 1),
        "a string of 2 GB without its bytes": objects.item(objects.STRING) + objects.word(1) + objects.item(objects.CHAR) + objects.word((1 << 31) - 1),
        "a negative length": objects.item(objects.INT) + objects.word(-5),
        "a sequence of 8 TB": objects.compact_sequence(1e12),
        "a mapped file": objects.mapped_file("/etc/passwd"),
        "a class of ALTREP of another package": objects.altrep("evil", "stats", objects.INT, objects.nil),
        "an unknown type": objects.item(77),
        "a reference to nothing": objects.word((1000 << 8) | 255),
        "a truncated vector": objects.item(objects.VECTOR) + objects.word(1000),
        "dimensions beyond a vector": objects.with_attribute(objects.integer(1), "dim", objects.integer(1000, 1000)),
        "a factor beyond its levels": objects.with_attribute(objects.integer(1000), "class", objects.string("factor")),
        "a logical value that is an index": objects.item(objects.LGL) + objects.word(1) + objects.word(1000),
        "attributes of NULL": objects.item(objects.BUILTIN, objects.ATTRIBUTES) + objects.word(4) + b"none" + objects.pairlist(objects.string("x"), "class"),
    }
    before = memory_mib(lab.victim.process.pid)
    for what, value in values.items():
        number, outcome = await trap.ask()
        await trap.link.answer(number, await lab.forged_result(value))
        error = await error_of(outcome)
        assert "is refused" in error, f"{what}: {error}"
    whole = {"an environment": objects.environment(objects.nil), "a promise": objects.promise(left_behind), "a number": objects.integer(1),
             "a function": objects.function(objects.write_file(left_behind)), "nothing": b"", "nested": objects.nested(200000)}
    results = {what: objects.HEADER + item for what, item in whole.items()}
    begin = objects.HEADER + objects.item(objects.RAW) + objects.word(1 << 29)
    results |= {"512 MiB in the form of " + codec.__name__: codec.compress(begin) + codec.compress(bytes(1 << 20)) * 512 for codec in (gzip, bz2, lzma)}
    for what, result in results.items():
        number, outcome = await trap.ask()
        await trap.link.answer(number, result)
        error = await error_of(outcome)
        assert "is refused" in error, f"{what} as a result: {error}"
    grown = memory_mib(lab.victim.process.pid, peak=True) - before
    assert grown < 200, f"the client took {grown:.0f} MiB"
    assert not os.path.exists(left_behind), "code ran in the client"
    number, outcome = await trap.ask()
    await trap.link.answer(number, await lab.result('"still there"'))
    assert await outcome == "still there"


@attack(MEMBER, "as a worker that answers")
async def classes_of_results_call_no_methods(lab):
    """Only classes of the future framework are handled by methods, or raised with handlers."""
    trap = await Trap.set_up(lab)
    for name in ("data.table", "Date", "evil"):
        number, outcome = await trap.ask()
        data = await lab.maker.run(f'hex(structure(list(value = "of the worker", message = "x", call = NULL), class = c({r_string(name)}, "FutureError", "condition")))')
        await trap.link.answer(number, bytes.fromhex(data))
        error = await error_of(outcome)
        assert "returned an object of class" in error, f"{name}: {error}"


@attack(MEMBER, "as a worker that answers")
async def broken_frames_of_a_worker_end_the_link(lab):
    """The link ends, and the future runs elsewhere or waits."""
    attempts = {
        "more slots than announced": lambda number: p2p.slot(p2p.GRANT, 1000),
        "a slot frame for a worker": lambda number: p2p.slot(p2p.WANT, 1),
        "more data than announced": lambda number: p2p.frame(p2p.RESULT, number, (1).to_bytes(8, "big")) + p2p.frame(p2p.DATA, number, bytes(100)),
        "two results at once": lambda number: p2p.frame(p2p.RESULT, number, (8).to_bytes(8, "big")) * 2,
        "a task for a client": lambda number: p2p.task(1, 5),
        "packages that nobody asked about": lambda number: p2p.frame(p2p.PACKAGES, 0, b"future=1.0"),
    }
    for what, make in attempts.items():
        trap = await Trap.set_up(lab)
        await lab.victim.run("{ f <- future::future(1); 0 }")
        number, _ = await trap.link.next_task()
        await trap.link.send(make(number))
        try:
            await trap.link.ended(timeout=5)
        except asyncio.TimeoutError:
            raise AssertionError(f"{what}: the link goes on") from None
        await lab.end_attack()


@attack(MEMBER, "as a worker that answers")
async def results_of_other_tasks_change_nothing(lab):
    """Numbers of tasks count on their own link only."""
    trap = await Trap.set_up(lab)
    number, outcome = await trap.ask()
    for other in (number + 1, number + 1000, 1, 0xFFFFFFFF):
        await trap.link.answer(other, await lab.result('"forged"'))
        await trap.link.send(p2p.frame(p2p.LOST, other, b"forged"))
    await trap.link.answer(number, await lab.result('"real"'))
    assert await outcome == "real"


@attack(MEMBER, "as a worker that evaluates", limit=60)
async def floods_of_conditions_take_bounded_memory(lab):
    """While R does not ask for them, 4,096 conditions or 64 MiB are kept, and the rest is counted."""
    trap, asks = await Trap.set_up(lab), os.path.join(lab.dir, "asks")
    number, outcome = await trap.ask(f'{{ while (!file.exists({r_string(asks)})) Sys.sleep(0.1); withCallingHandlers(future::value(f), warning = function(w) invokeRestart("muffleWarning")) }}')
    condition = bytes.fromhex(await lab.maker.run('hex(structure(class = c("immediateCondition", "condition"), list(message = strrep("x", 1e6), call = NULL)))'))
    before = memory_mib(lab.victim.process.pid)
    for _ in range(120):
        await trap.link.answer(number, condition, p2p.CONDITION)
    await trap.link.answer(number, await lab.result('"at last"'))
    with open(asks, "w", encoding="ascii"):
        pass
    assert await outcome == "at last"
    grown = memory_mib(lab.victim.process.pid, peak=True) - before
    assert grown < 200, f"the client took {grown:.0f} MiB"
    number, outcome = await trap.ask()
    await trap.link.answer(number, await lab.result("1"))
    assert await outcome == "1"


@attack(MEMBER, "as a worker that answers")
async def text_of_a_worker_is_safe_to_show(lab):
    """LOST and hellos reach the terminal without control characters, which could set titles, or answers that the terminal types."""
    trap = await Trap.set_up(lab, platform="evil")
    since = await lab.victim.process.mark()
    number, outcome = await trap.ask()
    escape = "\x1b]0;owned\x07\x1b[2J\r\u202eevil\u0085"
    await trap.link.send(p2p.frame(p2p.LOST, number, (escape + "lost it").encode()))
    error = await error_of(outcome)
    assert "lost it" in error, error
    shown = "".join(lab.victim.process.lines[since:])
    assert not any(c in shown for c in "\x1b\x07\r\u202e\u0085"), repr(shown)
