"""What those who lack the key of a cluster, or a part of it, do to a cluster that has one: key, device, certificate, user."""

import asyncio
import os
import re
import secrets
import time

from nacl.exceptions import CryptoError

import p2p
import p2p_keys as keys
from lab import FRIENDS, memory_mib
from suite import MEMBER, attack, holds

WITHOUT_KEY, WITHOUT_CERTIFICATE, EXPELLED = "listed user without the key", "listed user with the key, without a certificate", "expelled member"


def public(device):
    return bytes(device.verify_key)


async def connect(lab, user, cluster=FRIENDS, port=None):
    """A topic of the cluster, read without a key, and the board on the same connection. `port`: of another board."""
    board, path = lab.as_user(user, port), os.path.join(lab.dir, f"connection-{secrets.token_hex(4)}")
    board.args[-1:-1] = ["-o", "ControlMaster=auto", "-o", f"ControlPath={path}"]
    topic = await lab.topic(user, cluster, board)
    await holds(lambda: os.path.exists(path), "a connection to the board")
    return topic, board


async def ask_for_key(lab, user, device, claims=None, attests=True, cluster=FRIENDS, port=None):
    """Asks the host for the key, as `claims`, or as the user itself. Returns topic, identity and the answer, parsed."""
    topic, board = await connect(lab, user, cluster, port)
    if attests:
        assert await board.run("attest " + p2p.to_base64(public(device))) == ["attested"]
    lab.peers += 1
    identity = p2p.Identity(claims or user, pid=lab.peers)
    await topic.send(keys.enrol_line(identity, cluster, device))
    mine = {"enrolled": ("device", p2p.to_base64(public(device))), "refused": ("to", identity.member)}
    def is_answer(pairs):
        key, value = mine.get(pairs.get("type"), ("", None))
        return value is not None and pairs.get(key) == value
    return topic, identity, await topic.find(is_answer)


async def enrolled(lab, user="mallory"):
    """A member with all that it should have."""
    device = lab.devices.setdefault(user, keys.SigningKey.generate())
    topic, identity, answer = await ask_for_key(lab, user, device)
    assert answer["type"] == "enrolled", answer.get("reason")
    membership = keys.open_enrolled(answer, FRIENDS, device)
    assert membership.user == user
    return p2p.Peer(identity, keys.SealedTopic(topic, membership.key), lab.services, membership)


async def worker_of_carol(peer):
    """A new hello of it: an accept must quote one."""
    since = len(peer.topic.topic.lines)
    await peer.topic.join(peer.identity.hello("client"))
    return await peer.topic.find(p2p.is_hello("worker", "carol"), since)


async def honest_link(lab, peer):
    """That the same program gets its link, if it has all that it needs, shows that the attack fails for the right reason."""
    link = await lab.link(peer, await worker_of_carol(peer))
    await link.take_slots(1)
    return link


async def is_refused(lab, peer, hello, changes=None):
    """Opens a link up to HELLO, which is `hello(link)`. Nothing but the worker's own HELLO must come back."""
    worker, since = await worker_of_carol(peer), await lab.worker.mark()
    link = await peer.open(worker, changes)
    lab.open.append(link)
    try:
        await link.send(hello(link), p2p.slot(p2p.WANT, 1))
    except p2p.Closed:
        pass
    kinds = {kind for kind, _, _ in await link.ended(timeout=5)}
    assert kinds <= {p2p.HELLO, p2p.PING, p2p.LOAD}, kinds
    name = (changes or {}).get("from", peer.identity.name)
    await lab.worker.wait_for(f"closing the link to client '{re.escape(name)}'.* has no valid certificate of its user", since)


def unopened(process):
    """How many lines this process has dropped, since its key did not open them, or since they were repeated."""
    found = [re.search(r"that the key of this cluster does not open.*\((\d+) so far\)", text) for text in process.lines]
    return max([int(match.group(1)) for match in found if match], default=0)


@attack(WITHOUT_KEY, "on the board", has_keys=True)
async def lines_in_clear_are_not_followed(lab):
    """Hello, leave and accept count only in the box that the key opens, also when they are right in all else."""
    insider = await enrolled(lab)
    await honest_link(lab, insider)
    worker, real = await worker_of_carol(insider), insider.topic
    intruder, _ = await connect(lab, "mallory")
    ghost, since, canary = p2p.Identity("mallory", pid=9999), await lab.worker.mark(), lab.canary.mark()
    before = unopened(lab.worker)
    await intruder.join(ghost.hello("client"))
    lines = [ghost.worker_hello(slots=1024), ghost.hello("client"), ghost.accept(p2p.new_id(), worker, hello=worker["id"]),
             p2p.leave(worker["from"], worker["member"])]
    other = keys.ClusterKey(FRIENDS, 1, os.urandom(32))
    lines += [other.seal(text.strip(), os.urandom(8), 1) + "\n" for text in lines]                        # with a key of its own
    forged = other.seal(lines[0].strip(), os.urandom(8), 1)
    lines.append(forged.replace(other.kid, real.key.kid) + "\n")                                          # and the name of the right one
    await intruder.send("".join(lines))
    await holds(lambda: unopened(lab.worker) >= before + len(lines), "the worker counts all of them")
    await lab.canary.process.wait_for("that the key of this cluster does not open", canary)
    assert lab.worker.count("opening a link", since) == 0
    assert lab.canary.process.count("found worker 'mallory@attack:9999|has left|link to worker .* ended", canary) == 0
    assert not any(f"to={ghost.member}" in text for text in real.lines), "a client calls the ghost"
    heard = {p2p.parse_line(text).get("type") for text in intruder.lines} - {p2p.parse_line(text)["type"] for text in lines}
    assert heard <= {"p2p1", "enrol", "enrolled", "refused", "epoch"}, heard


@attack(WITHOUT_CERTIFICATE, "over a link", has_keys=True)
async def links_need_a_certificate(lab):
    """A key can leak. Then it opens lines and links, and no more: the HELLO proves on each link that its device has the owner's certificate."""
    peer = await enrolled(lab)
    await honest_link(lab, peer)
    mine, stolen = peer.membership, keys.SigningKey.generate()
    def hello(member, role="client", **changes):
        return lambda link: p2p.hello(peer.identity.member, **{**(member.hello(link.verifier, role) if member else {}), **changes})
    def forged(user="mallory", device=mine.device, owner=stolen, epoch=mine.key.epoch):
        return keys.Membership(mine.key, None, user, device, keys.certify(owner, FRIENDS, epoch, user, public(device)))
    def of_another_link(link):
        return p2p.hello(peer.identity.member, **mine.hello(os.urandom(32), "client"))
    attempts = [hello(None), hello(forged()), hello(keys.Membership(mine.key, None, "mallory", stolen, mine.certificate)), hello(mine, user="bob"),
                hello(mine, device=p2p.to_base64(public(stolen))), hello(mine, "worker"), of_another_link,
                hello(mine, certificate=p2p.to_base64(bytes(64)))]
    for attempt in attempts:
        await is_refused(lab, peer, attempt)
    link = await honest_link(lab, peer)
    link.close()


@attack(MEMBER, "over a link, in the name of another member", has_keys=True)
async def accepts_in_the_name_of_another_member(lab):
    """First version: whoever could write a line on the board ran code on workers in another member's name. Now the name in the accept must be that
    of the user in the certificate."""
    peer = await enrolled(lab)
    await honest_link(lab, peer)
    worker, since = await worker_of_carol(peer), len(peer.topic.topic.lines)
    canary = lab.canary.mark()
    await peer.topic.send(p2p.leave(worker["from"], worker["member"]))  # bob's client answers with a hello
    bob = await peer.topic.find(p2p.is_hello("client", "bob"), since)
    changes, mine = {"from": bob["from"], "member": bob["member"]}, peer.membership
    as_bob = keys.Membership(mine.key, None, "bob", mine.device, keys.certify(mine.device, FRIENDS, mine.key.epoch, "bob", public(mine.device)))
    for membership in (mine, as_bob):
        await is_refused(lab, peer, lambda link: p2p.hello(bob["member"], **membership.hello(link.verifier, "client")), changes)
    assert lab.canary.process.count("link to worker .* has ended", canary) == 0


@attack(WITHOUT_KEY, "on the board, after enrolment", has_keys=True)
async def replays_of_sealed_lines(lab):
    """Each sealed line counts once, and each is counted as dropped when it comes again. A member that opens them and seals them again opens no second
    link either."""
    peer = await enrolled(lab)
    await honest_link(lab, peer)
    await peer.topic.join(peer.identity.hello("client"))
    heard = peer.topic.topic.lines[:]
    sealed = [text for text in heard if "type=p2p1" in text]
    accepts = [text for text in peer.topic.lines if "type=accept" in text]
    assert len(sealed) >= 3 and accepts
    intruder, _ = await connect(lab, "mallory")
    await intruder.join(p2p.Identity("mallory", pid=9998).hello("client"))
    await asyncio.sleep(1.5)  # what came before is counted
    since, before, canary = await lab.worker.mark(), unopened(lab.worker), lab.canary.mark()
    for _ in range(3):
        await intruder.send("".join(text + "\n" for text in heard))
    await holds(lambda: unopened(lab.worker) >= before + 3 * len(sealed), "the worker counts all of them")
    for text in accepts:
        await peer.topic.send(text + "\n")
    await holds(lambda: lab.worker.count("ignoring an accept of", since) >= len(accepts), "the worker reads the accepts")
    assert lab.worker.count("opening a link", since) == 0
    assert lab.canary.process.count("link to worker .* has ended", canary) == 0


@attack(WITHOUT_KEY, "before enrolment", has_keys=True)
async def enrolment_in_the_name_of_another_user(lab):
    """The host gives the key to devices that the user has attested on the board, and to nobody else; and what it gives only that device can open."""
    owner = (await enrolled(lab)).membership.owner
    for claims, attests, reason, why in (("bob", True, "device", "the user already has another device"), ("carol", False, "device", "the user already has another device"),
                                         ("alice", True, "device", "the user already has another device"), ("eve", True, "unlisted", "the user is not on its list")):
        since, device = await lab.host.mark(), keys.SigningKey.generate()
        _, identity, answer = await ask_for_key(lab, "mallory", device, claims, attests)
        assert [answer["type"], answer.get("reason")] == ["refused", reason], answer
        keys.verify(owner, p2p.from_base64(answer["signature"]), "future.p2p/refused/v1", FRIENDS, identity.member, reason)
        await lab.host.wait_for(f"did not give the key of cluster '{FRIENDS}' to '{claims}', device .*: {why}", since)
    # The answer to bob's new device is for that one.
    device = keys.SigningKey.generate()
    listener, _ = await connect(lab, "mallory")
    await listener.join(p2p.Identity("mallory", pid=9997).hello("client"))
    _, _, answer = await ask_for_key(lab, "bob", device)
    assert keys.open_enrolled(answer, FRIENDS, device).user == "bob"
    overheard = await listener.find(lambda pairs: pairs.get("type") == "enrolled" and pairs["device"] == answer["device"])
    try:
        keys.open_enrolled(overheard, FRIENDS, lab.devices["mallory"])
        raise AssertionError("mallory opened bob's key")
    except CryptoError:
        pass


@attack(MEMBER, "on the board", limit=90, has_keys=True)
async def ghosts_of_a_member(lab):
    """In a cluster with a key, the hello of a worker is signed by the device of its user. So a member can make up as many workers as it likes, and all
    are its own: they take no place of the workers of others, users take turns, and their slots count as those of one worker. It can also make up none
    in the name of another, nor change what another's worker offers. Before, a client without a link tried the ghosts for more than a minute."""
    peer = await enrolled(lab)
    await honest_link(lab, peer)
    worker = await worker_of_carol(peer)
    newcomer = await lab.session("newcomer", "bob")
    await newcomer.run(f'{{ future::plan(future.p2p::cluster, cluster = "{FRIENDS}", retries = 0L); 0 }}')
    assert await newcomer.run("future::nbrOfWorkers()") == "3"
    before, since = memory_mib(newcomer.process.pid), await newcomer.process.mark()
    forged = p2p.line(**{**worker, "slots": 1000, "number": "f" * 16})
    as_carol = p2p.Identity("carol", pid=9996).worker_hello(slots=1024)
    for first in range(0, 4200, 100):
        ghosts = [p2p.Identity("mallory", pid=10000 + first + i).worker_hello(slots=1024) for i in range(100)]
        await peer.topic.send("".join(peer.membership.certify_line(ghost, 1) for ghost in ghosts))
        await asyncio.sleep(0.12)  # more than 1,000 in a second would not be read
    await peer.topic.send(peer.membership.certify_line(as_carol, 1) + as_carol + forged)
    await newcomer.run("while (nrow(as.data.frame(future::plan('backend'))) < 4096L) Sys.sleep(0.02)")  # until it has found so many
    slots = int(await newcomer.run("future::nbrOfWorkers()"))
    assert 3 < slots <= 3 + 1024, slots
    began = time.time()
    assert await newcomer.run("future::value(future::future(6 * 7))") == "42"
    took = time.time() - began
    await newcomer.process.wait_for("ignoring worker 'carol@.*': its hello has no valid badge", since)
    assert took < 8, f"{took:.1f} s"
    name = worker["from"]
    assert await newcomer.run(f"subset(as.data.frame(future::plan('backend')), worker == '{name}')$slots") == "3"
    grown = memory_mib(newcomer.process.pid, peak=True) - before
    assert grown < 60, f"the client took {grown:.0f} MiB"
    await newcomer.process.stop()


@attack(MEMBER, "on the board", limit=90, has_keys=True)
async def floods_of_signed_hellos(lab):
    """Each costs whoever reads it the opening of a box and an Ed25519 check. A client checks at most 1,000 in a second, and asks again for those
    that it has not read: a flood at the speed that the board allows keeps nobody from the workers for long."""
    peer = await enrolled(lab)
    await honest_link(lab, peer)
    ghost, membership = p2p.Identity("mallory", pid=9995), peer.membership
    writer = keys.SealedTopic(await lab.topic("mallory", FRIENDS, echo=False), membership.key)
    await peer.topic.topic.close()  # it would not read as fast
    hellos = [membership.certify_line(ghost.worker_hello(slots=1024), number) for number in range(1, 16001)]
    as_carol = membership.certify_line(p2p.Identity("carol", pid=9994).worker_hello(slots=1024), 1)
    newcomer = await lab.session("newcomer", "bob")
    canary, began = lab.canary.mark(), time.time()
    flood = asyncio.gather(*[writer.send("".join(hellos[at:at + 100]) + as_carol) for at in range(0, len(hellos), 100)])
    answer = await newcomer.start(f'{{ future::plan(future.p2p::cluster, cluster = "{FRIENDS}"); future::value(future::future(6 * 7)) }}')
    await flood
    assert await answer == "42"
    assert time.time() - began < 30, f"{time.time() - began:.1f} s"
    await lab.canary.sings_on(canary)
    await newcomer.process.stop()


@attack(MEMBER, "over links", limit=120, canary=40, has_keys=True)
async def all_links_and_slots_of_a_worker(lab):
    """A member that has as many links to a worker as it may, each as another client, and wants all slots on all of them, shares links and slots as one
    user: the links that wait give way to those of others, and others get a slot as soon as one can be taken back from it."""
    peer = await enrolled(lab)
    await honest_link(lab, peer)
    async def want(number, worker):
        other = p2p.Peer(p2p.Identity("mallory", pid=7000 + number), peer.topic, lab.services, peer.membership)
        try:
            link = await lab.link(other, worker)
        except (p2p.Closed, asyncio.TimeoutError):  # the worker was full at that moment
            link = await lab.link(other, await worker_of_carol(peer))
        await link.send(p2p.slot(p2p.WANT, 3))
    since = await lab.worker.mark()
    for first in range(0, 72, 8):
        worker = await worker_of_carol(peer)
        await asyncio.gather(*[want(first + i, worker) for i in range(8)])
    await holds(lambda: lab.worker.count("linked to client 'mallory@", since) == 72, "all of them were linked")
    newcomer, began = await lab.session("newcomer", "bob"), time.time()
    await newcomer.run(f'{{ future::plan(future.p2p::cluster, cluster = "{FRIENDS}", retries = 0L); 0 }}')
    assert await newcomer.run("future::value(future::future(6 * 7))") == "42"
    took = time.time() - began
    assert took < 40, f"{took:.1f} s"
    await newcomer.process.stop()


async def stays_out(lab, peer, worker):
    """No link that is opened with this hello of the worker is good for a future."""
    try:
        link, _ = await peer.client_link(worker, timeout=3)
        lab.open.append(link)
        await link.take_slots(1)
    except (p2p.Closed, asyncio.TimeoutError):
        return
    raise AssertionError("it got a slot with the old key")


@attack(EXPELLED, "while the others get the new key, and later", limit=60, has_keys=True)
async def expelled_member(lab):
    """It loses its links at once, gets no new key on any device, and what it seals with the old one is of no use: neither while it keeps the host from
    giving the new key to the others, nor later."""
    peer = await enrolled(lab)
    link, since, host = await honest_link(lab, peer), await lab.worker.mark(), len(lab.host.lines)
    worker = await worker_of_carol(peer)
    kind, _ = await link.run(1, await lab.task("1"))
    assert kind == p2p.RESULT
    owner = await lab.session("owner", "alice")
    busy = [keys.enrol_line(p2p.Identity("mallory", pid=5000 + i), FRIENDS, keys.SigningKey.generate()) for i in range(64)]
    await peer.topic.topic.send("".join(busy))
    await owner.run(f'future.p2p::expel("{FRIENDS}", "mallory")')
    await link.ended(timeout=10)
    assert lab.worker.count("got the key", since) == 0, "the host was not busy"
    await stays_out(lab, peer, worker)
    await lab.host.wait_for(f"cluster '{FRIENDS}' has a new key", host)
    await lab.worker.wait_for("got the key", since)
    for device in (lab.devices["mallory"], keys.SigningKey.generate()):
        _, _, answer = await ask_for_key(lab, "mallory", device)
        assert [answer["type"], answer.get("reason")] == ["refused", "expelled"], answer
    await lab.canary.sings_on(lab.canary.mark())
    before = unopened(lab.worker)
    for _ in range(5):
        await peer.topic.send(peer.identity.accept(p2p.new_id(), worker, hello=worker["id"]))
    await holds(lambda: unopened(lab.worker) >= before + 5, "the worker counts them")
    await owner.process.stop()
