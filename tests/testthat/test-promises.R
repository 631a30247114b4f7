## Promises of futures wait for events: nothing is polled while nothing happens.
testthat::skip_if_not_installed("promises")
testthat::skip_if_not_installed("later", "1.4.0")
lab <- local_lab(c("alice", "bob"))
start_board(lab)
start_host(lab, "alice/friends", "bob")
start_worker(lab, "alice", "alice/friends", workers = 2L, sandbox = "none") # so that the tests can kill evaluators by their process ids
withr::defer(future::plan(future::sequential))

library(future)

## An environment that gets the `value` or the `error` of the promise.
outcome_of <- function(promise) {
  outcome <- new.env()
  promises::then(promise, function(value) outcome$value <- value, function(error) outcome$error <- error)
  outcome
}

has_outcome <- function(outcome) length(ls(outcome)) > 0L

## Runs the event loop until `condition()` is TRUE, and expects that within `timeout` seconds.
run_until <- function(condition, timeout = 60) {
  deadline <- proc.time()[["elapsed"]] + timeout
  while (!condition() && proc.time()[["elapsed"]] < deadline) later::run_now(1)
  testthat::expect_true(condition())
}

run_for <- function(seconds) {
  deadline <- proc.time()[["elapsed"]] + seconds
  while ((left <- deadline - proc.time()[["elapsed"]]) > 0) later::run_now(left)
}

## `x`: a promise, a future, or the outcome of one.
wait_for <- function(x) {
  outcome <- if (inherits(x, c("promise", "Future"))) outcome_of(x) else x
  run_until(function() has_outcome(outcome))
  outcome
}
wait_for_value <- function(x) wait_for(x)$value
wait_for_error <- function(x) wait_for(x)$error

## A future that ends when its gate exists; `mark` has the process that runs it.
gated_future <- function(value = 42, ...) {
  gate <- tempfile("gate", lab$dir)
  mark <- tempfile("mark", lab$dir)
  list(gate = gate, mark = mark, future = future({
    cat(Sys.getpid(), "\n", file = mark, append = TRUE)
    while (!file.exists(gate)) Sys.sleep(0.02)
    value
  }, ...))
}

open_gate <- function(x) file.create(x$gate)

runs_of <- function(x) if (file.exists(x$mark)) as.integer(readLines(x$mark)) else integer()

client_of_plan <- function() clients$of(plan("backend"))

## Runs the events that are left, and expects that nothing is waited for.
expect_no_watch <- function(client) {
  run_until(function() later::loop_empty())
  expect_null(client$watch)
}

test_that("promises of several futures share one watch, which sets no timer and ends with them", {
  plan_as(lab, "bob")
  client <- client_of_plan()
  x <- list(gated_future("a"), gated_future(NULL))
  outcomes <- lapply(x, function(x) outcome_of(x$future))
  expect_identical(promises::as.promise(x[[1L]]$future), promises::as.promise(x[[1L]]$future))
  wait_until(function() length(unlist(lapply(x, runs_of))) == 2L)
  later::run_now()
  expect_length(client$watch$entries, 2L)
  expect_identical(later::next_op_secs(), Inf)
  expect_false(later::loop_empty())
  open_gate(x[[2L]])
  run_until(function() has_outcome(outcomes[[2L]]))
  expect_identical(as.list(outcomes[[2L]]), list(value = NULL))
  expect_false(has_outcome(outcomes[[1L]]))
  expect_length(client$watch$entries, 1L)
  open_gate(x[[1L]])
  expect_identical(wait_for_value(outcomes[[1L]]), "a")
  expect_no_watch(client)
  expect_identical(wait_for_value(x[[1L]]$future), "a") # it has ended
  expect_null(client$watch)
})

test_that("a session that waits for promises sleeps", {
  skip_if_not(file.exists("/proc/self/status"), "this system does not tell how often a thread woke up")
  count_wakes <- function() {
    lines <- readLines(file.path("/proc/self/task", Sys.getpid(), "status"))
    as.numeric(sub(".*:", "", grep("^voluntary_ctxt_switches", lines, value = TRUE)))
  }
  x <- gated_future()
  outcome <- outcome_of(x$future)
  wait_until(function() length(runs_of(x)) == 1L)
  run_for(1) # what is left of the start
  before <- count_wakes()
  run_for(3)
  expect_lt(count_wakes() - before, 20)
  open_gate(x)
  expect_equal(wait_for_value(outcome), 42)
})

test_that("output, messages, warnings and errors of a future arrive as with value()", {
  said <- character()
  printed <- utils::capture.output(withCallingHandlers(
    error <- wait_for_error(future({ cat("printed\n"); message("said"); warning("warned"); stop("failed") })),
    message = function(m) { said <<- c(said, conditionMessage(m)); invokeRestart("muffleMessage") },
    warning = function(w) { said <<- c(said, conditionMessage(w)); invokeRestart("muffleWarning") }
  ))
  expect_identical(printed, "printed")
  expect_identical(said, c("said\n", "warned"))
  expect_s3_class(error, "simpleError")
  expect_identical(conditionMessage(error), "failed")
})

test_that("immediate conditions are signaled while the future runs", {
  gate <- tempfile("gate", lab$dir)
  f <- future({
    signalCondition(structure(class = c("progress", "immediateCondition", "condition"), list(message = "half", call = NULL)))
    while (!file.exists(gate)) Sys.sleep(0.02)
    "whole"
  }, conditions = structure("condition", immediateConditionClasses = "immediateCondition"))
  outcome <- outcome_of(f)
  seen <- character()
  withCallingHandlers(run_until(function() length(seen) > 0L), progress = function(p) seen <<- c(seen, conditionMessage(p)))
  expect_identical(seen, "half")
  expect_false(has_outcome(outcome))
  file.create(gate)
  expect_identical(wait_for_value(outcome), "whole")
})

test_that("a promise is kept although value() and resolved() of this and of other futures look first", {
  client <- client_of_plan()
  x <- gated_future("x")
  outcome <- outcome_of(x$future)
  open_gate(x)
  expect_identical(value(x$future), "x")
  expect_identical(wait_for_value(outcome), "x")
  y <- gated_future("y")
  outcome <- outcome_of(y$future)
  open_gate(y)
  f <- future({ Sys.sleep(1); "z" })
  expect_identical(value(f), "z") # sees the changes of both
  expect_true(resolved(y$future))
  expect_identical(wait_for_value(outcome), "y")
  expect_no_watch(client)
})

test_that("promises of a lazy future, which it starts, and in a private event loop are kept", {
  f <- future(1 + 2, lazy = TRUE)
  expect_equal(wait_for_value(f), 3)
  later::with_temp_loop(expect_equal(wait_for_value(future(1 + 3)), 4))
})

test_that("the promise of a canceled future is rejected; one that was reset meanwhile is kept", {
  client <- client_of_plan()
  x <- gated_future()
  outcome <- outcome_of(x$future)
  cancel(x$future)
  expect_s3_class(wait_for_error(outcome), "FutureInterruptError")
  expect_no_watch(client)
  open_gate(x)
  expect_equal(wait_for_value(reset(x$future)), 42)
  y <- gated_future()
  outcome <- outcome_of(y$future)
  reset(cancel(y$future))
  open_gate(y)
  expect_equal(wait_for_value(outcome), 42)
})

test_that("the promise of a future whose evaluator was killed is kept by its second run; if it is not run again, it is rejected", {
  x <- gated_future()
  outcome <- outcome_of(x$future)
  wait_until(function() length(runs_of(x)) == 1L)
  tools::pskill(runs_of(x), tools::SIGKILL)
  run_until(function() length(runs_of(x)) == 2L)
  open_gate(x)
  expect_warning(expect_equal(wait_for_value(outcome), 42), "evaluated twice")
  plan_as(lab, "bob", retries = 0)
  y <- gated_future()
  outcome <- outcome_of(y$future)
  wait_until(function() length(runs_of(y)) == 1L)
  tools::pskill(runs_of(y), tools::SIGKILL)
  expect_s3_class(wait_for_error(outcome), "FutureInterruptError")
})

test_that("a change of plan rejects promises that are pending and ends the watch", {
  plan_as(lab, "bob")
  client <- client_of_plan()
  x <- gated_future()
  y <- gated_future()
  outcomes <- list(outcome_of(x$future), outcome_of(y$future))
  plan(sequential)
  for (outcome in outcomes) expect_s3_class(wait_for_error(outcome), "FutureInterruptError")
  expect_no_watch(client)
  plan_as(lab, "bob", interrupts = FALSE)
  client <- client_of_plan()
  z <- gated_future()
  outcome <- outcome_of(z$future)
  plan(sequential)
  expect_s3_class(wait_for_error(outcome), "FutureInterruptError")
  expect_no_watch(client)
  for (x in list(x, y, z)) open_gate(x)
})

test_that("Ctrl-C ends the event loop, and the promise is kept afterwards", {
  plan_as(lab, "bob")
  x <- gated_future()
  outcome <- outcome_of(x$future)
  system(sprintf("(sleep 0.5; kill -s INT %d) &", Sys.getpid()))
  interrupted <- tryCatch({ run_until(function() FALSE, timeout = 30); FALSE }, interrupt = function(ex) TRUE)
  expect_true(interrupted)
  open_gate(x)
  expect_equal(wait_for_value(outcome), 42)
})

test_that("a fork of the session leaves the promises to the session", {
  skip_on_os("windows")
  client <- client_of_plan()
  x <- gated_future()
  outcome <- outcome_of(x$future)
  job <- parallel::mcparallel({
    look_at(client$watch, TRUE)
    x$future[["promise"]] <- NULL
    class(tryCatch(promises::as.promise(x$future), error = identity))
  })
  expect_true("FutureError" %in% parallel::mccollect(job, wait = FALSE, timeout = 60)[[1L]])
  open_gate(x)
  expect_equal(wait_for_value(outcome), 42)
})

test_that("a promise of a future that cannot start yet is kept once it can, or is rejected when its time is over", {
  start_host(lab, "alice/idle", "bob")
  plan_as(lab, "bob", "alice/idle")
  client <- client_of_plan()
  said <- testthat::capture_messages(outcome <- outcome_of(future(42)))
  expect_match(said, "No worker on cluster 'alice/idle' yet", fixed = TRUE, all = FALSE)
  worker <- start_worker(lab, "alice", "alice/idle")
  expect_equal(wait_for_value(outcome), 42)
  expect_no_watch(client)
  stop_process(worker)
  plan_as(lab, "bob", "alice/idle", wait.timeout = 0.5)
  error <- suppressMessages(wait_for_error(future(42)))
  expect_match(conditionMessage(error), "was not started within 0.5 s", fixed = TRUE)
  expect_no_watch(client_of_plan())
})

test_that("a session ends at once with promises that are pending", {
  args <- board_args(lab, "bob")
  session <- start_r(lab, "session", c(
    "library(future)",
    sprintf("plan(future.p2p::cluster, cluster = 'alice/friends', host = '%s', ssh_args = '%s')", args$host, args$ssh_args),
    "promises::then(future(Sys.sleep(60)), print)",
    "later::run_now(0.5)",
    "cat('ends\\n')"
  ))
  wait_for_line(session, "^ends")
  expect_identical(wait_for_exit(session), 0L)
  expect_false(isTRUE(session$killed))
})
