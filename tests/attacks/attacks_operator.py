"""What the operators of mailbox server and relay do between a session of bob and a worker. They see and change every byte that passes."""

import asyncio
import json

from nacl.exceptions import CryptoError
from nacl.secret import SecretBox
from spake2 import SPAKE2_Symmetric

import p2p
from lab import TRAPS
from p2p_wormhole import phase_key
from suite import attack, holds

OPERATOR_OF_MAILBOX, OPERATOR_OF_RELAY = "operator of the mailbox server", "operator of the relay"


class MailboxInTheMiddle:
    """A mailbox server that passes on what `change` makes of each message: change(sent by the client?, message) returns a list of messages."""

    @classmethod
    async def start(cls, lab, change):
        proxy = cls()
        proxy.real, proxy.change = lab.services["mailbox"], change
        proxy.server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0, limit=1 << 22)
        proxy.url = f"ws://127.0.0.1:{proxy.server.sockets[0].getsockname()[1]}/v1"
        proxy.tasks = []
        lab.open.append(proxy)
        return proxy

    async def pump(self, source, sink, is_of_client):
        try:
            while True:
                for message in self.change(is_of_client, json.loads(await source.receive())):
                    await sink.send(json.dumps(message))
        except p2p.Closed:
            sink.close()

    async def serve(self, reader, writer):
        inner = await p2p.WebSocket.accept(reader, writer)
        outer = await p2p.WebSocket.connect(self.real)
        self.tasks += [asyncio.ensure_future(self.pump(inner, outer, True)), asyncio.ensure_future(self.pump(outer, inner, False))]

    def close(self):
        self.server.close()
        for task in self.tasks:
            task.cancel()


async def ask(lab, mailbox="NULL", relay="NULL", retries=1):
    """A session of bob whose future has to go through the servers given, as code of R. Returns an awaitable for its value."""
    await lab.victim.run(f'{{ options(future.p2p.mailbox = {mailbox}, future.p2p.relay = {relay}); 0 }}')
    await lab.plan(TRAPS, f"retries = {retries}")
    return await lab.victim.start('{ f <- future::future("of bob", label = "secret-label"); future::value(f) }')


async def answer(lab, link, result):
    """A worker's answer to one task. Returns the bytes of the task."""
    await link.receive(p2p.SLOT)
    await link.send(p2p.slot(p2p.GRANT, 1))
    number, data = await link.next_task()
    await link.answer(number, result)
    return data


@attack(OPERATOR_OF_MAILBOX, "between client and worker, by its own SPAKE2 with each")
async def man_in_the_middle_of_the_mailbox(lab):
    """The client notices that the password is another one."""
    spakes, opened, bodies = {}, [], []
    def change(is_of_client, message):
        body = message.get("body")
        if (message["type"] != "add" if is_of_client else message["type"] != "message") or body is None:
            return [message]
        data = bytes.fromhex(body)
        if message["phase"] == "pake":
            spake = spakes[is_of_client] = SPAKE2_Symmetric(b"1-" + b"0" * 32, idSymmetric=p2p.APPID.encode())
            forged = json.dumps({"pake_v1": spake.start().hex()}).encode().hex()
            spake.key = spake.finish(bytes.fromhex(json.loads(data)["pake_v1"])) if is_of_client or message["side"] != side[0] else None
            return [{**message, "body": forged}]
        bodies.append(data)
        for spake in spakes.values():
            try:
                if spake.key:
                    opened.append(SecretBox(phase_key(spake.key, message.get("side", side[0]), message["phase"])).decrypt(data))
            except CryptoError:
                pass
        return [message]
    side = [None]
    def note_side(is_of_client, message):
        if is_of_client and message["type"] == "bind":
            side[0] = message["side"]
        if not is_of_client and message["type"] == "message" and message["side"] == side[0]:
            return []  # the echo of what was replaced
        return change(is_of_client, message)
    proxy = await MailboxInTheMiddle.start(lab, note_side)
    worker = await lab.peer("mallory", TRAPS, "worker")
    since = await lab.victim.process.mark()
    await ask(lab, mailbox=f'"{proxy.url}"')
    linking = asyncio.ensure_future(worker.worker_link(await worker.next_call(), timeout=35))
    await lab.victim.process.wait_for("cannot link to worker 'mallory@.*", since, timeout=35)
    linking.cancel()
    try:
        await linking
        raise AssertionError("the link was set up")
    except (CryptoError, p2p.Closed, asyncio.CancelledError):
        pass
    assert spakes and bodies, "there was nothing to open"
    assert not opened, "a box was opened"


@attack(OPERATOR_OF_MAILBOX, "between client and worker, with every message twice, and out of order")
async def unruly_mailbox(lab):
    """A message that comes twice, or out of order, does not matter, and what an operator says is safe to show."""
    held = []
    def change(is_of_client, message):
        if is_of_client or message["type"] != "message":
            if message["type"] == "welcome":
                return [{**message, "welcome": {"motd": "\x1b]0;owned\x07", "current_cli_version": "\x1b[2J"}}]
            return [message]
        if message["phase"] == "version":  # after what follows it
            held.append(message)
            return []
        return [message, message] + held
    proxy = await MailboxInTheMiddle.start(lab, change)
    worker = await lab.peer("mallory", TRAPS, "worker")
    since = await lab.victim.process.mark()
    value = await ask(lab, mailbox=f'"{proxy.url}"')
    link = await worker.worker_link(await worker.next_call())
    lab.open.append(link)
    await answer(lab, link, await lab.result('"of the worker"'))
    assert await value == "of the worker"
    assert held, "no message was late"
    assert "\x1b" not in "".join(lab.victim.process.lines[since:])


class RelayInTheMiddle:
    """A relay that passes on what `change` makes of the bytes: change(from the client?, offset, bytes)."""

    @classmethod
    async def start(cls, lab, change):
        proxy = cls()
        proxy.real, proxy.change, proxy.seen, proxy.tasks = lab.services["relay"], change, b"", []
        proxy.server = await asyncio.start_server(proxy.serve, "127.0.0.1", 0)
        proxy.url = f"tcp:127.0.0.1:{proxy.server.sockets[0].getsockname()[1]}"
        lab.open.append(proxy)
        return proxy

    async def pump(self, reader, writer, is_of_client):
        offset = 0
        while data := await reader.read(65536):
            self.seen += data
            writer.write(self.change(is_of_client, offset, data))
            offset += len(data)
            await writer.drain()
        writer.close()

    async def serve(self, reader, writer):
        outer_reader, outer_writer = await asyncio.open_connection(*self.real)
        self.tasks += [asyncio.ensure_future(self.pump(reader, outer_writer, True)), asyncio.ensure_future(self.pump(outer_reader, writer, False))]

    def close(self):
        self.server.close()
        for task in self.tasks:
            task.cancel()


async def through_relay(lab, change, result):
    """A future of bob whose link runs through a relay that changes bytes. Returns the relay, the bytes of the task, and an awaitable for the value."""
    relay = await RelayInTheMiddle.start(lab, change)
    worker = await lab.peer("mallory", TRAPS, "worker")
    value = await ask(lab, relay=f'"{relay.url}"', retries=0)
    link = await worker.worker_link(await worker.next_call(), via_relay=True, relays=[])
    lab.open.append(link)
    return relay, await answer(lab, link, result), value


@attack(OPERATOR_OF_RELAY, "on a link", limit=60)
async def relay_that_reads_and_changes(lab):
    """It sees ciphertext, and a changed or repeated byte ends the link before anything of it is used."""
    result = await lab.result('strrep("of the worker", 20000)')
    relay, task, value = await through_relay(lab, lambda is_of_client, offset, data: data, result)
    assert (await value).startswith("of the worker")
    assert len(relay.seen) > len(result) and b"secret-label" not in relay.seen and b"of the worker" not in relay.seen and b"of bob" not in relay.seen
    assert b"of bob" in task
    def flip(is_of_client, offset, data):
        return data if is_of_client or not offset <= 100000 < offset + len(data) else data[:100000 - offset] + bytes([data[100000 - offset] ^ 1]) + data[100001 - offset:]
    def repeat(is_of_client, offset, data):
        return data if is_of_client or not offset <= 100000 < offset + len(data) else data + data
    for change in (flip, repeat):
        _, _, value = await through_relay(lab, change, result)
        try:
            raise RuntimeError("a changed result was accepted: " + (await value)[:50])
        except AssertionError as error:
            assert "lost" in str(error), error
