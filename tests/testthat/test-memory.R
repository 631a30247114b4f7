## A session that reaches a limit of its memory (RLIMIT_AS) while a global goes out or a result arrives: the future is an error, or right, and the
## session goes on.
skip_unless_lab()
testthat::skip_if_not(dir.exists("/proc/self"))
testthat::skip_if(!nzchar(Sys.which("prlimit")), "prlimit is not installed")
lab <- local_lab()
worker <- start_cluster(lab, "alice/friends", "bob", workers = c(alice = 1L))$workers[[1L]]
start_client <- function() {
  session <- start_asked(lab, "bob", options = list(future.globals.maxSize = Inf))
  expect_in_order(session)
  session
}
session <- start_client()

size_of <- function(session) {
  lines <- readLines(file.path("/proc", session$px$get_pid(), "status"))
  1024 * as.numeric(gsub("[^0-9]", "", grep("^VmSize", lines, value = TRUE)))
}

## So many bytes more than now; NULL: no limit.
limit <- function(session, bytes = NULL) {
  to <- if (is.null(bytes)) "unlimited" else format(size_of(session) + bytes, scientific = FALSE)
  run_process("prlimit", c("--pid", session$px$get_pid(), paste0("--as=", to, ":unlimited")))
}

## What the session says to `code` if it gets so much more memory.
within_limit <- function(code, bytes) {
  ask(session, "rm(list = intersect(c('x', 'f'), ls())); invisible(gc()); 0")
  limit(session, bytes)
  said <- ask(session, code)
  limit(session)
  said
}

LARGE <- 2e8 # bytes

test_that("a result that does not fit is an error, and the session goes on", {
  code <- sprintf("{ f <- future({ x <- raw(%.0f); x[c(1, length(x))] <- as.raw(7); x }); x <- value(f); length(x) == %.0f && all(x[c(1, length(x))] == 7) }", LARGE, LARGE)
  expect_identical(within_limit(code, 10 * LARGE), "= TRUE")
  failed <- 0L
  for (part in c(0.02, 0.2, 0.5, 0.9, 1.1, 1.3, 1.6, 1.9, 2.2)) {
    said <- within_limit(code, part * LARGE)
    if (said != "= TRUE") {
      failed <- failed + 1L
      expect_match(said, "^! .*(cannot allocate|out of memory)", label = paste("with", part))
    }
    expect_in_order(session)
  }
  expect_gte(failed, 3L)
  expect_identical(ask(session, code), "= TRUE")
  expect_identical(warnings_of(session), character())
})

test_that("a global that does not fit is an error, and the session goes on", {
  make <- sprintf("x <- raw(%.0f); x[length(x)] <- as.raw(7); ", LARGE)
  for (wrap in c("x", "list(x, sum)")) { # a part, and none
    end_session(session)
    session <<- start_client() # without memory that it has had before
    failed <- 0L
    for (part in c(0.02, 0.5, 0.9, 1.1, 2, 4)) {
      ask(session, "rm(list = intersect(c('x', 'y', 'f'), ls())); invisible(gc()); 0")
      ask(session, paste0(make, "y <- ", wrap, "; 0"))
      limit(session, part * LARGE)
      said <- ask(session, "value(future({ if (is.list(y)) y <- y[[1L]]; as.integer(y[length(y)]) }))")
      limit(session)
      if (said != "= 7") {
        failed <- failed + 1L
        expect_match(said, "^! .*(cannot allocate|out of memory)", label = paste(wrap, "with", part))
      }
      expect_in_order(session)
    }
    if (wrap != "x") expect_gte(failed, 1L)
  }
})

test_that("nothing is left", {
  end_session(session)
  expect_nothing_left(lab)
})
