## Packages that build on futures work unchanged.
lab <- local_lab()
start_cluster(lab, "alice/friends", c("bob", "carol"), workers = c(alice = 1L, carol = 1L))
plan_as(lab, "bob")
withr::defer(future::plan(future::sequential))

library(future)

sequentially <- function(expr) {
  expr <- substitute(expr)
  old <- plan(sequential)
  on.exit(plan_as(lab, "bob"))
  eval(expr, parent.frame())
}

test_that("future.apply: the same values and the same random numbers as sequentially", {
  skip_if_not_installed("future.apply")
  draw <- function() future.apply::future_lapply(1:6, function(i) stats::rnorm(i), future.seed = 42L)
  here <- draw()
  expect_identical(here, sequentially(draw()))
  expect_identical(future.apply::future_sapply(1:4, function(i) i^2), c(1, 4, 9, 16))
  expect_identical(future.apply::future_mapply(`+`, 1:3, 4:6), c(5L, 7L, 9L))
})

test_that("furrr: the same values and the same random numbers as sequentially", {
  skip_if_not_installed("furrr")
  draw <- function() furrr::future_map(1:4, function(i) stats::runif(2L), .options = furrr::furrr_options(seed = 42L))
  here <- draw()
  expect_identical(here, sequentially(draw()))
  expect_identical(furrr::future_map_dbl(c(a = 1, b = 2), ~ .x * 10), c(a = 10, b = 20))
})

test_that("doFuture: %dofuture% gives the same values and the same random numbers as sequentially", {
  skip_if_not_installed("doFuture")
  `%dofuture%` <- doFuture::`%dofuture%`
  foreach <- foreach::foreach
  draw <- function() {
    set.seed(42)
    foreach(i = 1:4, .options.future = list(seed = TRUE)) %dofuture% stats::rnorm(i)
  }
  here <- draw()
  expect_identical(here, sequentially(draw()))
  expect_identical(foreach(i = 1:3, .combine = c) %dofuture% { i * 2 }, c(2, 4, 6))
})

test_that("progressr: the first progress arrives before the last of ten steps starts", {
  skip_if_not_installed("progressr")
  gate <- file.path(lab$dir, "progress-gate")
  seen <- 0L
  handler <- progressr::make_progression_handler("counting", list(update = function(config, state, progression, ...) {
    seen <<- max(seen, state$step)
    if (state$step > 0L) file.create(gate)
  }), enable = TRUE, interval = 0, intrusiveness = 0)
  arrived <- progressr::with_progress({
    p <- progressr::progressor(steps = 10L)
    f <- future({
      for (step in 1:9) p()
      deadline <- Sys.time() + 20
      while (!file.exists(gate) && Sys.time() < deadline) Sys.sleep(0.02)
      arrived <- file.exists(gate) # the tenth step has not started
      p()
      arrived
    })
    value(f)
  }, handlers = handler, enable = TRUE)
  expect_true(arrived)
  expect_equal(seen, 10L)
})
