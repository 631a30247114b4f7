## R sleeps while it waits, until there is something to do or a signal arrives in any thread.
library(future)

lab <- local_lab(c("alice", "bob"))
start_cluster(lab, "alice/friends", "bob", workers = c(alice = 1L))
withr::defer(plan(sequential), priority = "first")

test_that("a session that waits for a value sleeps", {
  skip_if_not(file.exists("/proc/self/status"), "this system does not tell how often a thread woke up")
  plan_as(lab, "bob")
  count_wakes <- function() {
    lines <- readLines(file.path("/proc/self/task", Sys.getpid(), "status"))
    as.numeric(sub(".*:", "", grep("^voluntary_ctxt_switches", lines, value = TRUE)))
  }
  expect_equal(value(future(1 + 1)), 2)
  f <- future(Sys.sleep(2))
  before <- count_wakes()
  value(f)
  expect_lt(count_wakes() - before, 20)
})

test_that("a time limit of R ends the wait for a value", {
  plan_as(lab, "bob")
  f <- future(Sys.sleep(60))
  began <- proc.time()[["elapsed"]]
  expect_error({
    setTimeLimit(elapsed = 1, transient = TRUE)
    value(f)
  }, "time limit")
  setTimeLimit()
  expect_lt(proc.time()[["elapsed"]] - began, 10)
  cancel(f)
})

## Sends signal `number` to another thread of an Rscript whose main thread waits in run_service() for 20 s.
signal_another_thread <- function(number) {
  dir <- withr::local_tempdir()
  writeLines(c(
    "#include <pthread.h>", "#include <signal.h>", "#include <unistd.h>", "static int number;",
    "static void *take(void *unused) { usleep(500000); pthread_kill(pthread_self(), number); pause(); return unused; }",
    "void begin(int *n) { pthread_t thread; number = *n; pthread_create(&thread, NULL, take, NULL); pthread_detach(thread); }"
  ), file.path(dir, "thread.c"))
  built <- processx::run(file.path(R.home("bin"), "R"), c("CMD", "SHLIB", "thread.c"), wd = dir, error_on_status = FALSE)
  if (built$status != 0L) skip("there is no compiler")
  code <- sprintf("ns <- asNamespace('future.p2p'); log <- ns$log_new(); invisible(.Call(ns$ffi_terminate_catch)); dyn.load('thread%s'); invisible(.C('begin', %dL));
                  tryCatch(ns$run_service(log, proc.time()[[3L]] + 20), interrupt = function(ex) cat('interrupt'))",
                  .Platform$dynlib.ext, number)
  began <- proc.time()[["elapsed"]]
  env <- c("current", R_LIBS = paste(.libPaths(), collapse = .Platform$path.sep))
  out <- processx::run(file.path(R.home("bin"), "Rscript"), c("-e", code), wd = dir, env = env, timeout = 60)
  expect_identical(out$stdout, "interrupt")
  expect_lt(proc.time()[["elapsed"]] - began, 15)
}

test_that("Ctrl-C and SIGTERM end a wait although another thread of R receives them", {
  skip_unless_lab()
  signal_another_thread(tools::SIGINT)
  signal_another_thread(tools::SIGTERM)
})
