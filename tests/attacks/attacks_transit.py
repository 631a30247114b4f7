"""What a peer does with the addresses and connections of transit."""

import asyncio

import p2p
from lab import TRAPS
from suite import MEMBER, attack, holds


class Listener:
    """Counts the connections to a port of loopback. `port`: None if this one cannot be had."""

    @classmethod
    async def start(cls, lab, host="127.0.0.1", port=0):
        listener = cls()
        listener.connections = 0
        def count(_, writer):
            listener.connections += 1
            writer.close()
        try:
            listener.server = await asyncio.start_server(count, host, port)
        except OSError:
            listener.port = None
            return listener
        listener.port = listener.server.sockets[0].getsockname()[1]
        lab.open.append(listener)
        return listener

    def close(self):
        self.server.close()


async def privileged(lab):
    for port in range(1000, 1024):
        listener = await Listener.start(lab, port=port)
        if listener.port:
            return listener
    return listener


async def give_hints(lab, wormhole, last, direct=(), relays=()):
    """`last`: listeners of relays. A peer connects to relays after all other addresses, and to one after the other."""
    lab.open.append(wormhole.mailbox)
    before = sum(listener.connections for listener in last)
    await wormhole.send("0", p2p.hints_message(direct, [*relays, *(("127.0.0.1", listener.port) for listener in last)]))
    await wormhole.receive("0")
    await holds(lambda: sum(listener.connections for listener in last) > before, "the hints arrive")
    await asyncio.sleep(0.3)


async def send_to_forbidden_places(lab, meet):
    """`meet`: returns a new wormhole with the victim."""
    good, relay = await Listener.start(lab), await Listener.start(lab)
    places = {host: await Listener.start(lab) for host in ("0.0.0.0", "localhost", "0", "0x0", "::ffff:0.0.0.0", "224.0.0.1", "255.255.255.255")}
    places.update({"::": await Listener.start(lab, "::1"), "127.0.0.1": await privileged(lab)})
    hints = [(host, listener.port) for host, listener in places.items() if listener.port]
    await give_hints(lab, await meet(), [relay], hints[:6] + [("127.0.0.1", good.port)] + hints[6:])
    assert good.connections == 1, "the hints did not arrive"
    touched = [host for host, listener in places.items() if listener.connections]
    assert not touched, f"connections to {touched}"
    relays = [hint for hint in hints if hint[0] in ("0.0.0.0", "::", "127.0.0.1")]
    await give_hints(lab, await meet(), [relay], relays=relays)
    assert relay.connections == 2, "the relays did not arrive"
    touched = [host for host, listener in places.items() if listener.connections]
    assert not touched, f"connections to relays at {touched}"
    many = [await Listener.start(lab) for _ in range(40)]
    await give_hints(lab, await meet(), many[30:], [("127.0.0.1", listener.port) for listener in many[:30]])
    assert 1 <= sum(listener.connections for listener in many[:30]) <= 12
    assert sum(listener.connections for listener in many[30:]) <= 4


@attack(MEMBER, "in the hints of a client")
async def hints_of_a_client_to_other_hosts(lab):
    """A worker connects to at most 16 of the addresses that a client names, on ports of users, and to no name, multicast, broadcast or unspecified
    address."""
    peer, worker = await lab.client()
    async def meet():
        return await p2p.Wormhole.meet(*await peer.call(worker))
    await send_to_forbidden_places(lab, meet)


@attack(MEMBER, "in the hints of a worker")
async def hints_of_a_worker_to_other_hosts(lab):
    """The same for clients that mallory lures to a worker."""
    async def meet():
        await lab.victim.interrupt()
        await lab.plan(TRAPS)  # before there is a worker, which the last client would call, too
        worker = await lab.peer("mallory", TRAPS, "worker", slots=1)
        await lab.victim.start("{ f <- future::future(1); future::value(f) }")
        call = await worker.next_call()
        wormhole = await p2p.Wormhole.meet(*await worker.answer(call))
        worker.close()
        return wormhole
    await send_to_forbidden_places(lab, meet)
