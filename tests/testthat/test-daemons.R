## No process that a future has started outlives its evaluator, also daemons, which have left its process group and have no parent.
skip_unless_lab()
testthat::skip_if_not(dir.exists("/proc/self"))
testthat::skip_if(!nzchar(Sys.which("setsid")), "setsid is not installed")
lab <- local_lab()
start_cluster(lab, "alice/friends", c("bob", "carol"), workers = c())
withr::defer(future::plan(future::sequential))

library(future)

## A number of seconds tells each daemon from all others.
new_mark <- function() sprintf("%d.%d", 1000L + sample.int(1e6L, 1L), Sys.getpid())
start_daemon <- function(mark) system(sprintf("(env -i setsid sleep %s < /dev/null > /dev/null 2>&1 &) ; sleep 0.1", mark))
running <- function(mark) {
  Filter(function(pid) {
    command <- suppressWarnings(tryCatch(readLines(file.path("/proc", pid, "cmdline"), warn = FALSE, skipNul = TRUE), error = function(ex) ""))
    identical(command, paste0("sleep", mark))
  }, grep("^[0-9]+$", list.files("/proc"), value = TRUE))
}
is_gone <- function(mark) function() length(running(mark)) == 0L

for (level in c("none", Filter(has_sandbox, future.p2p:::sandbox_levels()))) test_that(paste("daemons end with the evaluator, in sandbox", level), {
  worker <- start_worker(lab, "carol", "alice/friends", sandbox = level)
  plan_as(lab, "bob", retries = 0)
  ## It goes on during the future and after it, and ends with the evaluator: that of a session that ends, crashes, or is canceled.
  mark <- new_mark()
  expect_equal(value(future({ start_daemon(mark); 1 }, globals = list(start_daemon = start_daemon, mark = mark))), 1)
  expect_length(running(mark), 1L)
  plan(sequential)
  wait_until(is_gone(mark))
  plan_as(lab, "bob", retries = 0)
  mark <- new_mark()
  f <- future({ start_daemon(mark); quit(save = "no", status = 3L) }, globals = list(start_daemon = start_daemon, mark = mark))
  expect_error(value(f), "exit status 3")
  wait_until(is_gone(mark))
  f <- future({ start_daemon(mark); tools::pskill(Sys.getpid(), 9L) }, globals = list(start_daemon = start_daemon, mark = mark))
  expect_error(value(f), "signal 9 [(]SIGKILL[)]")
  wait_until(is_gone(mark))
  ## The worker is killed.
  expect_equal(value(future({ start_daemon(mark); 1 }, globals = list(start_daemon = start_daemon, mark = mark))), 1)
  expect_length(running(mark), 1L)
  signal_process(worker, tools::SIGKILL)
  wait_until(is_gone(mark))
  plan(sequential)
})

test_that("the worker in an interactive session leaves other children alone", {
  mark <- new_mark()
  args <- board_args(lab, "carol")
  command <- sprintf("sleep 0.5; (setsid sleep %s > /dev/null 2>&1 &) ; sleep 1; echo collected", mark)
  code <- c(sprintf("child <- pipe('%s', 'r')", command),
            sprintf("future.p2p::worker('alice/friends', host = '%s', ssh_args = '%s', sandbox = 'none', duration = 2)", args$host, args$ssh_args),
            "cat(readLines(child), '\n')")
  r <- start_r(lab, "R with children", code)
  wait_for_line(r, "joined cluster 'alice/friends'")
  wait_for_line(r, "^collected")
  expect_equal(wait_for_exit(r), 0L)
  expect_length(running(mark), 1L)
  for (pid in running(mark)) tools::pskill(as.integer(pid), tools::SIGKILL)
  wait_until(is_gone(mark))
})

test_that("nothing is left", {
  plan(sequential)
  worker_tmp <- Filter(function(process) grepl("worker", process$name), lab$processes)
  unlink(list.files(vapply(worker_tmp, function(process) process$tmp, ""), full.names = TRUE), recursive = TRUE) # of those that were killed
  expect_nothing_left(lab)
})
