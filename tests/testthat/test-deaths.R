## Each death of a process is reported quickly, with its cause. The table has a cell for each phase of a future and each fault. A cell is
## tested, or says why it cannot occur; the last test shows missing cells. In phase "receiving", the evaluator is stopped (SIGSTOP) before it
## reads a large future. In the phases "sending" and "link set-up", the supervisor is stopped.
lab <- local_lab()
lab$sandbox <- "landlock" # in which the process that futures see is the one that this session sees
start_cluster(lab, "alice/friends", c("bob", "carol"), workers = c())
withr::defer(future::plan(future::sequential))

library(future)

faults <- c("evaluator killed", "segfault", "out of memory", "quit()", "supervisor killed", "worker silent", "client killed")
table <- matrix("", 5L, length(faults), dimnames = list(c("waiting", "link set-up", "receiving", "evaluating", "sending"), faults))
table[c("waiting", "link set-up"), c("segfault", "out of memory", "quit()")] <- "the future has not reached an evaluator yet"
table[c("receiving", "sending"), "quit()"] <- "only the code of a future calls quit()"
tested <- function(phase, fault) table[phase, fault] <<- "tested"

## Also used by other sessions, see start_session().
phase_code <- quote({
  seconds <- function() proc.time()[["elapsed"]]
  wait_until <- function(condition, timeout = 60) {
    deadline <- seconds() + timeout
    while (!isTRUE(condition()) && seconds() < deadline) Sys.sleep(0.01)
    stopifnot(isTRUE(condition()))
  }
  large <- function() as.numeric(seq_len(4e6)) + 0.5
  signal <- function(pid, number) tools::pskill(pid, number)
  state_of <- function(future) .Call(future.p2p:::ffi_task_state, future[["task"]])
  links <- function() future.p2p:::client_workers(future.p2p:::clients$of(future::plan("backend")))$state
  ## Whether the process waits, that is, has used no CPU time for a while.
  is_blocked <- function(pid) {
    ticks <- function() strsplit(readLines(file.path("/proc", pid, "stat")), " ")[[1L]][14:15]
    before <- ticks()
    Sys.sleep(0.2)
    identical(before, ticks())
  }

  ## Each function starts a future, calls `fault(pid)` with the pid of its evaluator in that phase, and returns the future. `worker` is the
  ## pid of the supervisor.
  phases <- list(
    "link set-up" = function(worker, fault) {
      signal(worker, tools::SIGSTOP)
      f <- future("done", label = "link set-up")
      wait_until(function() "connecting" %in% links())
      fault(NA)
      f
    },
    receiving = function(worker, fault) {
      pid <- value(future(Sys.getpid()))
      Sys.sleep(1) # until this evaluator is ready again: the next future would run on the other one
      signal(pid, tools::SIGSTOP)
      x <- large()
      f <- future(length(x), label = "receiving")
      wait_until(function() state_of(f) != "waiting")
      fault(pid)
      f
    },
    evaluating = function(worker, fault) {
      mark <- tempfile("mark", dir)
      f <- future({ writeLines(as.character(Sys.getpid()), paste0(mark, "-")); file.rename(paste0(mark, "-"), mark); Sys.sleep(60) },
                  label = "evaluating")
      wait_until(function() file.exists(mark))
      fault(as.integer(readLines(mark)))
      f
    },
    sending = function(worker, fault) {
      mark <- tempfile("mark", dir)
      gate <- tempfile("gate", dir)
      f <- future({
        writeLines(as.character(Sys.getpid()), paste0(mark, "-"))
        file.rename(paste0(mark, "-"), mark)
        while (!file.exists(gate)) Sys.sleep(0.01)
        as.numeric(seq_len(4e6)) + 0.5
      }, label = "sending")
      wait_until(function() file.exists(mark))
      pid <- as.integer(readLines(mark))
      signal(worker, tools::SIGSTOP)
      file.create(gate)
      Sys.sleep(0.3)
      wait_until(function() is_blocked(pid))
      fault(pid)
      f
    }
  )
})
dir <- lab$dir
eval(phase_code)
busy_phases <- c("receiving", "evaluating", "sending")

pid_of <- function(process) process$px$get_pid()

board_code <- function(user) {
  args <- board_args(lab, user)
  sprintf("cluster = 'alice/friends', host = '%s', ssh_args = '%s'", args$host, args$ssh_args)
}

## A session of `user` with a future in `phase`. It writes "in phase" and the pid of the evaluator.
start_session <- function(user, phase, worker) {
  session <- start_r(lab, paste("session of", user), c(
    "library(future)", sprintf("plan(future.p2p::cluster, retries = 0, %s)", board_code(user)), sprintf("dir <- '%s'", lab$dir), deparse(phase_code),
    sprintf("f <- phases[['%s']](%d, function(pid) { cat('in phase', pid, '\\n'); Sys.sleep(60) })", phase, pid_of(worker))))
  session$evaluator <- suppressWarnings(as.integer(sub("in phase ([0-9NA]+).*", "\\1", wait_for_line(session, "^in phase"))))
  session
}

## Kills a process, and removes the files that it could not remove.
kill <- function(process) {
  signal_process(process, tools::SIGKILL)
  wait_for_exit(process)
  unlink(list.files(process$tmp, full.names = TRUE, all.files = TRUE, no.. = TRUE), recursive = TRUE)
}

## Whether a process has ended, possibly as a zombie.
has_died <- function(pid) {
  stat <- tryCatch(readLines(file.path("/proc", pid, "stat"), warn = FALSE), error = function(e) "", warning = function(w) "")
  !grepl("^[0-9]+ [(].*[)] [^ZX]", stat)
}

## The pids of the evaluators of a worker with one slot: one that is used, and a spare one.
evaluators_of <- function(worker) {
  pids <- integer()
  is_complete <- function() {
    pids <<- children_of(pid_of(worker))
    length(pids) == 2L
  }
  tryCatch(wait_until(is_complete), error = function(e) {
    commands <- vapply(pids, function(pid) paste(readLines(file.path("/proc", pid, "stat"), warn = FALSE), collapse = ""), "")
    stop("the worker has ", length(pids), " children:\n", paste(c(commands, process_lines(worker)), collapse = "\n"), call. = FALSE)
  })
  pids
}

expect_ended_well <- function(worker, status) {
  expect_false(isTRUE(worker$killed))
  expect_equal(status, 0L)
}

leave_and_stop <- function(...) {
  plan(sequential)
  for (worker in list(...)) expect_ended_well(worker, stop_process(worker))
}

outside <- list(
  "evaluator killed" = list(fault = function(pid) signal(pid, tools::SIGKILL), says = "ended with signal 9 \\(SIGKILL\\).*reset\\(\\)"),
  "segfault" = list(fault = function(pid) { signal(pid, 11L); signal(pid, tools::SIGCONT) },
                    says = "ended with signal 11 \\(SIGSEGV\\).*reset\\(\\)")
)

inside <- list(
  "killed" = list(code = quote(tools::pskill(Sys.getpid(), 9L)), says = "ended with signal 9 \\(SIGKILL\\).*reset\\(\\)"),
  "segfault" = list(code = quote(tools::pskill(Sys.getpid(), 11L)), says = "ended with signal 11 \\(SIGSEGV\\).*crashed R[.]"),
  "abort" = list(code = quote(tools::pskill(Sys.getpid(), 6L)), says = "ended with signal 6 \\(SIGABRT\\).*crashed R"),
  "quit()" = list(code = quote(quit(save = "no", status = 7L)), says = "ended with exit status 7 while evaluating.*ended the R session[.]"),
  "quit() beside a fork" = list(code = quote({ parallel::mcparallel(Sys.sleep(30)); quit(save = "no", status = 8L) }),
                                says = "ended with exit status 8.*ended the R session"),
  "time" = list(code = quote(Sys.sleep(60)), says = "was stopped at the time limit of 3 s per future while evaluating.*--time")
)

## The value or the error of a future. Fails after 40 seconds.
outcome_of <- function(f) {
  setTimeLimit(elapsed = 40)
  on.exit(setTimeLimit())
  tryCatch(value(f), error = identity)
}

## Seconds within which a death is reported: before the heartbeat timeout of 15 s. On an idle machine it takes a fraction of a second.
soon <- 13

expect_death_reported <- function(f, says, began = seconds(), within = soon) {
  ex <- outcome_of(f)
  expect_s3_class(ex, "FutureInterruptError")
  expect_match(conditionMessage(ex), says)
  expect_match(conditionMessage(ex), "carol@")
  expect_lt(seconds() - began, within)
}

## The worker did not have all of the future: it has not begun, and runs on the next worker, without a warning.
expect_runs_elsewhere <- function(f) {
  worker <- start_worker(lab, "carol", "alice/friends")
  expect_no_condition(value <- outcome_of(f), class = "FutureWarning")
  expect_equal(value, 4e6)
  leave_and_stop(worker)
}

expect_slot_soon <- function() {
  began <- seconds()
  expect_equal(outcome_of(future(1 + 1)), 2)
  expect_lt(seconds() - began, soon)
}

test_that("an evaluator that its own code kills is reported, and its slot remains usable", {
  worker <- start_worker(lab, "carol", "alice/friends", memory = "1GiB", time = 3, nice = 5)
  expect_match(wait_for_line(worker, "lending"), "lending 1 slot \\(memory 1 GiB, time 3 s\\) to cluster 'alice/friends'; its members can run any R code here as '.+'$")
  plan_as(lab, "bob", retries = 0)
  value(future(1))
  for (name in names(inside)) {
    cell <- inside[[name]]
    f <- future(eval(code), globals = list(code = cell$code), label = name)
    expect_death_reported(f, cell$says)
    expect_slot_soon()
  }
  expect_equal(value(future(tools::psnice())), 5L)
  leave_and_stop(worker)
  for (fault in c("segfault", "quit()")) tested("evaluating", fault)
})

test_that("an allocation beyond the memory limit is an R error that names the limit", {
  worker <- start_worker(lab, "carol", "alice/friends", memory = "500 MiB")
  plan_as(lab, "bob")
  f <- future(length(numeric(1e8)))
  ex <- tryCatch(value(f), error = identity)
  expect_false(inherits(ex, "FutureError"))
  expect_match(conditionMessage(ex), sprintf("cannot allocate.*needed more than the memory limit of 500 MiB on worker .+:%d", worker$px$get_pid()))
  expect_equal(value(future(tryCatch(numeric(1e8), error = function(ex) "caught"))), "caught")
  expect_error(value(future(stop("broken"))), "^broken$")
  expect_equal(value(future(length(numeric(2e7)))), 2e7)
  expect_error(value(future(quit("no"))), "The code of the future ended the R session[.] ")
  expect_error(value(future({ x <- numeric(4e7); quit("no", status = 9L) })), "ended the R session, perhaps at the memory limit of 500 MiB")
  leave_and_stop(worker)
  tested("evaluating", "out of memory")
})

test_that("a future that exceeds the memory limit is an error, and the evaluator survives", {
  worker <- start_worker(lab, "carol", "alice/friends", memory = "24 MiB")
  plan_as(lab, "bob")
  pid <- value(future(Sys.getpid()))
  expect_length(value(future(numeric(2e6))), 2e6) # sending it needs no memory
  tested("sending", "out of memory")
  x <- large()
  expect_error(value(future(length(x))), "cannot be evaluated by R.*needed more than the memory limit of 24 MiB on worker", class = "FutureError")
  tested("receiving", "out of memory")
  expect_equal(value(future(Sys.getpid())), pid)
  leave_and_stop(worker)
})

for (phase in busy_phases) for (name in names(outside)) {
  test_that(sprintf("an evaluator that is killed from outside is reported: %s while %s", name, phase), {
    testthat::skip_if_not(dir.exists("/proc/self"))
    worker <- start_worker(lab, "carol", "alice/friends")
    plan_as(lab, "bob", retries = 0)
    f <- phases[[phase]](pid_of(worker), outside[[name]]$fault)
    signal(pid_of(worker), tools::SIGCONT)
    if (phase == "receiving") { # it has not begun, and runs on another evaluator
      expect_no_condition(value <- outcome_of(f), class = "FutureWarning")
      expect_equal(value, 4e6)
    } else {
      expect_death_reported(f, outside[[name]]$says)
    }
    expect_slot_soon()
    leave_and_stop(worker)
    tested(phase, name)
  })
}

for (phase in busy_phases) {
  test_that(sprintf("a supervisor that is killed while %s is reported, and its evaluators end", phase), {
    testthat::skip_if_not(dir.exists("/proc/self"))
    others <- lab_processes(lab)
    worker <- start_worker(lab, "carol", "alice/friends")
    plan_as(lab, "bob", retries = 0)
    f <- phases[[phase]](pid_of(worker), function(pid) {
      expect_true(pid %in% setdiff(lab_processes(lab), others))
      signal(pid_of(worker), tools::SIGKILL)
      signal(pid, tools::SIGCONT)
    })
    if (phase != "receiving") expect_death_reported(f, "The link to worker 'carol@[^ ]+' was lost.*reset\\(\\)")
    wait_until(function() all(lab_processes(lab) %in% others)) # the supervisor and its two evaluators have ended
    kill(worker)
    if (phase == "receiving") expect_runs_elsewhere(f)
    plan(sequential)
    tested(phase, "supervisor killed")
  })

  test_that(sprintf("the slot of a client that is killed while %s becomes free", phase), {
    testthat::skip_if_not(dir.exists("/proc/self"))
    worker <- start_worker(lab, "carol", "alice/friends")
    session <- start_session("bob", phase, worker)
    kill(session)
    for (pid in c(session$evaluator, pid_of(worker))) signal(pid, tools::SIGCONT)
    wait_for_line(worker, "bob@.* (left|was lost)")
    plan_as(lab, "bob")
    expect_slot_soon()
    leave_and_stop(worker)
    tested(phase, "client killed")
  })
}

## A session of alice that sleeps meanwhile, as when a laptop is closed: its future runs again, and its warning says why.
start_sleeper <- function(gate) {
  worker <- start_worker(lab, "alice", "alice/friends")
  session <- start_r(lab, "session that sleeps", c(
    "library(future)", sprintf("plan(future.p2p::cluster, %s, retries = 1)", board_code("alice")),
    sprintf("f <- future({ while (!file.exists('%s')) Sys.sleep(0.01); 'done' })", gate),
    "x <- withCallingHandlers(value(f), warning = function(w) { message('Warned: ', conditionMessage(w)); invokeRestart('muffleWarning') })",
    "writeLines(paste('Value:', x, value(future(2))))"))
  wait_for_line(worker, "started")
  signal(pid_of(session), tools::SIGSTOP)
  list(worker = worker, session = session, gate = gate)
}

wake <- function(sleeper) {
  wait_for_line(sleeper$worker, "the link to client 'alice@[^ ]+ was lost: nothing received from the client for 15 s")
  file.create(sleeper$gate)
  signal(pid_of(sleeper$session), tools::SIGCONT)
  expect_match(wait_for_line(sleeper$session, "^Warned"), "this computer slept, or this process was stopped, for [0-9.]+ s; then the worker closed the link")
  expect_equal(wait_for_line(sleeper$session, "^Value"), "Value: done 2")
  expect_equal(wait_for_exit(sleeper$session), 0L)
  stop_process(sleeper$worker)
}

test_that("workers that stop responding are reported within 15 s, and are used again when they respond; so are clients that sleep", {
  testthat::skip_if_not(dir.exists("/proc/self"))
  plan_as(lab, "bob", retries = 0)
  workers <- fs <- pids <- list()
  for (phase in busy_phases) { # each uses a new worker, since the others are busy
    workers[[phase]] <- start_worker(lab, "carol", "alice/friends")
    wait_until(function() nbrOfWorkers() == length(workers))
    fs[[phase]] <- phases[[phase]](pid_of(workers[[phase]]), function(pid) pids[[phase]] <<- pid)
  }
  sleeper <- start_sleeper(tempfile("gate", dir))
  began <- seconds()
  for (pid in c(pids, lapply(workers, pid_of))) signal(pid, tools::SIGSTOP)
  for (phase in setdiff(busy_phases, "receiving")) {
    expect_death_reported(fs[[phase]], sprintf("was lost \\(nothing received from the worker for 15 s.* future '%s .*reset\\(\\)", phase), began, 25)
    tested(phase, "worker silent")
  }
  for (pid in c(pids, lapply(workers, pid_of))) signal(pid, tools::SIGCONT)
  wake(sleeper)
  expect_equal(outcome_of(fs[["receiving"]]), 4e6) # it had not begun
  tested("receiving", "worker silent")
  plan_as(lab, "bob")
  wait_until(function() nbrOfWorkers() == 3L)
  expect_equal(unlist(value(lapply(1:3, function(i) future(i)))), 1:3)
  do.call(leave_and_stop, workers)
})

test_that("a future that waits for a slot is resolved, whatever happens to the other processes", {
  testthat::skip_if_not(dir.exists("/proc/self"))
  worker <- start_worker(lab, "carol", "alice/friends")
  plan_as(lab, "bob")
  wait <- function() {
    f <- future("done", label = "waiting")
    wait_until(function() client_status(clients$of(plan("backend")))$waiting == 1L)
    f
  }
  expect_result <- function(f) {
    began <- seconds()
    expect_equal(value(f), "done")
    expect_lt(seconds() - began, soon)
  }
  ## Alice uses the only slot.
  holder <- start_session("alice", "evaluating", worker)
  f <- wait()
  signal(holder$evaluator, tools::SIGKILL)
  expect_result(f)
  tested("waiting", "evaluator killed")
  kill(holder)

  holder <- start_session("alice", "evaluating", worker)
  f <- wait()
  kill(holder)
  expect_result(f)
  holder <- start_session("alice", "evaluating", worker)
  waits <- start_r(lab, "session of bob", c("library(future)", sprintf("plan(future.p2p::cluster, %s)", board_code("bob")), deparse(phase_code),
    "f <- future('done')", "wait_until(function() future.p2p:::client_status(future.p2p:::clients$of(plan('backend')))$waiting == 1L)",
    "cat('waits\\n')", "Sys.sleep(60)"))
  wait_for_line(waits, "^waits")
  kill(waits)
  kill(holder)
  expect_slot_soon()
  tested("waiting", "client killed")

  holder <- start_session("alice", "evaluating", worker)
  f <- wait()
  signal(pid_of(worker), tools::SIGSTOP)
  other <- start_worker(lab, "carol", "alice/friends")
  expect_result(f)
  tested("waiting", "worker silent")
  expect_ended_well(other, stop_process(other))
  signal(pid_of(worker), tools::SIGCONT)

  f <- wait()
  kill(worker)
  other <- start_worker(lab, "carol", "alice/friends")
  expect_result(f)
  tested("waiting", "supervisor killed")
  kill(holder)
  leave_and_stop(other)
})

test_that("a future whose link is being set up is resolved, whatever happens to the other end", {
  testthat::skip_if_not(dir.exists("/proc/self"))
  worker <- start_worker(lab, "carol", "alice/friends")
  evaluators <- evaluators_of(worker)
  plan_as(lab, "bob")
  f <- phases[["link set-up"]](pid_of(worker), function(pid) for (evaluator in evaluators) signal(evaluator, tools::SIGKILL))
  wait_until(function() all(vapply(evaluators, has_died, NA))) # a killed process is listed for a moment
  signal(pid_of(worker), tools::SIGCONT)
  began <- seconds()
  expect_equal(value(f), "done")
  expect_lt(seconds() - began, soon)
  tested("link set-up", "evaluator killed")
  plan(sequential)

  session <- start_session("bob", "link set-up", worker)
  kill(session)
  signal(pid_of(worker), tools::SIGCONT)
  plan_as(lab, "bob")
  expect_slot_soon()
  tested("link set-up", "client killed")
  plan(sequential)

  for (fault in c("worker silent", "supervisor killed")) {
    plan_as(lab, "bob")
    f <- phases[["link set-up"]](pid_of(worker), function(pid) if (fault == "supervisor killed") kill(worker))
    other <- start_worker(lab, "carol", "alice/friends")
    began <- seconds()
    expect_equal(value(f), "done")
    expect_lt(seconds() - began, soon)
    tested("link set-up", fault)
    leave_and_stop(other)
    if (fault == "worker silent") signal(pid_of(worker), tools::SIGCONT)
  }
})

test_that("a death is reported although another package handles SIGCHLD in the session of the supervisor", {
  worker <- start_r(lab, "worker of carol", c(
    "withCallingHandlers(message = function(m) if (grepl('joined cluster', conditionMessage(m))) {",
    "  cat(parallel::mccollect(parallel::mcparallel('SIGCHLD is taken'))[[1L]], '\\n')",
    sprintf("}, future.p2p::worker(%s))", board_code("carol"))))
  wait_for_line(worker, "SIGCHLD is taken")
  plan_as(lab, "bob", retries = 0)
  value(future(1))
  for (code in list(inside$killed$code, quote({ parallel::mcparallel(Sys.sleep(60)); tools::pskill(Sys.getpid(), 9L) }))) {
    f <- future(eval(code), globals = list(code = code), label = "killed")
    expect_death_reported(f, inside$killed$says)
    expect_slot_soon()
  }
  plan(sequential)
  stop_process(worker)
})

test_that("canceled code that ignores interrupts is killed after 5 seconds, with its child processes", {
  worker <- start_worker(lab, "carol", "alice/friends", workers = 2L)
  plan_as(lab, "bob")
  fs <- list(future(suspendInterrupts(repeat Sys.sleep(0.01)), label = "uninterruptible"), future(repeat system("sleep 100"), label = "system"))
  for (f in fs) wait_until(function() state_of(f) != "waiting")
  for (name in c("uninterruptible", "system")) wait_for_line(worker, paste0("'", name, ".*started"))
  began <- seconds()
  for (f in fs) cancel(f)
  for (f in fs) expect_error(value(f), class = "FutureInterruptError")
  expect_lt(seconds() - began, 4) # before anything is killed
  for (name in c("uninterruptible", "system")) wait_for_line(worker, paste0("'", name, ".*canceled after"))
  expect_lt(seconds() - began, 30)
  expect_equal(unlist(value(lapply(1:2, function(i) future(i)))), 1:2)
  sleeps <- function() Filter(function(pid) identical(readLines(file.path("/proc", pid, "comm")), "sleep"), lab_processes(lab))
  wait_until(function() length(tryCatch(sleeps(), error = function(ex) 1)) == 0L)
  leave_and_stop(worker)
})

test_that("each session has separate evaluators", {
  worker <- start_worker(lab, "carol", "alice/friends")
  plan_as(lab, "bob")
  bobs <- value(future(Sys.getpid()))
  plan_as(lab, "alice")
  expect_false(value(future(Sys.getpid())) == bobs)
  plan_as(lab, "bob")
  expect_false(value(future(Sys.getpid())) == bobs)
  leave_and_stop(worker)
})

test_that("an idle worker leaves with status 0", {
  worker <- start_worker(lab, "carol", "alice/friends", idle = 1)
  wait_for_line(worker, "No future for 1 s: leaving")
  expect_ended_well(worker, wait_for_exit(worker))
})

test_that("each cell of the table was tested, or cannot occur", {
  testthat::skip_if_not(dir.exists("/proc/self"))
  missing <- which(table == "", arr.ind = TRUE)
  expect_equal(paste(rownames(table)[missing[, 1L]], colnames(table)[missing[, 2L]], sep = " x "), character())
})

test_that("nothing is left", {
  plan(sequential)
  expect_nothing_left(lab)
})
