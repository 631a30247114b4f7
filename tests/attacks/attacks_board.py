"""What strangers, users of the board without access, and members write on the board and on its mailbox server."""

import asyncio
import os
import secrets
import signal
import time

import p2p
from lab import FRIENDS, TRAPS, memory_mib
from suite import MEMBER, OUTSIDER, STRANGER, attack, holds


async def hears_and_is_heard(lab, user):
    """Whether what this user writes reaches members, and what they write reaches it."""
    member = await lab.peer("mallory", FRIENDS)
    stranger = await lab.peer(user, FRIENDS)
    await stranger.topic.join(stranger.identity.worker_hello(slots=1024))
    await member.topic.join(member.identity.hello("client"))  # carol's worker answers
    await member.topic.find(p2p.is_hello("worker", "carol"))
    await stranger.topic.join(stranger.identity.hello("client"))
    heard = any(f"member={stranger.identity.member}" in text for text in member.topic.lines)
    hears = any(f"member={stranger.identity.member}" not in text for text in stranger.topic.lines)
    return heard or hears


@attack(STRANGER, "on the board")
async def key_without_an_account(lab):
    """It talks to itself alone."""
    assert not await hears_and_is_heard(lab, "public")


@attack(OUTSIDER, "on the board")
async def user_without_access(lab):
    """It is on a topic of its own."""
    assert not await hears_and_is_heard(lab, "eve")


@attack(MEMBER, "on the board")
async def forged_leaves(lab):
    """A leave in the name of a worker, of a linked one or of one that a client is linking to, ends nothing: the client says hello, and the worker
    answers."""
    peer, worker = await lab.client()
    since, bob = await lab.worker.mark(), len(peer.topic.lines)
    for _ in range(20):
        await peer.topic.send(p2p.leave(worker["from"], worker["member"]))
    await peer.topic.find(p2p.is_hello("client", "bob"), bob)  # it has read them
    await lab.canary.sings_on(lab.canary.mark())
    assert lab.worker.count("client 'bob@.*left|linked to client 'bob@", since) == 0, "the link of the canary ended"
    # Of a worker that a client is about to link to: bob's victim finds it and still gets its link.
    trap = await lab.peer("mallory", TRAPS, "worker")
    await lab.plan(TRAPS)
    making = await lab.victim.start("{ f <- future::future(1); 0 }")
    call = await trap.next_call()
    await trap.topic.send(p2p.leave(trap.identity.name, trap.identity.member))
    link = await trap.worker_link(call)
    lab.open.append(link)
    await link.receive(p2p.SLOT)
    await making


@attack(MEMBER, "on the board")
async def replays_of_every_line(lab):
    """A code is followed once, and a hello of a linked worker changes nothing, so an old one does not bring back an old key."""
    peer, worker = await lab.client()
    honest, _ = await lab.client("bob")
    link = await lab.link(honest, worker)
    await link.take_slots(1)
    heard, since = peer.topic.lines[:], await lab.worker.mark()
    accepts = [text for text in heard if "type=accept" in text]
    assert accepts and any("type=worker" in text for text in heard)
    for _ in range(3):
        await peer.topic.send("".join(text + "\n" for text in heard))
    await holds(lambda: lab.worker.count("ignoring an accept of client 'bob@.*its code was used before", since) >= 3 * len(accepts), "they arrive")
    assert lab.worker.count("opening a link", since) == 0
    kind, _ = await link.run(1, await lab.task("1"))
    assert kind == p2p.RESULT


@attack(MEMBER, "on the board")
async def hellos_in_the_name_of_a_linked_worker(lab):
    """First version: whoever could write a line on the board read a client's futures. Now a worker is its id and key, and what it said over its
    link counts."""
    peer, worker = await lab.client()
    changes = [{"key": peer.identity.key}, {"slots": 1024}, {"r": "1.0.0"}, {"future": "0.1.0"}, {"busy": 1024, "waiting": 99999}]
    for change in changes:
        await peer.topic.send(",".join(f"{key}={value}" for key, value in {**worker, "id": p2p.new_id(8), **change}.items()) + "\n")
    slowest = [await lab.canary.sings_on(lab.canary.mark()) for _ in range(3)]
    assert max(slowest) < 5
    mine = peer.identity.member
    assert not any("type=accept" in text and worker["member"] in text for text in peer.topic.lines), "a client was lured"


@attack(MEMBER, "on the board", limit=60)
async def malformed_lines_and_escape_sequences(lab):
    """A strict codec drops lines and counts them, and names are sanitized before they are shown."""
    peer, worker = await lab.client()
    since, canary = await lab.worker.mark(), lab.canary.mark()
    escape = "\x1b]0;owned\x07"
    accept = p2p.parse_line(peer.identity.accept("1-" + p2p.new_id(), worker))
    lines = [b"when=1\0,type=accept\n", b"x" * 9000 + b"\n", b"=,=,=\n", b",".join([b"a=b"] * 40) + b"\n", os.urandom(3000).replace(b"\n", b"") + b"\n",
             p2p.line(type="worker", **{"from": escape}).encode(), ("when=1,type=worker,from=" + "y" * 8000 + "\n").encode()]
    lines += [",".join(f"{key}={value}" for key, value in {**accept, "from": name}.items()).encode() + b"\n"
              for name in (escape + "@x:1", "\u202e@x:1", "-rf@x:1", "../../x@y:1", "$(id)@x:1")]
    lines += [",".join(f"{key}={value}" for key, value in {**accept, "via": via}.items()).encode() + b"\n"
              for via in ("link://", "link://" + "A" * 4000, "file:///etc/passwd", "link://" + "A" * 87)]
    for data in lines * 20:
        await peer.topic.send(data)
    await peer.topic.join(peer.identity.hello("client"))
    await lab.worker.wait_for("debug: dropped [0-9]+ malformed lines? from the board", since)
    for victim, at in ((lab.worker, since), (lab.canary.process, canary)):
        shown = "".join(victim.lines[at:])
        assert not any(c in shown for c in "\x1b\x07\u202e"), repr(shown)
    assert lab.worker.count("linked to client 'mallory", since) == 0


async def flood(lab, pieces, seconds):
    """Writes as fast as the board reads. Returns the number of bytes."""
    writer = await lab.topic("mallory", FRIENDS, echo=False)
    sent, end = 0, time.time() + seconds
    while time.time() < end:
        for data in pieces:
            await writer.send(data)
            sent += len(data)
    return sent


@attack(MEMBER, "on the board", limit=60, canary=5)
async def floods_of_eight_megabytes_a_second(lab):
    """A member that writes faster than others read neither has them disconnected nor cuts their lines: the board reads at most 8 MiB/s of each
    connection, forwards whole lines, and members skip what is not for them."""
    watched = [lab.board, lab.host, lab.worker, lab.canary.process]
    before = [memory_mib(process.pid) for process in watched]
    since, board = await lab.worker.mark(), await lab.board.mark()
    note = p2p.line(type="note", **{"from": "mallory@x:1"}, text="x" * 4000).encode()
    sent = await flood(lab, [note * 30, os.urandom(100000) + b"\n", (b"y" * 9000 + b"\n") * 10, b"\n" * 100000], 4)
    assert sent > 8 << 20, f"only {sent >> 20} MiB were read"
    dropped = [int(text.split("dropped ")[1].split()[0]) for text in lab.worker.lines[since:] if "malformed line" in text]
    assert sum(dropped) > 1000, "it did not reach the worker"
    link = await lab.link(*await lab.client())
    await link.take_slots(1)
    assert lab.board.count("'(alice|bob|carol)' left", board) == 0
    for process, was in zip(watched, before):
        grown = memory_mib(process.pid, peak=True) - was
        assert grown < 60, f"{process.name} took {grown:.0f} MiB"


@attack(MEMBER, "on the board", limit=60, canary=5)
async def floods_of_accepts_that_do_not_open(lab):
    """Each costs the worker a scalar multiplication, and the attacker nothing. Their number is logged, not each of them."""
    peer, worker = await lab.client()
    since = await lab.worker.mark()
    lines = [p2p.line(validity=30, type="accept", **{"from": peer.identity.name}, member=peer.identity.member, to=worker["member"],
                      via="link://" + p2p.to_base64(secrets.token_bytes(82))).encode() for _ in range(500)]
    await peer.topic.close()
    sent = await flood(lab, [b"".join(lines)], 3)
    assert sent > 4 << 20, f"only {sent >> 20} MiB were read"
    await lab.worker.wait_for("ignoring an accept that is not encrypted for this worker", since)
    link = await lab.link(*await lab.client())
    await link.take_slots(1)


@attack(MEMBER, "on the board", limit=60)
async def ghosts_with_1024_slots(lab):
    """A worker that was never linked counts as one slot, so map-reduce functions do not split work for workers that do not exist; and its failures
    make room."""
    peer, _ = await lab.client()
    await lab.plan(FRIENDS)
    await lab.victim.run("future::value(future::future(1))")
    for i in range(40):
        await peer.topic.send(p2p.Identity("mallory", pid=2000 + i).worker_hello(slots=1024))
    await lab.victim.run("while (nrow(as.data.frame(future::plan('backend'))) < 41L) Sys.sleep(0.02)")  # until it has found all
    began = time.time()
    assert await lab.victim.run("sum(unlist(future::value(lapply(1:6, function(i) future::future(i)))))") == "21"
    assert time.time() - began < 20, f"{time.time() - began:.1f} s"


@attack(MEMBER, "on the board", limit=60)
async def ghosts_by_the_thousand(lab):
    """More ghosts than the roster holds: one that was never linked gives way, and those that were linked stay. What is left: a client that has no
    link yet tries the ghosts, too, and may wait until they are forgotten."""
    peer, _ = await lab.client()
    before, since = memory_mib(lab.canary.process.pid), lab.canary.mark()
    for first in range(0, 4200, 100):
        ghosts = [p2p.Identity("mallory", pid=3000 + first + i).worker_hello(slots=1024) for i in range(100)]
        await peer.topic.send("".join(ghosts))
    await lab.canary.process.wait_for("found worker 'mallory@attack:7199'", since)
    for _ in range(3):
        await lab.canary.sings_on(lab.canary.mark())
    grown = memory_mib(lab.canary.process.pid, peak=True) - before
    assert grown < 40, f"the client took {grown:.0f} MiB"


@attack(MEMBER, "on the board")
async def channels_of_one_connection(lab):
    """A connection has at most 16 commands at a time; ends of others make room."""
    board, path = lab.as_user("mallory"), os.path.join(lab.dir, "channels")
    board.args[-1:-1] = ["-o", "ControlMaster=auto", "-o", f"ControlPath={path}"]
    topics = [await lab.topic("mallory", FRIENDS, board)]
    await holds(lambda: os.path.exists(path), "a connection to the board")
    more = lab.as_user("mallory")  # on this connection, or none
    more.args[-1:-1] = ["-o", f"ControlPath={path}", "-o", "ProxyCommand=false"]
    async def has_room():
        return (await more.run("user"))[:1] == ["mallory"]
    for _ in range(15):
        assert await has_room()
        topic = await lab.topic("mallory", FRIENDS, more)
        await topic.join(p2p.Identity("mallory").hello("client"))
        topics.append(topic)
    assert not await has_room(), "a 17th command"
    await topics.pop().close()
    for _ in range(100):
        if await has_room():
            return
        await asyncio.sleep(0.05)
    raise AssertionError("the end of a command makes no room")


@attack(MEMBER, "on the board", limit=60)
async def member_that_does_not_read(lab):
    """What waits for it is bounded: beyond 1 MiB it is disconnected. Those that read are not."""
    deaf = await lab.peer("mallory", FRIENDS, "client")
    before, board = memory_mib(lab.board.pid), await lab.board.mark()
    deaf.topic.process.send_signal(signal.SIGSTOP)
    note = p2p.line(type="note", **{"from": "mallory@x:1"}, text="x" * 4000).encode()
    flooding = asyncio.ensure_future(flood(lab, [note * 30], 4))
    await lab.board.wait_for("'mallory' left .*reads too slowly", board)
    await flooding
    assert lab.board.count("'(alice|bob|carol)' left", board) == 0
    assert memory_mib(lab.board.pid, peak=True) - before < 60


@attack(STRANGER, "at the mailbox server", limit=60)
async def side_that_does_not_read_its_mailbox(lab):
    """What waits for it is bounded: beyond 4 MiB its connection is closed."""
    url, name, before = (await lab.peer("mallory", FRIENDS)).mailbox_url, secrets.token_hex(16), memory_mib(lab.board.pid)
    deaf, other = await p2p.Mailbox.connect(url), await p2p.Mailbox.connect(url)
    lab.open += [deaf, other]
    await deaf.open(name)
    await other.open(name)
    deaf.socket.writer.transport.pause_reading()
    for i in range(140):
        await other.add(str(i), secrets.token_bytes(100000))
        await other.until("ack")
    deaf.socket.writer.transport.resume_reading()
    received = 0
    try:
        while True:
            received += '"type":"message"' in await asyncio.wait_for(deaf.socket.receive(), 10)
    except p2p.Closed:
        pass
    assert received < 140, "nothing was dropped"
    assert memory_mib(lab.board.pid, peak=True) - before < 80


@attack(STRANGER, "at the mailbox server", limit=60)
async def squatted_nameplates_and_full_mailboxes(lab):
    """The server chooses nameplates at random among the free ones, so holding the low ones keeps nobody from linking; and it bounds mailboxes."""
    peer, worker = await lab.client()
    before = memory_mib(lab.board.pid)
    squatters = []
    for first in range(0, 300, 50):
        squatters += await asyncio.gather(*[p2p.Mailbox.connect(peer.mailbox_url) for _ in range(50)])
    lab.open += squatters
    claimed = 0
    for i, squatter in enumerate(squatters):
        try:
            await squatter.claim(str(i + 1))
            claimed += 1
        except p2p.Closed:  # two others have it
            pass
    assert claimed > 250
    fat = await p2p.Mailbox.connect(peer.mailbox_url)
    lab.open.append(fat)
    mailbox = await fat.claim(await fat.allocate())
    for size in (100000, 10000, 1000, 100, 10):  # until there is no room for a byte
        refusal = "nothing"
        try:
            for i in range(200):
                await fat.add(f"{size}-{i}", secrets.token_bytes(size))
                await fat.say("ping", ping=i)
                await fat.until("pong")
        except p2p.Closed as closed:
            refusal = str(closed)
            await fat.until("pong")
    assert "full" in refusal, refusal
    assert memory_mib(lab.board.pid, peak=True) - before < 100
    # All members of the lab share the attacker's address, and so the bounds of that. Each mailbox has room for what opens a link in any case.
    link = await lab.link(peer, worker)
    await link.take_slots(1)
