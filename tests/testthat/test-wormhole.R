## A mailbox and a relay of the lab's board; the other end is a process of its own, from the command line.
local_transfer_lab <- function(env = parent.frame()) {
  lab <- local_lab("alice", env = env)
  board <- start_board(lab)
  line <- wait_for_line(board, "mailbox on port [0-9]+, relay on port [0-9]+")
  lab$mailbox <- sprintf("ws://127.0.0.1:%s/v1", sub(".*mailbox on port ([0-9]+).*", "\\1", line))
  lab$relay <- sprintf("tcp:127.0.0.1:%s", sub(".*relay on port ([0-9]+).*", "\\1", line))
  lab
}

start_wormhole <- function(lab, ...) {
  process <- list2env(list(name = "wormhole", lines = character(), tmp = lab$dir), parent = emptyenv())
  process$px <- processx::process$new(find_wormhole(), c(..., paste0("--mailbox=", lab$mailbox), paste0("--relay=", lab$relay)),
                                      wd = lab$dir, stdin = NULL, stdout = "|", stderr = "2>&1", cleanup_tree = TRUE,
                                      env = lab_environment(lab, lab$dir))
  lab$processes <- c(lab$processes, process)
  process
}

shown_code <- function(process) sub("^Wormhole code is: ", "", wait_for_line(process, "^Wormhole code is: [0-9]+-[a-z]+-[a-z]+$"))

receive_here <- function(lab, code, ...) suppressMessages(wormhole_receive(code, ..., mailbox = lab$mailbox, relay = lab$relay, timeout = 20))

test_that("a text and a file are received; the peer's file name is only reported", {
  lab <- local_transfer_lab()
  expect_identical(receive_here(lab, shown_code(start_wormhole(lab, "send", "--text", "hello world"))), "hello world")

  file <- file.path(lab$dir, "my file.bin")
  writeBin(as.raw(sample(0:255, 3e5, replace = TRUE)), file)
  folder <- file.path(lab$dir, "into")
  dir.create(folder)
  sender <- start_wormhole(lab, "send", "my file.bin")
  got <- receive_here(lab, shown_code(sender), folder)
  expect_identical(attr(got, "filename"), "my file.bin")
  expect_match(basename(got), "^wormhole-")
  expect_identical(list.files(folder), basename(got))
  expect_identical(unname(tools::md5sum(got)), unname(tools::md5sum(file)))
  expect_identical(wait_for_exit(sender), 0L)
})

test_that("raw vectors are sent, to the script, under a given code", {
  lab <- local_transfer_lab()
  bytes <- as.raw(sample(0:255, 1e5, replace = TRUE))
  receiver <- start_wormhole(lab, "receive", "7-raw-bytes", "--path=got.bin")
  code <- suppressMessages(wormhole_send(bytes, "7-raw-bytes", name = "x", mailbox = lab$mailbox, relay = lab$relay, timeout = 20))
  expect_identical(code, "7-raw-bytes")
  expect_identical(wait_for_exit(receiver), 0L)
  expect_identical(readBin(file.path(lab$dir, "got.bin"), "raw", 1e6), bytes)
})

test_that("a wrong code says so, and the verifier is asked for", {
  lab <- local_transfer_lab()
  start_wormhole(lab, "send", "--text=secret", "--code=8-right")
  expect_error(receive_here(lab, "8-wrong"), "another code", class = "p2p_error_crypto")
  start_wormhole(lab, "send", "--text=secret", "--code=9-verify")
  seen <- NULL
  expect_error(receive_here(lab, "9-verify", verify = function(verifier) { seen <<- verifier; FALSE }), class = "p2p_error_canceled")
  expect_match(seen, "^[0-9a-f]{64}$")
})

test_that("who does not come, and a mailbox that is not there, are named in time", {
  lab <- local_transfer_lab()
  began <- proc.time()[["elapsed"]]
  expect_error(suppressMessages(wormhole_send("hello", mailbox = lab$mailbox, relay = "", timeout = 0.5)), "did not come", class = "p2p_error_timeout")
  expect_error(wormhole_receive("7-a-b", mailbox = "ws://127.0.0.1:1/v1", timeout = 2), "127.0.0.1:1", class = "p2p_error_network")
  expect_lt(proc.time()[["elapsed"]] - began, 5)
})

test_that("a proxy that is not there is named", {
  withr::local_envvar(https_proxy = "http://127.0.0.1:1", no_proxy = "")
  expect_error(wormhole_receive("7-a-b", mailbox = "ws://mailbox.invalid/v1", timeout = 2), "by way of the proxy 127.0.0.1:1",
               class = "p2p_error_network")
  withr::local_envvar(https_proxy = "socks5://127.0.0.1:1")
  expect_error(wormhole_receive("7-a-b", mailbox = "ws://mailbox.invalid/v1"), "only http://")
  withr::local_envvar(https_proxy = "")
  use_proxy()
})

test_that("wrong arguments are told before anything is sent", {
  expect_error(wormhole_send(1:3), "'x'", class = "p2p_error_usage")
  expect_error(wormhole_send("a", type = "b"), "'type'", class = "p2p_error_usage")
  expect_error(wormhole_send("/no/such/file", type = "file"), "/no/such/file", class = "p2p_error_system")
  expect_error(wormhole_receive(), "'code'", class = "p2p_error_usage")
  expect_error(wormhole_receive("7-a-b", path = "/no/such/folder/x"), "no folder", class = "p2p_error_usage")
  expect_error(wormhole_receive("no code"), "not a wormhole code", class = "p2p_error_invalid")
})

test_that("words without flags become flags", {
  expect_identical(wormhole_flags(c("send", "--text", "hello")), c("--action=send", "--text=hello"))
  expect_identical(wormhole_flags(c("send", "--code=7-a", "file")), c("--action=send", "--code=7-a", "--what=file"))
  expect_identical(wormhole_flags(c("receive", "7-a-b", "--no-listen", "--verify")),
                   c("--action=receive", "--what=7-a-b", "--listen=FALSE", "--verify=TRUE"))
})

test_that("the script tells its version and how to use it", {
  skip_on_os("windows")
  expect_identical(system2(find_wormhole(), "--version", stdout = TRUE), format(utils::packageVersion("future.p2p")))
  expect_match(system2(find_wormhole(), "--help", stdout = TRUE)[1L], "wormhole send FILE")
})
