# From an invitation to the first future, with a host that gives the key to invited devices only.
lab <- local_lab(c("alice", "bob", "carol"))
withr::defer(future::plan(future::sequential))
start_board(lab)

library(future)

start_as_owner <- function(what, ...) {
  start_process(lab, what, c(board_args(lab, "alice"), list(cluster = "alice/friends", ...)), env = machine_of(lab, "alice"))
}
plan_on <- function(machine, user) {
  plan(sequential) # plan() does nothing if the plan equals the current one
  withr::with_envvar(machine_of(lab, machine), plan_as(lab, user))
}
as_owner <- function(code) withr::with_envvar(machine_of(lab, "alice"), code)
members_now <- function() {
  args <- board_args(lab, "alice")
  found <- as_owner(members("alice/friends", host = args$host, ssh_args = args$ssh_args))
  paste(found$user, found$state)
}
fingerprint_on <- function(machine) keys_call("device", place_of(lab, machine))$fingerprint
host <- start_host(lab, "alice/friends", c("bob", "carol"), enrol = "invite", env = machine_of(lab, "alice"))
refused <- function(machine) sprintf("The cluster 'alice/friends' takes new devices by invitation only; this one is %s. Ask the owner to invite you.", fingerprint_on(machine))

test_that("without an invitation, both sides say what to do", {
  error <- expect_error(plan_on("bob", "bob"), class = "p2p_error_access")
  expect_identical(conditionMessage(error), refused("bob"))
  said <- wait_for_line(host, "did not give the key")
  expect_match(said, sprintf("to 'bob', device %s: there is no invitation for it. Invite the user with `future.p2p::invite()`, or approve", fingerprint_on("bob")), fixed = TRUE)
})

test_that("who joins with the code of an invitation can plan at once", {
  invite <- start_as_owner("invite", user = "bob")
  code <- sub(".* ", "", wait_for_line(invite, "^Tell 'bob' this code"))
  joined <- start_process(lab, "join", c(board_args(lab, "bob"), list(code = code)), env = machine_of(lab, "bob"))
  owner <- fingerprint_on("alice")
  expect_match(wait_for_line(joined, "^The invitation"), owner, fixed = TRUE)
  expect_identical(wait_for_exit(joined), 0L)
  expect_identical(wait_for_exit(invite), 0L)
  expect_identical(members_now(), c("alice member", "bob invited"))
  said <- capture_messages(plan_on("bob", "bob"))
  expect_match(said, sprintf("got the key of cluster 'alice/friends' from its owner's device %s", owner), fixed = TRUE, all = FALSE)
  expect_match(wait_for_line(host, "gave the key"), sprintf("'alice/friends' to 'bob', device %s", fingerprint_on("bob")), fixed = TRUE)
  expect_identical(members_now(), c("alice member", "bob member"))
})

test_that("a machine without a person uses the file of an invitation, which works once", {
  file <- file.path(lab$dir, "invitation")
  expect_identical(wait_for_exit(start_as_owner("invite", user = "carol", file = file)), 0L)
  key_file <- c(R_FUTURE_P2P_KEY_FILE = file)
  worker <- start_worker(lab, "carol", "alice/friends", env = c(machine_of(lab, "carol"), key_file))
  expect_match(process_lines(worker), "The invitation to 'alice/friends' in '.*invitation' is used", all = FALSE)
  expect_identical(value(future(6 * 7)), 42)
  expect_identical(members_now(), c("alice member", "bob member", "carol member"))
  second <- start_worker(lab, "carol", "alice/friends", wait = FALSE, env = c(machine_of(lab, "second"), key_file))
  expect_identical(wait_for_exit(second, 30), 1L)
  expect_match(second$lines, sprintf("The invitation of 'carol' to the cluster 'alice/friends' was used by another device, or withdrawn; this one is %s. Ask the owner to invite you again",
                                     fingerprint_on("second")), fixed = TRUE, all = FALSE)
  expect_identical(members_now(), c("alice member", "bob member", "carol member"))
  expect_identical(stop_process(worker), 0L)
})

test_that("a second device is refused until the owner approves it", {
  error <- expect_error(plan_on("laptop", "bob"), class = "p2p_error_access")
  expect_identical(conditionMessage(error), refused("laptop"))
  device <- fingerprint_on("laptop")
  approved <- start_as_owner("approve", user = "bob", device = device)
  expect_match(wait_for_line(approved, "^Device"), sprintf("Device %s of 'bob' gets the key of 'alice/friends' when it tries again", device), fixed = TRUE)
  expect_identical(wait_for_exit(approved), 0L)
  worker <- start_worker(lab, "carol", "alice/friends", env = machine_of(lab, "carol"))
  plan_on("laptop", "bob")
  expect_identical(value(future(6 * 7)), 42)
  expect_identical(members_now(), c("alice member", "bob member", "carol member", "bob member"))
  plan(sequential)
  expect_identical(stop_process(worker), 0L)
})

test_that("nothing is left", {
  expect_nothing_left(lab)
})
