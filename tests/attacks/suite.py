"""The list of attacks, and what they have in common."""

import asyncio
import functools

ATTACKS = []


def attack(who, when, limit=30, canary=10, has_keys=False):
    """Marks an attack. `who`: the attacker's role. `when`: the phase of the protocol. `limit`: seconds that it may take. `canary`: seconds that a
    future of another client may take meanwhile. `has_keys`: on clusters with keys."""
    def mark(function):
        @functools.wraps(function)
        async def run(lab):
            return await asyncio.wait_for(function(lab), limit)
        run.who, run.when, run.canary, run.has_keys = who, when, canary, has_keys
        ATTACKS.append(run)
        return run
    return mark


class Skip(Exception):
    """The attack is impossible on this machine."""


STRANGER, OUTSIDER, MEMBER = "stranger with an SSH key", "user of the board without access", "member of the cluster"


async def holds(condition, what, timeout=20):
    """Waits until condition() is true."""
    for _ in range(int(timeout / 0.05)):
        if condition():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"not within {timeout} s: {what}")
