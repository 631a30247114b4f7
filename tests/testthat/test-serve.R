## serve(): users that are added and removed, its log, and how it ends.

lab <- local_lab(c("alice", "bob"))
users <- file.path(lab$dir, "users.txt")
board <- start_board(lab)

who_am_i <- function(user) {
  args <- board_args(lab, user)
  tryCatch(pico_username(host = args$host, ssh_args = args$ssh_args), p2p_error_auth = function(ex) NA_character_)
}

test_that("a key that is added is accepted at once, and a removed one is disconnected, without a restart", {
  lines <- readLines(users)
  args <- board_args(lab, "bob")
  worker <- start_process(lab, "worker", args)
  wait_for_line(worker, "joined cluster 'bob/personal'")
  wait_for_line(board, "'bob' joined 'bob/personal/future.p2p' from 127.0.0.1:")

  carol <- make_key(lab, "carol")
  expect_identical(who_am_i("carol"), NA_character_)
  wait_for_line(board, "refused 'user' to SHA256:.* from 127.0.0.1:[0-9]+: no account")
  writeLines(c("# bob has left", lines[1L], paste("carol", carol)), paste0(users, "~"))
  file.rename(paste0(users, "~"), users) # as editors do
  wait_for_line(board, "reloaded the users file: 2 users")
  wait_for_line(board, "closed the connection of 'bob' from 127.0.0.1:[0-9]+: the account of this key has changed")
  expect_identical(who_am_i("carol"), "carol")
  expect_identical(wait_for_exit(worker), 1L)
  expect_match(paste(process_lines(worker), collapse = "\n"), "closed the connection: the account of this key has changed.*has no account on")
})

test_that("host_cluster() warns of users without an account and goes on; they can join once they have one", {
  host <- start_host(lab, "alice/friends", c("carol", "diana", "eve"))
  wait_for_line(host, "Warning: users without an account on '127[.]0[.]0[.]1:[0-9]+': diana and eve[.] Check the names, or ask")
  cat("diana", make_key(lab, "diana"), "\n", file = users, append = TRUE)
  wait_for_line(board, "reloaded the users file: 3 users")
  worker <- start_worker(lab, "diana", "alice/friends")
  for (process in list(worker, host)) stop_process(process)
  expect_length(grep("Warning", process_lines(host)), 1L)
})

test_that("a users file with a mistake is reported, and the previous users are kept", {
  writeLines("alice is not a key", users)
  wait_for_line(board, "Warning: kept the users as they were: line 1")
  expect_identical(who_am_i("carol"), "carol")
})

test_that("SIGTERM ends it as Ctrl-C does, with status 0, and leaves nothing", {
  signal_process(board, tools::SIGTERM)
  expect_identical(wait_for_exit(board), 0L)
  quiet <- start_process(lab, "serve", list(port = 0, address = "127.0.0.1", users = users, host_key = file.path(lab$dir, "host_key"),
                                            quiet = TRUE))
  expect_identical(wait_for_exit(quiet), 1L) # the file still has a mistake
  expect_match(process_lines(quiet)[1L], "Line 1 of the users has no valid public key for 'alice'. Add the whole line of the public key file")
  expect_nothing_left(lab)
})

test_that("the limits are arguments; an unused board sleeps, and Ctrl-C ends it at once", {
  lab <- local_lab("alice")
  expect_error(serve(users = file.path(lab$dir, "users.txt"), connections = 0), "'connections' must be a whole number from 1")
  board <- start_board(lab, connections = 1, `topics-per-user` = 5)
  args <- board_args(lab, "alice")
  worker <- start_process(lab, "worker", args)
  wait_for_line(worker, "joined cluster 'alice/personal'")
  expect_error(pico_username(host = args$host, ssh_args = args$ssh_args), class = "p2p_error")
  wait_for_line(board, "refused a connection from 127.0.0.1:[0-9]+: too many connections")
  stop_process(worker)
  wait_for_line(board, "'alice' left 'alice/personal/future.p2p'")

  if (dir.exists("/proc/self/task")) {
    waits <- function() {
      files <- file.path(list.files(file.path("/proc", board$px$get_pid(), "task"), full.names = TRUE), "status")
      sum(as.numeric(sub(".*:\t", "", grep("^voluntary_ctxt_switches", unlist(lapply(files, readLines)), value = TRUE))))
    }
    Sys.sleep(1) # its threads finish what they do
    before <- waits()
    Sys.sleep(6) # a ping every 5 seconds would show
    expect_lte(waits() - before, 1) # one more check after the last member has left
  }
  expect_identical(stop_process(board), 0L)
  expect_nothing_left(lab)
})

test_that("a worker with an RSA key reconnects each time after the board has restarted", {
  lab <- local_lab("alice")
  unlink(key_file(lab, "alice"))
  users <- file.path(lab$dir, "users.txt")
  writeLines(paste("alice", make_key(lab, "alice", type = "rsa")), users)
  board <- start_board(lab)
  port <- lab$port
  worker <- start_process(lab, "worker", board_args(lab, "alice"))
  wait_for_line(worker, "joined cluster 'alice/personal'")
  for (n in 1:3) {
    signal_process(board, tools::SIGKILL)
    wait_for_end(board$px, 5)
    unlink(list.files(board$tmp, full.names = TRUE), recursive = TRUE) # it could not remove them
    board <- start_process(lab, "serve", list(port = port, address = "127.0.0.1", users = users, host_key = file.path(lab$dir, "host_key")))
    wait_for_line(board, "'alice' joined 'alice/personal/future.p2p'")
  }
  stop_process(worker)
  expect_identical(stop_process(board), 0L)
  expect_nothing_left(lab)
})
