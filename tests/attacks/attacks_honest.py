"""No attacks: the program speaks the protocols well enough to be a client and a worker. Otherwise attacks would fail for that reason."""

import p2p
from suite import MEMBER, attack


@attack(MEMBER, "as an honest client")
async def client_gets_the_result_of_a_task(lab):
    client = await lab.peer("mallory", "alice/friends", "client")
    worker = await client.find_worker()
    for options in ({}, {"via_relay": True}):
        link, hello = await client.client_link(worker, **options)
        lab.open.append(link)
        assert f"member={worker['member']}\n" in hello and "slots=3\n" in hello, hello
        await link.send(p2p.frame(p2p.PACKAGES, 0, b"future;absent"))
        _, _, reply = await link.receive(p2p.PACKAGES)
        assert reply.startswith(b"future=1.") and reply.endswith(b";absent="), reply
        await link.take_slots(1)
        kind, result = await link.run(1, await lab.task('list("task", 6 * 7)'))
        assert kind == p2p.RESULT and await lab.value(result) == "task 42"
        link.close()


@attack(MEMBER, "as an honest worker")
async def worker_answers_a_client(lab):
    worker = await lab.peer("mallory", "alice/traps", "worker", slots=3)
    await lab.plan("alice/traps")
    await lab.victim.start("{ f <- future::future(21 * 2); 0 }")
    link = await worker.worker_link(await worker.next_accept(), slots=3)
    lab.open.append(link)
    _, _, want = await link.receive(p2p.SLOT)
    assert want == bytes([p2p.WANT, 0, 0, 0, 1]), want
    await link.send(p2p.slot(p2p.GRANT, 1))
    _, number, head = await link.receive(p2p.TASK)
    task = await link.object(int.from_bytes(head[:8], "big"))
    assert b"expr" in task
    value = await lab.victim.start("future::value(f)")
    result = await lab.result('"of the worker"')
    await link.send(p2p.frame(p2p.RESULT, number, len(result).to_bytes(8, "big")), *p2p.object_frames(number, result))
    assert await value == "of the worker"
