lab <- local_lab(c("alice", "bob"))
start_board(lab)
withr::defer(future::plan(future::sequential))

library(future)

start_personal_worker <- function(...) {
  process <- start_process(lab, "worker", c(board_args(lab, "alice"), list(...)), "personal worker")
  wait_for_line(process, "joined cluster 'alice/personal'")
  process
}

plan_personal <- function() {
  args <- board_args(lab, "alice")
  plan(future.p2p::cluster, host = args$host, ssh_args = args$ssh_args)
}

test_that("a personal cluster needs no host: worker first", {
  worker <- start_personal_worker()
  plan_personal()
  expect_false(value(future(Sys.getpid())) == Sys.getpid())
  plan(sequential)
  expect_equal(stop_process(worker), 0L)
})

test_that("status() shows a worker and this session, where nobody else is", {
  worker <- start_personal_worker()
  plan_personal()
  on.exit(future::plan(future::sequential))
  expect_equal(future::value(future::future(21 * 2)), 42)
  expect_identical(status()$role, c("worker", "client"))
  future::plan(future::sequential)
  stop_process(worker)
})

test_that("a personal cluster needs no host: client first, which reports once that it waits", {
  said <- character()
  got <- NULL
  worker <- NULL
  withCallingHandlers({
    plan_personal()
    expect_equal(nbrOfWorkers(), 1L)
    f <- future(Sys.getpid())
    for (i in 1:3) resolved(f)
    worker <- start_personal_worker()
    got <- value(f)
  }, message = function(m) {
    said <<- c(said, conditionMessage(m))
    invokeRestart("muffleMessage")
  })
  expect_false(got == Sys.getpid())
  expect_match(grep("No worker on", said, value = TRUE), "^No worker on your personal cluster 'alice/personal' yet[.] Futures wait for one[.]")
  plan(sequential)
  expect_equal(stop_process(worker), 0L)
})

test_that("plan() on an empty personal cluster names the clusters that the user hosts, and others can be named", {
  said <- capture_messages(plan_personal())
  expect_match(said, "^No worker on your personal cluster 'alice/personal' yet[.] Futures wait for one[.] To use another cluster, name it: plan[(]")
  expect_match(said, "worker --cluster=alice/personal --host=127[.]0[.]0[.]1:[0-9]+\n$")
  plan(sequential)
  hosts <- lapply(c("alice/friends", "alice/lab"), start_host, lab = lab, users = "alice")
  said <- capture_messages(plan_personal())
  expect_match(said, "You host 'alice/(friends', 'alice/lab|lab', 'alice/friends)'[.] To use .* cluster = \"alice/(friends|lab)\"[)]", all = FALSE)
  plan(sequential)
  args <- board_args(lab, "alice")
  expect_no_message(plan(future.p2p::cluster, cluster = "alice/lab", host = args$host, ssh_args = args$ssh_args))
  plan(sequential)
  worker <- start_personal_worker()
  expect_no_message(plan_personal())
  plan(sequential)
  for (process in c(hosts, worker)) expect_equal(stop_process(process), 0L)
})

test_that("plan() on an empty personal cluster names the clusters of others that the user has joined", {
  host <- start_host(lab, "alice/team", "bob")
  plan_as(lab, "bob", "alice/team")
  said <- capture_messages(plan_as(lab, "bob", NULL))
  expect_match(said, "^No worker on your personal cluster 'bob/personal' yet[.] Futures wait for one[.] You have joined 'alice/team'[.] To use .* cluster = \"alice/team\"[)]")
  plan(sequential)
  expect_equal(stop_process(host), 0L)
})

test_that("another user's personal cluster is refused with a next step that helps", {
  expect_error(plan_as(lab, "bob", "alice/personal"), "'alice/personal' is the personal cluster of 'alice', and you are 'bob' on '127.0.0.1'. Leave out the name",
               class = "p2p_error_access")
  plan(sequential)
})

test_that("pico_username() and p2p_cluster_name() report user and cluster", {
  args <- board_args(lab, "alice")
  expect_equal(pico_username(host = args$host, ssh_args = args$ssh_args), "alice")
  expect_equal(p2p_cluster_name(host = args$host, ssh_args = args$ssh_args), "alice/personal")
  withr::local_options(future.p2p.cluster = "alice/friends")
  expect_equal(p2p_cluster_name(), "alice/friends")
})

test_that("ssh_args are one string with quotes on the command line, and a vector in R", {
  blanks <- file.path(lab$dir, "a folder")
  dir.create(blanks)
  file.copy(c(key_file(lab, "alice"), known_hosts_file(lab)), file.path(blanks, c("my key", "known hosts")))
  Sys.chmod(file.path(blanks, "my key"), "0600")
  known <- sprintf("UserKnownHostsFile=\"%s\"", file.path(blanks, "known hosts")) # a list of files, as OpenSSH reads it
  args <- board_args(lab, "alice")
  expect_equal(pico_username(host = args$host, ssh_args = c("-i", file.path(blanks, "my key"), "-oIdentitiesOnly=yes", "-o", known)), "alice")
  words <- sprintf("-i '%s' -oIdentitiesOnly=yes -o '%s'", file.path(blanks, "my key"), known)
  process <- start_process(lab, "pico_username", list(host = args$host, "ssh-args" = words))
  wait_for_line(process, "^alice$")
  expect_equal(wait_for_exit(process), 0L)
})

test_that("a key without an account is an error before anything is written, in R and on the command line", {
  make_key(lab, "stranger")
  args <- board_args(lab, "stranger")
  said <- "has no account on '127.0.0.1'.*Ask the operator"
  expect_error(pico_username(host = args$host, ssh_args = args$ssh_args), said, class = "p2p_error_auth")
  expect_error(plan(future.p2p::cluster, host = args$host, ssh_args = args$ssh_args), said, class = "p2p_error_auth")
  worker <- start_process(lab, "worker", args)
  expect_equal(wait_for_exit(worker, 30), 1L)
  expect_match(paste(process_lines(worker), collapse = "\n"), said)
  board <- lab$processes[[1L]]
  expect_no_match(paste(process_lines(board), collapse = "\n"), "without account.* joined") # no topic was opened with this key
})

test_that("after duration, a worker finishes its future and exits with status 0", {
  worker <- start_personal_worker(duration = 5)
  plan_personal()
  running <- future({
    Sys.sleep(6)
    Sys.getpid()
  })
  expect_false(value(running) == Sys.getpid())
  expect_equal(wait_for_exit(worker, 30), 0L)
  expect_match(paste(process_lines(worker), collapse = "\n"), "finished in.*leaving the cluster")
  plan(sequential)
})

test_that("nothing is left", {
  expect_nothing_left(lab)
})
