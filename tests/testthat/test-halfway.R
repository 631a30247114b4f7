## Objects whose serialization goes wrong in the middle (turn.c), where megabytes of them may be under way, and forks that are made while objects are.
skip_unless_lab()
testthat::skip_if_not(dir.exists("/proc/self"))
lab <- local_lab()
turn_c <- compile_c(lab, "turn.c")
lab$sandbox <- "landlock" # in which the process that futures see is the one that this session sees
worker <- start_cluster(lab, "alice/friends", "bob", workers = c(alice = 1L))$workers[[1L]]
withr::defer(future::plan(future::sequential))

library(future)
plan_as(lab, "bob", retries = 0)

pid_of <- function() value(future(Sys.getpid()))

## The value, or the error, of a future whose result has megabytes before and after what goes wrong.
result_that <- function(when, what) {
  f <- future({
    dyn.load(turn_c)
    list(numeric(1e6), .Call("turn", as.numeric(1:1000), when, what), numeric(1e6))
  }, globals = list(turn_c = turn_c, when = when, what = what), seed = NULL)
  tryCatch(value(f), error = identity)
}

expect_slot <- function(pid = NULL) {
  now <- pid_of()
  if (!is.null(pid)) expect_identical(now, pid)
  x <- stats::runif(1e6)
  expect_identical(value(future(x)), x) # its session and its channel are in order
  wait_until(function() nbrOfFreeWorkers() == 1L)
}

test_that("a vector of that kind arrives if nothing goes wrong", {
  pid <- pid_of()
  expect_identical(result_that(1000L, "error"), list(numeric(1e6), as.numeric(1:1000), numeric(1e6)))
  expect_slot(pid)
})

test_that("what goes wrong before anything was sent is an error with its message", {
  for (what in c("error", "memory")) {
    pid <- pid_of()
    error <- result_that(1L, what)
    expect_s3_class(error, "FutureError")
    expect_match(conditionMessage(error), paste("has a value that cannot be serialized:", c(error = "broken on purpose", memory = "cannot allocate")[[what]]))
    expect_slot(pid)
  }
})

test_that("what goes wrong when a part of it was sent is an error that says so, and the evaluator goes on", {
  says <- c(error = "broken on purpose", memory = "cannot allocate", more = "it changed while it was serialized", fewer = "it changed while it was serialized")
  for (what in names(says)) {
    pid <- pid_of()
    error <- result_that(2L, what)
    expect_s3_class(error, "FutureInterruptError")
    expect_match(conditionMessage(error), paste0("could not serialize the value, of which a part was sent: .*", says[[what]]), label = what)
    expect_slot(pid)
  }
})

test_that("an interrupt in the middle of a result changes nothing", {
  pid <- pid_of()
  expect_identical(result_that(2L, "interrupt"), list(numeric(1e6), as.numeric(1:1000), numeric(1e6)))
  expect_slot(pid)
})

test_that("an evaluator that ends in the middle of a result is replaced", {
  for (what in c("kill", "exit")) {
    error <- result_that(2L, what)
    expect_s3_class(error, "FutureInterruptError")
    expect_match(conditionMessage(error), c(kill = "signal 9", exit = "exit status 3")[[what]])
    expect_slot()
  }
})

test_that("a fork in the middle of a result writes nothing into it", {
  for (when in 1:2) {
    pid <- pid_of()
    expect_identical(result_that(when, "fork"), list(numeric(1e6), as.numeric(1:1000), numeric(1e6)))
    expect_slot(pid)
  }
})

test_that("forks that go on after their future, and signal conditions, disturb neither the next globals nor its result", {
  pid <- pid_of()
  note <- function(message) structure(class = c("immediateCondition", "condition"), list(message = message, call = NULL))
  f <- future({
    for (i in 1:3) parallel::mcparallel({
      until <- proc.time()[["elapsed"]] + 3
      while (proc.time()[["elapsed"]] < until) signalCondition(note(strrep("x", 1e5)))
      numeric(1e6)
    })
    signalCondition(note("of the future"))
    numeric(1e6)
  }, globals = list(note = note), seed = NULL)
  seen <- character()
  withCallingHandlers(expect_identical(value(f), numeric(1e6)), immediateCondition = function(cond) seen <<- c(seen, conditionMessage(cond)))
  expect_identical(seen, "of the future")
  for (i in 1:5) expect_slot(pid)
})

test_that("a condition that cannot be serialized is dropped, nothing of it is sent, and the future goes on", {
  pid <- pid_of()
  said <- function(...) structure(class = c("immediateCondition", "condition"), list(message = "m", call = NULL, ...))
  f <- future({
    dyn.load(turn_c)
    signalCondition(said(data = list(numeric(1e6), .Call("turn", as.numeric(1:1000), 1L, "error"))))
    deep <- list()
    for (i in 1:1e6) deep <- list(deep)
    signalCondition(said(data = deep))
    signalCondition(said(data = numeric(1000)))
    "done"
  }, globals = list(turn_c = turn_c, said = said))
  seen <- list()
  withCallingHandlers(expect_identical(value(f), "done"), immediateCondition = function(cond) seen <<- c(seen, list(cond$data)))
  expect_identical(seen, list(numeric(1000)))
  expect_slot(pid)
})

test_that("a global that cannot be serialized is an error of future(), and the session goes on", {
  dll <- dyn.load(turn_c)
  on.exit(dyn.unload(dll[["path"]]))
  pid <- pid_of()
  symbol <- getNativeSymbolInfo("turn", dll)
  for (what in c("error", "memory", "interrupt", "more")) for (when in 1:3) {
    y <- .Call(symbol, as.numeric(1:20000), when, what)
    x <- list(numeric(1e5), y, numeric(1e5))
    got <- tryCatch(value(future(lengths(x), globals = list(x = x))), error = identity, interrupt = identity)
    if (inherits(got, "error")) expect_match(conditionMessage(got), "broken on purpose|cannot allocate")
    else if (!inherits(got, "interrupt")) expect_true(identical(got, c(1e5L, 20000L, 1e5L)) || what == "more")
    rm(x, y)
    expect_slot(pid)
  }
})

test_that("nothing is left", {
  plan(sequential)
  expect_nothing_left(lab)
})
