# What the owner of a cluster does with its members: members(), approve(), expel(); and forget_cluster() of any device.
board <- "board.example:2222"
keys <- c("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc", "CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg")
local_owner <- function(env = parent.frame()) {
  dir <- withr::local_tempdir(.local_envir = env)
  withr::local_envvar(R_USER_CONFIG_DIR = dir, .local_envir = env)
  withr::local_options(future.p2p.host = board, future.p2p.cluster = "alice/friends", .local_envir = env)
  place <- list(folder = keys_folder(), board = board, cluster = "alice/friends", account = "alice")
  own_cluster(place, c(sprintf("device=%s %d %d %d %s", keys, c(1795000000, 1795000000, 1795000600), 1795000600, c(0L, 0L, 1L), c("bob", "bob", "dan"))))
  place
}

test_that("members() lists devices, approvals and invitations", {
  place <- local_owner()
  keys_call("invite", place, "carol")
  before <- members()
  said <- said_by(approve(user = "erin", device = sub("^A", "C", keys[1L])))
  expect_match(said, "of 'erin' gets the key of 'alice/friends' when it tries again with plan() or worker().", fixed = TRUE)
  found <- members("alice/friends")
  expect_identical(found$user, c("bob", "bob", "dan", "erin", "carol"))
  expect_identical(found$state, c("member", "member", "expelled", "approved", "invited"))
  expect_match(found$device[1:4], "^SHA256:[A-Za-z0-9+/]{43}$")
  expect_identical(found$device[5L], NA_character_)
  expect_identical(as.numeric(found$since[1:4]), c(1795000000, 1795000000, 1795000600, NA))
  expect_identical(as.numeric(found$seen), c(rep(1795000600, 3L), NA, NA))
  expect_lt(abs(as.numeric(found$since[5L]) - as.numeric(Sys.time())), 100)
  lines <- capture.output(print(found))
  expect_identical(lines[1L], "alice/friends: 2 devices of 1 user, key 1")
  expect_match(lines[2L], "^user +state +since +seen +device$")
  expect_length(lines, 7L)
  expect_match(lines[3L], paste0("^bob   member   ", format(found$since[1L], "%Y-%m-%d %H:%M"), " .* SHA256:"))
  expect_true(all(nchar(lines) <= 120L))
  expect_identical(capture.output(print(found[0L, ])), "alice/friends: 0 devices of 0 users, key 1")
  expect_output(print(found[, c("user", "state")]), "carol")
  expect_identical(before$user, found$user[-4L])
})

test_that("expel() shuts out a user or a device, and says what that means", {
  place <- local_owner()
  found <- members()
  said <- said_by(expel(device = substr(found$device[1L], 1L, 12L)))
  expect_match(said, sprintf("^Device %s is expelled from 'alice/friends'. New key; members", found$device[1L]))
  expect_identical(members()$state, c("expelled", "member", "expelled"))
  said <- said_by(expel(user = "bob"))
  expect_identical(said, "'bob' is expelled from 'alice/friends'. New key; members that are online get it from the host at once, the others when they come back.\n")
  expect_identical(members()$state, rep("expelled", 3L))
  expect_match(capture.output(print(members()))[1L], ": 0 devices of 0 users, key 3$")
  error <- expect_error(expel(user = "zoe"), class = "p2p_error_invalid")
  expect_match(conditionMessage(error), "no such user or device. `future.p2p::members(\"alice/friends\")` shows the users and devices.", fixed = TRUE)
  error <- expect_error(expel(device = "SHA256:"), class = "p2p_error_usage")
  expect_match(conditionMessage(error), "3 fingerprints begin with 'SHA256:'.*Give more of it[.]$")
  expect_error(expel(device = "SHA256:none"), "no such user or device", class = "p2p_error_invalid")
  expect_error(expel(user = "alice"), "is the owner of the cluster", class = "p2p_error_usage")
  expect_error(expel(device = keys_call("device", place)$fingerprint), "is the owner of the cluster", class = "p2p_error_usage")
  expect_error(expel(), "must name whom to expel", class = "p2p_error_usage")
  expect_error(expel(user = "bob", device = keys[1L]), "not both, must name whom to expel", class = "p2p_error_usage")
  expect_identical(members()$state, rep("expelled", 3L))
})

test_that("the host says which of its users are expelled with all devices", {
  place <- local_owner()
  config <- function(...) c(future.p2p:::cluster_config("alice/friends", NULL, NULL), list(users = c(...)))
  expect_identical(said_by(future.p2p:::say_expelled(config("bob", "dan"))),
                   "'dan' is expelled from 'alice/friends': no device of this user gets its key, until you use future.p2p::invite(\"alice/friends\", user = \"dan\").\n")
  suppressMessages(expel(device = keys[1L]))
  expect_identical(said_by(future.p2p:::say_expelled(config("bob"))), "")
  suppressMessages(expel(user = "bob"))
  expect_match(said_by(future.p2p:::say_expelled(config("bob", "carol"))), "^'bob' is expelled from 'alice/friends'")
})

test_that("invitations can be withdrawn without expelling anybody", {
  place <- local_owner()
  for (user in c("carol", "bob", "carol")) keys_call("invite", place, user)
  expect_identical(said_by(invite(user = "carol", withdraw = TRUE)), "The open invitations of 'carol' to 'alice/friends' were withdrawn.\n")
  expect_identical(members()$user, c("bob", "bob", "dan", "bob"))
  expect_identical(attr(members(), "key"), 1)
  expect_identical(said_by(invite(user = "carol", withdraw = TRUE)), "There is no open invitation of 'carol' to 'alice/friends'.\n")
  expect_error(invite(user = "carol", withdraw = "maybe"), "must be TRUE or FALSE", class = "p2p_error_usage")
})

test_that("approve() refuses the device of another member, and says what a user needs", {
  place <- local_owner()
  bobs <- members()$device[1L]
  for (device in c(bobs, keys[1L])) {
    error <- expect_error(approve(user = "carol", device = device), class = "p2p_error_access")
    expect_match(conditionMessage(error), "The device is a member of the cluster 'alice/friends' as another user than 'carol'. `future.p2p::members(\"alice/friends\")` shows", fixed = TRUE)
  }
  expect_identical(members()$state, c("member", "member", "expelled"))
  said <- said_by(approve(user = "carol", device = members()$device[3L])) # who was expelled has lost it
  expect_match(said, "worker(). 'carol' must be among the users of host_cluster().\n", fixed = TRUE)
  expect_no_match(said_by(approve(user = "bob", device = sub("^A", "C", keys[1L]))), "must be among")
  suppressMessages(expel(device = sub("^A", "C", keys[1L]))) # withdraws it
  expect_identical(members()$state, c("member", "member", "expelled", "approved"))
})

test_that("the owner of a cluster on another board learns which one", {
  local_owner()
  calls <- list(quote(members(host = "lab:22")), quote(expel(user = "bob", host = "lab:22")), quote(approve(user = "bob", device = keys[1L], host = "lab:22")),
                quote(invite(user = "bob", file = tempfile(), host = "lab:22")))
  for (call in calls) {
    error <- expect_error(eval(call), class = "p2p_error_usage")
    expect_identical(conditionMessage(error), paste0("This device hosts the cluster 'alice/friends' on the message board 'board.example:2222', not on 'lab:22'. ",
                                                     "Set `host = \"board.example:2222\"`."))
  }
})

test_that("approve() needs a user and a fingerprint", {
  local_owner()
  error <- expect_error(approve(user = "bob", device = "SHA256:47DEQ"), class = "p2p_error_invalid")
  expect_match(conditionMessage(error), "neither a fingerprint nor a key. A fingerprint looks like \"SHA256:...\"", fixed = TRUE)
  expect_error(approve(user = "b b", device = keys[1L]), "malformed", class = "p2p_error_invalid")
  expect_error(approve(user = "bob"), "'device' is missing", class = "p2p_error_usage")
  expect_error(approve(device = keys[1L]), "'user' is missing", class = "p2p_error_usage")
})

test_that("a device that does not own the cluster gets an error", {
  place <- local_owner()
  for (call in list(quote(members("alice/lab")), quote(expel("alice/lab", "bob")), quote(approve("alice/lab", "bob", keys[1L])))) {
    error <- expect_error(eval(call), class = "p2p_error_access")
    expect_match(conditionMessage(error), "The cluster 'alice/lab' was never hosted on this device. Only its owner", fixed = TRUE)
  }
  unlink(file.path(place$folder, "device"))
  known <- members()
  expect_identical(known$state, c("owner", "this device"))
  expect_identical(capture.output(print(known))[1L], "alice/friends: the owner's device and this one; only the owner's lists all, key 1")
  for (call in list(quote(expel(user = "bob")), quote(approve(user = "bob", device = keys[1L])), quote(invite(user = "bob", file = tempfile())))) {
    error <- expect_error(eval(call), class = "p2p_error_access")
    expect_match(conditionMessage(error), "This device does not own the cluster 'alice/friends'. Do this on the device on which the cluster was first hosted.", fixed = TRUE)
  }
  for (call in list(quote(expel("alice/personal", "bob")), quote(approve("alice/personal", "bob", keys[1L]))))
    expect_error(eval(call), "your personal cluster. Each device whose SSH key", class = "p2p_error_usage")
})

test_that("files of a newer version, damaged and exposed ones are errors with the next step", {
  place <- local_owner()
  file <- file.path(place$folder, "alice%40board.example%3A2222", "alice", "friends", "members")
  expect_true(file.exists(file))
  lines <- readLines(file)
  writeLines(sub(" 1$", " 2", lines), file)
  expect_error(members(), "Update future.p2p on this machine.", fixed = TRUE, class = "p2p_error_version")
  writeLines(lines[-1L], file)
  expect_error(members(), "Restore it from a copy", class = "p2p_error_parse")
  writeLines(lines, file)
  Sys.chmod(file, "644")
  expect_error(members(), "chmod 600", class = "p2p_error_access")
})

test_that("forget_cluster() removes what this device knows, whatever its account", {
  place <- local_owner()
  text <- paste0("p2p-invitation-1.YWxpY2UvZnJpZW5kcw.Ym9hcmQuZXhhbXBsZToyMjIy.", keys[2L], ".", keys[1L])
  keys_call("join", place["folder"], text, FALSE)
  expect_identical(lapply(known_places(place), `[[`, "account"), list(NULL, "alice"))
  said <- said_by(forget_cluster())
  expect_match(said, "has forgotten the key and the owner of 'alice/friends'", fixed = TRUE)
  expect_null(keys_call("membership", place))
  expect_match(said_by(forget_cluster()), "knows nothing of 'alice/friends'", fixed = TRUE)
  expect_match(core_sentence(list(message = "another owner", reason = "owner_changed")), "forget the old one with `future.p2p::forget_cluster(\"owner/name\")`", fixed = TRUE)
})

test_that("they work on the command line", {
  place <- local_owner()
  run <- function(f, ...) {
    status <- NULL
    output <- capture.output(messages <- capture.output(status <- run_cli(f, c(...)), type = "message"))
    list(status = status, said = paste(messages, collapse = "\n"), printed = output)
  }
  found <- run(members, "alice/friends")
  expect_identical(found$status, 0L)
  expect_match(found$printed[1L], "alice/friends: 2 devices")
  expect_match(run(expel, "--user=bob")$said, "'bob' is expelled", fixed = TRUE)
  missing <- run(expel, "--user=zoe")
  expect_identical(missing$status, 2L)
  expect_match(missing$said, "'Rscript -e future.p2p::members --cluster=alice/friends' shows", fixed = TRUE)
  expect_identical(parse_flags(join, c("7-guitar-wizard", "--host=lab")), list(code = "7-guitar-wizard", host = "lab"))
})
