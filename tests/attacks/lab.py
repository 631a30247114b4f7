"""A lab: board, mailbox and relay of serve(), hosts, workers and clients as real processes on loopback, and what the attacks measure:
their output, their memory, and a canary, a client whose futures must go on."""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import tempfile
import time

import p2p
import r_objects as objects
from suite import holds

HERE = os.path.dirname(os.path.abspath(__file__))
FRIENDS, TRAPS = "alice/friends", "alice/traps"


def memory_mib(pid, peak=False):
    """Resident memory now, or at most so far."""
    with open(f"/proc/{pid}/status", encoding="ascii", errors="replace") as status:
        return int(re.search(r"VmHWM:\s+(\d+)" if peak else r"VmRSS:\s+(\d+)", status.read()).group(1)) / 1024


def r_string(text):
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


class Process(p2p.Lines):
    """A child process and the lines that it has written."""

    reads_input = False  # it ends with its standard input

    def __init__(self, name, process):
        super().__init__(process, "\n")
        self.name, self.pid = name, process.pid

    async def wait_for(self, pattern, since=0, timeout=30):
        """The first line from index `since` on that matches."""
        try:
            found = await self.next(lambda text: text if re.search(pattern, text) else None, since, timeout)
        except asyncio.TimeoutError:
            raise AssertionError(f"{self.name} has no line '{pattern}' after {timeout} s:\n" + "\n".join(self.lines[-20:])) from None
        if found is None:
            raise AssertionError(f"{self.name} ended without a line '{pattern}':\n" + "\n".join(self.lines[-60:]))
        return found

    async def mark(self):
        """The index of the next line: what was logged before has been written, which takes up to 0.1 s when lines follow each other."""
        await asyncio.sleep(0.3)
        return len(self.lines)

    def count(self, pattern, since=0):
        return sum(bool(re.search(pattern, text)) for text in self.lines[since:])

    def is_alive(self):
        return self.process.returncode is None

    async def stop(self):
        if self.is_alive():
            if self.reads_input:
                self.process.stdin.close()
            else:
                self.process.send_signal(signal.SIGINT)
            try:
                await asyncio.wait_for(self.process.wait(), 10)
            except asyncio.TimeoutError:
                self.process.kill()
        await self.process.wait()
        await self.reader


class Session:
    """An R session that evaluates one line of code at a time."""

    def __init__(self, process):
        self.process, self.asked = process, 0

    async def start(self, code, timeout=60):
        """Begins to evaluate code, and returns an awaitable for its value as text. An error is AssertionError."""
        process, since = self.process, len(self.process.lines)
        process.process.stdin.write((code + "\n").encode())
        await process.process.stdin.drain()
        self.asked += 1
        async def answer():
            text = await process.wait_for(r"^[=!] ", since, timeout)
            if text[0] == "!":
                raise AssertionError(text[2:])
            return text[2:]
        answering = asyncio.ensure_future(answer())
        answering.add_done_callback(lambda done: done.cancelled() or done.exception())  # nobody has to wait for it
        return answering

    async def interrupt(self):
        """Ends what it evaluates, if anything."""
        if self.process.count("^[=!] ") < self.asked:
            self.process.process.send_signal(signal.SIGINT)
            await holds(lambda: self.process.count("^[=!] ") >= self.asked, "the session can be interrupted")

    async def run(self, code, timeout=60):
        return await (await self.start(code, timeout))


class Lab:
    def __init__(self, has_keys=False):
        """`has_keys`: the clusters have keys. Without them, whoever can write to a topic comes as far as a member, which is what most attacks are
        about."""
        self.has_keys = has_keys
        self.dir = tempfile.mkdtemp(prefix="p2p-attacks.", dir=os.environ.get("TMPDIR", "/tmp"))
        self.processes, self.sessions, self.peers = [], 0, 0
        self.users = ["alice", "bob", "carol", "mallory", "eve"]
        self.open = []  # topics and links that end with the attack
        self.devices = {}  # of users, for attacks on clusters with keys

    # ---- processes ----

    async def spawn(self, name, *command, config="config", **env):
        """R as Rscript starts it. Standard input is a pipe. `config`: the folder in the lab where it keeps keys; each user has one, a machine."""
        tmp = tempfile.mkdtemp(prefix="tmp-", dir=self.dir)
        inherited = {key: value for key, value in os.environ.items() if not re.match("SSH_|R_FUTURE_|R_TESTS$", key)}
        process = await asyncio.create_subprocess_exec(
            *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, limit=1 << 24,
            env={**inherited, "TMPDIR": tmp, "R_USER_CONFIG_DIR": os.path.join(self.dir, config), "R_USER_DATA_DIR": os.path.join(self.dir, "data"), "R_P2P_LAB": self.dir,
                 **({} if self.has_keys else {"R_FUTURE_P2P_KEY": "FALSE"}), **env})
        child = Process(name, process)
        child.tmp = tmp
        self.processes.append(child)
        return child

    async def program(self, name, what, flags, config="config"):
        return await self.spawn(name, "Rscript", "-e", f"future.p2p::{what}", *[f"--{key}={value}" for key, value in flags.items()],
                                config=config, R_FUTURE_P2P_DEBUG="true")

    def client_env(self, user, port=None):
        """`port`, here and below: of another board than that of the lab."""
        return {"R_FUTURE_P2P_DEBUG": "true", "R_FUTURE_P2P_HOST": f"127.0.0.1:{port or self.port}", "R_FUTURE_P2P_SSH_ARGS": self.ssh_args(user)}

    async def session(self, name, user, port=None, config=None, **env):
        """A session of a user with the package, without a plan."""
        child = await self.spawn(name, "Rscript", os.path.join(HERE, "session.R"), config=config or user, **self.client_env(user, port), **env)
        child.reads_input = True
        await child.wait_for("^ready$")
        return Session(child)

    async def start_board(self):
        host_key = os.path.join(self.dir, "host_key")  # made here, since an attacker's program reads it, too
        for name, file in [("board", host_key), *((user, self.key_file(user)) for user in [*self.users, "public"])]:
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", file], check=True)
        with open(os.path.join(self.dir, "users.txt"), "w", encoding="ascii") as users:
            for user in self.users:
                with open(self.key_file(user) + ".pub", encoding="ascii") as key:
                    users.write(f"{user} {key.read()}")
        flags = {"port": 0, "address": "127.0.0.1", "users": os.path.join(self.dir, "users.txt"), "host_key": host_key,
                 "verbose": "true"}
        self.board = await self.program("serve", "serve", flags)
        self.port = int((await self.board.wait_for(r"^future\.p2p: board on 127\.0\.0\.1:\d+$")).rpartition(":")[2])
        with open(os.path.join(self.dir, "known_hosts"), "w", encoding="ascii") as known_hosts:
            known_hosts.write(await self.board.wait_for(r"^\[127\.0\.0\.1\]:\d+ ssh-ed25519 ") + "\n")
        self.services = await self.as_user("eve").services()

    def key_file(self, user):
        return os.path.join(self.dir, "key-" + user)

    def ssh_args(self, user):
        return f"-i {self.key_file(user)} -o IdentitiesOnly=yes -o UserKnownHostsFile={self.dir}/known_hosts"

    def board_flags(self, user, port=None):
        return {"host": f"127.0.0.1:{port or self.port}", "ssh_args": self.ssh_args(user)}

    async def start(self):
        """alice hosts alice/friends, where carol works, and alice/traps, where only attackers do. bob has a canary on the first, and another
        session, the victim, on the second."""
        await self.start_board()
        self.host, _, self.maker, self.victim = await asyncio.gather(
            self.start_host(FRIENDS, ["bob", "carol", "mallory"]), self.start_host(TRAPS, ["bob", "mallory"]),
            self.session("maker", "eve"), self.session("victim", "bob"))
        self.worker = await self.start_worker("carol", FRIENDS, 3)
        self.canary = Canary(await self.spawn("canary", "Rscript", os.path.join(HERE, "canary.R"), FRIENDS, config="bob", **self.client_env("bob")))
        await self.canary.sings_on(0)

    def victims(self):
        """Those that must survive everything."""
        return [self.board, self.host, self.worker, self.canary.process, self.victim.process]

    async def start_host(self, cluster, users, port=None, config=None, **flags):
        owner = cluster.split("/")[0]
        flags = {"cluster": cluster, "users": ",".join(users), **self.board_flags(owner, port), **flags}
        host = await self.program("host", "host_cluster", flags, config or owner)
        await host.wait_for("hosting cluster")
        return host

    async def start_worker(self, user, cluster, slots, port=None, config=None, **flags):
        flags = {"cluster": cluster, "workers": slots, **self.board_flags(user, port), **flags}
        worker = await self.program(f"worker of {user}", "worker", flags, config or user)
        await worker.wait_for("joined cluster")
        return worker

    # ---- R objects ----

    async def task(self, code):
        """What a client sends for a future with this code."""
        return bytes.fromhex(await self.maker.run(f"task_hex({r_string(code)})"))

    async def result(self, code="NULL"):
        """What a worker sends for a future with this value."""
        return bytes.fromhex(await self.maker.run(f"result_hex({code})"))

    async def forged_result(self, value):
        """The result of a future whose value is the serialized `value`."""
        marker = objects.string("@@value@@")
        data = await self.result('"@@value@@"')
        assert data.count(marker) == 1
        return data.replace(marker, value)

    async def value(self, result):
        return await self.maker.run(f"value_of({r_string(result.hex())})")

    async def close(self):
        for child in reversed(self.processes):
            await child.stop()
        shutil.rmtree(self.dir)

    # ---- attackers ----

    def as_user(self, user, port=None):
        """The board as this user, a person with a key and an SSH client."""
        args = ["-p", str(port or self.port), "-i", self.key_file(user), *self.ssh_args(user).split()[2:], "-o", "GlobalKnownHostsFile=/dev/null"]
        return p2p.Board([*args, "127.0.0.1"])

    async def topic(self, user, cluster, board=None, **options):
        owner, _, name = cluster.partition("/")
        topic = await (board or self.as_user(user)).pipe((name if owner == user else cluster) + "/future.p2p", **options)
        self.open.append(topic)
        return topic

    async def peer(self, user, cluster, kind=None, **hello):
        """A member of the cluster. `kind`: "client" or "worker", whose hello it writes; None: it listens."""
        self.peers += 1
        identity = p2p.Identity(user, pid=self.peers)
        peer = p2p.Peer(identity, await self.topic(user, cluster), self.services)
        self.open.append(peer)
        if kind == "worker":
            peer.announcer = asyncio.ensure_future(peer.answer_clients(**hello))
        elif kind:
            await peer.topic.join(identity.hello(kind, **hello))
        return peer

    async def client(self, user="mallory"):
        """A client of the cluster, and the hello of carol's worker."""
        peer = await self.peer(user, FRIENDS, "client")
        return peer, await peer.topic.find(p2p.is_hello("worker", "carol"))

    async def link(self, peer, worker, **options):
        link, _ = await peer.client_link(worker, **options)
        self.open.append(link)
        return link

    async def plan(self, cluster, more="retries = 1"):
        """A new client of the victim."""
        await self.victim.run(f'{{ future::plan("sequential"); future::plan(future.p2p::cluster, cluster = "{cluster}", {more}); 0 }}')

    async def end_attack(self):
        await self.victim.interrupt()
        await self.victim.run('{ future::plan("sequential"); options(future.p2p.mailbox = NULL, future.p2p.relay = NULL); 0 }')
        for thing in self.open:
            closing = thing.close()
            if closing is not None:
                await closing
        self.open = []


class Canary:
    """A client of the cluster that resolves one small future after the other (canary.R)."""

    def __init__(self, process):
        self.process = process

    def mark(self):
        return len(self.process.lines)

    async def sings_on(self, since, timeout=30):
        """Waits for a future that began after this call, and returns the seconds of the slowest one since `since`. Fails if one was wrong."""
        began = time.time()
        at = len(self.process.lines)
        while True:
            text = await self.process.wait_for("^canary ", at, timeout)
            at = self.process.lines.index(text, at) + 1
            if float(text.split()[2]) > began:
                break
        futures = [text.split(" ", 4) for text in self.process.lines[since:at] if text.startswith("canary ")]
        wrong = [fields for fields in futures if fields[1] != "right"]
        assert not wrong, f"canary: {wrong[0]}"
        return max(float(fields[3]) for fields in futures)
