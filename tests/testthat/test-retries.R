## Workers and evaluators that are lost while they resolve futures.
lab <- local_lab()
members <- start_cluster(lab, "alice/friends", c("bob", "carol"), workers = c(alice = 1L, carol = 1L))
withr::defer(future::plan(future::sequential))

library(future)

## A future that reports where it runs and ends when the gate exists; and the process of its worker.
gated_future <- function(mark) {
  gate <- file.path(lab$dir, paste0(mark, "-gate"))
  runs <- file.path(lab$dir, paste0(mark, "-runs"))
  f <- future({
    cat(paste0(Sys.getpid(), "\n"), file = runs, append = TRUE)
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

## A worker that is stopped loses its futures, as one that is killed.
ends <- list("was killed" = tools::SIGKILL, "was told to end" = tools::SIGTERM, "was stopped with Ctrl-C" = tools::SIGINT)

for (end in names(ends)) test_that(sprintf("by default the future of a worker that %s runs on another one, with one warning", end), {
  plan_as(lab, "bob")
  wait_until(function() nbrOfWorkers() == 2L)
  x <- gated_future(paste("again", ends[[end]]))
  wait_until(function() count_runs(x) == 1L)
  lost <- process_of(x$future)
  tools::pskill(lost$px$get_pid(), ends[[end]])
  wait_until(function() count_runs(x) == 2L)
  wait_until(function() nbrOfWorkers() == 1L) # its link has ended
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
  expect_match(conditionMessage(warnings[[1L]]), sprintf(":%d' (was lost|closed the link)", lost$px$get_pid()))
  expect_equal(count_runs(x), 2L)
  expect_equal(wait_for_exit(lost), if (end == "was killed") -9L else 0L)
  members$workers <<- c(Filter(function(worker) worker$px$is_alive(), members$workers), start_worker(lab, "carol", "alice/friends"))
})

for (end in names(ends)) test_that(sprintf("with retries = 0 it is an error at once that a worker %s, with its name and next steps; newcomers count", end), {
  plan_as(lab, "bob", retries = 0)
  wait_until(function() nbrOfWorkers() >= 1L)
  x <- gated_future(paste("once", ends[[end]]))
  wait_until(function() count_runs(x) == 1L)
  lost <- process_of(x$future)
  began <- proc.time()[["elapsed"]]
  tools::pskill(lost$px$get_pid(), ends[[end]])
  ex <- tryCatch(value(x$future), error = identity)
  expect_lt(proc.time()[["elapsed"]] - began, 13) # before the heartbeat timeout of 15 s
  expect_s3_class(ex, "FutureInterruptError")
  expect_match(conditionMessage(ex), sprintf(if (end == "was killed") ":%d' was lost \\(the worker closed the link" else
    ":%d' closed the link while .*: the worker was stopped by its owner[.]", lost$px$get_pid()))
  expect_match(conditionMessage(ex), "retries = 1")
  expect_match(conditionMessage(ex), "reset()", fixed = TRUE)
  file.create(x$gate)
  members$workers <<- c(Filter(function(worker) worker$px$is_alive(), members$workers), start_worker(lab, "carol", "alice/friends", workers = 3L))
  wait_until(function() nbrOfWorkers() >= 3L)
  f <- reset(x$future)
  expect_equal(value(f), "done")
  expect_equal(count_runs(x), 2L)
})

test_that("a stopped worker is not counted any more", {
  for (worker in members$workers) stop_process(worker)
  wait_until(function() client_status(clients$of(plan("backend")))$slots == 0L, timeout = 13) # before the heartbeat timeout of 15 s
  expect_equal(nbrOfWorkers(), 1L) # a future can be created, and waits
})

## Kills the evaluator of a future that has begun, as often as it has begun, and opens its gate.
kill_evaluators <- function(x, runs) {
  for (run in seq_len(runs)) {
    wait_until(function() count_runs(x) == run)
    tools::pskill(as.integer(readLines(x$runs))[run], tools::SIGKILL)
  }
  file.create(x$gate)
}

test_that("a future whose evaluator was killed from outside runs again, with one warning, as often as it may", {
  testthat::skip_if_not(dir.exists("/proc/self"))
  worker <- start_worker(lab, "carol", "alice/friends", sandbox = "none") # in which futures see the process ids that this session sees
  plan_as(lab, "bob")
  wait_until(function() nbrOfWorkers() == 1L)
  x <- gated_future("killed once")
  kill_evaluators(x, 1L)
  expect_warning(expect_equal(value(x$future), "done"), "was run again by .* evaluated twice[.] The evaluator of worker 'carol@.* ended with signal 9 ", class = "FutureWarning")
  expect_equal(count_runs(x), 2L)
  x <- gated_future("killed twice")
  kill_evaluators(x, 2L)
  expect_warning(ex <- tryCatch(value(x$future), error = identity), "evaluated twice", class = "FutureWarning")
  expect_s3_class(ex, "FutureInterruptError")
  expect_match(conditionMessage(ex), "ended with signal 9 [(]SIGKILL[)] while evaluating")
  expect_no_match(conditionMessage(ex), "retries") # it had one
  expect_equal(count_runs(x), 2L)
  x <- gated_future("crashed")
  wait_until(function() count_runs(x) == 1L)
  tools::pskill(as.integer(readLines(x$runs)), 11L) # as if its own code had crashed R
  expect_no_condition(ex <- tryCatch(value(x$future), error = identity), class = "FutureWarning")
  expect_match(conditionMessage(ex), "crashed R")
  expect_equal(count_runs(x), 1L)
  plan_as(lab, "bob", retries = 0)
  x <- gated_future("not again")
  kill_evaluators(x, 1L)
  ex <- tryCatch(value(x$future), error = identity)
  expect_s3_class(ex, "FutureInterruptError")
  expect_match(conditionMessage(ex), "ended with signal 9 .*retries = 1")
  expect_equal(count_runs(x), 1L)
  stop_process(worker)
})

## P2P_KILLED=1000 runs more. Each kill ends a whole worker with all futures that it runs; in a sandbox, a future could not kill it.
test_that("if one in ten executions is killed, all futures are resolved, each once", {
  count <- as.integer(Sys.getenv("P2P_KILLED", "60"))
  runs <- file.path(lab$dir, "many-runs")
  once <- function(i) future({
    cat("run\n", file = runs, append = TRUE)
    if (length(readLines(runs)) %% 10L == 0L) tools::pskill(as.integer(sub(".*:", "", Sys.getenv("FUTURE_P2P_WORKER"))), 9L)
    cat(sprintf("<%d>", i))
    i
  }, globals = list(runs = runs, i = i))
  workers <- list()
  keep_workers <- function() {
    workers <<- Filter(function(worker) worker$px$is_alive(), workers)
    while (length(workers) < 4L) workers <<- c(workers, start_worker(lab, "carol", "alice/friends", workers = 2L, wait = FALSE, sandbox = "none"))
  }
  plan_as(lab, "bob", retries = 20)
  began <- proc.time()[["elapsed"]]
  started <- length(lab$processes)
  values <- integer()
  said <- character()
  running <- list()
  again <- 0L
  submitted <- 0L
  while (length(values) < count && proc.time()[["elapsed"]] - began < 60 + count) {
    keep_workers()
    while (submitted < count && nbrOfFreeWorkers() > 0L) running <- c(running, once(submitted <- submitted + 1L))
    for (f in Filter(resolved, running)) {
      said <- c(said, capture.output(withCallingHandlers(values <- c(values, value(f)), FutureWarning = function(w) {
        again <<- again + 1L
        invokeRestart("muffleWarning")
      })))
    }
    running <- Filter(function(f) is.null(f[["result"]]), running)
    Sys.sleep(0.01)
  }
  expect_equal(sort(values), seq_len(count))
  expect_equal(sort(as.integer(gsub("[<>]", "", regmatches(said, regexpr("<[0-9]+>", said))))), seq_len(count))
  expect_gte(again, count %/% 20L) # two that start at the same time may both miss the count
  expect_gt(length(readLines(runs)), count)
  if (count > 60L) {
    message(sprintf("%d futures: %d executions, %d run again, %d workers started, %.0f s", count, length(readLines(runs)), again,
                    length(lab$processes) - started, proc.time()[["elapsed"]] - began))
  }
  plan(sequential)
  for (worker in workers) stop_process(worker)
})
