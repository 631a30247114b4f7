"""Attacks the protocols of the package as strangers and members of a cluster would, with a program that shares no code with it. Each attack ends
with assertions: nothing read, nothing forged, bounded memory and time, and a canary, a client of another user, whose futures go on.

    R_LIBS=LIBRARY python3 tests/attacks/run.py [NAME]...     NAME: attacks whose names contain this"""

import asyncio
import os
import signal
import sys
import time
import traceback

try:
    import liar  # asyncssh
    import nacl
    import spake2
except ImportError as missing:
    print(f"{missing}: install python3-asyncssh, python3-nacl and python3-spake2\nattacks: 0 passed, 0 failed, 1 skipped")
    sys.exit(0)

import attacks_honest  # first: the order of the imports is that of the attacks
import attacks_board
import attacks_keys
import attacks_lies
import attacks_link
import attacks_memory
import attacks_middle
import attacks_operator
import attacks_parts
import attacks_results
import attacks_transit
import attacks_worker
from lab import Lab
from suite import ATTACKS, Skip


async def attempt(lab, attack):
    """Runs one attack. Returns None, or why it failed."""
    canary = lab.canary.mark()
    began = time.time()
    try:
        await attack(lab)
        slowest = await lab.canary.sings_on(canary)
        assert slowest < attack.canary, f"a future of the canary took {slowest:.1f} s"
        ended = [victim.name for victim in lab.victims() if not victim.is_alive()]
        assert not ended, f"{ended} ended"
        print(f"ok: {attack.__name__} ({attack.who}, {attack.when}): {time.time() - began:.1f} s, canary {slowest:.2f} s", flush=True)
        return None
    finally:
        await lab.end_attack()


async def attempt_all(lab, attacks):
    """Runs them in turn. Returns how many passed, failed, and were skipped."""
    passed = failed = skipped = 0
    try:
        await lab.start()
        for attack in attacks:
            try:
                await attempt(lab, attack)
                passed += 1
            except Skip as why:
                skipped += 1
                print(f"skipped: {attack.__name__}: {why}", flush=True)
            except Exception as error:  # whatever it was, the other attacks go on
                failed += 1
                print(f"FAILED: {attack.__name__} ({attack.who}, {attack.when}): {error!r}\n{traceback.format_exc()}", flush=True)
                for victim in lab.victims():
                    print(f"  the end of {victim.name}:", *victim.lines[-8:], sep="\n    ", flush=True)
    finally:
        await lab.close()
    return passed, failed, skipped


async def main(names):
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, asyncio.current_task().cancel)
    chosen = [attack for attack in ATTACKS if not names or any(name in attack.__name__ for name in names)]
    counts = []
    for has_keys in (False, True):
        attacks = [attack for attack in chosen if attack.has_keys == has_keys]
        if attacks:
            counts.append(await attempt_all(Lab(has_keys), attacks))
    passed, failed, skipped = [sum(column) for column in zip((0, 0, 0), *counts)]
    print(f"attacks: {passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    os.environ["LC_ALL"] = "C.UTF-8"
    sys.exit(asyncio.run(main(sys.argv[1:])))
