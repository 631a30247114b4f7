# From nothing to a first value: a newcomer without an account, a known host and options, on a board of this machine.
skip_unless_lab()
lab <- local_lab("alice")
users <- file.path(lab$dir, "users.txt")
start_board(lab)
host <- start_host(lab, "alice/friends", users)

## The newcomer's machine: keys, known_hosts and .Renviron of its own.
dave_hosts <- file.path(lab$dir, "dave_hosts")
dave_options <- file.path(lab$dir, "dave.Renviron")
dave_args <- function(key = "dave") sprintf("-i %s -o IdentitiesOnly=yes -o UserKnownHostsFile=%s", key_file(lab, key), dave_hosts)
dave_machine <- c(machine_of(lab, "dave"), R_ENVIRON_USER = dave_options)

start_invite <- function(user = "dave", ...) {
  start_process(lab, "invite", c(list(cluster = "alice/friends", user = user), board_args(lab, "alice"), ...), "invite")
}
join_words <- function(process) strsplit(sub("^There, run Rscript -e future.p2p::join ", "", wait_for_line(process, "^There, run ")), " ")[[1L]]
start_join <- function(words, ssh_args = dave_args(), yes = "--yes", stdin = NULL) {
  start_child(lab, "join", c("Rscript", "-e", "future.p2p::join", words, paste0("--ssh-args=", ssh_args), yes), env = dave_machine, stdin = stdin)
}

test_that("two commands a side lead from nothing to a first value, in less than a minute", {
  public <- make_key(lab, "dave")
  began <- proc.time()[["elapsed"]]
  owner <- start_invite()
  dave <- start_join(join_words(owner))
  expect_identical(wait_for_exit(dave), 0L, info = paste(process_lines(dave), collapse = "\n"))
  expect_identical(wait_for_exit(owner), 0L)
  expect_match(process_lines(owner), "^'dave' has an account on the message board [(]'.*users.txt'[)][.]$", all = FALSE)
  expect_match(process_lines(owner), "^'dave' is among the users of 'alice/friends' [(]'.*users.txt'[)][.]$", all = FALSE)
  expect_identical(readLines(users)[-1L], paste("dave", public))
  expect_identical(readLines(dave_hosts), readLines(known_hosts_file(lab)))
  expect_identical(readLines(dave_options), c("R_FUTURE_P2P_CLUSTER=alice/friends", sprintf("R_FUTURE_P2P_HOST=127.0.0.1:%d", lab$port), sprintf("R_FUTURE_P2P_SSH_ARGS='%s'", dave_args())))
  expect_match(process_lines(dave), "^Use it with plan[(]future.p2p::cluster[)] or Rscript -e future.p2p::worker, as the user", all = FALSE)
  wait_for_line(host, "hosting cluster 'alice/friends' for dave on")
  flags <- if (has_sandbox("auto")) character() else "--sandbox=none"
  worker <- start_child(lab, "worker of dave", c("Rscript", "-e", "future.p2p::worker", flags), env = dave_machine)
  wait_for_line(worker, "joined cluster 'alice/friends'")
  plan_as(lab, "alice")
  on.exit(future::plan(future::sequential))
  expect_identical(future::value(future::future(6 * 7)), 42)
  expect_lt(proc.time()[["elapsed"]] - began, 60)
  expect_match(as.data.frame(future::plan("backend"))$worker, "^dave@")
})

test_that("hosts say who arrives and who leaves", {
  wait_for_line(host, "dave@[^ ]+:[0-9]+ has arrived [(]worker, 1 slot[)]$")
  wait_for_line(host, "alice@[^ ]+:[0-9]+ has arrived [(]client[)]$")
  stop_process(Filter(function(process) process$name == "worker of dave", lab$processes)[[1L]])
  expect_match(wait_for_line(host, "dave@[^ ]+ has left$"), "has left")
})

test_that("the file of users is read again when it changes, and kept if it is wrong", {
  cat("erin\n", file = users, append = TRUE)
  wait_for_line(host, "hosting cluster 'alice/friends' for dave and erin on")
  cat("not a name!\n-x\n", file = users, append = TRUE)
  wait_for_line(host, "File '.*users.txt' has no user name in line 5. The users stay as they were.")
  writeLines(readLines(users)[1:2], users)
  expect_match(wait_for_line(host, "hosting cluster 'alice/friends' for dave on", nth = 2L), "for dave on")
})

test_that("without consent nothing is written, and the commands name cluster and board", {
  file.remove(dave_hosts, dave_options)
  owner <- start_invite()
  answer <- file.path(lab$dir, "answer")
  writeLines("no", answer)
  dave <- start_join(join_words(owner), yes = NULL, stdin = answer)
  expect_identical(wait_for_exit(dave), 0L)
  expect_match(process_lines(dave), "^Add these lines[?] [(]yes/no[)] $", all = FALSE)
  expect_match(process_lines(dave), "^Without the host key, the message board is refused[.]$", all = FALSE)
  expect_match(process_lines(dave), sprintf("^  \\[127.0.0.1\\]:%d ssh-ed25519 AAAA", lab$port), all = FALSE)
  expect_match(process_lines(dave), "^Use it with plan[(]future.p2p::cluster, cluster = \"alice/friends\", host = \"127.0.0.1:[0-9]+\"[)] or Rscript -e future.p2p::worker --cluster=alice/friends --host=", all = FALSE)
  expect_false(any(file.exists(dave_hosts, dave_options)))
  expect_identical(wait_for_exit(owner), 0L)
  expect_length(grep("^dave ", readLines(users)), 1L) # the account is there already
})

test_that("a key of another user, or none, gives no account, and both sides say so", {
  before <- readLines(users)
  for (case in list(c("alice", "belongs to another user"), c("nobody", "no public SSH key"))) {
    owner <- start_invite("mallory")
    words <- join_words(owner)
    guest <- start_join(words, dave_args(case[1L]))
    expect_identical(wait_for_exit(guest), 1L)
    expect_match(process_lines(guest), paste0("^Error: The owner's device could not give you an account: .*", case[2L]), all = FALSE)
    expect_identical(wait_for_exit(owner), 1L)
    expect_match(process_lines(owner), paste0("^Error: 'mallory' did not get an account: .*", case[2L]), all = FALSE)
    expect_identical(readLines(users), before)
  }
})

test_that("a board with another key in known_hosts is not touched, and lines for other clusters give way", {
  line <- readLines(known_hosts_file(lab))
  name <- sub(" .*", "", line)
  old <- file.path(lab$dir, "old_hosts")
  writeLines(c("# mine", paste(name, make_key(lab, "old"))), old)
  args <- c("-i", "x", paste0("-oUserKnownHostsFile=", old))
  expect_warning(found <- known_hosts_to_write(args, line), "has another host key for this message board. If the owner .* 'ssh-keygen -R")
  expect_identical(found$lines, character())
  expect_identical(known_hosts_to_write(args, paste0("[other]:22", sub("^[^ ]+", "", line)))$lines, paste0("[other]:22", sub("^[^ ]+", "", line)))
  withr::local_envvar(R_ENVIRON_USER = old)
  writeLines(c("EDITOR=vi", "R_FUTURE_P2P_CLUSTER=bob/lab"), old)
  found <- options_to_write("alice/friends", NULL, c("-p", "22"))
  expect_identical(found[c("kept", "lines", "is_set")], list(kept = "EDITOR=vi", lines = c("R_FUTURE_P2P_CLUSTER=alice/friends", "R_FUTURE_P2P_SSH_ARGS='-p 22'"), is_set = FALSE))
  writeLines("R_FUTURE_P2P_CLUSTER=alice/friends", old)
  expect_true(options_to_write("alice/friends", NULL, NULL)$is_set)
  expect_identical(c(known_hosts_name("lab:22"), known_hosts_name("lab:2222"), known_hosts_name("[::1]:2222")), c("lab", "[lab]:2222", "[::1]:2222"))
})

test_that("what an owner sends is read strictly", {
  codes <- paste0(c("1234567890-", "2345678901-"), strrep("0123456789abcdef", 2L))
  text <- welcome_text("p2p-invitation-1.x", "ssh-ed25519 AAAA", codes)
  expect_identical(read_welcome(text), list(invitation = "p2p-invitation-1.x", host_key = "ssh-ed25519 AAAA", reply = codes[1L], verdict = codes[2L]))
  expect_identical(read_welcome("p2p-invitation-1.x"), list(invitation = "p2p-invitation-1.x"))
  expect_identical(read_welcome(welcome_text("i", "", NULL)), list(invitation = "i"))
  for (bad in c("host_key=ssh-ed25519 AAAA\"", "host_key=a\tb", "host_key=", "reply=7-guitar-wizard", "other=1", "x", "", paste0("reply=", codes[1L]),
                paste0("host_key=a ", strrep("A", 16384L)), "host_key=a b\nhost_key=a b")) {
    expect_error(read_welcome(paste("p2p-welcome-1", bad, "i", sep = "\n")), "not a complete invitation", class = "p2p_error_parse")
  }
  for (n in seq_len(nchar(text) - 1L)) tryCatch(read_welcome(substr(text, 1L, n)), p2p_error_parse = function(ex) NULL) # no other error
})

test_that("nothing is left", {
  expect_nothing_left(lab)
})
