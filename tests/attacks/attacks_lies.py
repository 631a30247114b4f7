"""What the operator of the board does between real members and their topic: it reads, drops, repeats, delays, changes and makes up what it wants."""

import asyncio
import itertools
import os

import p2p
import p2p_keys as keys
from attacks_keys import ask_for_key, unopened
from attacks_operator import answer
from attacks_results import error_of
from lab import memory_mib, r_string
from stage import CLUSTER, OPERATOR, Impostor, Stage, fingerprint, kind_of, public
from suite import attack, holds


def between(fake, newcomer, *more):
    """The host and a newcomer hear nothing of each other. The newcomer gets the answers of an impostor instead. `more`: makes further ones."""
    def pass_on(sender, receiver, line):
        if {sender.user, receiver.user} == {"alice", newcomer}:
            return []
        if sender is receiver and kind_of(line) == "enrol" and sender.user == newcomer:
            return [line, *(make(line) for make in more), fake.grant(line)]
        return [line]
    return pass_on


@attack(OPERATOR, "before enrolment", limit=90, has_keys=True)
async def first_contact_without_an_invitation(lab):
    """With "auto", the host believes the board whose a new device is, and a newcomer believes it whose the host is: the operator can stand between them.
    The fingerprints differ then. The documents say so."""
    stage, fake = await Stage.start(lab), Impostor()
    lab.open.append(stage)
    stage.board.answer, stage.board.pass_on = fake.vouch, between(fake, "bob")
    bob = await stage.session("bob")
    value = await bob.start(f'{{ {stage.plan()}; f <- future::future("of bob"); future::value(f) }}')
    topic, _, reply = await ask_for_key(lab, "mallory", fake.device, "bob", cluster=CLUSTER, port=stage.board.port)
    assert keys.open_enrolled(reply, CLUSTER, fake.device).user == "bob"
    worker = p2p.Peer(p2p.Identity("carol"), keys.SealedTopic(topic, fake.key), lab.services, fake.membership("carol"))
    worker.announcer = asyncio.ensure_future(worker.answer_clients(slots=1))
    lab.open.append(worker)
    link = await worker.worker_link(await worker.next_call())
    lab.open.append(link)
    assert b"of bob" in await answer(lab, link, await lab.result('"forged"')) and await value == "forged"
    real = next(p2p.parse_line(line.decode()) for line in stage.board.seat("bob").said)
    shown, logged = "\n".join(bob.process.lines), "\n".join(stage.host.lines)
    assert real["type"] == "enrol" and f"owner's device {fingerprint(public(fake.owner))}" in shown
    assert f"to 'bob', device {fingerprint(public(fake.device))}" in logged and fingerprint(p2p.from_base64(real["device"])) not in logged


@attack(OPERATOR, "before enrolment, with invitations", limit=120, has_keys=True)
async def first_contact_with_an_invitation(lab):
    """It gains nothing: the host takes no device but the invited one, and that device no owner but the one of its invitation."""
    stage, fake = await Stage.start(lab, enrol="invite"), Impostor()
    lab.open.append(stage)
    owner = await stage.session("alice")
    files = {user: os.path.join(lab.dir, f"invitation-{user}") for user in ("bob", "carol")}
    for user, file in files.items():
        await owner.run(f'future.p2p::invite("{CLUSTER}", "{user}", file = {r_string(file)})')
    refusals = [lambda line, reason=reason: fake.refuse(line, reason) for reason in ("keyless", "expelled")]
    stage.board.answer, stage.board.pass_on = fake.vouch, between(fake, "bob", *refusals)
    bob = await stage.session("bob", R_FUTURE_P2P_KEY_FILE=files["bob"])
    planning = await bob.start(stage.plan())
    await holds(lambda: any(seat.user == "bob" and seat.said for seat in stage.board.seats), "bob asks for the key")
    asked = p2p.parse_line(stage.board.seat("bob").said[0].decode())
    # The invitation of bob for a device of the operator, and that device without one.
    device, invitation = public(fake.device), p2p.from_base64(asked["invitation"])
    stolen = {**asked, "device": p2p.to_base64(device)}
    stolen["signature"] = p2p.to_base64(keys.sign(fake.device, "future.p2p/enrol/v1", CLUSTER, asked["from"], asked["member"], device, invitation))
    await stage.board.seat("alice").write(",".join(f"{key}={value}" for key, value in stolen.items()) + "\n")
    _, _, reply = await ask_for_key(lab, "mallory", fake.device, "bob", cluster=CLUSTER, port=stage.board.port)
    assert [reply["type"], reply.get("reason")] == ["refused", "invite"], reply
    await stage.start_worker("alice")  # on the owner's device
    error = await error_of(planning)
    assert "another owner than the one that this device knows" in error and "fingerprint" in error, error
    stage.board.be_honest()
    await bob.run(stage.plan())
    await stage.works(bob)
    assert not any("gave the key" in line and fingerprint(device) in line for line in stage.host.lines)


@attack(OPERATOR, "after enrolment", limit=90, has_keys=True)
async def board_that_reads(lab):
    """It sees who enrols, the number of the key, and of all else when, and how much."""
    stage = await Stage.settled(lab)
    sealed = [line for line in stage.board.heard if kind_of(line) not in ("enrol", "enrolled", "epoch")]
    assert len(sealed) > 5
    for line in sealed:
        assert list(p2p.parse_line(line.decode())) == ["when", "type", "kid", "box"], line
    assert {seat.user for seat in stage.board.seats} >= {"alice", "bob", "carol"}


@attack(OPERATOR, "after enrolment", limit=90, has_keys=True)
async def board_that_forges(lab):
    """What it makes up in the name of host, worker and client is as if it had not been said, with its own owner's key, and in the name of the real one."""
    stage, fake = await Stage.settled(lab), Impostor()
    stage.board.answer = fake.vouch
    since, bob, before = await stage.worker.mark(), len(stage.bob.process.lines), unopened(stage.worker)
    enrolled = [line for line in stage.board.heard if kind_of(line) == "enrol"]
    devices = [p2p.from_base64(p2p.parse_line(line.decode())["device"]) for line in enrolled]
    real = next(key for key, users in stage.board.attested.items() if "alice" in users)
    ghost = p2p.Identity("mallory", pid=9999)
    clear = [ghost.worker_hello(slots=1024), ghost.hello("client"), p2p.leave("carol@vm:1", ghost.member)]
    lines = clear + [fake.key.seal(text.strip(), os.urandom(8), 1) + "\n" for text in clear]
    for epoch in (1, 2, 99):
        text = keys.epoch_line(fake.identity, fake.owner, CLUSTER, epoch, devices)
        lines += [text, text.replace(p2p.to_base64(public(fake.owner)), real)]
        lines += [fake.grant(line, epoch) for line in enrolled]
    lines += [fake.refuse(line, reason) for line in enrolled for reason in ("keyless", "expelled")]
    for _ in range(3):
        await stage.say(*lines)
    await holds(lambda: unopened(stage.worker) >= before + 3 * 2 * len(clear), "the worker counts those that could be hellos")
    await stage.works()
    assert stage.worker.count("opening a link|got the key|has ended", since) == 0
    assert stage.bob.process.count("found worker 'mallory|got the key|has left|link to worker .* has ended", bob) == 0


@attack(OPERATOR, "after enrolment", limit=90, has_keys=True)
async def board_that_repeats(lab):
    """Each line counts once, also for a member that was not there when it was written. A client that comes later reads all old ones first, and still finds its worker."""
    stage = await Stage.settled(lab)
    since, bob, before = await stage.worker.mark(), len(stage.bob.process.lines), unopened(stage.worker)
    heard = stage.board.heard[:]
    sealed = sum(kind_of(line) == "p2p1" for line in heard)
    for _ in range(3):
        await stage.say(*(line.decode() for line in heard))
    await holds(lambda: unopened(stage.worker) >= before + 2 * sealed, "the worker counts all that it has read before")
    assert stage.worker.count("opening a link|got the key|has ended", since) == 0
    assert stage.bob.process.count("got the key|link to worker .* has ended", bob) == 0
    stage.board.pass_on = lambda sender, receiver, line: [*heard, line] if len(receiver.said) == 1 and receiver is sender else [line]
    await stage.bob.run(stage.plan())
    await stage.works()


@attack(OPERATOR, "after enrolment", limit=90, has_keys=True)
async def board_that_drops_and_delays(lab):
    """Links go on. A new client waits, says so, and goes on as soon as lines pass again, also in another order."""
    stage = await Stage.settled(lab)
    stage.board.pass_on = lambda sender, receiver, line: []
    await stage.works()
    stage.board.pass_on = lambda sender, receiver, line: [line] if sender is receiver else []
    since = await stage.bob.process.mark()
    await stage.bob.run(stage.plan())
    value = await stage.bob.start("future::value(future::future(6 * 7))")
    await stage.bob.process.wait_for(f"No worker on cluster '{CLUSTER}' yet", since)
    delays = itertools.cycle((1.0, 0.5, 0.1))
    async def late(receiver, line):
        await asyncio.sleep(next(delays))
        await receiver.write(line)
    def reorder(sender, receiver, line):
        if sender is receiver:
            return [line]
        tasks.append(asyncio.ensure_future(late(receiver, line)))
        return []
    tasks, stage.board.pass_on = [], reorder
    assert await value == "42" and len(tasks) > 2


@attack(OPERATOR, "after enrolment", limit=120, has_keys=True)
async def board_that_renames_its_members(lab):
    """The board says who a member is. If it says another name than before, a running program stays away until the name is right again, and a new one trusts
    the owner that this device knows, and begins no cluster of that name."""
    stage, fake = await Stage.settled(lab), Impostor()
    again, seat, since = await stage.session("bob"), stage.board.seat("bob"), await stage.bob.process.mark()
    stage.board.name = lambda user: "mallory" if user == "bob" else user
    stage.board.answer, stage.board.pass_on = fake.vouch, between(fake, "bob", lambda line: fake.refuse(line, "keyless"))
    error = await error_of(again.run(stage.plan(None)))
    assert "your user name is 'mallory', and this device knows 'bob' only" in error and "cluster" in error, error
    planning = await again.start(stage.plan())
    stage.board.cut(seat)
    await stage.shows("says that your user name is 'mallory', and has said 'bob' before", since)
    error = await error_of(planning)
    assert "another owner than the one that this device knows" in error, error
    stage.board.be_honest()
    await stage.shows("joined cluster", since)
    await again.run(stage.plan())
    await stage.works(again)
    await again.process.stop()


@attack(OPERATOR, "after enrolment", limit=90, has_keys=True)
async def board_that_makes_up_answers(lab):
    """A made-up answer to a command is a sentence without control characters, at once, or is ignored. It takes no memory."""
    stage = await Stage.settled(lab)
    late, escape = await stage.session("bob"), "\x1b]0;owned\x07"
    before, since = memory_mib(late.process.pid), await late.process.mark()
    refused = {
        ("user", f"{escape}bob\r\n"): "SSH key",
        ("user", "../../bob\r\n"): "SSH key",
        ("user", "x" * (8 << 20)): "longer than",
        ("ls", f"- bob/{CLUSTER}/future.p2p: (Access List: {escape})\r\n"): f"No access to cluster '{CLUSTER}'",
        ("ls", "- x\r\n" * (1 << 20)): "longer than",
    }
    for (lied, text), expected in refused.items():
        stage.board.answer = lambda user, verb, words, honest: text if verb == lied else honest
        error = await error_of(late.run(stage.plan()))
        assert expected in error, f"{lied} {text[:40]!r}: {error}"
    ignored = {"services": f"mailbox=file:///etc/passwd\r\nrelay=tcp:$(id):1\r\nmotd={escape}\r\n", "ls": escape, "attest": "users="}
    stage.board.answer = lambda user, verb, words, honest: ignored[verb] + honest if verb in ignored else honest
    await late.run(stage.plan())
    await stage.works(late)
    grown = memory_mib(late.process.pid, peak=True) - before
    assert grown < 60, f"the client took {grown:.0f} MiB"
    assert not any(c in "".join(late.process.lines[since:]) for c in "\x1b\x07")
    await late.process.stop()


@attack(OPERATOR, "after enrolment", limit=90, has_keys=True)
async def board_that_floods(lab):
    """Members read what the board writes, and keep none of it."""
    stage = await Stage.settled(lab)
    watched = [stage.host, stage.worker, stage.bob.process]
    before, since = [memory_mib(process.pid) for process in watched], await stage.worker.mark()
    sealed = next(line for line in stage.board.heard if kind_of(line) == "p2p1").decode()
    enrol = [keys.enrol_line(p2p.Identity("bob", pid=i), CLUSTER, keys.SigningKey.generate()) for i in range(500)]
    pieces = [sealed * 500, "x" * (1 << 20), "\n" * 100000, "".join(enrol), sealed[:200] * 1000 + "\n"]
    for _ in range(4):
        await stage.say(*pieces)
    await stage.worker.wait_for("dropped .* lines? that the key of this cluster does not open", since)
    await stage.bob.run(stage.plan())
    await stage.works()
    for process, was in zip(watched, before):
        grown = memory_mib(process.pid, peak=True) - was
        assert grown < 60, f"{process.name} took {grown:.0f} MiB"


@attack(f"expelled member, with the {OPERATOR}", "after enrolment", limit=90, has_keys=True)
async def board_that_helps_an_expelled_member(lab):
    """As long as the board keeps the news from the worker, the worker serves the old key: the documents say so. The member loses its link with the first line
    that the board lets pass."""
    stage = await Stage.settled(lab)
    device = keys.SigningKey.generate()
    topic, identity, reply = await ask_for_key(lab, "eve", device, cluster=CLUSTER, port=stage.board.port)
    membership = keys.open_enrolled(reply, CLUSTER, device)
    peer = p2p.Peer(identity, keys.SealedTopic(topic, membership.key), lab.services, membership)
    await peer.topic.join(identity.hello("client"))
    worker = await peer.topic.find(p2p.is_hello("worker", "carol"), len(topic.lines) - 1)
    link = await lab.link(peer, worker)
    await link.take_slots(1)
    owner, since = await stage.session("alice"), await stage.worker.mark()
    stage.board.pass_on = lambda sender, receiver, line: [] if sender.user == "alice" and receiver.user == "carol" else [line]
    await owner.run(f'future.p2p::expel("{CLUSTER}", "eve")')
    await topic.find(lambda pairs: pairs.get("type") == "epoch" and pairs["epoch"] == "2")
    kind, _ = await link.run(1, await lab.task("1"))
    assert kind == p2p.RESULT and stage.worker.count("got the key", since) == 0
    epoch = next(line for line in reversed(stage.board.heard) if kind_of(line) == "epoch")
    stage.board.be_honest()
    await stage.board.seat("carol").write(epoch)
    await link.ended(timeout=10)
    await stage.worker.wait_for("got the key", since)
    await stage.bob.run(stage.plan())
    await stage.works()
    await owner.process.stop()
