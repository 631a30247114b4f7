## demo_cluster(): a board, a host and a worker in this session.
skip_unless_lab()
library(future)
withr::defer(plan(sequential))
withr::local_options(future.p2p.cluster = "carol/lab", future.p2p.relay = "tcp:mine:1")

## This session, with empty folders in place of those of the account.
local_account <- function(env = parent.frame()) {
  dir <- withr::local_tempdir(.local_envir = env)
  withr::local_envvar(R_USER_CONFIG_DIR = dir, R_USER_DATA_DIR = dir, XDG_RUNTIME_DIR = dir, .local_envir = env)
  dir
}

test_that("a demo evaluates futures without arguments, and its end leaves the session as it was", {
  account <- local_account()
  withr::local_envvar(https_proxy = "http://127.0.0.1:1") # is not used
  demo <- demo_cluster()
  plan(future.p2p::cluster)
  f <- future(Sys.getpid())
  pid <- value(f)
  expect_false(pid == Sys.getpid())
  expect_match(worker_of(f), sprintf("^alice@.*:%d$", Sys.getpid()))
  found <- status()
  expect_identical(found$role, c("worker", "client", "host"))
  expect_identical(found$slots[1L], 2L)
  expect_identical(attr(found, "cluster"), "alice/friends")
  expect_identical(pico_username(), "alice")
  expect_identical(members("alice/friends")$state, "member")
  expect_identical(worker_control(pid = Sys.getpid())$cluster, "alice/friends")
  expect_identical(contributions()$futures, 1)
  close(demo)
  expect_s3_class(plan(), "sequential")
  expect_identical(getOption("future.p2p.cluster"), "carol/lab")
  expect_identical(getOption("future.p2p.relay"), "tcp:mine:1")
  expect_null(getOption("future.p2p.host"))
  expect_false(dir.exists(demo$folder))
  expect_identical(list.files(account, all.files = TRUE, recursive = TRUE), character())
  expect_identical(children_of(Sys.getpid()), integer())
  expect_output(print(demo), "closed")
  expect_null(close(demo))
})

test_that("a plan of another cluster, and one that was set by hand, outlive the demo", {
  local_account()
  demo <- demo_cluster(workers = 0)
  plan(future::multisession, workers = 2)
  close(demo)
  expect_s3_class(plan(), "multisession")
  plan(sequential)
})

test_that("meanwhile this session uses no other board, and nothing of the demo gets to one", {
  local_account()
  demo <- demo_cluster(workers = 0)
  withr::defer(close(demo))
  expect_error(plan(future.p2p::cluster, cluster = "bob/lab", host = "127.0.0.1:1"), "runs a demo cluster", class = "p2p_error_usage")
  expect_error(status(host = "127.0.0.1:1"), "runs a demo cluster", class = "p2p_error_usage")
  expect_error(demo_cluster(workers = -1), "'workers' must be a whole number", class = "p2p_error_usage")
  expect_identical(demo_state$running, demo) # a wrong call ends nothing
})

test_that("a second call ends the first demo", {
  local_account()
  first <- demo_cluster(workers = 1)
  second <- demo_cluster(workers = 1)
  withr::defer(close(second))
  expect_output(print(first), "closed")
  expect_output(print(second), second$host, fixed = TRUE)
  plan(future.p2p::cluster)
  expect_equal(value(future(6 * 7)), 42)
  close(first)
  expect_equal(value(future(6 * 7)), 42)
})

test_that("a session that uses another cluster keeps it", {
  lab <- local_lab()
  start_cluster(lab, workers = c(alice = 1L))
  plan_as(lab, "bob")
  expect_error(demo_cluster(), "uses another cluster", class = "p2p_error_usage")
  expect_equal(value(future(6 * 7)), 42)
  plan(sequential)
})

test_that("another process of the account can use the demo by its address", {
  local_account()
  lab <- local_lab("alice")
  demo <- demo_cluster(workers = 1)
  withr::defer(close(demo))
  other <- start_r(lab, "other session", sprintf("library(future); plan(future.p2p::cluster, cluster = '%s', host = '%s', ssh_args = c(%s)); cat('value', value(future(6 * 7)))",
                                                 demo$cluster, demo$host, toString(shQuote(demo$ssh_args))))
  expect_identical(wait_for_line(other, "^value"), "value 42")
})

test_that("nothing is left of a demo whose session ends without close(), or is killed", {
  lab <- local_lab("alice")
  code <- "library(future); demo <- future.p2p::demo_cluster(); plan(future.p2p::cluster); cat('evaluator', value(future(Sys.getpid())), '\\n');"
  ended <- start_r(lab, "a session that ends", code)
  killed <- start_r(lab, "a session that is killed", paste(code, "value(future(Sys.sleep(600)))"))
  wait_for_line(killed, "^evaluator [0-9]+")
  expect_identical(wait_for_exit(ended), 0L)
  expect_identical(list.files(ended$tmp), character())
  signal_process(killed, tools::SIGKILL)
  expect_true(wait_for_end(killed$px, 30))
  wait_until(function() length(lab_processes(lab)) == 0L)
})
