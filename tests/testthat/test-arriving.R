## Large results, which R reads while they arrive. A worker that is stopped (SIGSTOP) stops them in the middle.
testthat::skip_on_os("windows")
lab <- local_lab()
members <- start_cluster(lab, "alice/friends", c("bob", "carol"), workers = c(alice = 1L, carol = 1L))
withr::defer(future::plan(future::sequential))

library(future)

SIZE <- 1e8 # bytes of a result

state_of <- function(f) .Call(ffi_task_state, f[["task"]])

process_of <- function(f) {
  pid <- as.integer(sub(".*:", "", .Call(ffi_task_worker, f[["task"]])))
  Filter(function(worker) worker$px$get_pid() == pid, members$workers)[[1L]]
}

stop_worker <- function(worker, env = parent.frame()) {
  tools::pskill(worker$px$get_pid(), tools::SIGSTOP)
  withr::defer(continue(worker), envir = env)
}
continue <- function(worker) tools::pskill(worker$px$get_pid(), tools::SIGCONT)

## Expects that Ctrl-C, in a second, ends the wait for the value.
expect_interruptible <- function(f) {
  in_a_second(paste("kill -INT", Sys.getpid()))
  expect_identical(tryCatch(value(f), interrupt = function(ex) "interrupted"), "interrupted")
}

## A future, list(future, worker), whose result has begun to arrive; then its worker is stopped until the end of the test. `code` is evaluated
## on the worker, again if all arrives before the worker is stopped.
arriving <- function(code = quote({ x <- raw(size); x[c(1, size)] <- as.raw(1:2); x }), ..., env = parent.frame()) {
  for (try in 1:20) {
    f <- future(eval(code), globals = list(code = code, size = SIZE, forge_result = forge_result), ...)
    while (state_of(f) %in% c("waiting", "running")) Sys.sleep(0.001)
    worker <- process_of(f)
    stop_worker(worker, env)
    if (state_of(f) == "arriving") break
    continue(worker)
  }
  expect_identical(state_of(f), "arriving")
  list(future = f, worker = worker)
}

forge_result <- function(object) {
  space <- asNamespace("future.p2p")
  state <- space$evaluator_state
  .Call(space$ffi_evaluator_result, state$channel, state$task, object)
  quit(save = "no")
}

is_whole <- function(x) length(x) == SIZE && x[1] == 1 && x[SIZE] == 2 && all(x[2:1000] == 0)

## Runs a shell command after a second, while this session waits.
in_a_second <- function(command) system(sprintf("(sleep 1; %s)", command), wait = FALSE)

test_that("values of all kinds that are read while they arrive are right", {
  plan_as(lab, "bob")
  values <- list(
    quote(as.double(1:3e6)), quote(sprintf("%07d", 1:500000)), quote(as.list(1:300000)), quote(seq_len(1e7)[-1L]),
    quote(data.frame(i = 1:400000, f = factor(rep(c("a", NA), 200000)), s = rep(c("x", "\u00fc"), 200000), d = rep(Sys.Date(), 400000))),
    quote(list(matrix(1:1e6, 1000L), new.env(parent = emptyenv()), quote(f(x)), complex(100000, 1, 2)))
  )
  for (code in values) {
    expected <- eval(code)
    expect_equal(value(future(eval(code), globals = list(code = code))), expected)
  }
  plan_as(lab, "bob", results = "data")
  for (code in values[1:5]) expect_identical(value(future(eval(code), globals = list(code = code))), eval(code))
})

test_that("a future whose result has begun to arrive is not resolved", {
  plan_as(lab, "bob")
  x <- arriving()
  expect_false(resolved(x$future))
  continue(x$worker)
  wait_until(function() resolved(x$future))
  expect_true(is_whole(value(x$future)))
})

test_that("after Ctrl-C, or a time limit, the session goes on, and value() gives the value", {
  plan_as(lab, "bob")
  x <- arriving()
  expect_interruptible(x$future)
  expect_identical(state_of(x$future), "arriving")
  setTimeLimit(elapsed = 1, transient = TRUE)
  error <- tryCatch(value(x$future), error = identity)
  setTimeLimit()
  expect_match(conditionMessage(error), "time limit")
  expect_false(inherits(error, "FutureError"))
  continue(x$worker)
  expect_true(is_whole(value(x$future)))
  wait_until(function() nbrOfFreeWorkers() == 2L)
})

## Until the end of the test.
keep_results_up_to <- function(bytes, env = parent.frame()) {
  space <- asNamespace("future.p2p")
  set <- function(bytes) {
    unlockBinding("KEPT_RESULT", space)
    assign("KEPT_RESULT", bytes, envir = space)
    lockBinding("KEPT_RESULT", space)
  }
  before <- space$KEPT_RESULT
  set(bytes)
  withr::defer(set(before), envir = env)
}

test_that("a large value can be read only once: after Ctrl-C the future is lost, and reset() runs it again", {
  keep_results_up_to(2^20)
  plan_as(lab, "bob")
  repeat {
    x <- arriving()
    expect_interruptible(x$future)
    again <- .Call(ffi_result_open, x$future[["task"]], Inf, FALSE, 2^20)
    if (isFALSE(again)) break
    .Call(ffi_handle_close, again) # too little had arrived
    continue(x$worker)
    value(x$future)
  }
  error <- tryCatch(value(x$future), error = identity)
  expect_s3_class(error, "FutureInterruptError")
  expect_match(conditionMessage(error), "was lost\\. Reading its value was interrupted, and values of more than 1 MiB can be read only once\\. Use reset")
  continue(x$worker)
  wait_until(function() nbrOfFreeWorkers() == 2L)
  expect_true(is_whole(value(reset(x$future))))
})

test_that("if the link is lost in the middle, it is an error that says so, or the future runs again", {
  plan_as(lab, "bob", retries = 0)
  x <- arriving()
  in_a_second(paste("kill -KILL", x$worker$px$get_pid()))
  error <- tryCatch(value(x$future), error = identity)
  expect_s3_class(error, "FutureInterruptError")
  expect_match(conditionMessage(error), "was lost\\. The link to worker '.*' was lost .*retries = 1")
  wait_until(function() nbrOfFreeWorkers() == nbrOfWorkers())
  members$workers <<- c(Filter(function(worker) worker$px$is_alive(), members$workers), start_worker(lab, "alice", "alice/friends"))

  plan_as(lab, "bob")
  wait_until(function() nbrOfWorkers() == 2L)
  x <- arriving()
  in_a_second(paste("kill -KILL", x$worker$px$get_pid()))
  expect_warning(value <- value(x$future), "may have been evaluated twice")
  expect_true(is_whole(value))
  wait_until(function() nbrOfFreeWorkers() == nbrOfWorkers())
  members$workers <<- c(Filter(function(worker) worker$px$is_alive(), members$workers), start_worker(lab, "carol", "alice/friends"))
})

test_that("a result that is refused in the middle is an error at once, and the worker is free again", {
  refused <- function(code, pattern, ...) {
    plan_as(lab, "bob", ...)
    code <- bquote({ x <- list(raw(size / 2), .(code), raw(size / 2)); x })
    x <- arriving(code)
    continue(x$worker)
    error <- tryCatch(value(x$future), error = identity)
    expect_s3_class(error, "FutureError")
    expect_match(conditionMessage(error), pattern)
    wait_until(function() nbrOfFreeWorkers() == nbrOfWorkers())
    expect_identical(value(future("goes on")), "goes on")
  }
  refused(quote(function(x) x), "is refused. It holds a function", results = "data")
  refused(quote(seq_len(1e9)), "is refused.*needs more than 200000000 bytes", maxSizeOfObjects = c(Inf, 2e8))
  refused(quote({ # as an evaluator that lies
    nested <- list()
    for (i in 1:6000) nested <- list(nested)
    forge_result(structure(list(value = list(raw(size), nested, raw(size))), class = "FutureResult"))
  }), "is refused.*nested too deeply")
})

test_that("while a result arrives, another one is read, whichever began first", {
  plan_as(lab, "bob")
  first <- arriving()
  second <- future({ x <- raw(size); x[c(1, size)] <- as.raw(1:2); x }, globals = list(size = SIZE)) # on the other worker
  expect_true(is_whole(value(second)))
  third <- arriving()
  expect_false(identical(first$worker, third$worker))
  in_a_second(paste("kill -CONT", first$worker$px$get_pid(), third$worker$px$get_pid()))
  expect_true(is_whole(value(third$future)))
  expect_true(is_whole(value(first$future)))
})

test_that("nothing is left of results that were not read", {
  plan_as(lab, "bob")
  x <- arriving()
  expect_interruptible(x$future)
  continue(x$worker)
  cancel(x$future)
  expect_error(value(x$future), class = "FutureError")
  wait_until(function() nbrOfFreeWorkers() == nbrOfWorkers())
  rm(x)
  plan(sequential)
  gc()
  live <- .Call(ffi_handles_live)
  for (i in 1:3) gc()
  expect_identical(.Call(ffi_handles_live), live)
})

test_that("a fork cannot read a result that arrives, and does not disturb it", {
  plan_as(lab, "bob")
  x <- arriving()
  said <- parallel::mccollect(parallel::mcparallel(tryCatch(value(x$future), error = function(ex) class(ex)[1L])))[[1L]]
  expect_match(said, "Future")
  continue(x$worker)
  expect_true(is_whole(value(x$future)))
})
