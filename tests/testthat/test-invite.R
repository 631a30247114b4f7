# invite() and join(), with a board of this machine. The owner's device and the newcomer's have folders of their own.
skip_unless_lab()
lab <- local_lab(c("alice", "bob"))
start_board(lab)
board <- sprintf("127.0.0.1:%d", lab$port)

as_user <- function(user, code) withr::with_envvar(machine_of(lab, user), code)
invitations <- function() keys_call("members", place_of(lab, "alice"))$invitations$user
owner <- keys_call("device", place_of(lab, "alice"))$fingerprint
own_cluster(place_of(lab, "alice"))

start_invite <- function(...) {
  flags <- c(list(cluster = "alice/friends", user = "bob"), board_args(lab, "alice"), ...)
  start_process(lab, "invite", flags, "invite", env = machine_of(lab, "alice"))
}
join_call <- function(process) sub("^There, run ", "", wait_for_line(process, "^There, run "))
code_in <- function(call) sub(".* ([0-9]+-[a-z-]+) .*", "\\1", call)

test_that("an invitation goes to who types the code, who learns whose cluster it is and what to type next", {
  process <- start_invite()
  wait_for_line(process, "^Tell 'bob' this code for 'alice/friends'. It works once, on one device, until you press Ctrl-C: [0-9]+-[a-z]+-[a-z]+$")
  call <- join_call(process)
  expect_match(call, "^Rscript -e future.p2p::join [0-9]+-[a-z]+-[a-z]+ --mailbox=ws://127.0.0.1:[0-9]+/v1$")
  expect_identical(wait_for_line(process, "^It shows"), sprintf("It shows the fingerprint of this device, %s.", owner))
  expect_identical(invitations(), "bob")
  bob <- start_process(lab, "join", c(list(code = code_in(call)), board_args(lab, "bob")), env = machine_of(lab, "bob"))
  said <- wait_for_line(bob, "^The invitation to 'alice/friends' is kept")
  expect_identical(said, sprintf("The invitation to 'alice/friends' is kept. Its owner has the device %s.", owner))
  wait_for_line(bob, "^Use it with plan[(]future.p2p::cluster, cluster = \"alice/friends\".* or Rscript -e future.p2p::worker --cluster=alice/friends.*, as the user whom the owner has invited[.]$")
  expect_identical(wait_for_exit(bob), 0L)
  wait_for_line(process, "^The invitation for 'bob' was taken[.].* if its user is 'bob'[.] 'bob' must be among the users of host_cluster[(][)][.]$")
  expect_identical(wait_for_exit(process), 0L)
  known <- keys_call("membership", place_of(lab, "bob", NULL))
  expect_identical(known, list(owner = owner, epoch = NA_real_, user = NA_character_, invited = TRUE))
  expect_identical(invitations(), "bob") # until a device enrols with it
})

test_that("Ctrl-C and a wrong code withdraw an invitation", {
  before <- length(invitations())
  process <- start_invite()
  join_call(process)
  expect_length(invitations(), before + 1L)
  expect_identical(stop_process(process), 130L)
  expect_match(process_lines(process), "^The invitation of 'bob' was withdrawn.$", all = FALSE)
  expect_length(invitations(), before)
  process <- start_invite()
  code <- code_in(join_call(process))
  args <- board_args(lab, "bob")
  wrong <- sub("-.*", "-wrong-word", code)
  error <- as_user("bob", expect_error(join(wrong, host = args$host, ssh_args = args$ssh_args), class = "p2p_error_crypto"))
  expect_match(conditionMessage(error), "Start again with a new code.", fixed = TRUE)
  expect_identical(wait_for_exit(process), 1L)
  expect_length(invitations(), before)
})

test_that("what is no invitation is refused, and no file is taken", {
  args <- board_args(lab, "alice")
  send <- function(...) {
    code <- sprintf("%d-guitar-wizard", sample(100:9999, 1L))
    flags <- c(list(code = code), args, list(...))
    names(flags) <- gsub("_", "-", names(flags))
    start_child(lab, "sender", c(find_wormhole(), "send", sprintf("--%s=%s", names(flags), unlist(flags)), if (length(list(...)) == 0L) file.path(lab$dir, "users.txt")))
    code
  }
  receive <- function(code) as_user("bob", join(code, host = args$host, ssh_args = board_args(lab, "bob")$ssh_args))
  error <- expect_error(receive(send(text = "hello")), class = "p2p_error_parse")
  expect_match(conditionMessage(error), "not a complete invitation. Copy all of it", fixed = TRUE)
  error <- expect_error(receive(send()), class = "p2p_error_invalid")
  expect_match(conditionMessage(error), "The sender offers a file, and not a text. Ask the owner of the cluster for another code.", fixed = TRUE)
})

test_that("a file has an invitation for a machine without a person", {
  file <- file.path(lab$dir, "invitation")
  args <- board_args(lab, "alice")
  said <- as_user("alice", said_by(invite("alice/friends", "bob", file, host = args$host, ssh_args = args$ssh_args)))
  expect_match(said, "has an invitation to 'alice/friends' for one device of 'bob'", fixed = TRUE)
  expect_match(said, sprintf("It shows the fingerprint of this device, %s. 'bob' must be among the users of host_cluster().", owner), fixed = TRUE)
  expect_match(said, "R_FUTURE_P2P_KEY_FILE to its name, or run future.p2p::join(file = \"invitation\")", fixed = TRUE)
  expect_identical(as.character(file.mode(file)), "600")
  expect_error(as_user("alice", invite("alice/friends", "bob", file, host = args$host)), "exists already", class = "p2p_error_usage")
  said <- as_user("machine", said_by(join(file = file)))
  expect_match(said, owner, fixed = TRUE)
  expect_match(said, sprintf("plan(future.p2p::cluster, cluster = \"alice/friends\", host = \"%s\")", board), fixed = TRUE)
  expect_true(keys_call("membership", place_of(lab, "machine", NULL))$invited)
  ## Option future.p2p.key_file is for the cluster that it names.
  withr::local_options(future.p2p.key_file = file)
  config <- function(cluster) board_config(cluster, args$host, args$ssh_args)
  as_user("other", {
    expect_silent(use_key_file(config("alice/lab")))
    expect_silent(use_key_file(config(NULL)))
    expect_message(use_key_file(config("alice/friends")), sprintf("is used. Its owner has the device %s.", owner), fixed = TRUE)
    expect_silent(use_key_file(config("alice/friends")))
  })
  expect_true(keys_call("membership", place_of(lab, "other", NULL))$invited)
  ## Others could be the user first.
  Sys.chmod(file, "640")
  for (call in list(quote(join(file = file)), quote(use_key_file(config("alice/friends"))))) {
    error <- as_user("third", expect_error(eval(call), class = "p2p_error_access"))
    expect_match(conditionMessage(error), "Other users can read the file '.*'. If nobody else has read it, run `chmod 600` on the file.")
  }
  Sys.chmod(file, "600")
  writeLines(sub("1", "2", readLines(file), fixed = TRUE), file)
  error <- as_user("third", expect_error(join(file = file), class = "p2p_error_version"))
  expect_match(conditionMessage(error), "made by a newer version. Update future.p2p on this machine.", fixed = TRUE)
  writeBin(as.raw(c(0, 255, 1, 10)), file)
  as_user("third", expect_error(join(file = file), "not a complete invitation", class = "p2p_error_parse"))
  as_user("third", expect_error(join(file = paste0(file, "-2")), "there is no file", class = "p2p_error_usage"))
  expect_false(dir.exists(machine_of(lab, "third")))
})

test_that("a member keeps the invitation of option future.p2p.key_file for the time after it was expelled", {
  file <- file.path(lab$dir, "again")
  args <- board_args(lab, "alice")
  as_user("alice", said_by(invite("alice/friends", "bob", file, host = args$host, ssh_args = args$ssh_args)))
  own_cluster(place_of(lab, "member", "bob")) # a file of a member ...
  path <- file.path(place_of(lab, "member")$folder, utils::URLencode(paste0("bob@", board), reserved = TRUE), "alice", "friends", "membership")
  writeLines(sub("^owner=.*", paste0("owner=", keys_call("device", place_of(lab, "alice"))$key), readLines(path)), path) # ... of that owner
  withr::local_options(future.p2p.key_file = file)
  as_user("member", expect_silent(use_key_file(board_config("alice/friends", args$host, args$ssh_args))))
  expect_true(keys_call("membership", place_of(lab, "member", NULL))$invited)
  expect_identical(keys_call("membership", place_of(lab, "member", "bob"))$epoch, 1)
})

test_that("a file that cannot be written leaves no invitation", {
  before <- invitations()
  args <- board_args(lab, "alice")
  testthat::skip_if_not(dir.exists("/proc/self"))
  said <- as_user("alice", said_by(expect_error(invite("alice/friends", "bob", "/proc/self/invitation", host = args$host), "cannot write", class = "p2p_error_usage")))
  expect_match(said, "was withdrawn", fixed = TRUE)
  expect_identical(invitations(), before)
})

test_that("another owner than the known one is trusted by invitation only, and with a warning", {
  file <- file.path(lab$dir, "other")
  args <- board_args(lab, "alice")
  own_cluster(place_of(lab, "mallory", "alice"))
  as_user("mallory", said_by(invite("alice/friends", "bob", file, host = args$host)))
  withr::with_options(list(future.p2p.key_file = file), as_user("bob", expect_silent(use_key_file(board_config("alice/friends", args$host, args$ssh_args)))))
  expect_identical(keys_call("membership", place_of(lab, "bob", NULL))$owner, owner)
  said <- as_user("bob", said_by(expect_warning(join(file = file), sprintf("knew another owner of 'alice/friends', %s", owner), fixed = TRUE)))
  expect_match(said, keys_call("device", place_of(lab, "mallory", NULL))$fingerprint, fixed = TRUE)
  expect_identical(keys_call("membership", place_of(lab, "bob", NULL))$owner, keys_call("device", place_of(lab, "mallory", NULL))$fingerprint)
})

test_that("only the owner invites, with names that mean something", {
  args <- board_args(lab, "alice")
  try_invite <- function(user, cluster = "alice/friends", as = "alice") as_user(as, invite(cluster, user, file.path(lab$dir, "new"), host = args$host))
  error <- expect_error(try_invite("bob", as = "bob"), class = "p2p_error_access")
  expect_match(conditionMessage(error), "never hosted on this device. Only its owner can do this", fixed = TRUE)
  expect_error(try_invite("bob smith"), "malformed", class = "p2p_error_invalid")
  expect_error(try_invite("bob", "friends"), class = "p2p_error_invalid")
  expect_error(try_invite("bob", "alice/personal"), "nobody is invited to your personal cluster", class = "p2p_error_usage")
  expect_error(invite("alice/friends"), "'user' is missing", class = "p2p_error_usage")
  withr::with_options(list(future.p2p.cluster = NULL), for (f in list(invite, approve, expel)) {
    expect_error(f(), "'cluster' is missing", class = "p2p_error_usage")
  })
  withr::with_options(list(future.p2p.cluster = NULL), expect_error(invite(user = "bob"), "'cluster' is missing", class = "p2p_error_usage"))
  expect_error(join(), "'code' must be the code", class = "p2p_error_usage")
  expect_error(join("7-x", file = "y"), "'code' must be the code", class = "p2p_error_usage")
  expect_error(join("p2p-invitation-1.x"), "is an invitation itself", class = "p2p_error_usage")
  expect_false(file.exists(file.path(lab$dir, "new")))
})

test_that("nothing is left", {
  expect_nothing_left(lab)
})
