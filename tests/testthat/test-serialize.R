roundtrip <- function(x) .Call(ffi_unserialize, .Call(ffi_serialize, x, Inf))

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
  expect_error(.Call(ffi_unserialize, NULL), "handle")
  expect_error(.Call(ffi_task_state, .Call(ffi_serialize, 1, Inf)), "handle")
})
