## How a worker ends: Ctrl-C, SIGTERM, SIGHUP and `drain`, with and without running futures, and what it says then.
lab <- local_lab()
start_cluster(lab, "alice/friends", c("bob", "carol"), workers = c())
withr::defer(future::plan(future::sequential))
library(future)

## A future that runs until `gate` exists; it writes a line to the log of the worker before that.
gated <- function(gate = tempfile("gate", lab$dir), ...) {
  list(gate = gate, future = future({ while (!file.exists(gate)) Sys.sleep(0.01); "done" }, ...))
}

## `worker()` on the command line, in a terminal.
start_worker_in_terminal <- function(...) start_worker(lab, "carol", "alice/friends", ..., pty = TRUE)
press_ctrl_c <- function(process) process$px$write_input("\003")

summary_of <- function(process) {
  status <- wait_for_exit(process)
  expect_equal(status, 0L)
  sub("^\\^C", "", grep("^(\\^C)?Stopped[.]", process$lines, value = TRUE))
}

expect_stopped_by_owner <- function(f) {
  ex <- tryCatch(value(f), error = identity)
  expect_s3_class(ex, "FutureInterruptError")
  expect_match(conditionMessage(ex), "closed the link while it was evaluating .*: the worker was stopped by its owner")
}

test_that("Ctrl-C without running futures stops at once, and the worker says what it has lent", {
  worker <- start_worker_in_terminal()
  plan_as(lab, "bob", retries = 0)
  expect_equal(value(future(1)), 1)
  wait_for_line(worker, "finished in")
  press_ctrl_c(worker)
  expect_match(summary_of(worker), "^Stopped[.] 1 future done, [0-9.]+ s lent to bob[.]$")
  plan(sequential)
})

test_that("with running futures, Ctrl-C asks once more, and only the second one stops them", {
  worker <- start_worker_in_terminal(workers = 2)
  plan_as(lab, "bob", retries = 0)
  x <- gated()
  y <- gated()
  wait_for_line(worker, "started", nth = 2L)
  press_ctrl_c(worker)
  expect_match(wait_for_line(worker, "would be lost"), "^(\\^C)?2 running futures of bob would be lost[.] Press Ctrl-C again within 10 s to stop[.] With --drain, ")
  file.create(x$gate)
  expect_equal(value(x$future), "done")
  wait_for_line(worker, "finished in")
  press_ctrl_c(worker)
  expect_match(summary_of(worker), "^Stopped[.] 1 running future of bob was lost; 1 done, [0-9.]+ s lent to bob[.]$")
  expect_stopped_by_owner(y$future)
  plan(sequential)
})

for (signal in c("SIGTERM", "SIGHUP")) test_that(paste(signal, "stops a worker at once, with a summary, and leaves nothing"), {
  worker <- start_worker(lab, "carol", "alice/friends")
  plan_as(lab, "bob", retries = 0)
  x <- gated()
  wait_for_line(worker, "started")
  signal_process(worker, c(SIGTERM = 15L, SIGHUP = 1L)[[signal]])
  expect_match(summary_of(worker), "^Stopped[.] 1 running future of bob was lost; 0 done, [0-9.]+ s lent to bob[.]$")
  expect_stopped_by_owner(x$future)
  expect_length(list.files(worker$tmp), 0L)
  plan(sequential)
})

test_that("with drain, the first signal lets running futures finish, and new ones go elsewhere", {
  worker <- start_worker(lab, "carol", "alice/friends", drain = "TRUE")
  plan_as(lab, "bob", retries = 0)
  x <- gated()
  wait_for_line(worker, "started")
  signal_process(worker, tools::SIGTERM)
  expect_equal(wait_for_line(worker, "^Finishing"), "Finishing 1 running future of bob; press Ctrl-C again to stop now.")
  other <- start_worker(lab, "alice", "alice/friends")
  expect_equal(value(future(2)), 2)
  file.create(x$gate)
  expect_equal(value(x$future), "done")
  expect_match(summary_of(worker), "^Stopped[.] 1 future done, [0-9.]+ s lent to bob[.]$")
  plan(sequential)
  stop_process(other)
})

test_that("with drain, a second signal stops the worker at once", {
  worker <- start_worker(lab, "carol", "alice/friends", drain = "TRUE")
  plan_as(lab, "bob", retries = 0)
  x <- gated()
  wait_for_line(worker, "started")
  signal_process(worker, tools::SIGINT)
  wait_for_line(worker, "^Finishing")
  signal_process(worker, tools::SIGINT)
  expect_match(summary_of(worker), "^Stopped[.] 1 running future of bob was lost; 0 done, [0-9.]+ s lent to bob[.]$")
  expect_stopped_by_owner(x$future)
  plan(sequential)
})

test_that("numbers, users and times are worded", {
  report <- function(...) utils::modifyList(list(done = 0, lost = 0, canceled = 0, lent = 0, users = character(), running = integer()), list(...))
  none <- contribution_rows(list(direction = character(), user = character(), seconds = numeric(), since = numeric(), latest = numeric()))
  to_bob <- contribution_rows(list(direction = "given", user = "bob", machine = "desk", cluster = "alice/friends", futures = 31, failed = 1, seconds = 250, bytes_in = 1, bytes_out = 1,
                                   since = 1, latest = 1))
  expect_equal(describe_end(report(), none), "Stopped. No future was evaluated.")
  expect_equal(describe_end(report(done = 31, lent = 250, users = c("dave", "bob", "bob"), running = c(1L, 2L, 1L)), none),
               "Stopped. 4 running futures of bob and dave were lost; 31 done, 4 min 10 s lent.")
  expect_equal(describe_end(report(lost = 1, canceled = 2, lent = 3600, users = "bob", running = 1L), to_bob),
               "Stopped. 1 running future of bob was lost; 0 done, 1 lost earlier, 2 canceled, 1 h lent to bob.")
  expect_equal(describe_running(report(users = c("c", "b", "a"), running = c(1L, 1L, 1L))), "3 running futures of a, b and c")
  expect_equal(vapply(c(0, 9.94, 9.95, 59.6, 61, 3661, 90000), format_seconds, ""),
               c("0.0 s", "9.9 s", "10 s", "1 min", "1 min 1 s", "1 h 1 min", "1 d 1 h"))
})

test_that("nothing is left", {
  expect_nothing_left(lab)
})
