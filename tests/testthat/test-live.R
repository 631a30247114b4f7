## What worker(), host_cluster() and serve() show: a line at the bottom of a terminal, plain lines in a log, --quiet and --json-log.
testthat::skip_on_os("windows")

test_that("the line of a worker says what is busy, for whom, and why it lends nothing", {
  report <- function(state = "lending", users = character(), running = integer(), done = 0, lent = 0) {
    list(cluster = "alice/friends", state = state, users = users, running = running, done = done, lost = 0, canceled = 0, lent = lent)
  }
  said <- function(...) describe_lending(report(...), 4L)
  expect_identical(said(), "alice/friends: no slot of 4 busy")
  expect_identical(said(users = c("carol", "bob"), running = c(1L, 1L), done = 412, lent = 11520),
                   "alice/friends: 2 of 4 slots busy for bob and carol; 412 futures, 3 h 12 min lent")
  expect_identical(said("resting until 22:00", done = 1, lent = 5), "alice/friends: resting until 22:00; 1 future, 5.0 s lent")
  expect_identical(said("draining", c("bob", "bob"), c(1L, 2L)), "alice/friends: draining, 3 of 4 slots busy for bob; 0 futures, 0.0 s lent")
  expect_identical(said(users = c("a", "b", "c", "d"), running = rep(1L, 4L)), "alice/friends: 4 of 4 slots busy for a, b and 2 others; 0 futures, 0.0 s lent")
})

lab <- local_lab(c("alice", "bob"))
board <- start_board(lab)
host <- start_host(lab, "alice/friends", "bob", `json-log` = "TRUE")
withr::defer(future::plan(future::sequential))
library(future)

## A future that runs until `gate` exists.
gated <- function(gate) future({ while (!file.exists(gate)) Sys.sleep(0.01); "done" })
line_of <- function(text) paste0("\r\033\\[Kalice/friends: ", text)
start_in_terminal <- function(..., env = character()) start_worker(lab, "alice", "alice/friends", ..., pty = TRUE, env = c(TERM = "xterm", NO_COLOR = "", env))
JSON <- "^\\{\"time\": ?\"[-0-9]{10}T[:0-9.]{12}Z\",\"level\": ?\"(debug|info|notice|warn|fatal)\",.*\"message\": ?\".+\"\\}$"

test_that("at a terminal, a line below the log changes with what happens, and is gone at the end", {
  worker <- start_in_terminal(workers = 2)
  wait_for_output(worker, line_of("no slot of 2 busy"))
  plan_as(lab, "bob")
  gate <- file.path(lab$dir, "gate-1")
  f <- gated(gate)
  wait_for_output(worker, line_of("1 of 2 slots busy for bob; 0 futures"))
  withr::local_envvar(XDG_RUNTIME_DIR = lab$dir)
  worker_control("pause", worker$px$get_pid())
  wait_for_output(worker, line_of("paused by its owner, 1 of 2 slots busy for bob"))
  worker_control("resume", worker$px$get_pid())
  file.create(gate)
  expect_identical(value(f), "done")
  wait_for_output(worker, line_of("no slot of 2 busy; 1 future, [0-9.]+ s lent"))
  expect_match(wait_for_line(worker, "finished in"), "^[0-9]{4}-[-0-9]{5} [:0-9]{8} future '")
  worker$px$write_input("\003")
  expect_equal(wait_for_exit(worker), 0L)
  expect_match(worker$lines, "^(\\^C)?(20[0-9]{2}-|Stopped[.]|$|[^\033]*[.]?$)") # no line is left in the log
  expect_false(any(grepl("busy", worker$lines)))
  expect_match(worker$lines, "^(\\^C)?Stopped[.] 1 future done", all = FALSE)
  plan(sequential)
})

test_that("a log, a terminal without colors, and the option for none have no such line", {
  for (worker in list(start_worker(lab, "alice", "alice/friends"), start_in_terminal(env = c(NO_COLOR = "1")), start_in_terminal(env = c(TERM = "dumb")),
                      start_in_terminal(env = c(R_FUTURE_P2P_PROGRESS = "false")))) {
    wait_for_line(worker, "lending 1 slot|can run any R code")
    stop_process(worker)
    expect_false(any(grepl("\033|busy", c(worker$raw, worker$lines))))
  }
})

test_that("--quiet leaves the line that others wait for, warnings and errors", {
  worker <- start_worker(lab, "alice", "alice/friends", quiet = "TRUE")
  plan_as(lab, "bob")
  expect_identical(value(future(1)), 1)
  plan(sequential)
  expect_equal(stop_process(worker), 0L)
  expect_length(worker$lines, 1L)
  expect_match(worker$lines, "joined cluster 'alice/friends' as 'alice@")
  failed <- start_process(lab, "worker", list(cluster = "alice/friends", host = "127.0.0.1:1", sandbox = "none"), env = c(R_FUTURE_P2P_QUIET = "true"))
  expect_equal(wait_for_exit(failed), 1L)
  expect_match(failed$lines[length(failed$lines)], "^Error: ")
})

test_that("--json-log writes one object a line, from the start to a failure", {
  worker <- start_worker(lab, "alice", "alice/friends", `json-log` = "TRUE")
  plan_as(lab, "bob")
  expect_identical(value(future(1, label = "a\"b")), 1)
  wait_for_line(worker, "finished in")
  plan(sequential)
  expect_equal(stop_process(worker), 0L)
  expect_match(worker$lines, JSON)
  events <- sub(".*\"event\": ?\"([a-z]+)\".*", "\\1", grep("\"event\"", worker$lines, value = TRUE))
  expect_true(all(c("joined", "lending", "linked", "started", "ended") %in% events))
  expect_true(all(grepl("\"program\": ?\"worker\",\"cluster\": ?\"alice/friends\"", worker$lines)))
  expect_match(grep("\"started\"", worker$lines, value = TRUE), "future 'a\\\\\"b ", fixed = FALSE)
  expect_match(worker$lines[length(worker$lines)], "Stopped[.] 1 future done")
  failed <- start_process(lab, "worker", list(cluster = "alice/friends", host = "127.0.0.1:1", sandbox = "none"), env = c(R_FUTURE_P2P_JSON_LOG = "true"))
  expect_equal(wait_for_exit(failed), 1L)
  expect_match(failed$lines, JSON)
  last <- failed$lines[length(failed$lines)]
  expect_match(last, "\"level\": ?\"fatal\",\"event\": ?\"failed\"")
  expect_match(last, "\"error\": ?\"[a-z]+\"")
})

test_that("host_cluster() and serve() write such lines, too", {
  expect_match(process_lines(host), JSON)
  expect_match(wait_for_line(host, "\"arrived\""), "\"program\": ?\"host_cluster\",\"cluster\": ?\"alice/friends\"")
  users <- file.path(lab$dir, "users.txt")
  other <- start_process(lab, "serve", list(port = 0, address = "127.0.0.1", users = users, host_key = tempfile("key", lab$dir), `json-log` = "TRUE"), "other board")
  wait_for_line(other, "mailbox on port")
  expect_equal(stop_process(other), 0L)
  expect_match(other$lines, JSON)
})
