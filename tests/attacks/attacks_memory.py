"""Core files of programs that hold keys: what whoever reads them finds."""

import asyncio
import os
import re
import signal

import p2p
import p2p_keys as keys
from lab import HERE, r_string
from suite import Skip, attack

CLUSTER = "alice/dumps"


class Dumping:
    """Starts programs that may write core files of any size, into a folder of their own."""

    def __init__(self, lab):
        self.lab, self.dir = lab, os.path.join(lab.dir, "dumps")
        os.makedirs(self.dir, exist_ok=True)

    async def spawn(self, name, *command, **more):
        folder = os.path.join(self.dir, name.replace(" ", "-"))
        os.makedirs(folder)
        limited = ["sh", "-c", 'ulimit -c unlimited && cd "$0" && exec "$@"', folder, *command]
        child = await self.lab.spawn(name, *limited, **more)
        child.folder = folder
        return child

    async def program(self, user, what, flags):
        flags = {"cluster": CLUSTER, **self.lab.board_flags(user), **flags}
        return await self.spawn(what, "Rscript", "-e", f"future.p2p::{what}", *[f"--{key}={value}" for key, value in flags.items()], config=f"{user}-dumps")

    async def session(self, name):
        child = await self.spawn(name, "Rscript", os.path.join(HERE, "session.R"), config="bob-dumps", **self.lab.client_env("bob"))
        child.reads_input = True
        await child.wait_for("^ready$")
        return child

    async def run(self, child, code):
        since = await child.mark()
        child.process.stdin.write((code + "\n").encode())
        text = await child.wait_for("^[=!] ", since)
        assert text[0] == "=", text

    @staticmethod
    async def kill(child, number):
        """Returns the core files that it has left."""
        child.process.send_signal(number)
        await child.process.wait()
        return [os.path.join(child.folder, name) for name in os.listdir(child.folder) if name.startswith("core")]


def secrets_below(folder):
    """The secrets in files of keys, and the keys that are derived from that of the cluster: 32 bytes each."""
    found = set()
    for path, _, names in os.walk(folder):
        for name in names:
            with open(os.path.join(path, name), encoding="utf-8") as file:
                text = file.read()
            values = [p2p.from_base64(value) for value in re.findall(r"^(?:secret|seed)=([\w-]{43})$", text, re.M)]
            found.update(values)
            epoch = re.search(r"^epoch=(\d+)$", text, re.M)
            for key in [keys.ClusterKey(CLUSTER, int(epoch.group(1)), value) for value in values if epoch]:
                found.update((key.line, key.link, key.mailbox))
    return found


def spellings(secret):
    return [secret, secret.hex().encode(), p2p.to_base64(secret).encode()]


@attack("whoever reads core files", "while programs hold keys, and later", limit=120, has_keys=True)
async def core_files(lab):
    """Programs that hold keys leave none. A session whose plan has ended does, and there is no key in it any more."""
    dumping, marker = Dumping(lab), os.urandom(32)
    host = await dumping.program("alice", "host_cluster", {"users": "bob,carol"})
    await host.wait_for("hosting cluster")
    worker, holding, ended = await asyncio.gather(dumping.program("carol", "worker", {"workers": 1}), dumping.session("holding"), dumping.session("ended"))
    plan = f'{{ future::plan(future.p2p::cluster, cluster = "{CLUSTER}"); future::value(future::future(1)) }}'
    await asyncio.gather(dumping.run(holding, plan), dumping.run(ended, plan))
    await dumping.run(ended, f'{{ future::plan("sequential"); marker <- bytes({r_string(marker.hex())}); Sys.sleep(0.5); 0 }}')
    secrets = set().union(*(secrets_below(os.path.join(lab.dir, f"{user}-dumps")) for user in ("alice", "bob", "carol")))
    assert len(secrets) >= 3 + 4, "each device has a key, and the cluster, from which three are derived"
    cores = await dumping.kill(ended, signal.SIGSEGV)
    if not cores:
        raise Skip("this system writes no core files, or elsewhere")
    with open(cores[0], "rb") as file:
        core = file.read()
    assert marker in core, "the search finds nothing"
    assert not [secret for secret in secrets for text in spellings(secret) if text in core], "a key is still there when the plan has ended"
    for child, number in ((holding, signal.SIGSEGV), (worker, signal.SIGQUIT), (host, signal.SIGQUIT)):
        assert await dumping.kill(child, number) == [], child.name
