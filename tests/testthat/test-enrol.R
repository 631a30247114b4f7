# How members get the key of a cluster: by what they type anyway.
lab <- local_lab(c("alice", "bob", "carol"))
withr::defer(future::plan(future::sequential))
board <- start_board(lab)

library(future)

## The board on its old port.
restart_board <- function(board) {
  board <- start_child(lab, "board", sub("^--port=0$", paste0("--port=", lab$port), board$command))
  wait_for_line(board, "^future[.]p2p: board on ")
  board
}

## Each user has a machine of its own.
forget_machines <- function() unlink(vapply(lab$users, machine_of, "", lab = lab), recursive = TRUE)

host_on_machine <- function(..., env = character()) {
  start_host(lab, "alice/friends", c("bob", "carol"), ..., env = c(machine_of(lab, "alice"), env))
}

worker_on_machine <- function(user, wait = TRUE, ..., env = character()) {
  start_worker(lab, user, "alice/friends", wait = wait, ..., env = c(machine_of(lab, user), env))
}

plan_on_machine <- function(user, cluster = "alice/friends", on = user, ...) withr::with_envvar(machine_of(lab, on), plan_as(lab, user, cluster, ...))

stop_all <- function(...) {
  plan(sequential)
  for (process in list(...)) expect_identical(stop_process(process), 0L)
}

test_that("members get the key from the host when they first join, and find it in a file later", {
  host <- host_on_machine()
  worker <- worker_on_machine("carol")
  said <- capture_messages(plan_on_machine("bob"))
  fingerprint <- function(user) keys_call("device", place_of(lab, user))$fingerprint
  got <- function(user) sprintf("got the key of cluster 'alice/friends' from its owner's device %s; this one is %s", fingerprint("alice"), fingerprint(user))
  expect_match(said, got("bob"), fixed = TRUE)
  expect_match(wait_for_line(host, "this is its owner's device"), fingerprint("alice"), fixed = TRUE)
  expect_identical(value(future(6 * 7)), 42)
  expect_match(wait_for_line(worker, "got the key"), got("carol"), fixed = TRUE)
  args <- board_args(lab, "bob")
  known <- withr::with_envvar(machine_of(lab, "bob"), members("alice/friends", host = args$host))
  expect_identical(known$state, c("owner", "this device"))
  expect_identical(known$user, c("alice", "bob"))
  expect_identical(known$device, c(fingerprint("alice"), fingerprint("bob")))
  expect_identical(attr(known, "key"), 1)
  expect_match(wait_for_line(host, "to 'carol'"), "gave the key of cluster 'alice/friends' to 'carol', device SHA256:[A-Za-z0-9+/]{43}$")
  expect_match(wait_for_line(host, "to 'bob'"), "gave the key of cluster 'alice/friends' to 'bob', device SHA256:")
  expect_identical(keys_call("membership", place_of(lab, "bob"))$user, "bob")
  stop_all(worker)
  worker <- worker_on_machine("carol")
  expect_no_message(plan_on_machine("bob"))
  expect_identical(value(future(6 * 7)), 42)
  stop_all(worker, host)
  expect_length(grep("gave the key", host$lines), 2L)
  expect_length(grep("got the key", worker$lines), 0L)
})

test_that("no names, versions or offers of members are on the board", {
  if (!nzchar(Sys.which("ssh"))) skip("ssh is not installed")
  host <- host_on_machine()
  args <- c("-p", lab$port, strsplit(board_args(lab, "carol")$ssh_args, " ")[[1L]], "127.0.0.1", "sub alice/friends/future.p2p -k")
  listener <- start_child(lab, "listener", c("ssh", args))
  worker <- worker_on_machine("carol")
  wait_for_line(listener, "type=p2p1") # it listens
  plan_on_machine("bob")
  expect_identical(value(future(6 * 7)), 42)
  stop_all(worker, host)
  stop_process(listener)
  lines <- grep("type=p2p1", listener$lines, value = TRUE)
  expect_gte(length(lines), 2L)
  expect_match(lines, "^when=[0-9T:-]+,type=p2p1,kid=[0-9a-f]{16},box=[A-Za-z0-9_-]+$")
  expect_length(grep("type=(worker|client|cluster|accept|leave)", listener$lines), 0L)
})

test_that("who is expelled loses the key, and the others get a new one", {
  host <- host_on_machine()
  carol <- worker_on_machine("carol")
  alice <- worker_on_machine("alice")
  plan_on_machine("bob", retries = 0)
  expect_identical(value(future(6 * 7)), 42)
  expect_identical(keys_call("expel", place_of(lab, "alice"), "carol"), 1L)
  expect_identical(wait_for_exit(carol), 1L)
  expect_match(tail(carol$lines, 1L), "The owner of the cluster 'alice/friends' has expelled 'carol', or this device, SHA256:.*Only the owner can invite you again[.]$")
  wait_for_line(host, "cluster 'alice/friends' has a new key")
  wait_until(function() identical(keys_call("membership", place_of(lab, "bob"))$epoch, 2))
  expect_identical(value(future(6 * 7)), 42)
  carol <- worker_on_machine("carol", wait = FALSE)
  expect_identical(wait_for_exit(carol, 30), 1L)
  file <- file.path(lab$dir, "again")
  withr::with_envvar(machine_of(lab, "alice"), suppressMessages(invite("alice/friends", "carol", file, host = board_args(lab, "alice")$host)))
  carol <- worker_on_machine("carol", env = c(R_FUTURE_P2P_KEY_FILE = file))
  wait_for_line(carol, "got the key of cluster 'alice/friends'")
  expect_identical(stop_process(carol), 0L)
  running <- future({
    cat("started\n", file = started)
    Sys.sleep(60)
  }, globals = list(started = started <- file.path(lab$dir, "started")))
  wait_until(function() file.exists(started))
  expect_identical(keys_call("expel", place_of(lab, "alice"), "bob"), 1L)
  error <- expect_error(value(running), class = "FutureError") # the worker has ended the link
  expect_match(conditionMessage(error), "expelled")
  stop_all(alice, host)
  forget_machines()
})

test_that("a cluster can have no key, and says what that means", {
  host <- host_on_machine(key = "FALSE")
  expect_match(host$lines, "This cluster has no key: whoever can write to its topic can pretend to be a member.", fixed = TRUE, all = FALSE)
  worker <- worker_on_machine("carol")
  expect_match(wait_for_line(worker, "has no key"), "Warning: .*'alice/friends' has no key, says its owner's device SHA256:.* can pretend to be a member[.]$")
  plan_on_machine("bob")
  expect_identical(value(future(6 * 7)), 42)
  expect_null(keys_call("membership", place_of(lab, "carol")))
  stop_all(worker, host)
})

test_that("a device with the key of a cluster that is hosted without one says so, and does not join", {
  sentence <- "Warning: the cluster 'alice/friends' is hosted without a key now, while this device has one and talks to members that have it only[.] Ask the owner"
  host <- host_on_machine()
  plan_on_machine("bob")
  stop_all(worker_on_machine("carol"), host)
  for (old in c(FALSE, TRUE)) {
    host <- if (old) host_on_machine(env = c(R_FUTURE_P2P_KEY = "false")) else host_on_machine(key = "FALSE")
    carol <- worker_on_machine("carol")
    expect_match(wait_for_line(carol, "without a key now"), paste0(sentence, ".*forget the key with 'Rscript -e future.p2p::forget_cluster --cluster=alice/friends', and join again[.]$"))
    said <- capture_messages(plan_on_machine("bob"))
    expect_match(said, paste0(sentence, ".*forget the key with `future.p2p::forget_cluster\\(\"alice/friends\"\\)`, and join again[.]\n$"))
    expect_identical(keys_call("membership", place_of(lab, "bob"))$epoch, 1)
    if (!old) expect_match(wait_for_line(host, "see nobody"), "Warning: members of the cluster 'alice/friends' use its key, and see nobody, since it is hosted without one")
    stop_all(carol, host)
    expect_length(grep("without a key now", carol$lines), 1L)
    expect_length(grep("linked to client", carol$lines), 0L)
  }
  forget_machines()
})

test_that("a client that comes back to the board while nobody hosts the cluster says so", {
  host <- host_on_machine()
  carol <- worker_on_machine("carol")
  plan_on_machine("bob")
  expect_identical(value(future(6 * 7)), 42)
  expect_identical(stop_process(host), 0L)
  stop_process(board)
  board <<- restart_board(board)
  said <- character()
  wait_until(function() {
    said <<- c(said, capture_messages(value(future(1)))) # by the link
    any(grepl("no access", said))
  })
  expect_match(said, "Warning: disconnected from the board, reconnecting in .* s: no access to cluster 'alice/friends'.*Ask its owner to host it with `future.p2p::host_cluster[(]\"alice/friends\", users", all = FALSE)
  stop_all(carol)
  forget_machines()
})

test_that("a host can give the key to invited devices only", {
  host <- host_on_machine(enrol = "invite")
  error <- expect_error(plan_on_machine("bob"), class = "p2p_error_access")
  expect_match(conditionMessage(error), "takes new devices by invitation only; this one is SHA256:.* Ask the owner to invite you[.]$")
  expect_match(wait_for_line(host, "did not give the key"), "to 'bob', device SHA256:.*: there is no invitation for it[.] Invite the user")
  stop_all(host)
  expect_error(host_cluster("alice/friends", "bob", enrol = "none"), "must be \"auto\" or \"invite\"", class = "p2p_error_usage")
})

test_that("without keys, members of older versions and new ones meet", {
  keyless <- c(R_FUTURE_P2P_KEY = "false")
  host <- host_on_machine(env = keyless)
  worker <- worker_on_machine("carol", env = keyless)
  error <- expect_error(plan_on_machine("bob"), class = "p2p_error_timeout")
  expect_match(conditionMessage(error), "did not give its key to this device. Ask the owner to run host_cluster() of this version", fixed = TRUE)
  warned <- "uses no keys (option future.p2p.key): whoever can write to the topic of the cluster can pretend to be a member."
  expect_match(process_lines(worker), warned, fixed = TRUE, all = FALSE)
  withr::local_options(future.p2p.key = FALSE)
  said <- capture_messages({
    plan_on_machine("bob") # does nothing, as the plan that has failed is the same: the first future joins
    expect_identical(value(future(6 * 7)), 42)
  })
  expect_match(said, warned, fixed = TRUE, all = FALSE)
  stop_all(worker, host)
})

test_that("devices of one user share the key of the personal cluster", {
  start <- function(user) start_worker(lab, "carol", "carol/personal", env = machine_of(lab, user))
  first <- start("carol")
  wait_for_line(first, "made the key of cluster 'carol/personal'")
  second <- start("bob")
  wait_for_line(second, "got the key of cluster 'carol/personal' from another of your devices")
  plan_on_machine("carol", "carol/personal", on = "alice")
  expect_identical(nbrOfWorkers(), 2L)
  expect_identical(value(future(6 * 7)), 42)
  stop_all(second, first)
})
