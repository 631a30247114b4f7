## Large tasks and results: an evaluator reads the one while it arrives and writes the other as it is serialized.
lab <- local_lab()
start_cluster(lab, "alice/friends", c("bob", "carol"), workers = c())
withr::defer(future::plan(future::sequential))
withr::local_options(future.globals.maxSize = Inf)

library(future)

plan_here <- function(...) plan_as(lab, "bob", maxSizeOfObjects = c(Inf, Inf), ...)
pid_of <- function() value(future(Sys.getpid()))

test_that("large globals and results arrive unchanged, of any type", {
  worker <- start_worker(lab, "carol", "alice/friends")
  plan_here()
  pid <- pid_of()
  objects <- list(
    numbers = seq_len(1e6) / 7, integers = sample.int(1e6), flags = rep(c(TRUE, NA, FALSE), 1e5), bytes = as.raw(seq_len(1e6) %% 256), complex = complex(1e5, 1, 2),
    strings = paste0("key", seq_len(1e5)), sequence = 1:1e6, deferred = as.character(1:1e5), factor = factor(rep(letters, 1e4)), frame = data.frame(a = 1:1e5, b = "x"),
    list = lapply(1:1e4, function(i) list(i, "a")), matrix = matrix(runif(1e6), 1000), env = list2env(list(a = runif(1e5)), parent = emptyenv()), many = as.list(runif(1e5))
  )
  for (name in names(objects)) {
    x <- objects[[name]]
    expect_equal(value(future(x, globals = list(x = x))), x, label = name)
  }
  expect_identical(value(future(runif(1e5), seed = 42L)), value(future(runif(1e5), seed = 42L)))
  expect_identical(pid_of(), pid)
  plan(sequential)
  expect_equal(stop_process(worker), 0L)
})

test_that("a task that is malformed after a large part is refused, and its evaluator goes on", {
  worker <- start_worker(lab, "carol", "alice/friends")
  plan_here()
  pid <- pid_of()
  deep <- list()
  for (i in 1:6000) deep <- list(deep)
  for (i in 1:3) {
    ex <- tryCatch(value(future(length(x), globals = list(x = list(numeric(2e6), deep)))), error = identity)
    expect_s3_class(ex, "FutureError")
    expect_match(conditionMessage(ex), "cannot be evaluated by R .* nested too deeply")
  }
  expect_identical(pid_of(), pid)
  plan(sequential)
  expect_equal(stop_process(worker), 0L)
})

test_that("a task that reaches the memory limit while it is read is an error that names it, and its evaluator goes on", {
  skip_if_not(dir.exists("/proc/self"))
  worker <- start_worker(lab, "carol", "alice/friends", memory = "100 MiB")
  plan_here()
  pid <- pid_of()
  large <- list(part = list(numeric(4e6), numeric(2e7)), "none, since it has a function" = list(numeric(4e6), numeric(2e7), sum))
  for (name in rep(names(large), 2L)) {
    ex <- tryCatch(value(future(length(x), globals = list(x = large[[name]]))), error = identity)
    expect_s3_class(ex, "FutureError")
    expect_match(conditionMessage(ex), "memory limit of 100", label = name)
    x <- stats::runif(1e6)
    expect_identical(value(future(x)), x) # nothing of it is left
  }
  expect_identical(pid_of(), pid)
  plan(sequential)
  expect_equal(stop_process(worker), 0L)
})

test_that("a future is canceled, its evaluator killed, its client gone while a large task is read: the slot is free again", {
  skip_if_not(dir.exists("/proc/self"))
  worker <- start_worker(lab, "carol", "alice/friends")
  plan_here(retries = 0)
  x <- runif(1.25e7)
  pid <- pid_of()
  for (i in 1:2) {
    f <- future(length(x), globals = list(x = x))
    cancel(f)
    expect_error(value(f), class = "FutureInterruptError")
    expect_equal(value(future(6 * 7)), 42)
  }
  pid <- pid_of()
  signal <- start_r(lab, "killer", sprintf("Sys.sleep(0.1); tools::pskill(%d, 9L)", pid))
  error <- tryCatch(for (i in 1:100) value(future(length(x), globals = list(x = x))), error = identity)
  wait_for_exit(signal)
  if (inherits(error, "error")) expect_s3_class(error, "FutureError")
  expect_equal(value(future(6 * 7)), 42)
  f <- future(length(x), globals = list(x = x))
  plan(sequential) # closes the link, perhaps in the middle
  plan_here()
  expect_equal(value(future(6 * 7)), 42)
  plan(sequential)
  expect_equal(stop_process(worker), 0L)
})

test_that("a result that cannot be serialized is an error, and its evaluator goes on", {
  worker <- start_worker(lab, "carol", "alice/friends")
  plan_here()
  pid <- pid_of()
  ex <- tryCatch(value(future({
    deep <- list()
    for (i in 1:1e6) deep <- list(deep)
    list(numeric(1e6), deep)
  })), error = identity)
  expect_s3_class(ex, "FutureError")
  expect_match(conditionMessage(ex), "cannot be serialized")
  expect_identical(pid_of(), pid)
  plan(sequential)
  expect_equal(stop_process(worker), 0L)
})

test_that("after a large result, and when the client goes in the middle of one, an evaluator is in order and keeps little memory", {
  skip_if_not(dir.exists("/proc/self"))
  worker <- start_worker(lab, "carol", "alice/friends")
  plan_here()
  pid <- pid_of()
  resident <- function() sum(as.numeric(sub("[^0-9]*([0-9]+).*", "\\1", grep("^VmRSS", readLines(sprintf("/proc/%d/status", pid)), value = TRUE)))) / 1024
  x <- runif(1.25e7)
  expect_identical(value(future(x + 1, globals = list(x = x))), x + 1)
  wait_until(function() resident() < 200)
  expect_identical(pid_of(), pid)
  for (i in 1:3) {
    f <- future(numeric(1.25e7))
    Sys.sleep(0.1 * i)
    plan(sequential)
    plan_here()
    expect_equal(value(future(6 * 7)), 42)
  }
  plan(sequential)
  expect_equal(stop_process(worker), 0L)
})

test_that("forks of an evaluator neither read its tasks nor write its frames", {
  worker <- start_worker(lab, "carol", "alice/friends")
  plan_here()
  pid <- pid_of()
  expect_equal(value(future(parallel::mclapply(1:4, function(i) Sys.getpid(), mc.cores = 2L)))[[1L]] == pid, FALSE)
  ## A fork that goes on in the evaluator's own loop.
  f <- future({
    child <- parallel:::mcfork()
    if (inherits(child, "masterProcess")) "child" else { Sys.sleep(1); "parent" }
  })
  expect_identical(value(f), "parent")
  expect_identical(pid_of(), pid)
  x <- runif(1e6)
  expect_identical(value(future(x, globals = list(x = x))), x)
  plan(sequential)
  expect_equal(stop_process(worker), 0L)
})
