roundtrip <- function(x) .Call(ffi_unserialize, .Call(ffi_serialize, list(x), Inf), Inf, "task", FALSE)[[1L]]

test_that("R objects are identical after serialization", {
  for (x in list(NULL, 1:10, "\u00fc", list(a = 1, b = list(TRUE, NA)), mtcars, as.raw(0:255), quote(a + b), 1i, emptyenv())) {
    expect_identical(roundtrip(x), x)
  }
  expect_equal(roundtrip(function(x) x + 1)(1), 2)
})

test_that("objects of several chunks are restored, and have the size that serialize() gives", {
  x <- as.numeric(seq_len(1e6))
  expect_identical(roundtrip(x), x)
  x[1L] <- 0.5 # no longer a compact sequence
  size <- .Call(ffi_blob_size, .Call(ffi_serialize, x, Inf))
  expect_equal(size, length(serialize(x, NULL, xdr = FALSE, version = 3L)))
})

test_that("an object beyond the limit is an error, and an error during serialization is harmless", {
  expect_error(.Call(ffi_serialize, numeric(1e5), 1000), "larger than the limit")
  expect_identical(roundtrip("still works"), "still works")
})

test_that("serialization does not use the random number generator", {
  set.seed(1)
  before <- .Random.seed
  roundtrip(mtcars)
  expect_identical(.Random.seed, before)
})

test_that("handles of another type and closed handles are errors", {
  expect_error(.Call(ffi_unserialize, NULL, Inf, "task", FALSE), "handle")
  expect_error(.Call(ffi_task_state, .Call(ffi_serialize, 1, Inf)), "handle")
})

test_that("the objects that R programs exchange pass the check of their bytes", {
  counter <- local({
    n <- 0
    function(...) {
      n <<- n + 1
      list(...)
    }
  })
  compiled <- compiler::cmpfun(function(x, y = x + 1) {
    if (x > 0) switch(y, a = 1, b = 2) else for (i in seq_len(x)) y[[i]] <- function(z) z + x
    y
  })
  active <- new.env()
  makeActiveBinding("now", function() 42, active)
  lazy <- (function(a, b, ...) function() list(a, ...))(1 + 1, stop("never forced"), c = 3)
  ex <- tryCatch(log("a"), error = identity)
  big_call <- as.call(c(list(quote(c)), as.list(1:5000)))
  setClass("p2p_test_point", representation(x = "numeric"))
  withr::defer(removeClass("p2p_test_point"))
  objects <- list(
    1:1e6, seq(1, 2, by = 0.5), as.character(1:1000), sort(c(3, 1, 2)), rev(list(1, 2)), numeric(), character(), NULL, NA_character_, -0.5,
    "\u00fc", iconv("\u00fc", "UTF-8", "latin1"), as.raw(0:255), 1i, expression(a, b + 1), quote(f(, x)), y ~ x | z, as.name("a"),
    pairlist(a = 1, b = NULL), alist(x = , y = 1), factor(c("a", "b")), Sys.time(), as.Date("2026-01-01"), mtcars, iris3, table(1:3),
    array(1:24, 2:4), numeric_version("1.2.3"), sum, `if`, base::mean, stats::lm, globalenv(), baseenv(), emptyenv(), asNamespace("stats"),
    as.environment("package:stats"), counter, compiled, active, lazy, ex, big_call, new("p2p_test_point", x = 1),
    lm(mpg ~ wt, mtcars), ecdf(1:3), structure(list(), class = "x"), list2env(as.list(stats::setNames(1:500, paste0("v", 1:500)))),
    new.env(hash = FALSE), sys.function, textConnection, getClass("numeric"), methods::getMethod("show", "ANY")
  )
  for (x in objects) {
    y <- suppressWarnings(roundtrip(x)) # of R: 'package:stats' may not be available when loading
    if (is.function(x) || is.environment(x)) expect_identical(typeof(y), typeof(x)) else expect_equal(y, x, ignore_formula_env = TRUE)
  }
  expect_identical(suppressWarnings(roundtrip(lazy))()[[2L]], 3)
  expect_identical(suppressWarnings(roundtrip(active))$now, 42)
})

test_that("all functions of base R pass the check of their bytes, byte code included", {
  for (name in c("base", "stats", "utils", "methods", "tools", "compiler")) {
    functions <- Filter(is.function, mget(ls(asNamespace(name), all.names = TRUE), asNamespace(name)))
    expect_identical(length(suppressWarnings(roundtrip(functions))), length(functions), label = name)
  }
})

test_that("an object that needs more memory than allowed, or that is not a list, is refused before R reads it", {
  read <- function(x, memory) .Call(ffi_unserialize, .Call(ffi_serialize, x, Inf), memory, "task", FALSE)
  expect_error(read(list(1:1e9), 1e9), "needs more than 1000000000 bytes")
  expect_length(read(list(1:1e9), 4e9 + 1000)[[1L]], 1e9)
  expect_error(read(new.env(), Inf), "not a list")
  deep <- list()
  for (i in 1:6000) deep <- list(deep)
  expect_error(read(deep, Inf), "nested too deeply")
})
