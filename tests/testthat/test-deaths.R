## Every death has a name, fast: phases and faults, each cell run. In the receiving phase the evaluator is stopped (SIGSTOP)
## before it gets a large future; in the sending phase the supervisor is, so that a large result cannot leave.
lab <- local_lab()
start_cluster(lab, "alice/friends", c("bob", "carol"), workers = c())
withr::defer(future::plan(future::sequential))

library(future)

seconds <- function() proc.time()[["elapsed"]]
wait_until <- function(condition, timeout = 20) {
  deadline <- seconds() + timeout
  while (!isTRUE(condition()) && seconds() < deadline) Sys.sleep(0.01)
  expect_true(condition())
}
large <- function() as.numeric(seq_len(4e6)) + 0.5
signal <- function(pid, number) tools::pskill(pid, number)
state_of <- function(future) .Call(ffi_task_state, future[["task"]])
## The process waits: it has used no time for a while.
is_blocked <- function(pid) {
  ticks <- function() strsplit(readLines(file.path("/proc", pid, "stat")), " ")[[1L]][14:15]
  before <- ticks()
  Sys.sleep(0.2)
  identical(before, ticks())
}

## Each starts a future that is in its phase when `fault(pid)` is called with the evaluator's pid; returns the future.
phases <- list(
  receiving = function(worker, fault) {
    pid <- value(future(Sys.getpid()))
    signal(pid, tools::SIGSTOP)
    x <- large()
    f <- future(length(x), label = "receiving")
    wait_until(function() state_of(f) != "waiting")
    fault(pid)
    f
  },
  evaluating = function(worker, fault) {
    mark <- tempfile("mark", lab$dir)
    f <- future({ writeLines(as.character(Sys.getpid()), paste0(mark, "-")); file.rename(paste0(mark, "-"), mark); Sys.sleep(60) },
                label = "evaluating")
    wait_until(function() file.exists(mark))
    fault(as.integer(readLines(mark)))
    f
  },
  sending = function(worker, fault) {
    gate <- tempfile("gate", lab$dir)
    pid <- value(future(Sys.getpid()))
    f <- future({ while (!file.exists(gate)) Sys.sleep(0.01); as.numeric(seq_len(4e6)) + 0.5 }, label = "sending")
    wait_until(function() state_of(f) != "waiting")
    signal(worker$px$get_pid(), tools::SIGSTOP)
    file.create(gate)
    Sys.sleep(0.3)
    wait_until(function() is_blocked(pid))
    fault(pid)
    signal(worker$px$get_pid(), tools::SIGCONT)
    f
  }
)

outside <- list(
  "killed" = list(fault = function(pid) signal(pid, tools::SIGKILL), says = "ended with signal 9 \\(SIGKILL\\).*reset\\(\\)"),
  "segfault" = list(fault = function(pid) { signal(pid, 11L); signal(pid, tools::SIGCONT) },
                    says = "ended with signal 11 \\(SIGSEGV\\).*reset\\(\\)")
)

inside <- list(
  "killed" = list(code = quote(tools::pskill(Sys.getpid(), 9L)), says = "ended with signal 9 \\(SIGKILL\\).*reset\\(\\)"),
  "segfault" = list(code = quote(tools::pskill(Sys.getpid(), 11L)), says = "ended with signal 11 \\(SIGSEGV\\).*crashed R.*memory limit of 1 GiB"),
  "abort" = list(code = quote(tools::pskill(Sys.getpid(), 6L)), says = "ended with signal 6 \\(SIGABRT\\).*crashed R"),
  "quit()" = list(code = quote(quit(save = "no", status = 7L)), says = "ended with exit status 7.*as quit\\(\\) does"),
  "time" = list(code = quote(Sys.sleep(60)), says = "was stopped at the time limit of 3 s per future.*--time")
)

expect_named_death <- function(f, says, began = seconds(), within = 1) {
  ex <- tryCatch(value(f), error = identity)
  expect_s3_class(ex, "FutureInterruptError")
  expect_match(conditionMessage(ex), says)
  expect_match(conditionMessage(ex), "carol@")
  expect_lt(seconds() - began, within)
}

expect_slot_soon <- function() {
  began <- seconds()
  expect_equal(value(future(1 + 1)), 2)
  expect_lt(seconds() - began, 1)
}

test_that("an evaluator that dies by its own code is named, and its slot goes on", {
  worker <- start_worker(lab, "carol", "alice/friends", memory = "1GiB", time = 3, nice = 5)
  expect_match(wait_for_line(worker, "Lending"), "Lending 1 slot \\(memory 1 GiB, time 3 s\\) to alice/friends; anyone on it can run R code as .+ here[.] Stop with Ctrl-C[.]")
  plan_as(lab, "bob")
  value(future(1))
  for (name in names(inside)) {
    cell <- inside[[name]]
    f <- future(eval(code), globals = list(code = cell$code), label = name)
    expect_named_death(f, cell$says, within = if (name == "time") 5 else 2)
    expect_slot_soon()
  }
  expect_equal(value(future(tools::psnice())), 5L)
  plan(sequential)
  expect_equal(stop_process(worker), 0L)
})

test_that("what is over the memory limit fails as R's own error, which names the limit", {
  worker <- start_worker(lab, "carol", "alice/friends", memory = "500 MiB")
  plan_as(lab, "bob")
  f <- future(length(numeric(1e8)))
  ex <- tryCatch(value(f), error = identity)
  expect_false(inherits(ex, "FutureError"))
  expect_match(conditionMessage(ex), sprintf("cannot allocate.*needed more than the memory limit of 500 MiB on worker .+:%d", worker$px$get_pid()))
  expect_equal(value(future(tryCatch(numeric(1e8), error = function(ex) "caught"))), "caught")
  expect_error(value(future(stop("broken"))), "^broken$")
  expect_equal(value(future(length(numeric(2e7)))), 2e7)
  plan(sequential)
  expect_equal(stop_process(worker), 0L)
})

for (phase in names(phases)) for (name in names(outside)) {
  test_that(sprintf("an evaluator's death from outside is named: %s while %s", name, phase), {
    testthat::skip_if_not(dir.exists("/proc/self"))
    worker <- start_worker(lab, "carol", "alice/friends")
    plan_as(lab, "bob")
    f <- phases[[phase]](worker, outside[[name]]$fault)
    expect_named_death(f, outside[[name]]$says)
    expect_slot_soon()
    plan(sequential)
    expect_equal(stop_process(worker), 0L)
  })
}

for (phase in names(phases)) {
  test_that(sprintf("a supervisor that is killed while %s is named, and takes its evaluators along", phase), {
    testthat::skip_if_not(dir.exists("/proc/self"))
    others <- lab_processes(lab)
    worker <- start_worker(lab, "carol", "alice/friends")
    plan_as(lab, "bob")
    f <- phases[[phase]](worker, function(pid) {
      expect_true(pid %in% setdiff(lab_processes(lab), others))
      signal(worker$px$get_pid(), tools::SIGKILL)
      signal(pid, tools::SIGCONT)
    })
    expect_named_death(f, "The link to carol@[^ ]+ was lost.*reset\\(\\)")
    wait_until(function() all(lab_processes(lab) %in% others)) # it is gone, and both its evaluators
    unlink(list.files(worker$tmp, full.names = TRUE, all.files = TRUE, no.. = TRUE), recursive = TRUE)
    plan(sequential)
  })
}

test_that("cancelled code that heeds no interrupt is killed after 5 seconds, with what it has started", {
  worker <- start_worker(lab, "carol", "alice/friends", workers = 2L)
  plan_as(lab, "bob")
  fs <- list(future(suspendInterrupts(repeat Sys.sleep(0.01)), label = "deaf"), future(repeat system("sleep 100"), label = "system"))
  for (f in fs) wait_until(function() state_of(f) != "waiting")
  for (name in c("deaf", "system")) wait_for_line(worker, paste0("'", name, ".*started"))
  began <- seconds()
  for (f in fs) cancel(f)
  for (f in fs) expect_error(value(f), class = "FutureInterruptError")
  expect_lt(seconds() - began, 1)
  for (name in c("deaf", "system")) wait_for_line(worker, paste0("'", name, ".*cancelled after"), timeout = 10)
  expect_lt(seconds() - began, 7)
  expect_equal(unlist(value(lapply(1:2, function(i) future(i)))), 1:2)
  sleeps <- function() Filter(function(pid) identical(readLines(file.path("/proc", pid, "comm")), "sleep"), lab_processes(lab))
  wait_until(function() length(tryCatch(sleeps(), error = function(ex) 1)) == 0L)
  plan(sequential)
  expect_equal(stop_process(worker), 0L)
})

test_that("an idle worker leaves, with status 0; nobody else's evaluator is used", {
  worker <- start_worker(lab, "carol", "alice/friends", idle = 2)
  plan_as(lab, "bob")
  bobs <- value(future(Sys.getpid()))
  plan_as(lab, "alice")
  expect_false(value(future(Sys.getpid())) == bobs)
  plan_as(lab, "bob")
  expect_equal(value(future(Sys.getpid())), bobs)
  plan(sequential)
  wait_for_line(worker, "No future for 2 s: leaving")
  expect_equal(wait_for_exit(worker), 0L)
})

test_that("nothing is left", {
  plan(sequential)
  for (process in lab$processes) if (process$px$is_alive()) stop_process(process)
  expect_identical(lab_processes(lab), integer(0L))
})
