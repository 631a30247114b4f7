## What plan() and future() accept, and what the errors say.
library(future)

test_that("hosts in plan(workers = ) are an error that names future::cluster", {
  expect_hosts <- function(advice, ...) {
    ex <- tryCatch(suppressWarnings(plan(future.p2p::cluster, ..., host = "127.0.0.1:1")), error = identity)
    expect_s3_class(ex, "p2p_error_usage")
    expect_match(conditionMessage(ex), "masks")
    expect_match(conditionMessage(ex), advice, fixed = TRUE)
  }
  expect_hosts("plan(future::cluster, workers = \"localhost\")", workers = "localhost")
  expect_hosts("workers = c(\"a\", \"b\")", workers = c("a", "b"))
  expect_hosts("future::cluster", workers = "localhost", rscript = "Rscript")
  nodes <- structure(list(structure(list(), class = "SOCKnode")), class = c("SOCKcluster", "cluster"))
  expect_hosts("workers = ...", workers = nodes)
  expect_hosts("future::cluster", workers = function() "localhost")
  expect_hosts("plan(future::cluster, workers = \"127.0.0.1\")", workers = "127.0.0.1")
  expect_hosts("workers = c(\"10.0.0.5\", \"::1\")", workers = c("10.0.0.5", "::1"))
  expect_hosts("plan(future::cluster, workers = \"localhost\")", workers = factor("localhost"))
  for (workers in list("0", "-1", "", 0, NA, TRUE, factor(4))) {
    expect_error(plan(future.p2p::cluster, workers = workers, host = "127.0.0.1:1"), "must be a whole number|must be a number", class = "p2p_error_usage")
  }
})

test_that("a plan() that failed fails again, and is not taken for the current one", {
  withr::defer(plan(sequential))
  fail <- function() expect_error(suppressWarnings(plan(future.p2p::cluster, cluster = "alice/friends", host = "127.0.0.1:1")), class = "p2p_error")
  first <- conditionMessage(fail())
  expect_identical(conditionMessage(fail()), first)
  expect_s3_class(tryCatch(value(future(1)), error = identity), "p2p_error") # nothing runs here instead
  expect_identical(conditionMessage(fail()), first)
  plan(sequential)
  expect_identical(value(future(6 * 7)), 42)
})

lab <- local_lab(c("alice", "bob"))
start_board(lab)
start_host(lab, "alice/friends", "bob")
withr::defer(plan(sequential), priority = "first")

## The error of `expr`, which fails within 60 seconds.
quick_error <- function(expr) {
  setTimeLimit(elapsed = 60, transient = TRUE)
  on.exit(setTimeLimit())
  suppressMessages(tryCatch(expr, error = identity))
}

test_that("option future.wait.timeout applies when the wait begins, and the argument of plan() wins", {
  plan_as(lab, "bob")
  withr::local_options(future.wait.timeout = 1)
  ex <- quick_error(value(future(1)))
  expect_s3_class(ex, "FutureError")
  expect_match(conditionMessage(ex), "was not started within 1 s ('future.wait.timeout'): ", fixed = TRUE)
  for (timeout in list("soon", -1, NA_real_, 1:2)) {
    options(future.wait.timeout = timeout)
    expect_match(conditionMessage(quick_error(value(future(1)))), "Option 'future.wait.timeout' must be a number of at least 0.", fixed = TRUE)
  }
  plan(sequential)
  options(future.wait.timeout = 1000)
  plan_as(lab, "bob", wait.timeout = 1)
  f <- future(1)
  expect_match(conditionMessage(quick_error(value(f))), "was not started within 1 s ('wait.timeout'): ", fixed = TRUE)
  f <- future(1)
  cancel(f)
  expect_match(conditionMessage(quick_error(value(f))), "^Future [(]<unnamed>[)] was canceled[.]( \\[future [^'.]*)?$") # future appends its own
  plan(sequential)
  expect_error(plan_as(lab, "bob", wait.timeout = "soon"), "'wait.timeout'", class = "p2p_error_usage")
})

test_that("on a worker, a nested plan of this package is an error at once, and others work", {
  start_worker(lab, "alice", "alice/friends")
  args <- board_args(lab, "bob")
  outer <- tweak(future.p2p::cluster, cluster = "alice/friends", host = args$host, ssh_args = args$ssh_args)
  plan(list(outer, future.p2p::cluster))
  ex <- quick_error(value(future(value(future(1)))))
  expect_match(conditionMessage(ex), "on a worker .* cannot use future.p2p::cluster itself.*future::sequential")
  plan(sequential)
  plan(list(outer, outer))
  ex <- quick_error(value(future(value(future(1)))))
  expect_match(conditionMessage(ex), "on a worker .* cannot use future.p2p::cluster itself")
  plan(sequential)
  plan(list(outer, sequential))
  expect_equal(value(future(value(future(1)))), 1)
  plan(sequential)
})

test_that("a request outside of `resources` is an error that says what to write", {
  plan_as(lab, "bob")
  for (request in list(list(memory = "2 GiB"), list(time = 60), list(cores = 2L))) {
    ex <- quick_error(value(do.call(future, c(list(quote(1 + 1), substitute = FALSE), request))))
    expect_s3_class(ex, "FutureError")
    expect_match(conditionMessage(ex), sprintf("^Future [(]<unnamed>[)] has '%s =', which is not an argument", names(request)))
    expect_length(gregexpr("[future ", conditionMessage(ex), fixed = TRUE)[[1L]], 1L)
  }
  expect_match(conditionMessage(quick_error(value(future(1, memory = "2 GiB")))), 'Write resources = list(memory = "2 GiB").', fixed = TRUE)
  lazy <- future(1 + 1, cores = 1L, lazy = TRUE)
  expect_s3_class(quick_error(value(lazy)), "FutureError")
  expect_equal(value(future(1 + 1, resources = NULL, label = "plain")), 2)
  plan(sequential)
})

test_that("nothing is left", {
  expect_nothing_left(lab)
})
