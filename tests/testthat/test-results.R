## What results may hold, through a real link, and evaluators that send something else.

## Sends `object` as the result of the future that calls it, and ends the evaluator.
forge_result <- function(object) {
  space <- asNamespace("future.p2p")
  state <- space$evaluator_state
  .Call(space$ffi_evaluator_result, state$channel, state$task, object)
  quit(save = "no")
}

as_result <- function(value) structure(list(value = value, visible = TRUE, version = "1.8"), class = "FutureResult")

test_that("with results = \"data\", plain data arrive, with output, messages, warnings and errors", {
  lab <- local_lab(c("alice", "bob"))
  start_cluster(lab, workers = c(alice = 1L))
  plan_as(lab, "bob", results = "data")
  withr::defer(future::plan("sequential"))

  values <- list(
    1:1e5, c(a = 1.5, b = NA), "\u00fc", TRUE, 1i, as.raw(1:3), NULL, list(1, list(b = "x")), factor(c("x", NA, "y")), Sys.Date(), Sys.time(),
    as.POSIXlt(Sys.time(), tz = "UTC"), as.difftime(1, units = "hours"), matrix(1:6, 2L, dimnames = list(NULL, letters[1:3])), array(1:24, 2:4), mtcars, iris,
    table(c(1, 1, 2)), ts(1:8, start = 2000, frequency = 4), numeric_version("1.2.3"), as.character(1:5), t.test(1:9)
  )
  expect_identical(future::value(future::future(values)), values)
  expect_identical(future::value(future::future(coef(summary(lm(mpg ~ wt, mtcars))))), coef(summary(lm(mpg ~ wt, mtcars))))

  f <- future::future({
    cat("printed\n")
    message("said")
    warning("warned")
    42
  })
  expect_warning(expect_message(expect_output(expect_identical(future::value(f), 42), "printed"), "said"), "warned")
  error <- tryCatch(future::value(future::future(log("a"), label = "wrong")), error = identity)
  expect_match(conditionMessage(error), "non-numeric argument")
  expect_null(conditionCall(error))
  f <- future::future(stop(structure(class = c("mine", "error", "condition"), list(message = "boo", call = quote(f(x)), data = 1:3, hook = function() 1))))
  error <- tryCatch(future::value(f), mine = identity)
  expect_identical(error[c("message", "data")], list(message = "boo", data = 1:3))
  expect_null(error[["hook"]])
})

test_that("with results = \"data\", everything else is refused with a sentence, and conditions that hold it do not arrive", {
  lab <- local_lab(c("alice", "bob"))
  start_cluster(lab, workers = c(alice = 1L))
  plan_as(lab, "bob", results = "data")
  withr::defer(future::plan("sequential"))

  refused <- function(f) {
    error <- tryCatch(future::value(f), FutureError = identity)
    expect_s3_class(error, "FutureError")
    conditionMessage(error)
  }
  sentence <- "It holds a function. `plan\\(..., results = \"data\"\\)` accepts plain data only: return that, such as"
  expect_match(refused(future::future(function(x) x, label = "closure")), paste("^The result of future \\(closure\\) is refused.", sentence))
  expect_match(refused(future::future(sum)), sentence)
  expect_match(refused(future::future(list(list(compiler::cmpfun(function() 1))))), "holds (a function|an environment)")
  expect_match(refused(future::future(new.env())), "holds an environment")
  expect_match(refused(future::future(asNamespace("stats"))), "holds an environment")
  expect_match(refused(future::future(quote(f(x)))), "holds code")
  expect_match(refused(future::future(structure(1, hook = as.name("a")))), "holds code")
  expect_match(refused(future::future(lm(mpg ~ wt, mtcars))), "holds (code|an environment)")
  expect_match(refused(future::future(pairlist(a = 1))), "holds a pairlist")
  expect_match(refused(future::future(getClass("numeric"))), "holds an S4 object")
  expect_identical(future::value(future::future("still works")), "still works")

  ## An evaluator that does not drop what is not data.
  f <- future::future({
    state <- asNamespace("future.p2p")$evaluator_state
    state$data_only <- FALSE
    stop("boo")
  })
  expect_match(refused(f), "holds code")
  seen <- 0L
  f <- future::future({
    state <- asNamespace("future.p2p")$evaluator_state
    state$data_only <- FALSE
    signalCondition(structure(class = c("immediateCondition", "condition"), list(message = "m", call = NULL, hook = function() 1)))
    "done"
  })
  withCallingHandlers(expect_identical(future::value(f), "done"), immediateCondition = function(cond) seen <<- seen + 1L)
  expect_identical(seen, 0L)
})

test_that("whatever an evaluator sends as a result, the client refuses it and goes on", {
  lab <- local_lab(c("alice", "bob"))
  start_cluster(lab, workers = c(alice = 1L))
  plan_as(lab, "bob", maxSizeOfObjects = c(Inf, 1e8))
  withr::defer(future::plan("sequential"))

  refused <- function(make, pattern) {
    environment(make) <- list2env(list(as_result = as_result), parent = globalenv())
    error <- tryCatch(future::value(future::future(forge_result(make()), globals = list(forge_result = forge_result, make = make))), error = identity)
    expect_s3_class(error, "FutureError")
    expect_match(conditionMessage(error), pattern)
  }
  refused(function() 1:3, "is refused.*not a list")
  refused(function() list(value = 1), "is refused.*another class")
  refused(function() structure(list(), class = "data.frame"), "is refused.*another class")
  refused(function() structure(list(value = 1), class = c("thing", "FutureResult")), "object of class .thing.")
  refused(function() {
    trap <- new.env()
    makeActiveBinding("class", function() stop("the binding was read"), trap)
    structure(trap, class = "FutureResult")
  }, "is refused.*not a list")
  refused(function() {
    nested <- list()
    for (i in 1:6000) nested <- list(nested)
    as_result(nested)
  }, "is refused.*nested too deeply")
  refused(function() as_result(1:1e9), "is refused.*more than 100000000 bytes")
  refused(function() as_result(as.character(1:1e8)), "is refused.*more than 100000000 bytes")
  refused(function() as_result(structure(list(), row.names = c(NA, -1e9), class = "data.frame")), "is refused.*more than 100000000 bytes")
  expect_identical(future::value(future::future("still works")), "still works")
  expect_identical(future::value(future::future(function(x) x + 1))(1), 2)
})

test_that("functions that R has compiled arrive and work", {
  lab <- local_lab(c("alice", "bob"))
  start_cluster(lab, workers = c(alice = 1L))
  plan_as(lab, "bob")
  withr::defer(future::plan("sequential"))
  f <- future::value(future::future({
    f <- function(x) if (x > 1) x * 2 else x
    for (i in 1:5) f(i)
    list(f, ecdf(1:4), compiler::cmpfun(f))
  }))
  expect_identical(c(f[[1L]](3), f[[2L]](2), f[[3L]](3)), c(6, 0.5, 6))
})

test_that("another value of `results` is an error that names the two", {
  withr::local_options(future.p2p.results = "everything")
  expect_error(future::plan(future.p2p::cluster, cluster = "alice/friends"), "Option 'future.p2p.results' must be \"any\" or \"data\", not \"everything\"")
  expect_error(future::plan(future.p2p::cluster, cluster = "alice/friends", results = 1), class = "p2p_error_usage")
})
