## OpenSSH's client, the most common client of a board, with the board of serve().

lab <- NULL

setup_board <- function() {
  skip_unless_lab()
  if (!nzchar(Sys.which("ssh"))) skip("ssh is not installed")
  if (is.null(lab)) {
    lab <<- local_lab(c("alice", "bob", "carol"), env = teardown_env())
    make_key(lab, "stranger")
    start_board(lab)
  }
}

ssh_args <- function(user, command) {
  c("-F", "none", "-T", "-p", lab$port, "-i", key_file(lab, user), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o",
    paste0("UserKnownHostsFile=", known_hosts_file(lab)), "-o", "GlobalKnownHostsFile=/dev/null", "127.0.0.1", command)
}
ssh <- function(user, command) {
  answer <- run_process("ssh", ssh_args(user, command), error_on_status = FALSE, timeout = 60, env = lab_environment(lab, lab$dir))
  list(status = answer$status, lines = strsplit(answer$stdout, "\r?\n")[[1L]], error = answer$stderr)
}

## A member of a topic, as a process of the lab.
pipe_to <- function(user, command) {
  process <- list2env(list(name = paste("ssh of", user), lines = character(), tmp = lab$dir), parent = emptyenv())
  process$px <- processx::process$new("ssh", ssh_args(user, command), stdin = "|", stdout = "|", stderr = "2>&1",
                                      env = lab_environment(lab, lab$dir))
  lab$processes <- c(lab$processes, process)
  process
}
write_line <- function(process, line) process$px$write_input(paste0(line, "\n"))

test_that("the key identifies the user, and a key without an account gets an error", {
  setup_board()
  expect_identical(ssh("alice", "user")$lines[1L], "alice")
  expect_identical(ssh("bob", "user")$lines[1L], "bob")
  expect_length(ssh("bob", "user")$lines, 3L)
  stranger <- ssh("stranger", "user")
  expect_identical(stranger$status, 1L)
  expect_match(stranger$error, "has no account on this board")
})

test_that("help, unknown commands and bad flags behave as on the public board", {
  setup_board()
  expect_match(paste(ssh("alice", "help")$lines, collapse = "\n"), "pipe")
  expect_identical(ssh("alice", "nonsense")$status, 0L)
  expect_identical(ssh("alice", "pipe topic --nonsense")$status, 1L)
  expect_identical(ssh("alice", "ls")$lines, "no pubsub channels found")
})

test_that("services names mailbox server and relay", {
  setup_board()
  answer <- paste(ssh("alice", "services")$lines, collapse = "\n")
  expect_match(answer, "ws://[^ ]+:[0-9]+/v1")
  expect_match(answer, "tcp:[^ ]+:[0-9]+")
})

test_that("a line is sent to members with access, and to nobody else", {
  setup_board()
  alice <- pipe_to("alice", "pipe friends/test -r -a bob")
  write_line(alice, "alice is here")
  wait_for_line(alice, "^alice is here$")
  expect_true(any(grepl("^- alice/friends/test: \\(Access List: ", ssh("alice", "ls")$lines)))

  bob <- pipe_to("bob", "pipe alice/friends/test -r")
  write_line(bob, "bob is here")
  wait_for_line(alice, "^bob is here$")
  carol <- pipe_to("carol", "pipe alice/friends/test -r")
  write_line(carol, "carol is here")
  wait_for_line(carol, "^carol is here$")
  expect_true(any(grepl("^- carol/alice/friends/test:", ssh("carol", "ls")$lines)))

  write_line(alice, "done")
  for (member in list(alice, bob)) wait_for_line(member, "^done$")
  expect_identical(process_lines(alice), c("alice is here", "bob is here", "done"))
  expect_identical(process_lines(carol), "carol is here")
})

test_that("access lists contain users or fingerprints; others are put on a separate topic", {
  setup_board()
  fingerprint <- sub("^[0-9]+ ([^ ]+) .*", "\\1", run_process("ssh-keygen", c("-lf", paste0(key_file(lab, "carol"), ".pub")))$stdout)
  alice <- pipe_to("alice", paste0("pipe prints -r -a ", sub("\n", "", fingerprint)))
  write_line(alice, "open")
  wait_for_line(alice, "^open$")
  carol <- pipe_to("carol", "pipe alice/prints -r")
  write_line(carol, "carol by her key")
  wait_for_line(alice, "^carol by her key$")
  stranger <- pipe_to("stranger", "pipe alice/prints -r")
  write_line(stranger, "nobody hears me")
  wait_for_line(stranger, "^nobody hears me$")
  write_line(carol, "end")
  wait_for_line(alice, "^end$")
  expect_identical(process_lines(alice), c("open", "carol by her key", "end"))
})

test_that("pub sends to sub and to pipe, and ls uses CRLF", {
  setup_board()
  listener <- pipe_to("alice", "sub news")
  member <- pipe_to("alice", "pipe news")
  wait_until(function() sum(grepl("alice@|  - ", ssh("alice", "ls")$lines)) >= 2L)
  raw <- run_process("ssh", ssh_args("alice", "ls"), timeout = 60, env = lab_environment(lab, lab$dir))$stdout
  expect_match(raw, "^Channel Information\r\n")
  input <- tempfile(tmpdir = lab$dir)
  writeLines("extra", input)
  sent <- run_process("ssh", ssh_args("alice", "pub news"), stdin = input, timeout = 60, env = lab_environment(lab, lab$dir))
  expect_identical(sent$status, 0L)
  for (reader in list(listener, member)) wait_for_line(reader, "^extra$")
})

## Waits until topics of alice have this many members.
wait_for_seats <- function(count) {
  wait_until(function() sum(grepl("^  - ", ssh("alice", "ls")$lines)) == count)
}
ssh_with_input <- function(user, command, input) {
  run_process("ssh", ssh_args(user, command), stdin = input, error_on_status = FALSE, timeout = 60, env = lab_environment(lab, lab$dir))
}
input_file <- function(bytes) {
  file <- tempfile("input-", lab$dir)
  writeBin(bytes, file)
  file
}

test_that("writers (pub, pipe) reach readers (sub, pipe), and themselves only with -r", {
  setup_board()
  for (process in lab$processes[-1L]) stop_process(process) # of earlier tests
  wait_for_seats(0L)
  alice <- pipe_to("alice", "pipe all -a bob")
  wait_for_seats(1L)
  readers <- list(alice, pipe_to("bob", "sub alice/all"), pipe_to("bob", "pipe alice/all"), pipe_to("bob", "pipe alice/all -r"))
  wait_for_seats(4L)
  for (i in c(1L, 3L, 4L)) {
    write_line(readers[[i]], paste("from pipe", i))
    for (reader in readers[if (i == 4L) 1:4 else -i]) wait_for_line(reader, paste0("^from pipe ", i, "$"))
  }
  expect_identical(ssh_with_input("bob", "pub alice/all", input_file(charToRaw("from pub\n")))$status, 0L)
  for (reader in readers) wait_for_line(reader, "^from pub$")
  expect_identical(ssh_with_input("carol", "pub alice/all -t 100ms", input_file(charToRaw("from carol\n")))$status, 1L)
  write_line(readers[[4L]], "end")
  for (reader in readers) wait_for_line(reader, "^end$")
  said <- c(paste("from pipe", c(1L, 3L, 4L)), "from pub", "end")
  expect_identical(lapply(readers, process_lines), list(said[-1L], said, said[-2L], said))
  for (reader in readers) stop_process(reader)
})

test_that("pub can wait for a reader, with a timeout; sub can end with the last writer", {
  setup_board()
  wait_for_seats(0L)
  line <- input_file(charToRaw("line\n"))
  expect_identical(ssh_with_input("alice", "pub flags -b=false -c", line)$status, 0L)
  late <- ssh_with_input("alice", "pub flags -t 100ms", line)
  expect_identical(late$status, 1L)
  expect_match(late$stderr, "No reader joined in time")
  staying <- pipe_to("alice", "sub flags -k")
  wait_for_seats(1L)
  ending <- pipe_to("alice", "sub flags")
  wait_for_seats(2L)
  expect_identical(ssh_with_input("alice", "pub flags -e", line)$status, 0L)
  expect_identical(wait_for_exit(ending), 0L)
  expect_identical(process_lines(ending), character())
  expect_identical(ssh_with_input("alice", "pub flags", line)$status, 0L)
  wait_for_line(staying, "^line$")
  expect_true(staying$px$is_alive())
  stop_process(staying)
})

test_that("3 MB of arbitrary bytes arrive unchanged, with pub and pipe", {
  setup_board()
  wait_for_seats(0L)
  bytes <- as.raw((seq_len(3e6) * 31) %% 256)
  for (verb in c("pub", "pipe")) {
    output <- tempfile("output-", lab$dir)
    reader <- processx::process$new("ssh", ssh_args("alice", "sub big"), stdout = output, env = lab_environment(lab, lab$dir))
    wait_for_seats(1L)
    expect_identical(ssh_with_input("alice", paste(verb, "big"), input_file(bytes))$status, 0L)
    wait_for_end(reader, 20)
    expect_identical(reader$get_exit_status(), 0L)
    expect_identical(readBin(output, raw(), 4e6), bytes)
  }
})

test_that("members that use the program ssh and a name from ssh_config resolve futures and leave nothing", {
  skip_unless_lab()
  if (!nzchar(Sys.which("ssh"))) skip("ssh is not installed")
  ours <- local_lab("alice")
  start_board(ours)
  config <- file.path(ours$dir, "config")
  writeLines(c("Host lab", "HostName 127.0.0.1", paste("Port", ours$port), paste("IdentityFile", key_file(ours, "alice")),
               "IdentitiesOnly yes", paste("UserKnownHostsFile", known_hosts_file(ours))), config)
  worker <- start_process(ours, "worker", list(host = "lab", "ssh-args" = paste("-4 -F", config)))
  wait_for_line(worker, "joined cluster 'alice/personal'")
  withr::defer(future::plan(future::sequential))
  for (ssh_args in list(c("-4", "-F", config), c("-F", config))) { # by the program, and within this process
    future::plan(future.p2p::cluster, host = "lab", ssh_args = ssh_args)
    expect_equal(future::value(future::future(6 * 7)), 42)
    future::plan(future::sequential)
  }
  expect_nothing_left(ours)
})
