"""The protocols of board, mailbox, transit and links, written from docs/protocol.md alone, with no code of the package. It can be a client, a
worker, and anything that pretends to be one: nothing here checks what it sends.

Needs Python 3.9, PyNaCl and spake2 (Debian: python3-nacl, python3-spake2) and the program ssh."""

import asyncio
import struct

from nacl.bindings import crypto_aead_chacha20poly1305_ietf_decrypt, crypto_aead_chacha20poly1305_ietf_encrypt
from nacl.secret import SecretBox

from p2p_board import Board, Closed, Identity, Lines, from_base64, is_hello, leave, line, new_id, parse_line, seal, to_base64
from p2p_wormhole import APPID, Mailbox, Transit, WebSocket, Wormhole, hints_message, hkdf, read_hints, read_or_close

PAYLOAD_MAX = 65536
HELLO, SLOT, TASK, DATA, CANCEL, CONDITION, RESULT, LOST, PING, PACKAGES, LOAD, NEED = range(1, 13)
WANT, GRANT, RECALL, RETURN = range(1, 5)
CIPHER = "chacha20poly1305"


# ---- records and frames ----


def frame(kind, task=0, payload=b""):
    return struct.pack("!BII", kind, task, len(payload)) + payload


def slot(op, count):
    return frame(SLOT, 0, struct.pack("!BI", op, count))


def task(number, size, label="attack", parts=()):
    """`parts`: pairs of an id, 16 bytes, and a size."""
    described = b"".join(name + struct.pack("!Q", length) for name, length in parts)
    return frame(TASK, number, struct.pack("!Q", size) + label.encode() + (b"\0" + described if parts else b""))


def need(number, mask):
    return frame(NEED, number, struct.pack("!I", mask))


def object_frames(number, data):
    """DATA frames of an object."""
    return [frame(DATA, number, data[at:at + PAYLOAD_MAX]) for at in range(0, len(data), PAYLOAD_MAX)]


def hello(member, **more):
    """`member`: its id. `more`: further lines, or other values."""
    pairs = {"member": member, "r": "4.2.2", "future": "1.70.0", **more}
    return frame(HELLO, 0, "".join(f"{key}={value}\n" for key, value in pairs.items()).encode())


class Link:
    """Records and frames on a transit connection: boxes, after switch() those of a cipher."""

    def __init__(self, reader, writer, key, mine, theirs):
        self.send_key, self.receive_key = (hkdf(key, f"future.p2p/records/{CIPHER}/{side}".encode()) for side in (mine, theirs))
        self.is_switched = self.was_switched = False  # our records, the peer's last one
        self.reader, self.writer = reader, writer
        self.send_box = SecretBox(hkdf(key, f"transit_record_{mine}_key".encode()))
        self.receive_box = SecretBox(hkdf(key, f"transit_record_{theirs}_key".encode()))
        self.sent = self.received = 0
        self.buffer = b""
        self.pinger = asyncio.ensure_future(self._ping())

    async def _ping(self):
        while True:
            await asyncio.sleep(5)
            try:
                await self.send(frame(PING))
            except Closed:
                return

    def switch(self):
        """To be called once the peer's HELLO was received, in answer to a HELLO with this cipher alone."""
        self.is_switched = True

    def record(self, payload):
        if self.is_switched:
            prefix, nonce = struct.pack("!I", 2**31 + 16 + len(payload)), self.sent.to_bytes(12, "big")
            self.sent += 1
            sealed = crypto_aead_chacha20poly1305_ietf_encrypt(payload, prefix, nonce, self.send_key)
            return prefix + sealed[-16:] + sealed[:-16]
        return self.box(payload)

    def box(self, payload):
        nonce = self.sent.to_bytes(24, "big")
        self.sent += 1
        box = bytes(self.send_box.encrypt(payload, nonce))
        return struct.pack("!I", len(box)) + box

    async def write(self, data):
        """Bytes as they are."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError as error:
            raise Closed("link") from error

    async def send(self, *frames):
        """One frame a record."""
        await self.write(b"".join(self.record(data) for data in frames))

    async def _record(self):
        prefix = await read_or_close(self.reader.readexactly(4))
        length, number = int.from_bytes(prefix, "big"), self.received
        self.received += 1
        self.was_switched = length >= 2**31
        if self.was_switched:
            sealed = await read_or_close(self.reader.readexactly(length - 2**31))
            return crypto_aead_chacha20poly1305_ietf_decrypt(sealed[16:] + sealed[:16], prefix, number.to_bytes(12, "big"), self.receive_key)
        box = await read_or_close(self.reader.readexactly(length))
        if box[:24] != number.to_bytes(24, "big"):
            raise Closed("nonce")
        return self.receive_box.decrypt(box)

    async def receive(self, *wanted, timeout=20):
        """(type, task, payload) of the next frame; of the next one of the wanted types, if any are given."""
        async def wait():
            while True:
                while len(self.buffer) < 9 or len(self.buffer) < 9 + int.from_bytes(self.buffer[5:9], "big"):
                    self.buffer += await self._record()
                kind, number, length = struct.unpack("!BII", self.buffer[:9])
                payload, self.buffer = self.buffer[9:9 + length], self.buffer[9 + length:]
                if not wanted or kind in wanted:
                    return kind, number, payload
        return await asyncio.wait_for(wait(), timeout)

    async def object(self, size, timeout=20):
        """The object of `size` bytes that a TASK, CONDITION or RESULT has announced."""
        data = b""
        while len(data) < size:
            data += (await self.receive(DATA, timeout=timeout))[2]
        return data

    async def ended(self, timeout=20):
        """Reads until the peer closes the link. Returns the frames that it still sent. TimeoutError: it did not close it."""
        frames = []
        async def wait():
            while True:
                frames.append(await self.receive(timeout=None))
        try:
            await asyncio.wait_for(wait(), timeout)
        except Closed:
            return frames

    async def take_slots(self, count):
        await self.send(slot(WANT, count))
        while count > 0:
            _, _, payload = await self.receive(SLOT)
            op, granted = struct.unpack("!BI", payload)
            count -= granted if op == GRANT else 0

    async def next_task(self):
        """(number, bytes) of the next task of a client."""
        _, number, head = await self.receive(TASK)
        return number, await self.object(int.from_bytes(head[:8], "big"))

    async def next_task_with_parts(self):
        """(number, size, parts as task() takes them) of the next task of a client."""
        _, number, head = await self.receive(TASK)
        _, _, described = head[8:].partition(b"\0")
        return number, int.from_bytes(head[:8], "big"), [(described[at:at + 16], int.from_bytes(described[at + 16:at + 24], "big")) for at in range(0, len(described), 24)]

    async def answer(self, number, result, kind=RESULT):
        """A worker's answer to a task. `kind`: RESULT or CONDITION."""
        await self.send(frame(kind, number, len(result).to_bytes(8, "big")), *object_frames(number, result))

    async def run(self, number, data, label="attack", timeout=30):
        """Has a task evaluated, for which there must be a slot: (RESULT, bytes) or (LOST, text)."""
        await self.send(task(number, len(data), label), *object_frames(number, data))
        kind, _, payload = await self.receive(RESULT, LOST, timeout=timeout)
        return (kind, payload.decode()) if kind == LOST else (kind, await self.object(int.from_bytes(payload, "big"), timeout))

    def close(self):
        self.pinger.cancel()
        if self.writer.transport.get_write_buffer_size() > 0:
            self.writer.transport.abort()  # close() would wait until the worker has read it
        self.writer.close()


# ---- client and worker ----


class Call:
    """What an accept says to its worker."""

    def __init__(self, code, client):
        self.code, self.client = code, client


class Peer:
    """A member that opens links, as a client or as a worker. `services` are those of the board. `membership`: of a cluster with a key, whose topic is
    a SealedTopic."""

    def __init__(self, identity, topic, services, membership=None):
        self.identity, self.topic, self.announcer, self.membership, self.hellos = identity, topic, None, membership, 0
        self.mailbox_url, self.relay = services["mailbox"], services["relay"]

    def worker_hello(self, **hello):
        """A worker's hello, in a cluster with a key with the badge of its device."""
        self.hellos += 1
        text = self.identity.worker_hello(**hello)
        return self.membership.certify_line(text, self.hellos) if self.membership else text

    async def answer_clients(self, **hello):
        """A worker's hello, and one after each hello of a client."""
        at = len(self.topic.lines)  # a client may come before the echo of the first hello is read
        await self.topic.join(self.worker_hello(**hello))
        while True:
            await self.topic.find(lambda pairs: pairs.get("type") == "client", at, timeout=None)
            at = len(self.topic.lines)
            await self.topic.send(self.worker_hello(**hello))

    def close(self):
        if self.announcer:
            self.announcer.cancel()

    async def find_worker(self):
        """The hello of a worker."""
        return await self.topic.find(lambda pairs: pairs.get("type") == "worker")

    async def call(self, worker, **changes):
        """Writes an accept for the worker, and is the first in the mailbox. Returns that and the password. `changes`: keys of the line."""
        mailbox = await Mailbox.connect(self.mailbox_url)
        if self.membership:
            code, more = new_id(), {"hello": worker["id"]}
            await mailbox.open(self.membership.key.mailbox_id(code))
        else:
            nameplate, more = await mailbox.allocate(), {}
            code = f"{nameplate}-{new_id()}"
            await mailbox.claim(nameplate)
        text = self.identity.accept(code, worker, **more)
        if changes:
            text = ",".join(f"{key}={value}" for key, value in {**parse_line(text), **changes}.items()) + "\n"
        await self.topic.send(text)
        client = parse_line(text)["member"]
        return mailbox, self.membership.key.password(client, worker["member"], worker["key"], code) if self.membership else code

    async def next_call(self, since=0, timeout=20):
        """The next accept for this worker."""
        mine = self.identity.member
        accept = await self.topic.find(lambda pairs: pairs.get("type") == "accept" and pairs.get("to") == mine, since, timeout)
        return Call(self.identity.open_accept(accept), accept["member"])

    async def answer(self, call):
        """Joins the mailbox of a call. Returns it and the password."""
        mailbox = await Mailbox.connect(self.mailbox_url)
        if not self.membership:
            await mailbox.claim(call.code.split("-")[0])
            return mailbox, call.code
        key = self.membership.key
        await mailbox.open(key.mailbox_id(call.code))
        return mailbox, key.password(call.client, self.identity.member, self.identity.key, call.code)

    async def _link(self, meeting, role, timeout=20, **options):
        """`meeting`: an awaitable for mailbox and password. `options`: `direct` and `relays`, the hints to send, (host, port) each; `via_relay`, to use
        the relay alone."""
        async def wait():
            mailbox, password = await meeting
            try:
                wormhole = await Wormhole.meet(mailbox, password)
                transit = Transit(hkdf(wormhole.key, f"{APPID}/transit-key".encode()), role)
                via_relay = options.get("via_relay", False)
                await transit.start(listen=not via_relay)
                direct = options.get("direct", [] if via_relay else [("127.0.0.1", transit.port)])
                await wormhole.send("0", hints_message(direct, options.get("relays", [self.relay])))
                their_direct, _ = read_hints(await wormhole.receive("0"))
                if via_relay:
                    transit.connect([self.relay], to_relay=True)
                else:
                    transit.connect(address for address in their_direct if address[0].startswith("127."))
                link = Link(*await transit.finish())
                link.verifier = wormhole.verifier
                return link
            finally:
                mailbox.close()
        return await asyncio.wait_for(wait(), timeout)

    def hello(self, link, role, member=None, **more):
        """The HELLO frame of this member on a link."""
        proof = self.membership.hello(link.verifier, role) if self.membership else {}
        return hello(member or self.identity.member, **more, **proof)

    async def open(self, worker, changes=None, **options):
        """A link to the worker, before any frame."""
        return await self._link(self.call(worker, **(changes or {})), "sender", **options)

    async def client_link(self, worker, member=None, cipher=False, **options):
        """A link on which both HELLOs were exchanged. `cipher`: which is switched to the cipher. Returns it and the worker's HELLO."""
        link = await self.open(worker, **options)
        await link.send(self.hello(link, "client", member, **({"records": CIPHER} if cipher else {})))
        _, _, payload = await link.receive(HELLO)
        if cipher:
            link.switch()
        return link, payload.decode()

    async def worker_link(self, call, slots=1, more=None, **options):
        """`more`: further lines of HELLO."""
        link = await self._link(self.answer(call), "receiver", **options)
        await link.send(self.hello(link, "worker", slots=slots, **(more or {})))
        await link.receive(HELLO)
        return link
