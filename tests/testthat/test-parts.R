## Large globals that several futures share: each crosses a link once, and every future has what the session had.
lab <- local_lab()
members <- start_cluster(lab, "alice/friends", "bob", workers = c(alice = 1L, bob = 1L))
withr::defer(future::plan(future::sequential))

library(future)

join <- function(...) {
  plan_as(lab, "bob", ...)
  wait_until(function() nbrOfWorkers() == length(members$workers))
}
join()

## Bytes that this process has written while `code` ran; NA where the system does not tell.
bytes_written <- function(code) {
  count <- function() tryCatch(scan("/proc/self/io", list("", 0), nlines = 2L, quiet = TRUE)[[2L]][2L], error = function(ex) NA, warning = function(ex) NA)
  before <- count()
  code
  count() - before
}

## `pause`: so that the next future goes to the other worker. No braces: with them, a future also has the source file.
sums <- function(n = 6L, pause = 0) {
  unlist(value(lapply(seq_len(n), function(i) future(list(Sys.sleep(pause), sum(x) + i)[[2L]])))) - seq_len(n)
}
other_pids <- function() setdiff(unlist(lapply(members$workers, function(worker) descendants(worker$px$get_pid()))), 0L)
descendants <- function(pid) {
  children <- children_of(pid)
  c(children, unlist(lapply(children, descendants)))
}
evaluators <- function() unlist(value(lapply(1:2, function(i) future({
  Sys.sleep(0.2)
  Sys.getpid()
}))))

x <- stats::runif(250000) # 2 MB

test_that("a global that futures share crosses each link once", {
  invisible(value(lapply(1:2, function(i) future(Sys.sleep(0.2))))) # both are linked
  n <- bytes_written(expect_equal(sums(pause = 0.5), rep(sum(x), 6L)))
  skip_if(is.na(n), "the system does not count")
  expect_gt(n, object.size(x))
  expect_lt(n, 2.5 * object.size(x))
  expect_lt(bytes_written(sums()), 0.2 * object.size(x))
  inner <- function(y, pause = 0) { # in a list, from a function
    unlist(value(lapply(1:4, function(i) future(list(Sys.sleep(pause), y[[1L]][i])[[2L]]))))
  }
  expect_lt(bytes_written(inner(list(x, "a"), pause = 0.5)), 2.5 * object.size(x))
  expect_lt(bytes_written(expect_equal(inner(list(x, "a")), x[1:4])), 0.2 * object.size(x))
})

test_that("evaluators go on after futures with parts", {
  before <- evaluators()
  sums()
  expect_setequal(evaluators(), before)
})

test_that("a change is seen at once, here and there", {
  for (i in 1:4) {
    x[7L] <<- i
    expect_equal(sums(2L), rep(sum(x), 2L))
  }
  changed <- value(lapply(1:4, function(i) future({
    x[1L] <- -i
    x[1:2]
  })))
  expect_equal(changed, lapply(1:4, function(i) c(-i, x[2L])))
  expect_equal(sums(4L), rep(sum(x), 4L))
})

test_that("code that changes its global in place does not change that of later futures", {
  skip_if_not_installed("data.table")
  frame <- data.frame(a = as.numeric(1:20000), b = rep("x", 20000L))
  first <- function() {
    f <- future({
      before <- frame$a[1L]
      data.table::set(frame, 1L, "a", -1)
      c(before, frame$a[1L])
    })
    value(f)
  }
  for (i in 1:5) expect_equal(first(), c(1, -1))
})

test_that("all kinds of objects arrive as they are", {
  objects <- list(
    matrix = matrix(seq(0, 1, length.out = 40000L), 200L, dimnames = list(NULL, paste0("c", 1:200))),
    frame = data.frame(f = factor(rep(c("a", "b"), 20000L)), d = as.Date("2020-01-01") + 1:40000, s = sprintf("\u00e4%d", 1:40000)),
    raw = as.raw(rep(0:255, 1000L)), complex = complex(real = 1:10000, imaginary = 2), logical = rep(c(NA, TRUE), 50000L),
    nested = lapply(1:5000, function(i) list(i, letters[i %% 26 + 1], NULL)), sequence = 1:1000000, text = strrep("x", 100000L),
    functions = list(stats::runif(20000L), mean), environment = list(stats::runif(20000L), globalenv()),
    s4 = methods::new("numeric", stats::runif(20000L)))
  for (name in names(objects)) {
    object <- objects[[name]]
    got <- value(lapply(1:3, function(i) future(object)))
    for (i in 1:3) expect_equal(got[[i]], object, label = name)
  }
  expect_identical(value(future(objects$nested)), objects$nested)
})

test_that("what an evaluator had is sent again after it has died", {
  expect_equal(sums(2L), rep(sum(x), 2L))
  tools::pskill(other_pids(), tools::SIGKILL)
  expect_equal(sums(4L), rep(sum(x), 4L))
  f <- future({
    if (length(x) > 0L) tools::pskill(Sys.getpid(), 11L) # SIGSEGV
  })
  expect_error(value(f), class = "FutureInterruptError")
  expect_equal(sums(2L), rep(sum(x), 2L))
})

test_that("a worker without a cache gets all globals with each future, also one that comes when futures are under way", {
  mark <- file.path(lab$dir, "mark")
  first <- members$workers
  stop_process(first[[1L]])
  wait_until(function() nbrOfWorkers() == 1L)
  f <- future({
    cat("x", file = mark, append = TRUE)
    while (file.size(mark) < 2) Sys.sleep(0.02)
    sum(x)
  })
  wait_until(function() file.exists(mark))
  signal_process(first[[2L]], tools::SIGTERM)
  members$workers <<- list(start_worker(lab, "alice", "alice/friends", cache = 0))
  expect_equal(suppressWarnings(value(f)), sum(x))
  expect_equal(client_status(clients$of(plan("backend")))$cache_mib, 0)
  n <- bytes_written(expect_equal(sums(3L), rep(sum(x), 3L)))
  if (!is.na(n)) expect_gt(n, 3 * object.size(x))
})

test_that("a small cache forgets what was used longest ago, and a large global is no part", {
  stop_process(members$workers[[1L]])
  members$workers <<- list(start_worker(lab, "alice", "alice/friends", cache = "3MiB"))
  join()
  parts <- lapply(1:4, function(i) stats::runif(150000L) + i) # 1.2 MB each, of which it keeps 2
  turn <- function(i) {
    y <- parts[[i]]
    value(future(sum(y)))
  }
  for (i in c(1:4, 4:1, 1L, 1L)) expect_equal(turn(i), sum(parts[[i]]))
  known <- bytes_written(turn(1L))
  forgotten <- bytes_written(turn(4L))
  if (!is.na(known)) {
    expect_lt(known, 9e5)
    expect_gt(forgotten, known + 1e6)
  }
  expect_equal(sums(3L), rep(sum(x), 3L)) # 2 MB are more than half of the cache
})

test_that("a global crosses the link to a worker with several slots once, whether its futures start at once or one after the other", {
  stop_process(members$workers[[1L]])
  members$workers <<- list(start_worker(lab, "alice", "alice/friends", workers = 3L))
  plan_as(lab, "bob")
  wait_until(function() nbrOfWorkers() == 3L)
  at_once <- function() value(lapply(1:3, function(i) future(list(Sys.sleep(1), sum(x) + i, Sys.getpid()))))
  for (begin in list(at_once, at_once, sums)) {
    x <<- stats::runif(750000) # 6 MB
    n <- bytes_written(got <- begin())
    if (is.list(got)) {
      expect_length(unique(vapply(got, `[[`, 0L, 3L)), 3L) # each by its own evaluator
      got <- vapply(got, `[[`, 0, 2L) - 1:3
    }
    expect_equal(got, rep(sum(x), length(got)))
    if (!is.na(n)) expect_lt(n, 1.5 * object.size(x))
    if (!is.na(n)) expect_gt(n, object.size(x))
  }
  expect_lt(bytes_written(at_once()), 1.5 * object.size(x))
})

test_that("a future that is canceled while its global arrives does not keep it from another one", {
  y <- stats::runif(5e6) # 40 MB
  for (i in 1:10) {
    y[i] <- i
    first <- future(sum(y))
    second <- future(sum(y) + 1)
    cancel(first)
    expect_equal(value(second), sum(y) + 1)
    expect_equal(value(future(sum(y) + 2)), sum(y) + 2)
  }
})

test_that("nothing is left", {
  plan(sequential)
  expect_nothing_left(lab)
})
