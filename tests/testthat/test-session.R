## The session of a client as a process of its own: what Ctrl-C, quit() and kill -9 do to futures that run.
lab <- local_lab()
members <- start_cluster(lab, "alice/friends", c("bob", "carol"), workers = c(alice = 1L))
withr::defer(future::plan(future::sequential))

library(future)

## Rscript as bob, with a plan made and `code` after it.
start_session <- function(code) {
  args <- board_args(lab, "bob")
  begin <- sprintf("library(future); plan(future.p2p::cluster, cluster = 'alice/friends', host = '%s', ssh_args = '%s')",
                   args$host, args$ssh_args)
  tmp <- file.path(lab$dir, paste0("tmp-", length(lab$processes) + 1L))
  dir.create(tmp)
  process <- list2env(list(name = "session", lines = character(), told = 0L, tmp = tmp), parent = emptyenv())
  process$px <- processx::process$new(file.path(R.home("bin"), "Rscript"), c("-e", begin, "-e", code), stdout = "|",
                                      stderr = "2>&1", env = lab_environment(lab, tmp), cleanup_tree = TRUE)
  lab$processes <- c(lab$processes, process)
  process
}

## A future that tells by a file that it runs, and runs for a minute.
running_future <- function(mark) {
  sprintf("mark <- '%s'; f <- future({ file.create(mark); Sys.sleep(60) });", file.path(lab$dir, mark))
}

wait_for_file <- function(mark, timeout = 30) {
  deadline <- proc.time()[["elapsed"]] + timeout
  while (!file.exists(file.path(lab$dir, mark)) && proc.time()[["elapsed"]] < deadline) Sys.sleep(0.02)
  expect_true(file.exists(file.path(lab$dir, mark)))
}

## The worker has a free slot: a future of ours gets it, well before the minute is over.
expect_slot_is_free <- function(within = 5) {
  plan_as(lab, "bob")
  began <- proc.time()[["elapsed"]]
  expect_equal(value(future(1 + 1)), 2)
  expect_lt(proc.time()[["elapsed"]] - began, within)
  plan(sequential)
}

test_that("Ctrl-C during value() returns at once; the future can be cancelled, reset and run again", {
  session <- start_session(paste(running_future("interrupted"), "
    how <- tryCatch(value(f), interrupt = function(e) 'interrupted', error = function(e) conditionMessage(e))
    cat('value():', how, '\\n')
    cat('after:', resolved(f), '\\n')
    cancel(f)
    cat('value() then:', tryCatch(value(f), error = function(e) class(e)[1]), '\\n')
    g <- future(6 * 7)
    cat('next:', value(g), '\\n')"))
  wait_for_file("interrupted")
  began <- proc.time()[["elapsed"]]
  session$px$interrupt()
  expect_match(wait_for_line(session, "^value\\(\\):"), "interrupted")
  expect_lt(proc.time()[["elapsed"]] - began, 1)
  expect_match(wait_for_line(session, "^after:"), "FALSE")
  expect_match(wait_for_line(session, "^value\\(\\) then:"), "Future(Interrupt|Canceled)Error")
  expect_match(wait_for_line(session, "^next:"), "42")
  expect_equal(wait_for_exit(session), 0L)
})

test_that("reset() after an interrupt runs the future again", {
  plan_as(lab, "bob")
  mark <- file.path(lab$dir, "second")
  f <- future(if (file.exists(mark)) "again" else { file.create(mark); Sys.sleep(60) })
  wait_for_file("second")
  cancel(f)
  expect_error(value(f), class = "FutureInterruptError")
  expect_equal(value(reset(f)), "again")
  plan(sequential)
})

test_that("quitting R ends its futures on the workers", {
  session <- start_session(paste(running_future("quit"), "while (!file.exists(mark)) Sys.sleep(0.02); quit(save = 'no')"))
  wait_for_file("quit")
  expect_equal(wait_for_exit(session), 0L)
  expect_slot_is_free()
})

test_that("a session that is killed leaves its slot to others", {
  session <- start_session(paste(running_future("killed"), "value(f)"))
  wait_for_file("killed")
  tools::pskill(session$px$get_pid(), 9L)
  expect_slot_is_free()
  expect_equal(wait_for_exit(session), -9L)
  unlink(list.files(session$tmp, full.names = TRUE), recursive = TRUE) # nobody could tidy up
})

test_that("globals and values beyond maxSizeOfObjects are errors with names and sizes, and the session goes on", {
  plan_as(lab, "bob", maxSizeOfObjects = c(1e5, 2e5))
  much <- numeric(1e5)
  expect_error(future(sum(much)), "much")
  ex <- tryCatch(value(future(raw(3e5))), error = identity)
  expect_s3_class(ex, "FutureError")
  expect_match(conditionMessage(ex), "from alice@.* is too large: 30[0-9]{4} bytes, .* at most 200000 bytes")
  expect_match(conditionMessage(ex), "maxSizeOfObjects")
  expect_identical(value(future(raw(1.5e5))), raw(1.5e5))
  expect_error(plan_as(lab, "bob", maxSizeOfObjects = -1), "maxSizeOfObjects")
  plan(sequential)
})

test_that("a thousand futures leave no descriptor and no thread behind", {
  skip_if_not(dir.exists("/proc/self/fd"))
  plan_as(lab, "bob")
  count <- function() {
    gc()
    c(fds = length(list.files("/proc/self/fd")), threads = length(list.files("/proc/self/task")))
  }
  for (i in 1:20) value(future(i))
  before <- count()
  for (i in 1:1000) expect_identical(value(future(i, globals = list(i = i))), i)
  expect_equal(count(), before)
  plan(sequential)
})

test_that("nothing is left when all have ended", {
  plan(sequential)
  expect_nothing_left(lab)
})
