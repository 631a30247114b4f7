# The files of keys, as R functions read and change them.

keys_place <- function(folder = file.path(tempfile("p2p-keys-"), "keys"), cluster = "alice/friends") {
  list(folder = folder, board = "board.example:2222", cluster = cluster)
}

test_that("a device has one key, which only its user can read", {
  place <- keys_place()
  on.exit(unlink(dirname(place$folder), recursive = TRUE))
  device <- keys_call("device", place)
  expect_match(device$fingerprint, "^SHA256:[A-Za-z0-9+/]{43}$")
  expect_match(device$key, "^[A-Za-z0-9_-]{43}$")
  expect_identical(keys_call("device", place), device)
  expect_identical(as.character(file.mode(file.path(place$folder, "device"))), "600")
  Sys.chmod(place$folder, "755")
  error <- expect_error(keys_call("device", place), class = "p2p_error_access")
  expect_match(conditionMessage(error), "Other users can read or change the folder", fixed = TRUE)
  expect_match(conditionMessage(error), "chmod 700", fixed = TRUE)
})

test_that("a cluster that is not owned has no members, and cannot be changed", {
  place <- keys_place()
  on.exit(unlink(dirname(place$folder), recursive = TRUE))
  expect_null(keys_call("membership", place))
  members <- keys_call("members", place)
  expect_identical(members, list(epoch = 0,
    devices = list(user = character(), fingerprint = character(), since = double(), seen = double(), expelled = logical()),
    approved = list(user = character(), fingerprint = character()), invitations = list(user = character(), created = double())))
  expect_false(dir.exists(place$folder))
  for (entry in c("expel", "invite"))
    expect_error(keys_call(entry, place, "bob"), "The cluster 'alice/friends' was never hosted on this device.", class = "p2p_error_access")
  expect_error(keys_call("approve", place, "bob", "bob"), "was never hosted on this device", class = "p2p_error_access")
})

test_that("an invitation is kept, and shown without its secret", {
  place <- keys_place()
  on.exit(unlink(dirname(place$folder), recursive = TRUE))
  text <- paste0("p2p-invitation-1.YWxpY2UvZnJpZW5kcw.Ym9hcmQuZXhhbXBsZToyMjIy.",
                 "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc.AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")
  joined <- keys_call("invitation", text)
  expect_identical(joined[c("cluster", "board")], list(cluster = place$cluster, board = place$board))
  expect_null(keys_call("join", place["folder"], text, FALSE))
  expect_identical(keys_call("membership", place),
                   list(owner = joined$owner, epoch = NA_real_, user = NA_character_, invited = TRUE))
  other <- sub("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc", "CAgICAgICAgICAgICAgICAgICAgICAgICAgICAgICAg", text, fixed = TRUE)
  expect_error(keys_call("join", place["folder"], other, FALSE), "another owner", class = "p2p_error_access")
  keys_call("join", place["folder"], other, TRUE)
  expect_false(keys_call("membership", place)$owner == joined$owner)
  expect_error(keys_call("join", place["folder"], substr(text, 1, 100), FALSE), "complete invitation", class = "p2p_error_parse")
  expect_null(keys_call("forget", place))
  expect_null(keys_call("membership", place))
  elsewhere <- replace(place, "board", "elsewhere:22")
  keys_call("join", elsewhere[c("folder", "board")], text, FALSE)
  expect_null(keys_call("membership", place))
  expect_true(keys_call("membership", elsewhere)$invited)
})

test_that("the owner approves, invites and expels", {
  place <- keys_place()
  on.exit(unlink(dirname(place$folder), recursive = TRUE))
  device <- keys_call("device", place)
  own_cluster(place, sprintf("device=%s 1795000000 1795000060 0 bob", device$key))
  text <- keys_call("invite", place, "carol")
  expect_match(text, "^p2p-invitation-1[.]")
  other <- sub("^.", "x", device$key)
  expect_null(keys_call("approve", place, "bob", other))
  members <- keys_call("members", place)
  expect_identical(members$devices, list(user = "bob", fingerprint = device$fingerprint, since = 1795000000, seen = 1795000060, expelled = FALSE))
  expect_identical(members$approved$user, "bob")
  expect_match(members$approved$fingerprint, "^SHA256:")
  expect_identical(members$invitations$user, "carol")
  keys_call("withdraw", place, keys_call("invite", place, "dan"))
  expect_identical(keys_call("members", place)$invitations$user, "carol")
  expect_identical(keys_call("expel", place, "bob"), 2L)
  members <- keys_call("members", place)
  expect_identical(members$epoch, 2)
  expect_true(members$devices$expelled)
  expect_identical(keys_call("membership", place), list(owner = device$fingerprint, epoch = 2, user = "alice", invited = FALSE))
  expect_error(keys_call("expel", place, "dan"), "no such user or device", class = "p2p_error_invalid")
  expect_error(keys_call("approve", place, "dan", "dan"), "neither a fingerprint nor a key", class = "p2p_error_invalid")
  expect_error(keys_call("invite", place, "d n"), "name of the user is malformed", class = "p2p_error_invalid")
})

test_that("boards have a name, with the port", {
  board <- function(...) keys_call("board", list(...))
  expect_identical(board(), "pipe.pico.sh:22")
  expect_identical(board(host = "alice@board.example:2222"), "board.example:2222")
  expect_identical(board(host = "[::1]", ssh_args = c("-p", "2222")), "[::1]:2222")
  expect_error(board(host = "a b"), class = "p2p_error_invalid")
})

test_that("arguments are checked", {
  place <- keys_place()
  expect_error(keys_call("members", place[c("folder", "board")]), "'cluster' must be a string", class = "p2p_error_invalid")
  expect_error(keys_call("members", replace(place, "cluster", "../x")), "not \"owner/name\"", class = "p2p_error_invalid")
  expect_error(keys_call("members", replace(place, "board", "board")), "not \"host:port\"", class = "p2p_error_invalid")
  expect_error(keys_call("expel", place, NA_character_), "'who' must be a string", class = "p2p_error_invalid")
})
