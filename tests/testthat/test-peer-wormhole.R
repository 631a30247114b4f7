## The Magic Wormhole clients of Debian transfer files through mailbox server and relay of serve().

lab <- NULL

setup_board <- function() {
  skip_unless_lab()
  if (is.null(lab)) {
    lab <<- local_lab("alice", env = teardown_env())
    board <- start_board(lab)
    ports <- wait_for_line(board, "mailbox on port [0-9]+, relay on port [0-9]+")
    lab$mailbox <- sub(".*mailbox on port ([0-9]+).*", "ws://127.0.0.1:\\1/v1", ports)
    lab$relay <- sub(".*relay on port ([0-9]+).*", "tcp:127.0.0.1:\\1", ports)
  }
}

## Sends a file of 300 kB with one command, receives it with the other, and compares them.
expect_transfer <- function(sender, receiver, input = NULL) {
  dir <- tempfile("transfer-", lab$dir)
  dir.create(file.path(dir, "in"), recursive = TRUE)
  dir.create(file.path(dir, "out"))
  sent <- file.path(dir, "in", "data.bin")
  bytes <- as.raw(seq_len(3e5) %% 251)
  writeBin(bytes, sent)

  env <- lab_environment(lab, dir)
  one <- processx::process$new(sender[1L], c(sender[-1L], sent), stdout = "|", stderr = "2>&1", env = env, wd = dir, cleanup_tree = TRUE)
  on.exit(one$kill_tree())
  answer <- if (is.null(input)) NULL else file.path(dir, "answer")
  if (!is.null(input)) writeLines(input, answer)
  two <- processx::process$new(receiver[1L], receiver[-1L], stdin = answer, stdout = "|", stderr = "2>&1", env = env,
                               wd = file.path(dir, "out"), cleanup_tree = TRUE)
  on.exit(two$kill_tree(), add = TRUE)
  wait_for_end(two, 20)
  wait_for_end(one, 5)
  ended <- c(one$get_exit_status(), two$get_exit_status())
  one$kill_tree(close_connections = FALSE)
  two$kill_tree(close_connections = FALSE)
  said <- paste(c(one$read_all_output(), two$read_all_output()), collapse = "\n")
  expect_identical(ended, c(0L, 0L), info = said)
  received <- file.path(dir, "out", "data.bin")
  expect_true(file.exists(received) && identical(readBin(received, "raw", 1e6), bytes))
}

python_wormhole <- function(...) {
  if (!file.exists("/usr/bin/wormhole") || !file.exists("/usr/bin/python3")) skip("magic-wormhole is not installed")
  c("/usr/bin/python3", "/usr/bin/wormhole", paste0("--relay-url=", lab$mailbox), paste0("--transit-helper=", lab$relay), ...)
}

## This client always uses port 4001 of the public relay's host name. Nothing may leave this machine, so it gets its own /etc/hosts, in which
## that name is a loopback address where our relay listens.
go_address <- function() sprintf("127.%d.%d.%d", 100L + Sys.getpid() %% 100L, Sys.getpid() %/% 100L %% 250L, 7L)

go_wormhole <- function(...) {
  hosts <- file.path(lab$dir, "hosts")
  writeLines(c("127.0.0.1 localhost", paste(go_address(), "transit.magic-wormhole.io")), hosts)
  c("unshare", "--map-root-user", "--mount", "sh", "-c", "mount --bind \"$0\" /etc/hosts && exec \"$@\"", hosts, ...)
}

## The URL of the mailbox server at that address.
start_go_board <- function() {
  if (!nzchar(Sys.which("wormhole-william"))) skip("wormhole-william is not installed")
  trial <- go_wormhole("true")
  can <- nzchar(Sys.which("unshare")) && run_process(trial[1L], trial[-1L], error_on_status = FALSE)$status == 0L
  if (!can) skip("no mount namespace is to be had, and without one transit.magic-wormhole.io would be asked for")
  board <- start_process(lab, "serve", list(port = 0, address = go_address(), users = file.path(lab$dir, "users.txt"),
                                            host_key = file.path(lab$dir, "host_key_go"), relay_port = 4001))
  ports <- tryCatch(wait_for_line(board, "mailbox on port [0-9]+"), error = function(ex) skip(conditionMessage(ex)))
  sub(".*mailbox on port ([0-9]+).*", sprintf("ws://%s:\\1/v1", go_address()), ports)
}

test_that("two Python clients connect directly through our mailbox server", {
  setup_board()
  expect_transfer(python_wormhole("send", "--hide-progress", "--code", "7-direct-way"),
                  python_wormhole("receive", "--hide-progress", "--accept-file", "7-direct-way"))
})

test_that("two Python clients that do not listen connect through our relay", {
  setup_board()
  expect_transfer(python_wormhole("send", "--hide-progress", "--no-listen", "--code", "8-relayed-way"),
                  python_wormhole("receive", "--hide-progress", "--no-listen", "--accept-file", "8-relayed-way"))
})

test_that("two Go clients connect through our mailbox server and relay", {
  setup_board()
  mailbox <- start_go_board()
  expect_transfer(go_wormhole("wormhole-william", "send", "--hide-progress", "--relay-url", mailbox, "--code", "9-go-way"),
                  go_wormhole("wormhole-william", "receive", "--hide-progress", "--relay-url", mailbox, "9-go-way"), input = "y")
})
