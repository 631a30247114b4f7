"""What a member does as a client over links to an honest worker."""

import asyncio
import struct

import p2p
from lab import memory_mib
from suite import MEMBER, attack, holds

@attack(MEMBER, "over a link")
async def broken_frames_and_records_end_the_link(lab):
    """Each of these ends this link alone, at once, and the worker says why."""
    peer, worker = await lab.client()
    frames = {
        "sent a TASK frame without a slot for it": p2p.task(1, 5),
        "malformed TASK": p2p.frame(p2p.TASK, 1, b"short"),
        "malformed SLOT": p2p.slot(p2p.GRANT, 1),
        "returned slots that it does not hold": p2p.slot(p2p.RETURN, 1),
        "sent a frame that is not for a worker": p2p.frame(p2p.RESULT, 1, bytes(8)),
        "sent a malformed or oversized PACKAGES request": p2p.frame(p2p.PACKAGES, 0, b"../../etc/passwd"),
        "sent a PACKAGES request while another one was pending": b"".join([p2p.frame(p2p.PACKAGES, 0, b"future;absent")] * 200),
    }
    for reason, data in frames.items():
        link, since = await lab.link(peer, worker), await lab.worker.mark()
        await link.send(data)
        await link.ended(timeout=5)
        await lab.worker.wait_for(f"closing the link to client 'mallory@.*{reason}", since)


@attack(MEMBER, "over a link")
async def broken_records_end_the_link(lab):
    """Each ends the link, and no memory is taken."""
    peer, worker = await lab.client()
    before = memory_mib(lab.worker.pid)
    long_frame = struct.pack("!BII", p2p.DATA, 1, 0xFFFFFFFF)
    def tampered(link):
        record = bytearray(link.record(p2p.frame(p2p.PING)))
        record[-1] ^= 1
        return bytes(record)
    attempts = [
        lambda link: b"\xff" * 4,                                                       # a record of 4 GB
        lambda link: struct.pack("!I", 8) + bytes(8),                                  # shorter than a nonce
        lambda link: link.record(bytes(132097)),                                       # a payload above the limit
        tampered,
        lambda link: link.record(p2p.frame(p2p.PING)) * 2,                              # a replay
        lambda link: link.record(long_frame),
        lambda link: link.record(p2p.frame(200)),                                      # an unknown type
    ]
    by_cipher = [
        lambda link: b"\x80" + bytes(3),                                               # shorter than a tag
        lambda link: link.record(p2p.frame(p2p.PING)) + link.box(p2p.frame(p2p.PING)),  # back to boxes
        lambda link: b"".join([link.record(p2p.frame(p2p.PING)) for _ in range(2)][::-1]),  # in another order
    ]
    for make, cipher in [(make, cipher) for cipher in (False, True) for make in attempts] + [(make, True) for make in by_cipher]:
        link = await lab.link(peer, worker, cipher=cipher)
        await link.write(make(link))
        await link.ended(timeout=5)
    link = await lab.link(peer, worker)
    link.switch()
    await link.write(link.record(p2p.frame(p2p.PING)))                                 # a cipher that its HELLO has not named
    await link.ended(timeout=5)
    assert memory_mib(lab.worker.pid) - before < 20


@attack(MEMBER, "over a link")
async def hello_of_somebody_else_ends_the_link(lab):
    """A link begins with the HELLO of the member that wrote the accept."""
    peer, worker = await lab.client()
    somebody = p2p.hello(p2p.new_id())
    for data, reason in ((somebody, "sent a HELLO with another id"), (p2p.slot(p2p.WANT, 1), "did not send HELLO first"),
                         (p2p.frame(p2p.HELLO, 0, b"member"), "malformed HELLO")):
        link, since = await peer.open(worker), await lab.worker.mark()
        lab.open.append(link)
        await link.send(data)
        await link.ended(timeout=5)
        await lab.worker.wait_for(reason, since)


@attack(MEMBER, "over a link", limit=60)
async def many_idle_links_leave_room_for_others(lab):
    """A worker keeps at most 64, 4 of one member without questions, and the one that was idle for longest goes when another client comes."""
    peer, worker = await lab.client()
    async def idle(i):
        somebody = p2p.Peer(p2p.Identity("mallory", pid=1000 + i), peer.topic, lab.services)
        try:
            link, _ = await somebody.client_link(worker, timeout=3)
        except (p2p.Closed, asyncio.TimeoutError):
            return None
        lab.open.append(link)
        return asyncio.ensure_future(link.ended(timeout=None))
    ends, tries = [], 0
    while len(ends) < 128 and tries < 320:  # the worker starts 32 links a second
        ends += [end for end in await asyncio.gather(*[idle(tries + i) for i in range(16)]) if end]
        tries += 16
    assert len(ends) >= 128, f"only {len(ends)} links were opened"
    honest = await lab.link(*await lab.client())
    await honest.take_slots(1)
    def still_open():
        return sum(not end.done() for end in ends)
    await holds(lambda: still_open() <= 62, "the worker keeps at most 64 links, one of them the canary's and one the honest client's")
    assert still_open() >= 40, "links were closed although there was room"
    for end in ends:
        end.cancel()


@attack(MEMBER, "over links in turn")
async def sixteen_bogus_accepts_a_second(lab):
    """A link that nobody has joined gives way to the next one, and another client still gets its link."""
    peer, worker = await lab.client()
    since = await lab.worker.mark()
    async def flood():
        number = 0
        while True:
            number += 1
            await peer.topic.send(p2p.Identity("mallory", pid=number).accept(f"{900000 + number}-{p2p.new_id()}", worker))
            await asyncio.sleep(1 / 16)
    flooding = asyncio.ensure_future(flood())
    try:
        await holds(lambda: lab.worker.count("opening a link to client 'mallory@", since) > 40, "the worker follows the accepts")
        for _ in range(3):
            link = await lab.link(*await lab.client())
            await link.take_slots(1)
            link.close()
    finally:
        flooding.cancel()


@attack(MEMBER, "over a link with a slot", limit=60)
async def data_for_a_stopped_evaluator_is_not_read(lab):
    """The supervisor stops reading the link at 8 MiB that the evaluator has not taken. It still notices that the client goes, and frees the slot."""
    peer, worker = await lab.client()
    link = await lab.link(peer, worker)
    await link.take_slots(1)
    stop = await lab.task('{ system(sprintf("(sleep 0.3; kill -STOP %d) > /dev/null 2>&1 &", Sys.getpid())); "stopping" }')
    kind, result = await link.run(1, stop)
    assert kind == p2p.RESULT and await lab.value(result) == "stopping"
    await asyncio.sleep(0.6)
    before, sent, piece = memory_mib(lab.worker.pid), 0, p2p.frame(p2p.DATA, 2, bytes(p2p.PAYLOAD_MAX))
    await link.send(p2p.task(2, 1 << 28))
    try:
        while sent < 1 << 28:
            await asyncio.wait_for(link.send(*[piece] * 16), 2)
            sent += 16 * p2p.PAYLOAD_MAX
    except asyncio.TimeoutError:
        pass
    assert 4 << 20 < sent < 64 << 20, f"the worker has read {sent >> 20} MiB"
    grown = memory_mib(lab.worker.pid, peak=True) - before
    assert grown < 40, f"the supervisor took {grown:.0f} MiB"
    since = await lab.worker.mark()
    link.close()
    await lab.worker.wait_for("an evaluator was killed because it did not stop .*; starting another", since, timeout=20)


@attack(MEMBER, "over a link with a slot")
async def announced_sizes_take_no_memory(lab):
    """Memory follows the bytes that arrive, not the size that a TASK announces."""
    peer, worker = await lab.client()
    before = memory_mib(lab.worker.pid)
    link = await lab.link(peer, worker)
    await link.take_slots(1)
    await link.send(p2p.task(1, (1 << 64) - 1))
    kind, _, text = await link.receive(p2p.LOST, timeout=5)
    assert b"accepts at most" in text, text
    await link.send(p2p.task(2, 1 << 40), p2p.frame(p2p.DATA, 2, b"x"))
    await asyncio.sleep(0.5)
    assert memory_mib(lab.worker.pid) - before < 10
    link.close()
