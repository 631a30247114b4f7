"""Mailbox, SPAKE2, keys and transit, written from docs/protocol.md alone."""

import asyncio
import base64
import hashlib
import hmac
import json
import os
import struct

from nacl.secret import SecretBox
from spake2 import SPAKE2_Symmetric

from p2p_board import Closed, new_id

APPID = "future.p2p/link-v1"


# ---- WebSocket and mailbox ----


class WebSocket:
    """RFC 6455, text messages only."""

    def __init__(self, reader, writer, is_client):
        self.reader, self.writer, self.is_client = reader, writer, is_client

    @classmethod
    async def connect(cls, url):
        address, _, path = url[len("ws://"):].partition("/")
        host, _, port = address.rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port), limit=1 << 24)
        key = base64.b64encode(os.urandom(16)).decode()
        writer.write(f"GET /{path} HTTP/1.1\r\nHost: {address}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode())
        head = await read_or_close(reader.readuntil(b"\r\n\r\n"))
        if b" 101 " not in head.split(b"\r\n")[0]:
            raise Closed(head.decode(errors="replace"))
        return cls(reader, writer, True)

    @classmethod
    async def accept(cls, reader, writer):
        head = await read_or_close(reader.readuntil(b"\r\n\r\n"))
        fields = dict(field.lower().split(b": ", 1) if field.lower().startswith(b"upgrade") else field.split(b": ", 1)
                      for field in head.split(b"\r\n")[1:] if b": " in field)
        key = next(value for name, value in fields.items() if name.lower() == b"sec-websocket-key")
        answer = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()).decode()
        writer.write(f"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: {answer}\r\n\r\n".encode())
        return cls(reader, writer, False)

    async def send(self, text, opcode=1):
        data = text.encode() if isinstance(text, str) else text
        mask_bit = 0x80 if self.is_client else 0
        if len(data) < 126:
            head = struct.pack("!BB", 0x80 | opcode, mask_bit | len(data))
        elif len(data) < 65536:
            head = struct.pack("!BBH", 0x80 | opcode, mask_bit | 126, len(data))
        else:
            head = struct.pack("!BBQ", 0x80 | opcode, mask_bit | 127, len(data))
        self.writer.write(head + (bytes(4) if self.is_client else b"") + data)  # a mask of zeros changes nothing
        try:
            await self.writer.drain()
        except ConnectionError as error:
            raise Closed("mailbox") from error

    async def receive(self):
        message = b""
        while True:
            first, second = await read_or_close(self.reader.readexactly(2))
            length = second & 0x7F
            if length > 125:
                size = 2 if length == 126 else 8
                length = int.from_bytes(await read_or_close(self.reader.readexactly(size)), "big")
            mask = await read_or_close(self.reader.readexactly(4)) if second & 0x80 else bytes(4)
            data = await read_or_close(self.reader.readexactly(length))
            if any(mask):
                data = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
            opcode = first & 0x0F
            if opcode == 9:
                await self.send(data, opcode=10)
            elif opcode == 8:
                raise Closed("mailbox: closed")
            elif opcode in (0, 1, 2):
                message += data
                if first & 0x80:
                    return message.decode()

    def close(self):
        self.writer.close()


async def read_or_close(reading):
    try:
        return await reading
    except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError) as error:
        raise Closed(str(error)) from error


class Mailbox:
    """One side of a mailbox."""

    def __init__(self, socket, side):
        self.socket, self.side, self.messages = socket, side, []

    @classmethod
    async def connect(cls, url, side=None, appid=APPID):
        mailbox = cls(await WebSocket.connect(url), side or new_id(5))
        await mailbox.until("welcome")
        await mailbox.say("bind", appid=appid, side=mailbox.side)
        return mailbox

    async def say(self, kind, **more):
        await self.socket.send(json.dumps({"type": kind, **more}))

    async def until(self, kind):
        """The next message of this type. Messages of the peer that arrive meanwhile are kept for next()."""
        while True:
            message = json.loads(await self.socket.receive())
            if message["type"] == kind:
                return message
            if message["type"] == "message":
                self.messages.append(message)
            elif message["type"] == "error":
                raise Closed(f"mailbox: {message.get('error')}")

    async def allocate(self):
        await self.say("allocate")
        return (await self.until("allocated"))["nameplate"]

    async def claim(self, nameplate):
        """Returns the id of the mailbox, which is then open."""
        await self.say("claim", nameplate=nameplate)
        mailbox = (await self.until("claimed"))["mailbox"]
        await self.open(mailbox)
        return mailbox

    async def open(self, mailbox):
        """A mailbox whose id both sides know."""
        await self.say("open", mailbox=mailbox)

    async def add(self, phase, body):
        await self.say("add", phase=phase, body=body.hex())

    async def next(self):
        """(side, phase, body) of the next message of the peer."""
        while True:
            message = self.messages.pop(0) if self.messages else await self.until("message")
            if message["side"] != self.side:
                return message["side"], message["phase"], bytes.fromhex(message["body"])

    def close(self):
        self.socket.close()


# ---- keys ----


def hkdf(key, info, size=32, salt=bytes(32)):
    """HKDF-SHA256. The salt of 32 zeros is none."""
    key = hmac.new(salt, key, hashlib.sha256).digest()
    out, block, i = b"", b"", 1
    while len(out) < size:
        block = hmac.new(key, block + info + bytes([i]), hashlib.sha256).digest()
        out, i = out + block, i + 1
    return out[:size]


def sha256(data):
    return hashlib.sha256(data.encode() if isinstance(data, str) else data).digest()


def phase_key(key, side, phase):
    return hkdf(key, b"wormhole:phase:" + sha256(side) + sha256(phase))


class Wormhole:
    """What two programs with one password have: a mailbox and the key of SPAKE2."""

    def __init__(self, mailbox, key):
        self.mailbox, self.key = mailbox, key

    @classmethod
    async def meet(cls, mailbox, password):
        spake = SPAKE2_Symmetric(password.encode(), idSymmetric=APPID.encode())
        await mailbox.add("pake", json.dumps({"pake_v1": spake.start().hex()}).encode())
        side, phase, body = await mailbox.next()
        if phase != "pake":
            raise Closed(f"phase {phase} before pake")
        wormhole = cls(mailbox, spake.finish(bytes.fromhex(json.loads(body)["pake_v1"])))
        await wormhole.send("version", {"app_versions": {}, "abilities": []})
        return wormhole

    @property
    def verifier(self):
        return hkdf(self.key, b"wormhole:verifier")

    async def send(self, phase, message):
        data = message if isinstance(message, bytes) else json.dumps(message).encode()
        await self.mailbox.add(phase, bytes(SecretBox(phase_key(self.key, self.mailbox.side, phase)).encrypt(data)))

    async def receive(self, wanted):
        while True:
            side, phase, body = await self.mailbox.next()
            if phase == wanted:
                return json.loads(SecretBox(phase_key(self.key, side, phase)).decrypt(body))


# ---- transit ----


def direct_hint(host, port, priority=0.0):
    return {"type": "direct-tcp-v1", "hostname": host, "port": port, "priority": priority}


def hints_message(direct=(), relays=()):
    hints = [direct_hint(*address) for address in direct]
    hints += [{"type": "relay-v1", "hints": [direct_hint(*address, priority=2.0)]} for address in relays]
    return {"transit": {"abilities-v1": [{"type": "direct-tcp-v1"}, {"type": "relay-v1"}], "hints-v1": hints}}


def read_hints(message):
    """(direct, relays): lists of (host, port)"""
    direct, relays = [], []
    for hint in message["transit"]["hints-v1"]:
        if hint["type"] == "direct-tcp-v1":
            direct.append((hint["hostname"], hint["port"]))
        else:
            relays += [(inner["hostname"], inner["port"]) for inner in hint["hints"]]
    return direct, relays


class Transit:
    """Looks for a connection to the peer: `mine` is "sender" (client) or "receiver" (worker). After start(), `port` is where it listens."""

    def __init__(self, key, mine):
        self.key, self.mine, self.theirs = key, mine, "receiver" if mine == "sender" else "sender"
        self.found = asyncio.get_running_loop().create_future()
        self.tasks = []

    async def start(self, listen=True):
        self.server = await asyncio.start_server(self._try, "127.0.0.1", 0, limit=1 << 22) if listen else None
        self.port = self.server.sockets[0].getsockname()[1] if listen else None

    def line(self, role):
        return f"transit {role} {hkdf(self.key, f'transit_{role}'.encode()).hex()} ready\n\n".encode()

    async def _try(self, reader, writer, to_relay=False):
        try:
            if to_relay:
                writer.write(f"please relay {hkdf(self.key, b'transit_relay_token').hex()} for side {new_id(8)}\n".encode())
                if await reader.readexactly(3) != b"ok\n":
                    raise Closed("relay")
            writer.write(self.line(self.mine))
            expected = self.line(self.theirs)
            if await reader.readexactly(len(expected)) != expected:
                raise Closed("handshake")
            if self.mine == "sender":
                writer.write(b"nevermind\n" if self.found.done() else b"go\n")
            elif await reader.readexactly(3) != b"go\n":
                raise Closed("nevermind")
            if self.found.done():
                writer.close()
            else:
                self.found.set_result((reader, writer))
        except (Closed, asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    async def _connect(self, host, port, to_relay):
        try:
            reader, writer = await asyncio.open_connection(host, port, limit=1 << 22)
        except OSError:
            return
        await self._try(reader, writer, to_relay)

    def connect(self, addresses, to_relay=False):
        self.tasks += [asyncio.ensure_future(self._connect(host, port, to_relay)) for host, port in addresses]

    async def finish(self, timeout=20):
        try:
            reader, writer = await asyncio.wait_for(asyncio.shield(self.found), timeout)
        finally:
            self.close()
        return reader, writer, self.key, self.mine, self.theirs

    def close(self):
        if self.server:
            self.server.close()
        for task in self.tasks:
            if not task.done():
                task.cancel()
