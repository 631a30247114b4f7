## Progress of transfers that take longer than a second. A worker that is stopped (SIGSTOP) stops them in the middle.
testthat::skip_on_os("windows")

test_that("the progress bar fits into its line, and says size and rate", {
  expect_identical(progress_bar("Sending a", 36e6, 80e6, 11e6), "Sending a: 36 MB of 80 MB, 11 MB/s")
  for (width in 1:120) {
    text <- progress_bar("Sending globals of a", 36e6, 80e6, 11e6, width)
    expect_true(nchar(text) <= width || !grepl("[", text, fixed = TRUE))
  }
  expect_identical(progress_bar("Sending a", 0, 80e6, 0, 60L), "Sending a [                            ] 0 B of 80 MB, 0 B/s")
  expect_match(progress_bar("Sending a", 80e6, 80e6, 1e6, 60L), "[===", fixed = TRUE)
  expect_match(progress_bar("Sending a", 81e6, 80e6, 1e6, 60L), "80 MB of 80 MB", fixed = TRUE)
})

test_that("progress is a line at a terminal, a message in a log only if asked for, or nothing", {
  mode <- function(...) {
    withr::local_options(future.p2p.progress = NULL)
    progress_mode(...)
  }
  expect_identical(mode(), "none")
  expect_identical(mode(is_wanted = TRUE), "none") # standard error is no terminal here
  expect_identical(mode(TRUE), "messages")
  expect_identical(mode(FALSE, is_wanted = TRUE), "none")
  expect_error(mode("x"), "'progress' must be TRUE or FALSE")
  withr::with_options(list(future.p2p.progress = TRUE), expect_identical(progress_mode(), "messages"))
  withr::with_options(list(future.p2p.progress = FALSE), expect_identical(progress_mode(is_wanted = TRUE), "none"))
  withr::local_options(future.p2p.progress = NULL)
  for (value in c("true", "auto", "no")) {
    withr::local_envvar(R_FUTURE_P2P_PROGRESS = value)
    withr::local_options(future.p2p.progress = NULL)
    set_options_from_environment()
    expect_identical(p2p_option("progress"), list(true = TRUE, auto = "auto", no = FALSE)[[value]])
  }
})

lab <- local_lab(c("alice", "bob"))
start_cluster(lab, "alice/friends", "bob", workers = c())
worker <- start_worker(lab, "alice", "alice/friends", cache = 0)
withr::defer(future::plan(future::sequential))
library(future)

SIZE <- 1e8 # bytes

stop_worker <- function(env = parent.frame()) {
  tools::pskill(worker$px$get_pid(), tools::SIGSTOP)
  withr::defer(continue(), envir = env)
}
continue <- function() tools::pskill(worker$px$get_pid(), tools::SIGCONT)
continue_later <- function() system(sprintf("(sleep 2; kill -CONT %d)", worker$px$get_pid()), wait = FALSE)

## Messages about progress.
progress_of <- function(expr) {
  said <- character()
  withCallingHandlers(expr, p2p_progress = function(m) {
    said <<- c(said, conditionMessage(m))
    invokeRestart("muffleMessage")
  })
  said
}

plan_as(lab, "bob")
value(future(1)) # the link is open

test_that("globals that take long are reported in a log that wants it, and conditions of the future are as always", {
  withr::local_options(future.p2p.progress = TRUE)
  x <- raw(SIZE)
  stop_worker()
  continue_later()
  f <- future({ message("hello"); length(x) }, globals = list(x = x), label = "big")
  out <- utils::capture.output(said <- progress_of(expect_message(value <- value(f), "hello")))
  expect_identical(value, length(x))
  expect_match(said[1L], "^Sending globals of big: [0-9.]+ MB of 100.1 MB, [0-9.]+ [kM]B/s\n$")
  expect_identical(out, character())
})

test_that("value() of several futures reports, too, and a loop of one's own does not", {
  withr::local_options(future.p2p.progress = TRUE)
  x <- raw(SIZE)
  for (loop in c(FALSE, TRUE)) {
    stop_worker()
    f <- future(length(x), globals = list(x = x), label = "listed")
    continue_later()
    said <- progress_of(if (loop) while (!all(resolved(list(f)))) Sys.sleep(0.05) else expect_identical(value(list(f)), list(length(x))))
    if (loop) expect_identical(said, character()) else expect_match(said[1L], "^Sending globals of listed: [0-9.]+ [kM]?B of 100(.1)? MB, ")
    expect_identical(value(f), length(x))
  }
})

test_that("so is a value, and a new future that waits for the slot of another one", {
  withr::local_options(future.p2p.progress = TRUE)
  for (try in 1:20) {
    f <- future(raw(size), globals = list(size = SIZE), label = "v")
    while (.Call(ffi_task_state, f[["task"]]) %in% c("waiting", "running")) Sys.sleep(0.001)
    stop_worker()
    if (.Call(ffi_task_state, f[["task"]]) == "arriving") break
    continue()
  }
  continue_later()
  expect_match(progress_of(expect_length(value(f), SIZE))[1L], "^Receiving value of v: [0-9.]+ [kM]?B of 100(.1)? MB, [0-9.]+ [kM]?B/s\n$")
  x <- raw(SIZE)
  stop_worker()
  continue_later()
  f <- future(length(x), globals = list(x = x), label = "first")
  expect_match(progress_of(g <- future(2))[1L], "^Sending globals of first: ")
  expect_identical(value(list(f, g)), list(length(x), 2))
})

test_that("without being asked, nothing is shown in a log", {
  x <- raw(SIZE)
  stop_worker()
  continue_later()
  f <- future(length(x), globals = list(x = x))
  expect_silent(value <- value(f))
  expect_identical(value, length(x))
})

## An interactive session of bob in a terminal. `lines`: code.
start_session <- function(lines) {
  args <- board_args(lab, "bob")
  file <- tempfile("code", lab$dir, ".R")
  writeLines(c(sprintf("options(future.p2p.cluster = 'alice/friends', future.p2p.host = '%s', future.p2p.ssh_args = '%s')", args$host, args$ssh_args),
               "library(future); plan(future.p2p::cluster); x <- raw(1e8); value(future(1))", lines), file)
  session <- start_child(lab, "a session of bob", c("R", "--no-save", "--quiet", "--no-readline"), env = c(TERM = "xterm", NO_COLOR = ""), pty = TRUE)
  wait_for_output(session, "> ")
  session$px$write_input(sprintf("source('%s')\n", file))
  session
}
bar <- "\r\033\\[KSending globals of big \\[[=> ]+\\] [0-9.]+ MB of 100(.1)? MB, [0-9.]+ [kM]?B/s"

test_that("in an interactive session at a terminal, a line is drawn and taken away", {
  gate <- file.path(lab$dir, "gate")
  session <- start_session(c(
    "cat('rea', 'dy\\n', sep = '')", sprintf("while (!file.exists('%s')) Sys.sleep(0.02)", gate), "f <- future(length(x), globals = list(x = x), label = 'big')",
    "out <- utils::capture.output(v <- value(f))", "cat('value', v, 'out', length(out), '\\n')"
  ))
  wait_for_line(session, "ready$")
  stop_worker()
  file.create(gate)
  wait_for_output(session, bar)
  continue()
  expect_identical(wait_for_line(session, "value 1"), "value 100000000 out 0 ") # and no line is left before it
  session$px$write_input("q()\n")
  wait_for_exit(session)
})

test_that("Ctrl-C takes the line away", {
  gate <- file.path(lab$dir, "gate-2")
  session <- start_session(c(
    "cat('rea', 'dy\\n', sep = '')", sprintf("while (!file.exists('%s')) Sys.sleep(0.02)", gate), "f <- future(length(x), globals = list(x = x), label = 'big')",
    "tryCatch(value(f), interrupt = function(ex) cat('inter', 'rupted\\n', sep = ''))"
  ))
  wait_for_line(session, "ready$")
  stop_worker()
  file.create(gate)
  wait_for_output(session, bar)
  session$px$write_input("\003")
  expect_identical(wait_for_line(session, "interrupted$"), "interrupted")
  continue()
  session$px$write_input("value(f)\n")
  expect_match(wait_for_line(session, "100000000"), "100000000$")
  session$px$write_input("q()\n")
  wait_for_exit(session)
})
