"""Man in the middle with the real worker: the operator of board, mailbox and relay stands between a client and the worker that it wants, and speaks to
both."""

import asyncio
import json
import re

from nacl.exceptions import CryptoError
from spake2 import SPAKE2_Symmetric

import p2p
import p2p_keys as keys
from attacks_keys import ask_for_key
from attacks_operator import MailboxInTheMiddle, answer
from stage import CLUSTER, OPERATOR, Stage
from suite import attack, holds

# HELLO, SLOT and so on pass through. A TASK is for the operator.
PASSED_ON = (p2p.HELLO, p2p.SLOT, p2p.PING, p2p.PACKAGES, p2p.LOAD)


class ToSeat:
    """A topic on which the board writes to one seat."""

    def __init__(self, seat):
        self.seat = seat

    async def send(self, data):
        await self.seat.write(data)


class Middle:
    """Lets bob's client find a worker with the name and id of carol's, whose key is the operator's, and answers it. Meanwhile it calls the real worker in
    the client's name. `membership`: of the operator, which then reads and writes sealed lines."""

    def __init__(self, stage, membership=None):
        self.stage, self.membership = stage, membership
        self.worker, self.call, self.frames, self.badges = None, asyncio.get_running_loop().create_future(), [], 0
        self.boot = keys.SealedTopic(None, membership.key) if membership else None
        self.mine = p2p.Identity("carol")
        stage.board.pass_on = self.pass_on

    def open(self, line):
        text = line.decode(errors="replace").rstrip("\n")
        try:
            return p2p.parse_line(self.membership.key.open(text) if self.membership else text)
        except (CryptoError, ValueError):
            return {}

    def badge(self, pairs):
        """The hello with the badge of the operator's device."""
        self.badges += 1
        text = ",".join(f"{key}={value}" for key, value in pairs.items() if key not in ("number", "device", "certificate", "proof"))
        return p2p.parse_line(self.membership.certify_line(text, self.badges))

    def write(self, pairs):
        text = ",".join(f"{key}={value}" for key, value in pairs.items())
        if self.membership:
            self.boot.number += 1
            text = self.membership.key.seal(text, self.boot.boot, self.boot.number)
        return (text + "\n").encode()

    def pass_on(self, sender, receiver, line):
        pairs = self.open(line)
        if (sender.user, receiver.user) == ("carol", "bob"):
            if pairs.get("type") != "worker":
                return []
            self.worker, self.mine.member, self.mine.name = pairs, pairs["member"], pairs["from"]
            changed = {**pairs, "key": self.mine.key}
            return [self.write(changed)] + ([self.write(self.badge(changed))] if self.membership else [])
        if (sender.user, receiver.user) == ("bob", "carol") and pairs.get("type") == "accept":
            if not self.call.done():
                self.call.set_result(pairs)
            return []
        return [line]

    async def links(self, timeout=20):
        """Without a key: the links to both, as the worker to the client, and as the client to the worker."""
        accept = await asyncio.wait_for(self.call, timeout)
        services, board = self.stage.lab.services, self.stage.board
        worker = p2p.Peer(self.mine, None, services)
        client = p2p.Identity("bob", member=accept["member"])
        client.name = accept["from"]
        caller = p2p.Peer(client, ToSeat(board.seat("carol")), services)
        to_client = worker._link(worker.answer(p2p.Call(self.mine.open_accept(accept), accept["member"])), "receiver")
        to_worker = caller._link(caller.call(self.worker), "sender")
        links = await asyncio.gather(to_client, to_worker)
        self.stage.lab.open += links
        return links

    async def pump(self, source, sink):
        """Passes frames on, up to a TASK or the end."""
        try:
            while True:
                kind, number, payload = await source.receive(timeout=None)
                if kind not in PASSED_ON:
                    return number, payload
                self.frames.append((kind, payload))
                if kind == p2p.HELLO:  # then both ends go on with boxes
                    payload = re.sub(rb"(?m)^records=.*\n", b"", payload)
                await sink.send(p2p.frame(kind, number, payload))
        except p2p.Closed:
            return None


@attack(OPERATOR, "between the real client and the real worker, without a key", limit=90)
async def man_in_the_middle_without_a_key(lab):
    """What the documents say of key = FALSE: the operator reads futures and forges results."""
    stage = await Stage.start(lab)
    lab.open.append(stage)
    stage.worker = await stage.start_worker("carol")
    bob = await stage.session("bob")
    middle = Middle(stage)
    await bob.run(stage.plan())
    value = await bob.start('{ f <- future::future("of bob"); future::value(f) }')
    to_client, to_worker = await middle.links()
    back = asyncio.ensure_future(middle.pump(to_worker, to_client))
    number, head = await middle.pump(to_client, to_worker)
    assert b"of bob" in await to_client.object(int.from_bytes(head[:8], "big"))
    await to_client.answer(number, await lab.result('"forged"'))
    assert await value == "forged"
    assert {kind for kind, _ in middle.frames} >= {p2p.HELLO, p2p.SLOT}
    back.cancel()


def replace_pake():
    """Puts SPAKE2 messages of the operator, with a guess of the password, in place of those that pass."""
    clients = set()
    def change(is_of_client, message):
        if is_of_client and message["type"] == "bind":
            clients.add(message["side"])
        if not is_of_client and message["type"] == "message" and message["side"] in clients:
            return []  # the echo of what was replaced
        if message.get("phase") != "pake":
            return [message]
        forged = json.dumps({"pake_v1": SPAKE2_Symmetric(b"0" * 32, idSymmetric=p2p.APPID.encode()).start().hex()})
        return [{**message, "body": forged.encode().hex()}]
    return change


@attack(OPERATOR, "between the real client and the real worker, without the key of the cluster", limit=60, has_keys=True)
async def man_in_the_middle_with_the_mailbox(lab):
    """Mailbox and relay are the operator's, too. Without the key it does not know the code, so its SPAKE2 fails with both."""
    stage = await Stage.settled(lab)
    proxy = await MailboxInTheMiddle.start(lab, replace_pake())
    stage.board.services = lambda: f"mailbox={proxy.url}\r\nrelay=tcp:127.0.0.1:1\r\n"
    bob, worker = await stage.bob.process.mark(), len(stage.worker.lines)
    try:
        await stage.bob.run(stage.plan())
        value = await stage.bob.start("future::value(future::future(6 * 7))")
        await stage.bob.process.wait_for("cannot link to worker 'carol@.*", bob)
        await stage.worker.wait_for("cannot open a link to client 'bob@.*", worker)
        assert stage.worker.count("linked to client", worker) == 0
    finally:
        del stage.board.services
    assert not value.done()
    proxy.change = lambda is_of_client, message: [message]
    await value


@attack(f"member, as the {OPERATOR}", "between the real client and the real worker, with the key of the cluster", limit=90, has_keys=True)
async def man_in_the_middle_with_the_key(lab):
    """The operator is a member, too, and opens all lines. But a worker's hello has the proof of its device: with another key in it, and as a worker of the
    operator's device with the name of another, it is not there."""
    stage = await Stage.settled(lab)
    device = keys.SigningKey.generate()
    _, _, reply = await ask_for_key(lab, "mallory", device, cluster=CLUSTER, port=stage.board.port)
    middle, since = Middle(stage, keys.open_enrolled(reply, CLUSTER, device)), await stage.bob.process.mark()
    await stage.bob.run(stage.plan())
    value = await stage.bob.start("future::value(future::future(6 * 7))")
    await holds(lambda: middle.worker, "the worker says hello, and the operator changes it")
    await asyncio.sleep(2)
    assert not middle.call.done() and not value.done()
    stage.board.be_honest()
    assert await value == "42"
    assert stage.bob.process.count("cannot link to worker", since) == 0
