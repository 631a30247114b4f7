## Large globals are sent from where R has them. What the session does with them afterwards does not change the future.
skip_unless_lab()
dir <- tempfile("borrowed-")
dir.create(dir)
withr::defer(unlink(dir, recursive = TRUE))
writeLines(c("#include <Rinternals.h>", "SEXP poke(SEXP x, SEXP at) { REAL(x)[Rf_asInteger(at) - 1] = -1; return R_NilValue; }"), file.path(dir, "poke.c"))
built <- run_process(file.path(R.home("bin"), "R"), c("CMD", "SHLIB", "poke.c"), wd = dir, error_on_status = FALSE)
if (built$status != 0L) skip("R cannot compile C code")
library_of_poke <- dyn.load(file.path(dir, paste0("poke", .Platform$dynlib.ext)))
withr::defer(dyn.unload(library_of_poke[["path"]]))
poke <- function(x, at) invisible(.Call(getNativeSymbolInfo("poke", library_of_poke), x, at)) # in place, unlike x[at] <- -1

lab <- local_lab()
lab$sandbox <- "landlock" # in which the process that futures see is the one that this session sees
worker <- start_cluster(lab, "alice/friends", "bob", workers = c(alice = 1L))$workers[[1L]]
withr::defer(future::plan(future::sequential))

library(future)

new_global <- function(n) as.numeric(seq_len(n)) + stats::runif(1L)

test_that("a global that is changed in place after future() arrives as it was", {
  plan_as(lab, "bob")
  for (n in c(2000, 250000, 2500000)) {
    x <- new_global(n)
    before <- x[c(1L, n)]
    f <- future(x[c(1L, length(x))])
    poke(x, 1L)
    poke(x, n)
    expect_identical(value(f), before)
    expect_identical(x[c(1L, n)], c(-1, -1))
  }
})

test_that("if the worker reads slowly, future() does not wait, and the global arrives as it was", {
  plan_as(lab, "bob")
  expect_identical(value(future(1)), 1)
  signal_process(worker, tools::SIGSTOP)
  withr::defer(signal_process(worker, tools::SIGCONT))
  x <- list(new_global(5e6), "some text", data.frame(a = new_global(1e5), b = 1L))
  before <- list(x[[1L]][c(1, 5e6)], x[[3L]]$a[1e5])
  f <- future(list(x[[1L]][c(1, 5e6)], x[[3L]]$a[1e5]))
  expect_false(resolved(f))
  poke(x[[1L]], 1L)
  poke(x[[1L]], 5e6)
  poke(x[[3L]]$a, 1e5)
  signal_process(worker, tools::SIGCONT)
  expect_identical(value(f), before)
})

test_that("if the link breaks meanwhile, another worker gets all of it, as it was", {
  other <- start_worker(lab, "bob", "alice/friends")
  plan_as(lab, "bob")
  wait_until(function() nbrOfWorkers() == 2L)
  invisible(value(lapply(1:2, function(i) future(Sys.sleep(0.5))))) # both are linked
  pids <- c(worker$px$get_pid(), other$px$get_pid())
  for (pid in pids) tools::pskill(pid, tools::SIGSTOP)
  x <- new_global(5e6)
  before <- sum(x)
  f <- future(sum(x))
  poke(x, 5e6)
  first <- sub(".*:", "", worker_of(f))
  expect_true(first %in% pids)
  tools::pskill(as.integer(first), tools::SIGKILL)
  for (pid in setdiff(pids, first)) tools::pskill(pid, tools::SIGCONT)
  expect_identical(value(f), before)
  for (process in list(worker, other)) {
    stop_process(process)
    unlink(list.files(process$tmp, full.names = TRUE, all.files = TRUE, no.. = TRUE), recursive = TRUE) # which one could not remove
  }
  worker <<- start_worker(lab, "alice", "alice/friends")
})

## Returns the future, which runs and has told its process id, and this id.
running_with <- function(x) {
  mark <- tempfile("mark", lab$dir)
  f <- future({
    if (!file.exists(mark)) {
      writeLines(as.character(Sys.getpid()), paste0(mark, "-"))
      file.rename(paste0(mark, "-"), mark)
      Sys.sleep(60)
    }
    sum(x)
  })
  wait_until(function() file.exists(mark))
  list(future = f, pid = as.integer(readLines(mark)))
}

test_that("a future whose evaluator was lost runs again with the same global", {
  plan_as(lab, "bob")
  x <- new_global(250000)
  run <- running_with(x)
  tools::pskill(run$pid, tools::SIGKILL)
  expect_warning(expect_identical(value(run$future), sum(x)), "was run again")
})

test_that("it does not run again if the global was changed in place", {
  plan_as(lab, "bob")
  x <- new_global(250000)
  run <- running_with(x)
  poke(x, 250000)
  tools::pskill(run$pid, tools::SIGKILL)
  expect_warning(expect_error(value(run$future), "cannot be run again, since one of its globals was changed in place", class = "FutureInterruptError"),
                 "was run again")
  expect_identical(value(future(sum(x))), sum(x))
})

test_that("it does not run again once nobody can collect it", {
  plan_as(lab, "bob")
  run <- local({
    x <- new_global(250000)
    list(pid = running_with(x)$pid)
  })
  registry(plan("backend"), action = "reset") # which knows the future, too
  for (i in 1:3) gc()
  tools::pskill(run$pid, tools::SIGKILL)
  expect_identical(value(future(6 * 7)), 42)
  wait_until(function() nbrOfFreeWorkers() == 1L)
})

test_that("nothing is left", {
  plan(sequential)
  expect_nothing_left(lab)
})
