## Bad input raises an error that says what to do. It never hangs.
lab <- local_lab()
start_board(lab)
start_host(lab, "alice/friends", "bob")
withr::defer(future::plan(future::sequential))

library(future)

## Starts from sequential, since plan() does nothing if the plan equals the current one, even if that one failed.
plan_error <- function(user = "bob", cluster = "alice/friends", ...) {
  plan(sequential)
  tryCatch({ plan_as(lab, user, cluster, ...); NULL }, error = identity)
}

## Expects that a command fails with this exit status. Returns its output.
fails <- function(what, flags, status = 1L) {
  process <- start_process(lab, what, flags)
  code <- wait_for_exit(process, 60)
  said <- paste(process_lines(process), collapse = "\n")
  expect_equal(code, status, info = said)
  said
}

test_that("a cluster name that is not owner/name", {
  for (name in c("friends", "alice/", "/friends", "a/b/c", "alice/fri ends", "-x/y", "alice/fr,iends", strrep("a", 500))) {
    ex <- plan_error(cluster = name)
    expect_s3_class(ex, "p2p_error_invalid")
    expect_match(conditionMessage(ex), "owner/name", fixed = TRUE, info = name)
  }
  said <- fails("worker", c(list(cluster = "friends"), board_args(lab, "bob")), 2L)
  expect_match(said, "owner/name", fixed = TRUE)
  expect_no_match(said, "Futures run") # that is said when all else is right
})

test_that("hosting under another user's name", {
  said <- fails("host_cluster", c(list(cluster = "alice/friends", users = "carol"), board_args(lab, "bob")))
  expect_match(said, "alice")
  expect_match(said, "bob")
})

test_that("a cluster that is not hosted, or that the user has no access to", {
  for (case in list(c("bob", "alice/nothing"), c("carol", "alice/friends"), c("alice", "alice/nothing"))) {
    ex <- plan_error(case[1L], case[2L])
    expect_s3_class(ex, "p2p_error_access")
    expect_match(conditionMessage(ex), case[2L], fixed = TRUE)
    expect_match(conditionMessage(ex), "host", info = case[1L])
  }
  expect_match(fails("worker", c(list(cluster = "alice/friends"), board_args(lab, "carol"))), "No access")
})

test_that("a key that the board does not know", {
  make_key(lab, "stranger")
  ex <- plan_error("stranger")
  expect_s3_class(ex, "p2p_error_auth")
  expect_match(conditionMessage(ex), "account")
  expect_match(fails("pico_username", board_args(lab, "stranger")), "account")
})

test_that("no usable key", {
  args <- board_args(lab, "bob")
  ex <- tryCatch(plan(future.p2p::cluster, cluster = "alice/friends", host = args$host,
                      ssh_args = sub("key-bob", "key-nobody", args$ssh_args)), error = identity)
  expect_s3_class(ex, "p2p_error_auth")
  expect_match(conditionMessage(ex), "key-nobody")
})

test_that("an unknown host key is reported with a known_hosts entry that works, a changed one is refused", {
  good <- readLines(known_hosts_file(lab))
  withr::defer(writeLines(good, known_hosts_file(lab)))
  writeLines(character(), known_hosts_file(lab))
  ex <- plan_error()
  expect_s3_class(ex, "p2p_error_host_key")
  expect_match(conditionMessage(ex), "SHA256:")
  expect_match(conditionMessage(ex), "Compare the fingerprint")
  writeLines(sub(".*its entry would be '([^']+)'.*", "\\1", conditionMessage(ex)), known_hosts_file(lab))
  expect_null(plan_error())
  other <- sub(".*(ssh-ed25519 [^ ]+).*", "\\1", make_key(lab, "other-host"))
  writeLines(sub("ssh-ed25519 .*", other, good), known_hosts_file(lab))
  ex <- plan_error()
  expect_s3_class(ex, "p2p_error_host_key")
  expect_match(conditionMessage(ex), "is not the one in.*Refused")
})

test_that("ssh_args and host that cannot be used", {
  args <- board_args(lab, "bob")
  plan_with <- function(host = args$host, ssh_args = args$ssh_args) {
    plan(sequential)
    tryCatch({ plan(future.p2p::cluster, cluster = "alice/friends", host = host, ssh_args = ssh_args); NULL }, error = identity)
  }
  expect_match(conditionMessage(plan_with(ssh_args = "--frobnicate")), "frobnicate")
  expect_match(conditionMessage(plan_with(host = "127.0.0.1:99999")), "99999")
  expect_s3_class(plan_with(host = ""), "p2p_error_usage")
})

test_that("a board that cannot be reached", {
  args <- board_args(lab, "bob")
  ex <- tryCatch(plan(future.p2p::cluster, cluster = "alice/friends", host = "127.0.0.1:1", ssh_args = args$ssh_args), error = identity)
  expect_s3_class(ex, "p2p_error_network")
  expect_match(conditionMessage(ex), "127.0.0.1:1", fixed = TRUE)
})

test_that("without a worker, the future waits, reports it once, and fails after wait.timeout", {
  expect_no_warning(plan_as(lab, "bob", wait.timeout = 1))
  said <- character()
  withCallingHandlers({
    f <- future(1)
    ex <- tryCatch(value(f), error = identity)
  }, message = function(m) {
    said <<- c(said, conditionMessage(m))
    invokeRestart("muffleMessage")
  })
  expect_s3_class(ex, "FutureError")
  expect_match(conditionMessage(ex), "no worker on cluster 'alice/friends'")
  expect_match(conditionMessage(ex), "future.p2p::worker")
  expect_equal(sum(grepl("No worker", said)), 1L)
  expect_error(value(f), class = "FutureError")
  suppressMessages(g <- future(2))
  expect_true({ Sys.sleep(1.1); resolved(g) })
  expect_error(value(g), "no worker", class = "FutureError")
  plan(sequential)
})

test_that("unreachable mailbox servers and relays are named, and nothing hangs", {
  start_worker(lab, "bob", "alice/friends")
  withr::local_options(future.p2p.mailbox = "ws://127.0.0.1:1/v1", future.p2p.relay = NULL, future.wait.timeout = 3)
  plan_as(lab, "bob")
  said <- character()
  ex <- withCallingHandlers(tryCatch(value(future(1)), error = identity), message = function(m) {
    said <<- c(said, conditionMessage(m))
    invokeRestart("muffleMessage")
  })
  expect_s3_class(ex, "FutureError")
  expect_match(paste(said, collapse = "\n"), "ws://127.0.0.1:1/v1", fixed = TRUE)
  expect_match(conditionMessage(ex), "no link to worker 'bob@[^ ]+' could be opened. Check that both machines reach the mailbox server")
  plan(sequential)
  options(future.p2p.mailbox = NULL, future.p2p.relay = "tcp:127.0.0.1:1")
  plan_as(lab, "bob")
  expect_equal(value(future(1 + 2)), 3) # a direct connection needs no relay
  plan(sequential)
})

test_that("a worker whose version of future is too old gets no tasks, and the error names the versions", {
  stop_process(lab$processes[[length(lab$processes)]])
  args <- board_args(lab, "bob")
  code <- sprintf("original <- future.p2p:::board_config
    utils::assignInNamespace('board_config', function(...) {
      config <- original(...)
      config$future_version <- '1.33.0'
      config
    }, 'future.p2p')
    future.p2p::worker('alice/friends', host = '%s', ssh_args = '%s')", args$host, args$ssh_args)
  old <- list2env(list(name = "old worker", lines = character(), tmp = tempfile("tmp", lab$dir)), parent = emptyenv())
  dir.create(old$tmp)
  old$px <- processx::process$new(file.path(R.home("bin"), "Rscript"), c("-e", code), stdout = "|", stderr = "2>&1",
                                  env = lab_environment(lab, old$tmp))
  lab$processes <- c(lab$processes, old)
  wait_for_line(old, "joined cluster")
  withr::local_options(future.wait.timeout = 2)
  plan_as(lab, "bob")
  ex <- suppressMessages(tryCatch(value(future(1)), error = identity))
  expect_s3_class(ex, "FutureError")
  expect_match(conditionMessage(ex), "1.33.0", fixed = TRUE)
  expect_match(conditionMessage(ex), "1.69", fixed = TRUE)
  plan(sequential)
})

test_that("nothing is left", {
  expect_nothing_left(lab)
})
