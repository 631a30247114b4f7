"""No attacks: the program speaks the protocols well enough to be a client and a worker. Otherwise attacks would fail for that reason."""

import asyncio
import json
import os

import p2p
import p2p_keys as keys
from lab import FRIENDS, HERE, TRAPS
from suite import MEMBER, attack


@attack(MEMBER, "as an honest client")
async def client_gets_the_result_of_a_task(lab):
    client = await lab.peer("mallory", FRIENDS, "client")
    worker = await client.find_worker()
    for options in ({}, {"via_relay": True}, {"cipher": True}):
        link, hello = await client.client_link(worker, **options)
        lab.open.append(link)
        assert f"member={worker['member']}\n" in hello and "slots=3\n" in hello, hello
        await link.send(p2p.frame(p2p.PACKAGES, 0, b"future;absent"))
        _, _, reply = await link.receive(p2p.PACKAGES)
        assert reply.startswith(b"future=1.") and reply.endswith(b";absent="), reply
        await link.take_slots(1)
        kind, result = await link.run(1, await lab.task('list("task", 6 * 7)'))
        assert kind == p2p.RESULT and await lab.value(result) == "task 42"
        assert p2p.CIPHER in hello and link.was_switched == ("cipher" in options), "the worker switches if the client names a cipher"
        link.close()


@attack(MEMBER, "as an honest worker")
async def worker_answers_a_client(lab):
    worker = await lab.peer("mallory", TRAPS, "worker", slots=3)
    await lab.plan(TRAPS)
    await lab.victim.start("{ f <- future::future(21 * 2); 0 }")
    link = await worker.worker_link(await worker.next_call(), slots=3)
    lab.open.append(link)
    _, _, want = await link.receive(p2p.SLOT)
    assert want == bytes([p2p.WANT, 0, 0, 0, 1]), want
    await link.send(p2p.slot(p2p.GRANT, 1))
    number, task = await link.next_task()
    assert b"expr" in task
    value = await lab.victim.start("future::value(f)")
    result = await lab.result('"of the worker"')
    await link.answer(number, result)
    assert await value == "of the worker"


@attack(MEMBER, "with the test vectors of keys")
async def keys_agree_with_the_test_vectors(lab):
    with open(os.path.join(HERE, "..", "vectors", "keys.json"), encoding="utf-8") as file:
        vectors = json.load(file)
    raw = bytes.fromhex
    def key_of(case):
        return keys.ClusterKey(case["cluster"], case["epoch"], raw(case["S"]))
    def without_time(text):
        return text.split(",", 1)[1]
    for case in vectors["cluster_keys"]:
        key = key_of(case)
        assert [key.kid, key.line.hex(), key.link.hex(), key.mailbox.hex()] == [case["kid"], case["line"], case["link"], case["mailbox"]]
    for case in vectors["links"]:
        password = key_of(case).password(case["client"], case["worker"], p2p.to_base64(raw(case["worker_key"])), case["code"])
        assert [key_of(case).mailbox_id(case["code"]), password] == [case["mailbox_id"], case["password"]]
    for case in vectors["sealed_lines"]:
        sealed = key_of(case).seal(case["inner"], raw(case["boot"]), int(case["number"]), raw(case["nonce"]))
        assert without_time(sealed) == without_time(case["line"]) and key_of(case).open(case["line"]) == case["inner"]
    for case in vectors["certificates"]:
        certificate = keys.certify(keys.SigningKey(raw(case["owner_seed"])), case["cluster"], case["epoch"], case["user"], raw(case["device"]))
        assert certificate.hex() == case["certificate"]
    for case in vectors["proofs"]:
        verifier = p2p.hkdf(raw(case["spake2_key"]), b"wormhole:verifier")
        member = keys.Membership(None, None, case["user"], keys.SigningKey(raw(case["device_seed"])), b"")
        assert [verifier.hex(), p2p.from_base64(member.hello(verifier, case["role"])["proof"]).hex()] == [case["verifier"], case["proof"]]
    def sender(case):
        identity = p2p.Identity("x", member=case["member"])
        identity.name = case["from"]
        return identity
    for case in vectors["enrol"]:
        invitation = keys.SigningKey(raw(case["invitation_seed"])) if case["invitation_seed"] else None
        text = keys.enrol_line(sender(case), case["cluster"], keys.SigningKey(raw(case["device_seed"])), invitation)
        assert without_time(text).strip() == without_time(case["line"])
    for case in vectors["enrolled"]:
        device, owner = keys.SigningKey(raw(case["device_seed"])), keys.SigningKey(raw(case["owner_seed"]))
        mine = keys.enrolled_line(sender(case), owner, key_of(case), case["user"], bytes(device.verify_key))
        for text in (case["line"], mine):
            member = keys.open_enrolled(p2p.parse_line(text), case["cluster"], device)
            assert [member.key.secret.hex(), member.user, member.certificate.hex()] == [case["S"], case["user"], case["certificate"]]
    for case in vectors["refused"]:
        text = keys.refused_line(sender(case), keys.SigningKey(raw(case["owner_seed"])), case["cluster"], case["to"], case["reason"])
        assert without_time(text).strip() == without_time(case["line"])
    for case in vectors["epoch"]:
        text = keys.epoch_line(sender(case), keys.SigningKey(raw(case["owner_seed"])), case["cluster"], case["epoch"], [raw(x) for x in case["expelled"]])
        assert without_time(text).strip() == without_time(case["line"])


@attack(MEMBER, "with a key, in both roles")
async def client_and_worker_with_a_key(lab):
    """Two ends of this program, since what it does with a key has to work before it can fail for the right reason."""
    owner, key = keys.SigningKey.generate(), keys.ClusterKey(TRAPS, 7, os.urandom(32))
    async def member(user):
        device = keys.SigningKey.generate()
        identity = p2p.Identity(user)
        text = keys.enrolled_line(identity, owner, key, user, bytes(device.verify_key))
        membership = keys.open_enrolled(p2p.parse_line(text), TRAPS, device)
        return p2p.Peer(identity, keys.SealedTopic(await lab.topic(user, TRAPS), membership.key), lab.services, membership)
    worker, client = await member("mallory"), await member("bob")
    worker.announcer = asyncio.ensure_future(worker.answer_clients(slots=1))
    lab.open.append(worker)
    await client.topic.join(client.identity.hello("client"))
    assert not any(worker.identity.member in text for text in client.topic.topic.lines), "a plain-text line"
    calling = asyncio.ensure_future(client.client_link(await client.find_worker()))
    theirs = await worker.worker_link(await worker.next_call())
    mine, hello = await calling
    lab.open += [mine, theirs]
    assert "user=mallory\n" in hello and "proof=" in hello
    await mine.send(p2p.slot(p2p.WANT, 1))
    assert (await theirs.receive(p2p.SLOT))[2] == bytes([p2p.WANT, 0, 0, 0, 1])
