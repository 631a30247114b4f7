# doctor(): each check with a fault of its own, on a board of this machine.
skip_unless_lab()
lab <- local_lab(c("alice", "bob", "carol"))
start_board(lab)
start_host(lab, "alice/friends", "bob")
args <- board_args(lab, "bob")
withr::local_envvar(https_proxy = NA, HTTPS_PROXY = NA, http_proxy = NA, no_proxy = NA, NO_PROXY = NA, SSH_AUTH_SOCK = NA)

login_checks <- c("proxy", "board", "known_hosts", "SSH key", "account")

## Replaces functions and values of the package until the test ends.
local_replaced <- function(..., env = parent.frame()) {
  package <- asNamespace("future.p2p")
  new <- list(...)
  old <- mget(names(new), package)
  set <- function(values) for (name in names(values)) utils::assignInNamespace(name, values[[name]], package)
  set(new)
  withr::defer(set(old), envir = env)
}

## The findings of these checks, by name.
check <- function(names, cluster = "alice/friends", host = args$host, ssh_args = args$ssh_args) {
  report <- run_checks(new_facts(cluster, host, ssh_args), only = names)
  stats::setNames(split(report, seq_len(nrow(report))), report$check)
}
states <- function(found) vapply(found, function(row) row$state, "")

expect_fault <- function(found, name, state, text, next_step, skipped = character()) {
  expect_identical(found[[name]]$state, state)
  expect_match(found[[name]]$text, text)
  expect_match(found[[name]]$next_step, next_step)
  for (other in skipped) {
    expect_identical(found[[other]]$state, "skipped")
    expect_identical(found[[other]]$text, sprintf("it needs '%s'", name))
  }
}

## `ssh_args` of bob with another value of one -o option, or another key.
with_args <- function(known_hosts = known_hosts_file(lab), key = key_file(lab, "bob")) {
  sprintf("-i %s -o IdentitiesOnly=yes -o UserKnownHostsFile=%s", key, known_hosts)
}

test_that("without a worker all is well but for that, and the session joins, leaves, and changes nothing", {
  withr::local_seed(1)
  before <- .Random.seed
  output <- capture.output(report <- doctor("alice/friends", host = args$host, ssh_args = args$ssh_args))
  expect_identical(.Random.seed, before)
  expect_false("problem" %in% report$state)
  expect_identical(report$check, names(doctor_checks))
  expect_match(output, "^warning  members          There is no worker: futures would wait for one[.]$", all = FALSE)
  expect_match(output, "^ +Next: Start a worker with: Rscript -e future.p2p::worker --cluster=alice/friends --host=127.0.0.1:[0-9]+$", all = FALSE)
  for (name in c("board", "known_hosts", "SSH key", "account", "cluster", "mailbox", "relay", "direct link")) expect_identical(report$state[report$check == name], "ok")
  expect_match(report$text[report$check == "account"], "you are 'bob'", fixed = TRUE)
  expect_match(report$text[report$check == "relay"], "this machine reached itself through tcp:127.0.0.1:", fixed = TRUE)
  expect_identical(capture.output(print(report)), output)
  expect_identical(list.files(tempdir(), "^doctor-"), character())
})

test_that("on the command line it has an exit status, and writes JSON", {
  start_worker(lab, "alice", "alice/friends")
  process <- start_process(lab, "doctor", c(list(cluster = "alice/friends"), args))
  wait_for_line(process, "^ok       members          1 worker: R ")
  status <- wait_for_exit(process)
  has_warnings <- any(startsWith(process_lines(process), "warning"))
  expect_identical(status, if (has_warnings) 1L else 0L)
  expect_match(process_lines(process), if (has_warnings) "^[0-9] warnings?[.]$" else "^All is well[.]$", all = FALSE)
  process <- start_child(lab, "doctor", c("Rscript", "-e", "future.p2p::doctor", "--json", "--host=127.0.0.1:1"))
  expect_identical(wait_for_exit(process), 2L)
  lines <- process_lines(process)
  expect_identical(lines[1:4], c("{", "  \"status\": 2,", "  \"cluster\": null,", "  \"host\": \"127.0.0.1:1\","))
  expect_match(lines, "^ +\"text\": \"The message board cannot be reached: cannot connect to 127.0.0.1:1: connection refused[.]\",$", all = FALSE)
  expect_length(grep("\"check\": ", lines), length(doctor_checks))
  said <- capture.output(expect_identical(run_cli(doctor, "--jason"), 2L), type = "message")
  expect_match(said, "Did you mean --json", all = FALSE)
})

test_that("JSON has the types of R's values", {
  value <- list(text = "a\"\u00e9", many = 1:2, one = 2.5, no = NA, yes = TRUE, none = NULL, rows = list(list(a = 1L), list()), inf = Inf)
  expect_identical(gsub("[ \n]", "", .Call(ffi_json, value)),
                   "{\"text\":\"a\\\"\u00e9\",\"many\":[1,2],\"one\":2.5,\"no\":null,\"yes\":true,\"none\":null,\"rows\":[{\"a\":1},[]],\"inf\":null}")
})

test_that("versions and libraries that do not fit are warnings", {
  local_replaced(installed_version = function(package) "99.1")
  expect_fault(check("R and packages"), "R and packages", "warning", "uses future.p2p .*, but 99.1 is installed", "Restart R")
  local_replaced(libraries = function() list(name = c("libuv", "libcrypto"), built = c("1.44.2", "OpenSSL 3.0.2 1 Jan"), running = c("", "OpenSSL 1.1.1n 2 Feb")))
  expect_fault(check("C libraries"), "C libraries", "warning", "libcrypto OpenSSL 1.1.1n 2 Feb runs, but the package was built with OpenSSL 3.0.2", "Install future.p2p again")
})

test_that("a proxy that cannot be used stops all that needs it, and a password is not shown", {
  withr::local_envvar(https_proxy = "socks5://127.0.0.1:1")
  expect_fault(check(c("proxy", "board")), "proxy", "problem", "proxy", "https_proxy", "board")
  withr::local_envvar(https_proxy = "http://me:secret@127.0.0.1:1/", no_proxy = "localhost")
  found <- check(c("proxy", "board"))
  expect_identical(found$proxy$text, "board, mailbox and relay are reached through 127.0.0.1:1, but for localhost")
  expect_fault(found, "board", "problem", "127.0.0.1:1: connection refused", "Check that")
})

test_that("an agent that is gone or hangs is a warning", {
  withr::local_envvar(SSH_AUTH_SOCK = file.path(lab$dir, "no-agent"))
  expect_fault(check("SSH agent"), "SSH agent", "warning", "no SSH agent answers", "unset SSH_AUTH_SOCK")
  program <- file.path(lab$dir, "ssh-add")
  writeLines(c("#!/bin/sh", "exec sleep 60"), program)
  Sys.chmod(program, "755")
  withr::local_path(lab$dir)
  local_replaced(agent_seconds = 1L)
  expect_fault(check("SSH agent"), "SSH agent", "warning", "does not answer within 1 s", "Start the agent again")
})

test_that("a wrong port and a board that is silent end the login, within a bound", {
  expect_fault(check(c(login_checks, "cluster", "mailbox", "relay"), host = "127.0.0.1:1"), "board", "problem", "connection refused", "host name and port",
               c("known_hosts", "SSH key", "account", "cluster", "mailbox", "relay"))
  port <- 20000L + Sys.getpid() %% 20000L
  silent <- serverSocket(port) # accepts connections and says nothing
  on.exit(close(silent))
  local_replaced(check_seconds = 1)
  expect_fault(check(login_checks, host = paste0("127.0.0.1:", port)), "board", "problem", "did not answer in time", "Check the host name", "account")
})

test_that("an unknown and a changed host key end the login", {
  skipped <- c("SSH key", "account", "cluster", "mailbox")
  names <- c(login_checks, "cluster", "mailbox")
  file <- file.path(lab$dir, "other_hosts")
  file.create(file)
  expect_fault(check(names, ssh_args = with_args(file)), "known_hosts", "problem", "is not in '.*other_hosts'", "Compare the fingerprint", skipped)
  writeLines(sub(" ssh-ed25519 .*", paste0(" ", make_key(lab, "impostor")), readLines(known_hosts_file(lab))), file)
  found <- check(names, ssh_args = with_args(file))
  expect_fault(found, "known_hosts", "problem", "is not the one in line 1 of", "ssh-keygen -R", skipped)
  expect_identical(found$board$state, "ok")
})

test_that("a key that is missing or exposed, or has no account, ends the login", {
  file <- file.path(lab$dir, "key-copy")
  expect_fault(check(login_checks, ssh_args = with_args(key = file)), "SSH key", "problem", "no SSH key|cannot be read|key", "ssh-keygen -t ed25519", "account")
  file.copy(key_file(lab, "bob"), file)
  Sys.chmod(file, "644")
  expect_fault(check(login_checks, ssh_args = with_args(key = file)), "SSH key", "problem", "others", "chmod 600", "account")
  make_key(lab, "stranger")
  found <- check(c(login_checks, "cluster", "mailbox"), ssh_args = with_args(key = key_file(lab, "stranger")))
  expect_fault(found, "account", "problem", "account", "Ask the operator of the board to add your public key", "cluster")
  expect_identical(found$mailbox$state, "ok") # the board tells its address to anybody
})

test_that("without access there are no members", {
  names <- c(login_checks, "cluster", "members")
  expect_fault(check(names, ssh_args = with_args(key = key_file(lab, "carol"))), "cluster", "problem", "'alice/friends'", "Ask its owner", "members")
  expect_fault(check(names, cluster = "bob/lab"), "cluster", "problem", "not hosted", "You are its owner: host it", "members")
  withr::local_options(future.p2p.key = FALSE)
  expect_fault(check(names, cluster = "bob/personal"), "cluster", "warning", "uses no keys", "future.p2p.key")
})

test_that("members of other versions are warnings", {
  status <- list(cluster = "alice/friends", incompatible = 0L)
  workers <- data.frame(r = c("3.6.3", as.character(getRversion())), future = "1.80.0")
  found <- check_members(status, workers)
  expect_identical(found$state, "warning")
  expect_match(found$text, "^2 workers: R 3.6.3, .*; here it is R ")
  found <- check_members(list(incompatible = 1L, incompatible_why = "R 3.6.3 there"), workers)
  expect_match(found$text, "1 worker cannot run futures of this session: R 3.6.3 there.", fixed = TRUE)
})

test_that("a dead mailbox, a dead relay and a closed firewall are found", {
  names <- c(login_checks, "mailbox", "relay", "direct link")
  withr::with_options(list(future.p2p.mailbox = "ws://127.0.0.1:1/v1"), {
    expect_fault(check(names), "mailbox", "problem", "127.0.0.1:1: connection refused", "Check the address of the mailbox server", c("relay", "direct link"))
  })
  withr::with_options(list(future.p2p.relay = "tcp:127.0.0.1:1"), {
    found <- check(names)
    expect_fault(found, "relay", "problem", "through tcp:127.0.0.1:1 failed: ", "Option `future.p2p.relay`")
    expect_identical(found[["direct link"]]$state, "ok")
  })
  withr::with_options(list(future.p2p.relay = ""), expect_match(check(names)$relay$text, "^none: "))
  local_replaced(send_to_self = function(config) {
    if (is.null(config$relay)) list(code = "7-x", failed = list(message = "no connection")) else list(code = "7-x", mailbox_seconds = 0, seconds = 0)
  })
  expect_fault(check(names), "direct link", "warning", "could not connect to itself directly: no connection", "firewall")
})

test_that("a board of serve() says from which address it is reached", {
  expect_identical(seen_address(new_facts("alice/friends", args$host, args$ssh_args)), "127.0.0.1")
  expect_identical(seen_address(new_facts("alice/friends", NULL, NULL)), "") # another board is not asked
})

test_that("faults of this machine are warnings", {
  expect_identical(check_address("127.0.0.1")$state, "warning")
  expect_match(check_address(c("10.0.0.7", "fd00::1"))$text, "^10.0.0.7, fd00::1, not public: NAT, of a kind that is not known, is between this machine and the internet[.] Members")
  expect_match(check_address("10.0.0.7", "203.0.113.9")$text, "the internet; the board sees 203.0.113.9. Members", fixed = TRUE)
  expect_match(check_address("10.0.0.7", "10.0.0.7")$text, "the internet; there is no NAT on the way to the board, which sees 10.0.0.7. Members", fixed = TRUE)
  expect_match(check_address("10.0.0.7", "127.0.0.1")$text, "the internet. Members", fixed = TRUE)
  expect_match(check_address("198.51.100.1", "198.51.100.1")$text, "if no firewall is between; there is no NAT on the way to the board, which sees 198.51.100.1$")
  expect_match(check_address(c("100.64.0.1", "198.51.100.1"))$text, "^198.51.100.1: other networks")
  expect_match(check_clock(as.POSIXct("1970-01-02"), as.POSIXct("2026-01-01"))$text, "before this package was installed (2026-01-01)", fixed = TRUE)
  expect_false(is.na(build_time()))
  local_replaced(new_sandbox = function(...) p2p_stop("No sandbox works here."))
  expect_fault(check("sandbox"), "sandbox", "warning", "No sandbox works here", "lends slots")
  expect_match(check_space(1e6, 1e12)$next_step, "TMPDIR")
  expect_match(check_space(1e12, 1e6)$next_step, "fewer slots")
  expect_identical(check_space(NA, NA)$state, "ok")
})

test_that("errors that have many causes name doctor(), but not within it", {
  withr::local_options(future.p2p.mailbox = NULL)
  error <- expect_error(pico_username("127.0.0.1:1", ssh_args = args$ssh_args), class = "p2p_error_network")
  expect_match(conditionMessage(error), "port are correct. `future.p2p::doctor()` checks each step.", fixed = TRUE)
  output <- capture.output(doctor(host = "127.0.0.1:1", ssh_args = args$ssh_args))
  expect_no_match(output, "doctor()", fixed = TRUE)
})

test_that("nothing is left", {
  expect_nothing_left(lab)
})
