## OpenSSH's client, the board's most common one, against the board of serve().

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
  answer <- processx::run("ssh", ssh_args(user, command), error_on_status = FALSE, timeout = 20, env = lab_environment(lab, lab$dir))
  list(status = answer$status, lines = strsplit(answer$stdout, "\r?\n")[[1L]], error = answer$stderr)
}

## A member on a topic, as a process of the lab.
pipe_to <- function(user, command) {
  process <- list2env(list(name = paste("ssh of", user), lines = character(), tmp = lab$dir), parent = emptyenv())
  process$px <- processx::process$new("ssh", ssh_args(user, command), stdin = "|", stdout = "|", stderr = "2>&1",
                                      env = lab_environment(lab, lab$dir))
  lab$processes <- c(lab$processes, process)
  process
}
write_line <- function(process, line) process$px$write_input(paste0(line, "\n"))

test_that("the key says who you are, and a key without an account is told so", {
  setup_board()
  expect_identical(ssh("alice", "user")$lines[1L], "alice")
  expect_identical(ssh("bob", "user")$lines[1L], "bob")
  expect_length(ssh("bob", "user")$lines, 3L)
  stranger <- ssh("stranger", "user")
  expect_identical(stranger$status, 1L)
  expect_match(stranger$error, "has no account on this board")
})

test_that("help, unknown commands and bad flags are answered as the public board does", {
  setup_board()
  expect_match(paste(ssh("alice", "help")$lines, collapse = "\n"), "pipe")
  expect_identical(ssh("alice", "nonsense")$status, 0L)
  expect_identical(ssh("alice", "pipe topic --nonsense")$status, 1L)
  expect_identical(ssh("alice", "ls")$lines, "no pubsub channels found")
})

test_that("services names the mailbox and the relay", {
  setup_board()
  answer <- paste(ssh("alice", "services")$lines, collapse = "\n")
  expect_match(answer, "ws://[^ ]+:[0-9]+/v1")
  expect_match(answer, "tcp:[^ ]+:[0-9]+")
})

test_that("a line goes to whoever has access, and silently to nobody else", {
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

test_that("access lists name users or fingerprints; who is on neither lands elsewhere", {
  setup_board()
  fingerprint <- sub("^[0-9]+ ([^ ]+) .*", "\\1", processx::run("ssh-keygen", c("-lf", paste0(key_file(lab, "carol"), ".pub")))$stdout)
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

test_that("pub goes to sub and to pipe, and ls has CRLF", {
  setup_board()
  listener <- pipe_to("alice", "sub news")
  member <- pipe_to("alice", "pipe news")
  while (sum(grepl("alice@|  - ", ssh("alice", "ls")$lines)) < 2L) Sys.sleep(0.02)
  raw <- processx::run("ssh", ssh_args("alice", "ls"), timeout = 20, env = lab_environment(lab, lab$dir))$stdout
  expect_match(raw, "^Channel Information\r\n")
  input <- tempfile(tmpdir = lab$dir)
  writeLines("extra", input)
  sent <- processx::run("ssh", ssh_args("alice", "pub news"), stdin = input, timeout = 20, env = lab_environment(lab, lab$dir))
  expect_identical(sent$status, 0L)
  for (reader in list(listener, member)) wait_for_line(reader, "^extra$")
})
