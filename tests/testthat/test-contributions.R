# contributions(): what workers and clients count, their file, the table and the plot, in R and on the command line.

counts_file <- function(data) file.path(data, "R", "future.p2p", "contributions", "counts")

## A table as contributions() returns it.
some_rows <- function(...) {
  columns <- list(side = c("given", "received", "given"), user = c("bob", "carol", "dave"), machine = c("laptop", "desk", NA), cluster = "alice/friends",
                  futures = c(411, 2, 1), failed = c(1, 0, 0), seconds = c(11520, 4, 20), bytes_in = c(2^20, 10, 20), bytes_out = c(2^30, 10, 20),
                  since = c(1.7e9, 1.7e9, 1.7e9), latest = c(1.7e9, 1.7e9 + 60, 1.7e9))
  contribution_rows(utils::modifyList(columns, list(...)))
}

write_counts <- function(data, lines) {
  old <- Sys.umask("077")
  on.exit(Sys.umask(old))
  dir.create(dirname(counts_file(data)), recursive = TRUE, showWarnings = FALSE)
  writeLines(lines, counts_file(data))
}

test_that("without counts there is an empty table, which has nothing to draw", {
  data <- withr::local_tempdir()
  withr::local_envvar(R_USER_DATA_DIR = data)
  found <- contributions()
  expect_s3_class(found, c("p2p_contributions", "data.frame"), exact = TRUE)
  expect_identical(nrow(found), 0L)
  expect_output(print(found), "Nothing given or received yet.", fixed = TRUE)
  expect_error(plot(found), "There is nothing to draw", class = "p2p_error_usage")
  expect_identical(list.files(data), character())
  expect_match(contributions(json = TRUE), "^[{]\\s*\"contributions\": [[]\\s*[]]\\s*[}]$")
})

test_that("the table, its text and its JSON have what the file has", {
  data <- withr::local_tempdir()
  withr::local_envvar(R_USER_DATA_DIR = data)
  write_counts(data, c("future.p2p contributions 1", "given=bob desk alice/friends 1 0 500 10 20 1700000000 1700000000",
                       "given=bob laptop alice/friends 411 1 11520000 1048576 30 1700000000 1700000060",
                       "given=carol - dave/lab 3 0 20000 10 20 1700000000 1700000000", "received=bob laptop alice/friends 2 0 4000 10 20 1700000000 1700000000"))
  found <- contributions()
  expect_identical(found$direction, c("given", "given", "given", "received"))
  expect_identical(found$user, c("bob", "carol", "bob", "bob"))
  expect_identical(found$machine, c("laptop", NA, "desk", "laptop"))
  expect_identical(found$futures[1L], 411)
  expect_identical(found$failed[1L], 1)
  expect_identical(found$seconds, c(11520, 20, 0.5, 4))
  expect_identical(as.numeric(found$latest[1L]), 1700000060)
  lines <- capture.output(print(found))
  expect_identical(lines[1L], "Given: 3 h 12 min (416 futures)")
  expect_match(lines[3L], "^bob +laptop +alice/friends +411 +1 +3 h 12 min +1 MiB +30 B +2023-11-1")
  expect_match(lines[4L], "^carol +others +dave/lab ")
  expect_identical(lines[6L], "Received: 4.0 s (2 futures)")
  expect_identical(contributions("dave/lab")$user, "carol")
  expect_identical(nrow(contributions("dave/other")), 0L)
  expect_match(contributions(json = TRUE), "\"latest\": \"2023-11-14T22:14:20Z\"", fixed = TRUE)
  expect_match(capture.output(print(found["user"])), "bob", all = FALSE) # columns of it are a data frame

  expect_message(left <- contributions("alice/friends", forget = TRUE), "Forgotten: .* in cluster 'alice/friends'")
  expect_identical(nrow(left), 0L)
  expect_identical(contributions()$user, "carol")
  expect_message(expect_identical(nrow(contributions(forget = TRUE)), 0L), "Forgotten")
  expect_false(file.exists(counts_file(data)))
})

test_that("a file that was changed is an error that names it; it can be forgotten", {
  data <- withr::local_tempdir()
  withr::local_envvar(R_USER_DATA_DIR = data)
  write_counts(data, c("future.p2p contributions 1", "given=bob\033[1m desk alice/friends 1 0 500 10 20 1 1"))
  expect_error(contributions(), "counts", class = "p2p_error")
  expect_message(contributions(forget = TRUE), "Forgotten")
  expect_identical(nrow(contributions()), 0L)
  expect_error(contributions("friends"), class = "p2p_error")
  expect_error(contributions(json = NA), "'json' must be TRUE or FALSE", class = "p2p_error_usage")
})

test_that("the plot has a bar for each user and machine, adds up small ones, and uses no random numbers", {
  expect_identical(contribution_bars(as.data.frame(unclass(some_rows())), "seconds", 24)$label, c("to bob@laptop", "to dave@others", "from carol@desk"))
  many <- some_rows(side = rep("given", 30L), user = sprintf("u%d", 1:30), machine = rep("vm", 30L), futures = 1:30, failed = rep(0, 30L), seconds = 1:30,
                    bytes_in = rep(1, 30L), bytes_out = rep(1, 30L), since = rep(1, 30L), latest = rep(1, 30L))
  bars <- contribution_bars(as.data.frame(unclass(many)), "seconds", 5)
  expect_identical(bars$label, c("to u30@vm", "to u29@vm", "to u28@vm", "to u27@vm", "to 26 more"))
  expect_identical(bars$value, c(30:27, sum(1:26)))
  expect_identical(names(bar_unit("seconds", 11520)), "hours")
  expect_identical(names(bar_unit("bytes", 0)), "bytes")
  file <- withr::local_tempfile(fileext = ".pdf")
  grDevices::pdf(file)
  withr::defer(grDevices::dev.off())
  set.seed(1)
  seed <- .Random.seed
  margins <- graphics::par("mar")
  for (what in c("seconds", "futures", "bytes")) expect_invisible(plot(some_rows(), what = what))
  expect_invisible(plot(many, most = 5, main = "Friends"))
  expect_identical(.Random.seed, seed)
  expect_identical(graphics::par("mar"), margins)
  expect_error(plot(some_rows(), what = "hours"), "'what' must be", class = "p2p_error_usage")
})

test_that("the end of a worker names its users", {
  expect_identical(describe_lent(some_rows()[0L, ]), "")
  expect_identical(describe_lent(some_rows()[1L, ]), " to bob")
  expect_identical(describe_lent(some_rows()), ": 3 h 12 min to bob (412 futures) and 20 s to dave (1 future)")
  many <- some_rows(side = rep("given", 6L), user = c("a", "b", "c", "d", "e", "e"), machine = rep("vm", 6L), futures = rep(1, 6L), failed = rep(0, 6L), seconds = c(60:56, 1),
                    bytes_in = rep(1, 6L), bytes_out = rep(1, 6L), since = rep(1, 6L), latest = rep(1, 6L))
  expect_identical(describe_lent(many), ": 1 min to a (1 future), 59 s to b (1 future), 58 s to c (1 future) and 1 min 54 s to 2 others (3 futures)")
})

test_that("both ends count, and each sees the other's user and machine", {
  lab <- local_lab()
  theirs <- file.path(lab$dir, "theirs") # of the account that lends
  start_board(lab)
  start_host(lab, "alice/friends", c("bob", "carol"))
  worker <- start_worker(lab, "alice", "alice/friends", env = c(R_USER_DATA_DIR = theirs))
  plan_as(lab, "bob", retries = 0)
  withr::defer(future::plan(future::sequential))
  machine <- Sys.info()[["nodename"]]
  expect_identical(nchar(future::value(future::future(strrep("x", 1e5)))), 100000L)
  expect_error(future::value(future::future(stop("no"))), "no")
  slow <- future::future(Sys.sleep(60))
  wait_until(function() !is.na(worker_of(slow)))
  future::cancel(slow)
  wait_until(function() { try(future::value(slow), silent = TRUE); sum(contributions()$failed) == 1 })
  got <- contributions()
  expect_identical(as.data.frame(unclass(got))[c("direction", "user", "machine", "cluster", "futures", "failed")],
                   data.frame(direction = "received", user = "alice", machine = machine, cluster = "alice/friends", futures = 2, failed = 1))
  expect_true(got$bytes_in > 1e5 && got$bytes_out > 1000 && got$seconds > 0)
  given <- NULL
  look <- function() withr::with_envvar(c(R_USER_DATA_DIR = theirs), account_contributions())
  wait_until(function() { given <<- look(); nrow(given) > 0L && sum(given$futures + given$failed) == 3 })
  expect_identical(c(given$direction, given$user, given$machine), c("given", "bob", machine))
  expect_identical(given$futures, 2)
  expect_true(given$bytes_out > 1e5 && given$bytes_in > 1000)
  expect_lte(given$bytes_in, got$bytes_out)

  ## status() says so, and the command line.
  shown <- capture.output(print(found <- status()))
  expect_match(shown, "^Contributions of this account: received [0-9.]+ s [(]3 futures[)]$", all = FALSE)
  expect_identical(attr(found, "contributions")$user, "alice")
  expect_match(status(json = TRUE), "\"contributions\": [[]\\s*[{]\\s*\"direction\": \"received\"")
  program <- start_process(lab, "contributions", list(cluster = "alice/friends"))
  expect_identical(wait_for_exit(program), 0L)
  expect_match(process_lines(program), "^Received: ", all = FALSE)
  program <- start_process(lab, "contributions", list(json = TRUE))
  expect_identical(wait_for_exit(program), 0L)
  expect_match(process_lines(program), "\"user\": \"alice\"", all = FALSE)

  ## What was counted before a kill -9 stays, and more is added to it.
  signal_process(worker, tools::SIGKILL)
  wait_for_exit(worker)
  worker <- start_worker(lab, "alice", "alice/friends", env = c(R_USER_DATA_DIR = theirs))
  expect_identical(future::value(future::future(1)), 1)
  expect_identical(stop_process(worker), 0L)
  expect_match(process_lines(worker), "^Stopped[.] 1 future done, [0-9.]+ s lent to bob[.]$", all = FALSE)
  expect_length(grep("lent", process_lines(worker), ignore.case = TRUE), 1L)
  expect_identical(look()$futures, 3) # written at its end
  future::plan(future::sequential)
  expect_identical(sum(contributions()$futures), 3)
})

test_that("futures in a sandbox cannot change the counts; option and variable turn them off", {
  lab <- local_lab()
  theirs <- withr::local_tempdir("lent-", "/var/tmp") # not in the folder of the lab, into which futures may write
  start_board(lab)
  start_host(lab, "alice/friends", "bob")
  worker <- start_worker(lab, "alice", "alice/friends", env = c(R_USER_DATA_DIR = theirs))
  withr::local_options(future.p2p.contributions = FALSE)
  plan_as(lab, "bob", retries = 0)
  withr::defer(future::plan(future::sequential))
  expect_identical(future::value(future::future(1)), 1)
  wait_until(function() file.exists(counts_file(theirs)))
  file <- counts_file(theirs)
  before <- readLines(file)
  if ("none" %in% sandbox_flags(lab)$sandbox) skip("no sandbox works here")
  attempts <- future::future(c(tryCatch({ writeLines("x", file); "written" }, error = function(e) "refused", warning = function(w) "refused"),
                               file.remove(file), suppressWarnings(file.create(file.path(dirname(file), "y")))), globals = list(file = file))
  expect_identical(suppressWarnings(future::value(attempts)), c("refused", "FALSE", "FALSE"))
  expect_identical(readLines(file)[1L], before[1L])
  expect_identical(list.files(dirname(file)), c("counts", "lock"))
  future::plan(future::sequential)
  expect_identical(nrow(contributions()), 0L) # of this session: off
  stop_process(worker)
  file.remove(file)
  worker <- start_worker(lab, "alice", "alice/friends", env = c(R_USER_DATA_DIR = theirs, R_FUTURE_P2P_CONTRIBUTIONS = "false"))
  plan_as(lab, "bob", retries = 0)
  expect_identical(future::value(future::future(1)), 1)
  expect_identical(stop_process(worker), 0L)
  expect_match(process_lines(worker), " lent to bob[.]$", all = FALSE)
  expect_false(file.exists(file))
})

test_that("counts that cannot be written are one warning of the worker, and no error of a future", {
  lab <- local_lab()
  blocked <- file.path(lab$dir, "blocked")
  file.create(blocked) # not a folder
  start_board(lab)
  start_host(lab, "alice/friends", "bob")
  worker <- start_worker(lab, "alice", "alice/friends", env = c(R_USER_DATA_DIR = blocked))
  plan_as(lab, "bob", retries = 0)
  withr::defer(future::plan(future::sequential))
  expect_identical(future::value(future::future(1)), 1)
  wait_for_line(worker, "Warning: contributions are not recorded: cannot open folder '.*blocked/R/future.p2p/contributions': Not a directory")
  expect_identical(future::value(future::future(2)), 2)
  expect_identical(stop_process(worker), 0L)
  expect_length(grep("contributions are not recorded", process_lines(worker)), 1L)
  expect_match(process_lines(worker), "^Stopped[.] 2 futures done", all = FALSE)
  future::plan(future::sequential)
  expect_nothing_left(lab)
})
