"""What futures of a member do to the worker that evaluates them, and to the futures of others there."""

import asyncio
import os
import subprocess

import p2p
import r_objects as objects
from lab import memory_mib, r_string
from suite import MEMBER, attack, holds


async def evaluate(lab, link, number, code):
    kind, result = await link.run(number, await lab.task(code))
    assert kind == p2p.RESULT, result
    return await lab.value(result)


POISON = """{
  lasting <- get(".__S3MethodsTable__.", envir = baseenv())
  had <- exists(".poison", envir = lasting, inherits = FALSE)
  secret <- exists(".canary_secret", envir = lasting, inherits = FALSE)
  assign(".poison", TRUE, envir = lasting)
  unlockBinding("sum", baseenv()); assign("sum", function(...) "poisoned", envir = baseenv())
  c(had, secret) }"""


@attack(MEMBER, "with a future, in the name of another member", limit=60)
async def evaluators_of_others_are_out_of_reach(lab):
    """First version: members read and poisoned each other's evaluators on an honest worker, and a chain of attacks ran code in a friend's session.
    Now an evaluator belongs to one link, and is replaced when it ends."""
    peer, worker = await lab.client()
    await peer.topic.send(p2p.leave(worker["from"], worker["member"]))  # bob's client answers with a hello
    bob = await peer.topic.find(p2p.is_hello("client", "bob"))
    link, _ = await peer.client_link(worker, member=bob["member"], changes={"from": bob["from"], "member": bob["member"]})
    lab.open.append(link)
    await lab.worker.wait_for(f"linked to client '{bob['from']}", timeout=5)
    await link.take_slots(1)
    seen = [await evaluate(lab, link, number, POISON) for number in (1, 2)]
    assert seen == ["FALSE FALSE", "TRUE FALSE"], seen  # it has poisoned its own evaluator
    canary = lab.canary.mark()
    await lab.canary.sings_on(canary)
    link.close()
    other = await lab.link(peer, worker)
    await other.take_slots(1)
    assert await evaluate(lab, other, 1, POISON) == "FALSE FALSE"


@attack(MEMBER, "with a future", limit=60)
async def files_where_the_supervisor_looks(lab):
    """The supervisor opens no file that an evaluator can replace by a FIFO or a link to /dev/zero, and follows no link when it removes the scratch
    folder."""
    decoy = os.path.join(lab.worker.tmp, "decoy")
    os.makedirs(decoy)
    with open(os.path.join(decoy, "precious"), "w", encoding="ascii") as file:
        file.write("of carol")
    peer, worker = await lab.client()
    link = await lab.link(peer, worker)
    await link.take_slots(1)
    before = memory_mib(lab.worker.pid)
    deep = "/".join(["d" * 100] * 20)
    code = """{
      places <- c(getwd(), tempdir(), dirname(getwd()), dirname(tempdir()), dirname(dirname(tempdir())))
      made <- 0
      for (place in places) try({
        setwd(place)
        made <- made + (system("mkfifo fifo; ln -s /dev/zero zero; ln -s . loop; truncate -s 1T huge; touch -- -rf '*' $'new\\nline'", ignore.stderr = TRUE) == 0)
        file.symlink(%s, "decoy")
        system("mkdir deep && cd deep && for i in 1 2 3; do mkdir -p %s && cd -P %s || exit; done") # longer than PATH_MAX
        dir.create("closed"); file.create("closed/file"); Sys.chmod("closed", "0000") }, silent = TRUE)
      setwd(places[1L])
      made }""" % (r_string(decoy), deep, deep)
    assert int(await evaluate(lab, link, 1, code)) >= 2
    swap = 'for (place in c(getwd(), tempdir())) { file.rename(place, paste0(place, "-old")); file.symlink(%s, place) }' % r_string(decoy)
    for number, code in ((2, swap), (3, "getwd()")):  # these may fail, but not block
        kind, _ = await link.run(number, await lab.task(code))
        assert kind in (p2p.RESULT, p2p.LOST)
    link.close()
    def left():
        found = subprocess.run(["find", lab.worker.tmp, "-name", "fifo", "-o", "-name", "huge", "-o", "-name", "deep"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
        return found.stdout
    await holds(lambda: not left(), "the supervisor removes the scratch folder", timeout=10)
    assert os.listdir(decoy) == ["precious"]
    assert memory_mib(lab.worker.pid, peak=True) - before < 50
    other = await lab.link(peer, worker)
    await other.take_slots(1)
    assert await evaluate(lab, other, 1, "6 * 7") == "42"


@attack(MEMBER, "with a future", limit=60)
async def forged_tasks_reach_no_supervisor(lab):
    """The evaluator refuses them and goes on, and the supervisor looks at none."""
    peer, worker = await lab.client()
    link = await lab.link(peer, worker)
    await link.take_slots(1)
    since, number = await lab.worker.mark(), 0
    for data in (objects.HEADER + objects.nested(200000), objects.HEADER + objects.promise("/nowhere"), objects.HEADER + objects.integer(1), b"", b"X\n",
                 objects.HEADER + objects.long_vector(objects.RAW, (1 << 62) - 1), objects.HEADER + objects.nested_calls(200000)):
        number += 1
        kind, result = await link.run(number, data)
        assert kind == p2p.RESULT and b"cannot be evaluated" in result, result[:200]
    assert await evaluate(lab, link, number + 1, "6 * 7") == "42"
    assert lab.worker.count("starting another", since) == 0, "an evaluator died"


@attack(MEMBER, "with a future", limit=60)
async def output_of_futures_stays_away_from_the_lender(lab):
    """What a future prints is dropped: it reaches no terminal, and fills nothing."""
    peer, worker = await lab.client()
    link = await lab.link(peer, worker)
    await link.take_slots(1)
    since, before = await lab.worker.mark(), memory_mib(lab.worker.pid)
    code = """{ for (to in 1:2) system(sprintf("head -c 50000000 /dev/zero | tr '\\\\\\\\0' 'Y' >&%d; printf '\\\\\\\\033]0;owned' >&%d", to, to))
               write("owned", stderr()); for (fd in 3:4) system(sprintf("(echo owned; head -c 1000000 /dev/zero) >&%d", fd), ignore.stderr = TRUE); "done" }"""
    assert await evaluate(lab, link, 1, code) == "done"
    assert await evaluate(lab, link, 2, "6 * 7") == "42"
    shown = "".join(lab.worker.lines[since:])
    assert "owned" not in shown and "YYYY" not in shown
    assert memory_mib(lab.worker.pid, peak=True) - before < 20


@attack(MEMBER, "with a future that speaks for its evaluator", limit=60)
async def frames_of_a_hostile_evaluator(lab):
    """The supervisor writes the number of the task into the frames of an evaluator, and one that breaks the protocol is replaced."""
    peer, worker = await lab.client()
    link = await lab.link(peer, worker)
    await link.take_slots(1)
    forge = """{ ns <- asNamespace("future.p2p"); channel <- get("evaluator_state", ns)$channel
      for (task in c(1L, 77L, 2147483647L)) .Call(get("ffi_evaluator_result", ns), channel, task, list("forged"))
      "evaluated" }"""
    kind, result = await link.run(9, await lab.task(forge))
    assert kind in (p2p.RESULT, p2p.LOST)
    while True:  # until the slot works again
        try:
            kind, number, _ = await link.receive(timeout=2)
        except asyncio.TimeoutError:
            break
        assert number in (0, 9), f"a frame of task {number}"
    assert await evaluate(lab, link, 10, "6 * 7") == "42"
