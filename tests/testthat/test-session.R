## Sessions of clients as separate processes: the effect of Ctrl-C, quit() and kill -9 on running futures.
lab <- local_lab()
members <- start_cluster(lab, "alice/friends", c("bob", "carol"), workers = c(alice = 1L))
withr::defer(future::plan(future::sequential))

library(future)

## Rscript as bob: sets the plan and runs `code`.
start_session <- function(code) {
  args <- board_args(lab, "bob")
  begin <- sprintf("library(future); plan(future.p2p::cluster, cluster = 'alice/friends', host = '%s', ssh_args = '%s')",
                   args$host, args$ssh_args)
  start_child(lab, "session", c("Rscript", "-e", begin, "-e", code))
}

## A future that creates a file when it starts, and runs for a minute.
running_future <- function(mark) {
  sprintf("mark <- '%s'; f <- future({ file.create(mark); Sys.sleep(60) });", file.path(lab$dir, mark))
}

wait_for_file <- function(mark) wait_until(function() file.exists(file.path(lab$dir, mark)))

## Expects that the worker has a free slot long before the minute is over.
expect_slot_is_free <- function() {
  plan_as(lab, "bob")
  began <- proc.time()[["elapsed"]]
  expect_equal(value(future(1 + 1)), 2)
  expect_lt(proc.time()[["elapsed"]] - began, 30)
  plan(sequential)
}

## Signals the process group of the session, as a terminal does.
ctrl_c <- function(session) system2("sh", c("-c", shQuote(sprintf("kill -s INT -- -%d", session$px$get_pid()))))

## The output of the session right after Ctrl-C.
expect_interrupted <- function(session, pattern, answer) {
  began <- proc.time()[["elapsed"]]
  ctrl_c(session)
  expect_match(wait_for_line(session, pattern), answer)
  expect_lt(proc.time()[["elapsed"]] - began, 30)
}

test_that("Ctrl-C during value() or future() returns at once; afterwards the value arrives, or the future is canceled, reset and run again", {
  session <- start_session(sprintf("
    in_lab <- function(name) file.path('%s', name)
    collected <- in_lab('collected'); gate <- in_lab('gate'); canceled <- in_lab('canceled')
    try_to <- function(expr) tryCatch(expr, interrupt = function(ex) 'interrupted', error = function(ex) class(ex)[1])
    f <- future({ file.create(collected); while (!file.exists(gate)) Sys.sleep(0.02); 42 })
    cat('value():', try_to(value(f)), resolved(f), '\n')
    file.create(gate)
    cat('collected:', value(f), '\n')
    g <- future(if (file.exists(canceled)) 'again' else { file.create(canceled); Sys.sleep(60) })
    cat('second value():', try_to(value(g)), '\n')
    file.create(in_lab('busy'))
    cat('future():', try_to(future(1)), '\n')
    cancel(g)
    cat('canceled:', try_to(value(g)), try_to(value(g)), '\n')
    cat('reset:', value(reset(g)), value(future(6 * 7)), '\n')", lab$dir))
  wait_for_file("collected")
  expect_interrupted(session, "^value\\(\\):", "interrupted FALSE")
  expect_match(wait_for_line(session, "^collected:"), "42")
  wait_for_file("canceled")
  expect_interrupted(session, "^second value\\(\\):", "interrupted")
  wait_for_file("busy")
  Sys.sleep(0.1) # it waits for a slot, which is not reported
  expect_interrupted(session, "^future\\(\\):", "interrupted")
  expect_match(wait_for_line(session, "^canceled:"), "Future(Interrupt|Canceled)Error Future(Interrupt|Canceled)Error")
  expect_match(wait_for_line(session, "^reset:"), "again 42")
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
  unlink(mark)
  cancel(f <- future(if (file.exists(mark)) "again" else { file.create(mark); Sys.sleep(60) }))
  expect_true(resolved(f))
  file.create(mark)
  expect_equal(value(reset(f)), "again") # its value was not requested before
  f <- future(if (file.exists("/nowhere")) 1 else tools::pskill(Sys.getpid(), 6L))
  while (!resolved(f)) Sys.sleep(0.01)
  expect_equal(f[["state"]], "interrupted")
  expect_s3_class(reset(f), "Future")
  plan(sequential)
})

test_that("with interrupts = FALSE, a canceled future continues and can be reset, and others are resolved", {
  plan_as(lab, "bob", interrupts = FALSE)
  gate <- file.path(lab$dir, "uninterrupted")
  f <- future({ while (!file.exists(gate)) Sys.sleep(0.02); "ended" })
  f <- reset(cancel(f))
  file.create(gate)
  expect_equal(value(future(2)), 2)
  expect_equal(value(f), "ended")
  plan(sequential)
})

test_that("after a change of plan, ended futures keep their values and the others are canceled", {
  plan_as(lab, "bob")
  done <- future(3)
  while (!resolved(done)) Sys.sleep(0.01)
  runs <- future(Sys.sleep(60))
  backend <- plan("backend")
  expect_match(backend[["reg"]], basename(tempdir()), fixed = TRUE) # differs from that of a session with the same process id
  plan(sequential)
  expect_equal(value(done), 3)
  expect_true(resolved(runs))
  expect_error(value(runs), class = "FutureInterruptError")
  expect_false(clients$has(backend[["reg"]])) # value() does not join again
})

test_that("other processes and copies cannot query a running future, and get the sentence of the framework", {
  plan_as(lab, "bob")
  gate <- file.path(lab$dir, "queried")
  f <- future({ while (!file.exists(gate)) Sys.sleep(0.02); "ended" })
  file <- file.path(lab$dir, "future.rds")
  saveRDS(f, file)
  query <- quote({
    g <- readRDS(file)
    said <- lapply(list(future::resolved, future::value, future::cancel, future::resolved), function(ask) tryCatch(ask(g), error = identity))
    cat(vapply(said, function(ex) paste(class(ex)[1L], substr(conditionMessage(ex), 1L, 25L)), ""), sep = "\n")
  })
  expected <- rep("FutureError Invalid usage of futures:", 4L)
  expect_identical(capture.output(eval(query)), expected)
  expect_error(cancel(readRDS(file)), "copy, as readRDS", class = "FutureError")
  other <- start_r(lab, "other process", c(sprintf("file <- '%s'; loadNamespace('future.p2p') -> x", file), deparse(query)))
  expect_identical(wait_for_exit(other, 60), 0L)
  expect_identical(process_lines(other), expected)
  if (.Platform$OS.type == "unix") {
    query[[2L]] <- quote(g <- f)
    forked <- parallel::mccollect(parallel::mcparallel(capture.output(eval(query))))[[1L]]
    expect_identical(forked, expected)
  }
  file.create(gate)
  expect_equal(value(f), "ended")
  saveRDS(f, file)
  expect_equal(value(readRDS(file)), "ended") # its value was collected
  plan(sequential)
})

test_that("quitting R ends its futures on the workers", {
  session <- start_session(paste(running_future("quit"), "while (!file.exists(mark)) Sys.sleep(0.02); quit(save = 'no')"))
  wait_for_file("quit")
  expect_equal(wait_for_exit(session), 0L)
  expect_slot_is_free()
})

test_that("the slot of a killed session becomes free", {
  session <- start_session(paste(running_future("killed"), "value(f)"))
  wait_for_file("killed")
  tools::pskill(session$px$get_pid(), 9L)
  expect_slot_is_free()
  expect_equal(wait_for_exit(session), -9L)
  unlink(list.files(session$tmp, full.names = TRUE), recursive = TRUE) # the killed session could not
})

test_that("globals and values beyond maxSizeOfObjects are errors with names and sizes, and the session continues", {
  plan_as(lab, "bob", maxSizeOfObjects = c(1e5, 2e5))
  much <- numeric(1e5)
  expect_error(future(sum(much)), "much")
  ex <- tryCatch(value(future(raw(3e5))), error = identity)
  expect_s3_class(ex, "FutureError")
  expect_match(conditionMessage(ex), "from worker 'alice@.* is too large: 30[0-9]{4} bytes, .* at most 200000 bytes")
  expect_match(conditionMessage(ex), "maxSizeOfObjects")
  expect_identical(value(future(raw(1.5e5))), raw(1.5e5))
  expect_error(plan_as(lab, "bob", maxSizeOfObjects = -1), "maxSizeOfObjects")
  plan(sequential)
})

test_that("nothing is left when all have ended", {
  plan(sequential)
  expect_nothing_left(lab)
})
