## Arguments with values that mean nothing are errors that name the argument, before anything is contacted. Nothing is silently ignored.
nowhere <- "127.0.0.1:1" # a value that is accepted leads to another error: nobody listens there

numbers <- list(NA, NA_real_, NULL, -1, c(1, 2), numeric(), "x", "", "1 2", list(1), TRUE, NaN, as.Date("2026-01-01"), sum)
whole <- c(numbers, 1.5, Inf)
strings <- list(NA, NA_character_, 1, TRUE, c("a", "b"), character(), "", list("a"), sum)
flags <- list(NA, NULL, 1, 0, "x", "", c(TRUE, FALSE), logical(), list(TRUE), sum)

## Calls `f` with each value of argument `name`, and with `others`.
expect_refused <- function(f, name, values, others) {
  for (value in values) {
    args <- others
    args[name] <- list(value)
    ex <- tryCatch({ do.call(f, args, quote = TRUE); NULL }, error = identity)
    label <- sprintf("%s = %s", name, paste(deparse(value), collapse = ""))
    expect_true(inherits(ex, c("p2p_error_usage", "p2p_error_invalid", "p2p_error_parse")), label = paste(label, "is refused"),
                info = if (is.null(ex)) "accepted" else paste(class(ex)[1L], conditionMessage(ex)))
    if (inherits(ex, "p2p_error_usage")) expect_match(conditionMessage(ex), name, fixed = TRUE, info = label)
  }
}

drop_null <- function(values) Filter(Negate(is.null), values)

test_that("worker() refuses nonsense", {
  others <- list(cluster = "alice/friends", host = nowhere)
  for (name in c("duration", "time", "idle", "memory")) expect_refused(worker, name, numbers, others)
  for (name in c("workers", "nice")) expect_refused(worker, name, whole, others)
  expect_refused(worker, "workers", list(0, 1025, "1.5"), others)
  expect_refused(worker, "nice", list(20, -5), others)
  expect_refused(worker, "time", list(0), others)
  expect_refused(worker, "memory", list(0, "2 XB", "GiB", "-1GiB"), others)
  expect_refused(worker, "drain", flags, others)
  expect_refused(worker, "workdir", c(strings, "/no/such/folder"), others)
  for (name in c("cluster", "host")) expect_refused(worker, name, strings, others)
  expect_refused(worker, "cluster", list("alice", "a/b/c", "alice/", "alice friends"), others)
  expect_refused(worker, "ssh_args", list(NA, 1, list("-v"), sum, "--frobnicate", c("-i", NA)), others)
})

test_that("host_cluster() refuses nonsense", {
  others <- list(cluster = "alice/friends", users = "bob", host = nowhere)
  expect_refused(host_cluster, "users", list(NA, 1, TRUE, character(), "", ",", c("bob", NA), "-x", "bob/carol", list("bob"), NULL, sum), others)
  expect_refused(host_cluster, "cluster", c(strings, "alice", "a/b/c"), others)
  expect_refused(host_cluster, "duration", numbers, others)
  expect_refused(host_cluster, "host", strings, others)
})

test_that("serve() refuses nonsense", {
  users <- withr::local_tempfile()
  writeLines(character(), users)
  others <- list(port = 0, users = users, address = "127.0.0.1", host_key = withr::local_tempfile(), duration = 0, quiet = TRUE)
  for (name in c("port", "mailbox_port", "relay_port", "connections", "connections_per_key", "topics_per_user")) {
    expect_refused(serve, name, whole, others)
  }
  for (name in c("duration", "login_time", "bytes_per_second")) expect_refused(serve, name, numbers, others)
  expect_refused(serve, "port", list(65536, "ssh"), others)
  for (name in c("quiet", "verbose")) expect_refused(serve, name, flags, others)
  expect_refused(serve, "users", list(NA, 1, TRUE, character(), "", "/no/such/file", NULL, list(), list("x"), c(alice = "nonsense"), list(alice = 1), sum), others)
  for (name in c("address", "host_key")) expect_refused(serve, name, strings, others)
  expect_refused(serve, "users", list(dirname(users)), others)
})

test_that("wormhole_send() and wormhole_receive() refuse nonsense", {
  others <- list(x = "hello", mailbox = "ws://127.0.0.1:1/v1", relay = "", timeout = 1)
  expect_refused(wormhole_send, "x", list(NA, 1, c("a", "b"), character(), list("a"), NULL, sum), others)
  for (name in c("code", "name", "mailbox", "relay")) expect_refused(wormhole_send, name, setdiff(strings, if (name == "relay") ""), others)
  expect_refused(wormhole_send, "type", list(NA, 1, "x", character(), c("file", "text"), NULL), others)
  for (name in c("listen", "verify")) expect_refused(wormhole_send, name, setdiff(flags, if (name == "verify") list(sum)), others)
  expect_refused(wormhole_send, "progress", drop_null(flags), others)
  expect_refused(wormhole_send, "timeout", c(numbers, 0), others)
  expect_refused(wormhole_send, "mailbox", list("http://x", "ws://", "x"), others)
  expect_refused(wormhole_send, "relay", list("x", "tcp:", "tcp:x", "udp:x:1"), others)
  others$relay <- NULL
  expect_refused(wormhole_send, "host", c(strings, "a:b:c"), others)
  others <- list(code = "7-a-b", mailbox = "ws://127.0.0.1:1/v1", relay = "", timeout = 1)
  expect_refused(wormhole_receive, "code", c(strings, "x", "7", "7-", list(NULL)), others)
  expect_refused(wormhole_receive, "path", c(strings, "/no/such/folder/x"), others)
})

test_that("pico_username() and p2p_cluster_name() refuse nonsense", {
  expect_refused(pico_username, "host", c(strings, "a:b:c", "a:0", "a:99999"), list())
  expect_refused(p2p_cluster_name, "cluster", strings, list(host = nowhere))
  expect_refused(p2p_cluster_name, "cluster", list("alice", "a/b/c"), list(host = nowhere))
})

test_that("plan() refuses nonsense", {
  plan_with <- function(...) suppressWarnings(future::plan(future.p2p::cluster, ...))
  withr::defer(future::plan(future::sequential))
  others <- list(cluster = "alice/friends", host = nowhere)
  for (name in c("cluster", "host")) expect_refused(plan_with, name, strings, others)
  expect_refused(plan_with, "workers", c(setdiff(drop_null(numbers), list(sum)), 1.5, 0), others)
  expect_refused(plan_with, "retries", drop_null(whole), others)
  expect_refused(plan_with, "wait.timeout", drop_null(numbers), others)
  expect_refused(plan_with, "maxSizeOfObjects", list(NA, -1, 1:3, "x", numeric(), TRUE, list(1)), others)
  expect_refused(plan_with, "ssh_args", list(NA, 1, list("-v"), "--frobnicate"), others)
  for (name in c("interrupts", "gc", "earlySignal")) expect_refused(plan_with, name, drop_null(flags), others)
  for (name in c("resources", "memory", "slots", "users", "duration", "nonsense")) expect_refused(plan_with, name, list(1), others)
})
