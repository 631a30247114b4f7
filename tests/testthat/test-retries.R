## Workers that are lost while they resolve futures, link and all.
lab <- local_lab()
members <- start_cluster(lab, "alice/friends", c("bob", "carol"), workers = c(alice = 1L, carol = 1L))
withr::defer(future::plan(future::sequential))

library(future)

## A future that tells where it runs and ends when the gate is open; the worker's process, once it runs.
gated_future <- function(mark) {
  gate <- file.path(lab$dir, paste0(mark, "-gate"))
  runs <- file.path(lab$dir, paste0(mark, "-runs"))
  f <- future({
    cat("run\n", file = runs, append = TRUE)
    while (!file.exists(gate)) Sys.sleep(0.02)
    "done"
  })
  list(future = f, gate = gate, runs = runs)
}

process_of <- function(future) {
  pid <- as.integer(sub(".*:", "", .Call(ffi_task_worker, future[["task"]])))
  Filter(function(worker) worker$px$get_pid() == pid, members$workers)[[1L]]
}

count_runs <- function(x) if (file.exists(x$runs)) length(readLines(x$runs)) else 0L

wait_until <- function(is_so, timeout = 30) {
  deadline <- proc.time()[["elapsed"]] + timeout
  while (!is_so() && proc.time()[["elapsed"]] < deadline) Sys.sleep(0.02)
  expect_true(is_so())
}

test_that("with retries = 1 the future of a worker that was killed runs on another one, with one warning", {
  plan_as(lab, "bob", retries = 1)
  expect_equal(nbrOfWorkers(), 2L)
  x <- gated_future("again")
  wait_until(function() count_runs(x) == 1L)
  killed <- process_of(x$future)
  tools::pskill(killed$px$get_pid(), 9L)
  wait_until(function() count_runs(x) == 2L)
  expect_equal(nbrOfWorkers(), 1L) # the link has ended, so it is no worker any more
  file.create(x$gate)
  warnings <- list()
  value <- withCallingHandlers(value(x$future), warning = function(w) {
    warnings <<- c(warnings, list(w))
    invokeRestart("muffleWarning")
  })
  expect_equal(value, "done")
  expect_length(warnings, 1L)
  expect_s3_class(warnings[[1L]], "FutureWarning")
  expect_match(conditionMessage(warnings[[1L]]), "evaluated twice")
  expect_match(conditionMessage(warnings[[1L]]), sprintf(":%d was lost", killed$px$get_pid()))
  expect_equal(count_runs(x), 2L)
  members$workers <<- Filter(function(worker) worker$px$is_alive(), members$workers)
})

test_that("with retries = 0 it is an interrupt error at once, which names worker and next steps; newcomers count", {
  plan_as(lab, "bob")
  x <- gated_future("once")
  wait_until(function() count_runs(x) == 1L)
  killed <- process_of(x$future)
  began <- proc.time()[["elapsed"]]
  tools::pskill(killed$px$get_pid(), 9L)
  ex <- tryCatch(value(x$future), error = identity)
  expect_lt(proc.time()[["elapsed"]] - began, 2)
  expect_s3_class(ex, "FutureInterruptError")
  expect_match(conditionMessage(ex), sprintf(":%d was lost", killed$px$get_pid()))
  expect_match(conditionMessage(ex), "retries = 1")
  expect_match(conditionMessage(ex), "reset()", fixed = TRUE)
  file.create(x$gate)
  members$workers <<- list(start_worker(lab, "carol", "alice/friends", workers = 3L))
  wait_until(function() nbrOfWorkers() == 3L)
  f <- reset(x$future)
  expect_equal(value(f), "done")
  expect_equal(count_runs(x), 2L)
})

test_that("a worker that is stopped is no longer counted, at once", {
  stop_process(members$workers[[1L]])
  wait_until(function() client_status(clients$of(plan("backend")))$slots == 0L, timeout = 3)
  expect_equal(nbrOfWorkers(), 1L) # so that a future can be made, which waits
})
