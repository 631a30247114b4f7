"""Lines and the board, written from docs/protocol.md alone. Nothing here checks what it sends."""

import asyncio
import base64
import secrets
import time

from nacl.public import PrivateKey, PublicKey, SealedBox


class Closed(Exception):
    """The other side has closed the connection, or what it sent cannot be what the protocol says."""


# ---- lines ----


def to_base64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def new_id(n_bytes=16):
    return secrets.token_hex(n_bytes)


def line(**pairs):
    """A line, with `when` first, and `expires` if `validity` is given."""
    now = time.time()
    head = {"when": time.strftime("%Y-%m-%dT%H:%M:%S", time.localtime(now))}
    validity = pairs.pop("validity", None)
    if validity is not None:
        head["expires"] = int(now) + validity
    return ",".join(f"{key}={value}" for key, value in {**head, **pairs}.items()) + "\n"


def parse_line(text):
    """The first of two equal keys counts."""
    pairs = {}
    for pair in text.rstrip("\n").split(","):
        key, equals, value = pair.partition("=")
        if equals:
            pairs.setdefault(key, value)
    return pairs


class Identity:
    """A member: its id, its name, and, for a worker, its key."""

    def __init__(self, user, host="attack", pid=1, member=None):
        self.user, self.name, self.member = user, f"{user}@{host}:{pid}", member or new_id()
        self.secret = PrivateKey.generate()

    @property
    def key(self):
        return to_base64(bytes(self.secret.public_key))

    def hello(self, kind, **more):
        return line(validity=60, type=kind, **{"from": self.name}, member=self.member, protocols="link", id=new_id(8), **more)

    def worker_hello(self, slots=1, r="4.2.2", future="1.70.0", **more):
        return self.hello("worker", **{"key": self.key, "slots": slots, "r": r, "future": future, **more})

    def accept(self, code, worker, **more):
        """`worker`: its hello, parsed."""
        return line(validity=30, type="accept", **{"from": self.name}, member=self.member, to=worker["member"], **more, via=seal(code, worker["key"]))

    def open_accept(self, accept):
        """The code in an accept for this worker."""
        return SealedBox(self.secret).decrypt(from_base64(accept["via"][len("link://"):])).decode()


def is_hello(kind, user):
    """Whether a line, parsed, is a hello of a process of this user. `kind`: "client" or "worker"."""
    return lambda pairs: pairs.get("type") == kind and pairs.get("from", "").startswith(user + "@")


def leave(name, member):
    return line(type="leave", **{"from": name}, member=member)


def seal(code, key):
    return "link://" + to_base64(SealedBox(PublicKey(from_base64(key))).encrypt(code.encode()))


# ---- the board ----


class Board:
    """Runs commands on a board with the program ssh. `args`: where it is and with which key."""

    def __init__(self, args):
        self.args = ["ssh", "-F", "none", "-T", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR", *args]

    async def run(self, command):
        process = await asyncio.create_subprocess_exec(*self.args, command, stdin=asyncio.subprocess.DEVNULL,
                                                       stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT)
        output, _ = await process.communicate()
        return output.decode(errors="replace").replace("\r", "").splitlines()

    async def services(self):
        """{"mailbox": url, "relay": (host, port)}"""
        services = dict(text.replace("*", "127.0.0.1").split("=", 1) for text in await self.run("services") if "=" in text)
        host, _, port = services["relay"][len("tcp:"):].rpartition(":")
        return {**services, "relay": (host, int(port))}

    async def pipe(self, topic, access=None, echo=True):
        """`echo`: whether one's own lines come back."""
        command = f"pipe {topic}" + (" -r" if echo else "") + (f" -a {','.join(access)}" if access else "")
        process = await asyncio.create_subprocess_exec(*self.args, command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
                                                       stderr=asyncio.subprocess.STDOUT, limit=1 << 20)
        return Topic(process)


class Lines:
    """What a program has written so far, as `lines`. `end`: the characters that end a line."""

    def __init__(self, process, end):
        self.process, self.end, self.lines, self.is_open = process, end, [], True
        self.news = asyncio.Condition()
        self.reader = asyncio.ensure_future(self._read())

    async def _read(self):
        try:
            while data := await self.process.stdout.readline():
                async with self.news:
                    self.lines.append(data.decode(errors="replace").rstrip(self.end))
                    self.news.notify_all()
        except (ValueError, ConnectionError):
            pass
        async with self.news:
            self.is_open = False
            self.news.notify_all()

    async def next(self, find, since, timeout):
        """What `find(line)` returns for the first line from index `since` on for which that is not None. None: the program has ended without one."""
        async def wait():
            at = since
            async with self.news:
                while True:
                    while at < len(self.lines):
                        at += 1
                        if (found := find(self.lines[at - 1])) is not None:
                            return found
                    if not self.is_open:
                        return None
                    await self.news.wait()
        return await asyncio.wait_for(wait(), timeout)


class Topic(Lines):
    """A topic that one has opened. `lines` has all lines so far, with one's own."""

    def __init__(self, process):
        super().__init__(process, "\r\n")

    async def send(self, data):
        """Text or bytes. Waits until the board has taken most of it."""
        try:
            self.process.stdin.write(data.encode() if isinstance(data, str) else data)
            await self.process.stdin.drain()
        except ConnectionError as error:
            raise Closed("the board has closed the topic") from error

    async def find(self, accepts, since=0, timeout=20):
        """The first line, parsed, from index `since` on for which `accepts(pairs)` is true."""
        def find(text):
            pairs = parse_line(text)
            return pairs if accepts(pairs) else None
        found = await self.next(find, since, timeout)
        if found is None:
            raise Closed("the board has closed the topic: " + " / ".join(self.lines[-3:]))
        return found

    async def join(self, hello):
        """Writes a hello and waits for its echo."""
        await self.send(hello)
        mine = parse_line(hello)["id"]
        await self.find(lambda pairs: pairs.get("id") == mine)

    async def close(self):
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await self.reader
