"""A cluster of real processes on a board whose operator lies, and what the operator makes up."""

import asyncio
import base64
import os

import p2p
import p2p_keys as keys
from liar import LyingBoard
from p2p_wormhole import sha256

CLUSTER = "alice/board"
OPERATOR = "operator of the board"


def public(key):
    return bytes(key.verify_key)


def fingerprint(key):
    """`key`: 32 bytes."""
    return "SHA256:" + base64.b64encode(sha256(key)).rstrip(b"=").decode()


class Stage:
    """alice hosts the cluster; others come later. Each stage has new machines, which the board does not know yet."""

    @classmethod
    async def start(cls, lab, **flags):
        stage = cls()
        stage.lab, stage.board, stage.processes = lab, await LyingBoard.start(lab), []
        stage.host = stage.note(await lab.start_host(CLUSTER, ["bob", "carol", "mallory", "eve"], stage.board.port, stage.machine("alice"), **flags))
        return stage

    @classmethod
    async def settled(cls, lab):
        """The stage of all attacks after enrolment: bob has a link to the worker of carol. It stays until the lab is closed, and is honest again with
        each call."""
        stage = getattr(lab, "stage", None)
        if not stage:
            stage = lab.stage = await cls.start(lab)
            stage.worker = await stage.start_worker("carol")
            stage.bob = await stage.session("bob")
            await stage.bob.run(stage.plan())
        stage.board.be_honest()
        await stage.works()
        return stage

    def machine(self, user):
        return f"{user}-{self.board.port}"

    def note(self, process):
        self.processes.append(process)
        return process

    async def session(self, user, **env):
        session = await self.lab.session(f"session of {user}", user, self.board.port, self.machine(user), **env)
        self.note(session.process)
        return session

    async def start_worker(self, user, **flags):
        return self.note(await self.lab.start_worker(user, CLUSTER, 2, self.board.port, self.machine(user), **flags))

    @staticmethod
    def plan(cluster=CLUSTER):
        named = f', cluster = "{cluster}"' if cluster else ""
        return f'{{ future::plan("sequential"); future::plan(future.p2p::cluster{named}, retries = 1); 0 }}'

    async def works(self, session=None, timeout=30):
        """A future of this session, by default of bob, has the right value."""
        assert await (session or self.bob).run("future::value(future::future(6 * 7))", timeout) == "42"

    async def shows(self, pattern, since, timeout=30):
        """Waits for a line of bob's session, whose futures go on. It shows what it has logged when it has something to do."""
        for _ in range(timeout * 5):
            if self.bob.process.count(pattern, since):
                return
            await self.works()
            await asyncio.sleep(0.2)
        raise AssertionError(f"the session of bob does not show '{pattern}'")

    async def say(self, *lines):
        """The board writes lines of its own to all members."""
        for seat in self.board.seats[:]:
            await seat.write("".join(lines))

    async def close(self):
        for process in reversed(self.processes):
            await process.stop()
        self.board.close()


class Impostor:
    """The operator as the owner of the cluster, with a key of its own, and as a new device of bob. The board vouches for both."""

    def __init__(self):
        self.owner, self.device = keys.SigningKey.generate(), keys.SigningKey.generate()
        self.key = keys.ClusterKey(CLUSTER, 1, os.urandom(32))
        self.identity = p2p.Identity("alice", pid=4242)
        self.users = {p2p.to_base64(public(self.owner)): "alice", p2p.to_base64(public(self.device)): "bob"}

    def vouch(self, user, verb, words, honest):
        """Answers for the board."""
        return f"users={self.users[words[0]]}\r\n" if verb == "attested" and words[0] in self.users else honest

    def grant(self, line, epoch=1):
        """The answer to a line `enrol`, as `host`. `line`: bytes."""
        pairs = p2p.parse_line(line.decode())
        key = keys.ClusterKey(CLUSTER, epoch, self.key.secret)
        return keys.enrolled_line(self.identity, self.owner, key, pairs["from"].split("@")[0], p2p.from_base64(pairs["device"]))

    def refuse(self, line, reason):
        return keys.refused_line(self.identity, self.owner, CLUSTER, p2p.parse_line(line.decode())["member"], reason)

    def membership(self, user):
        """A certificate of its own for a device of its own."""
        device = keys.SigningKey.generate()
        return keys.Membership(self.key, public(self.owner), user, device, keys.certify(self.owner, CLUSTER, 1, user, public(device)))


def kind_of(line):
    """`line`: bytes."""
    return p2p.parse_line(line.decode(errors="replace")).get("type")
