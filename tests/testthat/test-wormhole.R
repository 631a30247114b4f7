## Mailbox server and relay of the lab. The other side is a process that is started by its command line.
local_transfer_lab <- function(env = parent.frame()) {
  lab <- local_lab("alice", env = env)
  set_servers(lab, start_board(lab))
  lab
}

set_servers <- function(lab, board) {
  line <- wait_for_line(board, "mailbox on port [0-9]+, relay on port [0-9]+")
  lab$mailbox <- sprintf("ws://127.0.0.1:%s/v1", sub(".*mailbox on port ([0-9]+).*", "\\1", line))
  lab$relay <- sprintf("tcp:127.0.0.1:%s", sub(".*relay on port ([0-9]+).*", "\\1", line))
}

start_command <- function(lab, command, args, stdin = NULL) {
  process <- list2env(list(name = basename(command), lines = character(), tmp = lab$dir), parent = emptyenv())
  process$px <- processx::process$new(command, args, wd = lab$dir, stdin = stdin, stdout = "|", stderr = "2>&1", cleanup_tree = TRUE,
                                      env = lab_environment(lab, lab$dir))
  lab$processes <- c(lab$processes, process)
  process
}

start_wormhole <- function(lab, ...) {
  start_command(lab, find_wormhole(), c(..., paste0("--mailbox=", lab$mailbox), paste0("--relay=", lab$relay)))
}

## An R session that runs a transfer (a call without mailbox and relay), and reports how it ended and what is left.
start_session <- function(lab, call) {
  call$mailbox <- lab$mailbox
  call$relay <- lab$relay
  script <- file.path(lab$dir, basename(tempfile("session-", fileext = ".R")))
  writeLines(c(
    "library(future.p2p)",
    "sockets <- function() sum(grepl('^socket:', Sys.readlink(list.files('/proc/self/fd', full.names = TRUE))))",
    "before <- sockets()", # standard output may be one
    sprintf("ended <- tryCatch({ %s; 'done' }, interrupt = function(ex) 'interrupted', error = conditionMessage)", paste(deparse(call), collapse = "\n")),
    "message('Ended: ', ended)",
    ".Call(future.p2p:::ffi_loop_stop)",
    "message('Left: ', sockets() - before, ' sockets, ', length(list.files(tempdir(), 'part$|^wormhole-')), ' files')"
  ), script)
  start_command(lab, file.path(R.home("bin"), "Rscript"), script)
}

## Sends Ctrl-C. Returns how it ended, and expects that nothing is left.
interrupt_session <- function(session) {
  signal_process(session, tools::SIGINT)
  ended <- wait_for_line(session, "^Ended: ", timeout = 10)
  expect_identical(wait_for_line(session, "^Left: "), "Left: 0 sockets, 0 files")
  expect_identical(wait_for_exit(session), 0L)
  ended
}

shown_code <- function(process) sub("^Wormhole code is: ", "", wait_for_line(process, "^Wormhole code is: [0-9]+-[a-z]+-[a-z]+$"))

receive_here <- function(lab, code, ...) suppressMessages(wormhole_receive(code, ..., mailbox = lab$mailbox, relay = lab$relay, timeout = 20))

test_that("a text and a file are received, the file under the sender's name; no file is replaced", {
  lab <- local_transfer_lab()
  expect_identical(receive_here(lab, shown_code(start_wormhole(lab, "send", "--text", "hello world"))), "hello world")

  file <- file.path(lab$dir, "my file.bin")
  writeBin(as.raw(sample(0:255, 3e5, replace = TRUE)), file)
  folder <- file.path(lab$dir, "into")
  dir.create(folder)
  sender <- start_wormhole(lab, "send", "my file.bin")
  got <- receive_here(lab, shown_code(sender), folder)
  expect_identical(attr(got, "filename"), "my file.bin")
  expect_identical(c(got), file.path(normalizePath(folder), "my file.bin"))
  expect_identical(list.files(folder), "my file.bin")
  expect_identical(unname(tools::md5sum(got)), unname(tools::md5sum(file)))
  expect_identical(wait_for_exit(sender), 0L)

  withr::local_dir(folder)
  sender <- start_wormhole(lab, "send", "my file.bin")
  expect_message(got <- wormhole_receive(shown_code(sender), mailbox = lab$mailbox, relay = lab$relay, timeout = 20),
                 "Received 'my file.bin' \\(300 kB\\) as 'my file \\(1\\).bin', direct")
  expect_identical(c(got), file.path(normalizePath(folder), "my file (1).bin"))
  writeLines("TRUE", file.path(lab$dir, ".Rprofile"))
  sender <- start_wormhole(lab, "send", ".Rprofile")
  receiver <- start_command(lab, find_wormhole(), c("receive", shown_code(sender), "--path=into", paste0("--mailbox=", lab$mailbox), "--relay="))
  expect_identical(wait_for_line(receiver, "^/"), file.path(normalizePath(folder), "_Rprofile"))
  expect_identical(list.files(folder, all.files = TRUE, no.. = TRUE), c("_Rprofile", "my file (1).bin", "my file.bin"))
  expect_error(wormhole_receive("7-a-b", path = "no-such/"), "no folder 'no-such/'", class = "p2p_error_usage")
})

test_that("raw vectors are sent to the program, with a given code", {
  lab <- local_transfer_lab()
  bytes <- as.raw(sample(0:255, 1e5, replace = TRUE))
  receiver <- start_wormhole(lab, "receive", "7-raw-bytes", "--path=got.bin")
  code <- suppressMessages(wormhole_send(bytes, "7-raw-bytes", name = "x", mailbox = lab$mailbox, relay = lab$relay, timeout = 20))
  expect_identical(code, "7-raw-bytes")
  expect_identical(wait_for_exit(receiver), 0L)
  expect_identical(readBin(file.path(lab$dir, "got.bin"), "raw", 1e6), bytes)
})

test_that("a wrong code is reported, and the verifier is confirmed", {
  lab <- local_transfer_lab()
  start_wormhole(lab, "send", "--text=secret", "--code=8-right")
  expect_error(receive_here(lab, "8-wrong"), "a different code", class = "p2p_error_crypto")
  start_wormhole(lab, "send", "--text=secret", "--code=9-verify")
  seen <- NULL
  expect_error(receive_here(lab, "9-verify", verify = function(verifier) { seen <<- verifier; FALSE }), class = "p2p_error_canceled")
  expect_match(seen, "^[0-9a-f]{64}$")
})

test_that("a missing peer and an unreachable mailbox server are reported in time", {
  lab <- local_transfer_lab()
  began <- proc.time()[["elapsed"]]
  expect_error(suppressMessages(wormhole_send("hello", mailbox = lab$mailbox, relay = "", timeout = 0.5)), "did not join", class = "p2p_error_timeout")
  expect_error(wormhole_receive("7-a-b", mailbox = "ws://127.0.0.1:1/v1", timeout = 2), "127.0.0.1:1.* Check the address of the mailbox server", class = "p2p_error_network")
  expect_lt(proc.time()[["elapsed"]] - began, 20)
})

test_that("the side that waits for the other says so", {
  lab <- local_transfer_lab()
  said <- capture_messages(expect_error(wormhole_receive("7-used-code", mailbox = lab$mailbox, relay = "", timeout = 2.5), "did not join.* Check the code",
                                        class = "p2p_error_timeout"))
  receiver <- start_wormhole(lab, "receive", "8-used-code", "--timeout=2.5")
  expect_identical(wait_for_exit(receiver), 1L)
  expect_match(receiver$lines, "^Waiting for the other side \\(Ctrl-C stops\\)[.]$", all = FALSE)
  expect_match(receiver$lines, "^Check the code", all = FALSE)
  expect_match(said, "^Waiting for the other side \\(Ctrl-C stops\\)[.]\n$", all = FALSE)
})

test_that("the sender says what it sends", {
  lab <- local_transfer_lab()
  send <- function(x) capture_messages(try(wormhole_send(x, mailbox = lab$mailbox, relay = "", timeout = 0.5), silent = TRUE))
  expect_match(send("reslts.rds"), "^Sending the text 'reslts.rds'[.]\n$", all = FALSE)
  file <- withr::local_tempfile(lines = "x")
  expect_match(send(file), paste0("^Sending the file '", file, "'[.]\n$"), all = FALSE)
  expect_match(send(raw(10)), "^Sending 10 B[.]\n$", all = FALSE)
  expect_identical(nchar(describe_sent(list(text = strrep("a", 200)))), 60L + nchar("Sending the text ''."))
})

test_that("a time limit of R ends a transfer that waits for the other side", {
  lab <- local_transfer_lab()
  withr::defer(setTimeLimit())
  setTimeLimit(elapsed = 0.5, transient = TRUE)
  expect_error(suppressMessages(wormhole_send("hello", mailbox = lab$mailbox, relay = "", timeout = 10)), "time limit")
})

test_that("Ctrl-C ends a transfer that waits for the other side", {
  lab <- local_transfer_lab()
  sender <- start_session(lab, quote(wormhole_send("hello", timeout = 60)))
  wait_for_line(sender, "^Wormhole code is: ")
  expect_identical(interrupt_session(sender), "Ended: interrupted")
  flags <- c("send", "--text=hello", paste0("--mailbox=", lab$mailbox), "--relay=")
  rscript <- c(file.path(R.home("bin"), "Rscript"), "-e", "future.p2p::wormhole")
  for (command in list(find_wormhole(), rscript)) {
    process <- start_command(lab, command[1L], c(command[-1L], flags))
    shown_code(process)
    signal_process(process, tools::SIGINT)
    expect_identical(wait_for_exit(process), 130L)
  }
})

test_that("Ctrl-C while the verifier is compared ends it on both sides", {
  lab <- local_transfer_lab()
  receiver <- start_session(lab, quote(wormhole_receive("7-verify-it", timeout = 60)))
  sender <- start_session(lab, quote(wormhole_send("hello", "7-verify-it", timeout = 60, verify = function(verifier) {
    message("asked")
    Sys.sleep(60)
  })))
  wait_for_line(sender, "^asked")
  expect_identical(interrupt_session(sender), "Ended: interrupted")
  expect_match(wait_for_line(receiver, "^Ended: "), "gave up: transfer canceled")
  wait_for_line(receiver, "^Left: 0 sockets, 0 files")
})

## The sender is stopped as soon as the first bytes have arrived.
test_that("Ctrl-C in the middle of a transfer ends it on both sides and leaves no file", {
  lab <- local_transfer_lab()
  file <- file(file.path(lab$dir, "large"), "wb")
  seek(file, 2e9, rw = "write")
  writeBin(as.raw(0), file)
  close(file)
  folder <- file.path(lab$dir, "into")
  dir.create(folder)
  sender <- start_wormhole(lab, "send", "large", "--code=7-in-the-middle")
  receiver <- start_session(lab, bquote(wormhole_receive("7-in-the-middle", .(folder), timeout = 60)))
  deadline <- proc.time()[["elapsed"]] + 30
  while (!any(file.size(list.files(folder, full.names = TRUE)) > 0, na.rm = TRUE) && proc.time()[["elapsed"]] < deadline) receiver$px$poll_io(5)
  sender$px$suspend()
  expect_match(list.files(folder), "[.]part$")
  expect_identical(interrupt_session(receiver), "Ended: interrupted")
  expect_identical(list.files(folder), character(0L))
  sender$px$resume()
  expect_identical(wait_for_exit(sender), 1L)
  expect_match(sender$lines, "gave up: transfer canceled|closed the connection|onnection reset|broken pipe", all = FALSE)
})

test_that("a transfer continues after a restart of its mailbox server", {
  lab <- local_transfer_lab()
  sender <- start_wormhole(lab, "send", "--text=still here")
  code <- shown_code(sender)
  stop_process(lab$processes[[1L]])
  ports <- as.integer(sub(".*:([0-9]+).*", "\\1", c(lab$mailbox, lab$relay)))
  start_board(lab, mailbox_port = ports[1L], relay_port = ports[2L])
  expect_identical(receive_here(lab, code), "still here")
  expect_identical(wait_for_exit(sender), 0L)
})

test_that("transfers do not affect the plan of the same session", {
  lab <- local_lab(c("alice", "bob"))
  cluster <- start_cluster(lab, users = "bob", workers = c(alice = 1L))
  set_servers(lab, cluster$board)
  plan_as(lab, "bob")
  withr::defer(future::plan(future::sequential))
  expect_identical(future::value(future::future(1 + 1)), 2)
  pending <- future::future({ Sys.sleep(1); 42 })
  expect_identical(receive_here(lab, shown_code(start_wormhole(lab, "send", "--text=hello"))), "hello")
  expect_error(receive_here(lab, "no code"), class = "p2p_error_invalid")
  expect_identical(future::value(pending), 42)
  expect_identical(future::value(future::future(2 + 2)), 4)
})

test_that("an unreachable proxy is named", {
  withr::local_envvar(https_proxy = "http://127.0.0.1:1", no_proxy = "")
  expect_error(wormhole_receive("7-a-b", mailbox = "ws://mailbox.invalid/v1", timeout = 2), "through the proxy 127.0.0.1:1",
               class = "p2p_error_network")
  withr::local_envvar(https_proxy = "socks5://127.0.0.1:1")
  expect_error(wormhole_receive("7-a-b", mailbox = "ws://mailbox.invalid/v1"), "only http://")
  withr::local_envvar(https_proxy = "")
  use_proxy()
})

test_that("wrong arguments are reported before anything is sent", {
  expect_error(wormhole_send(1:3), "'x'", class = "p2p_error_usage")
  expect_error(wormhole_send(), "'x' is missing", class = "p2p_error_usage")
  expect_error(wormhole_send(""), "'x' is empty", class = "p2p_error_usage")
  expect_no_warning(expect_error(wormhole_send(strrep("a", 40000L), mailbox = "ws://127.0.0.1:1/v1", relay = ""), "40000 bytes; the limit is 32768"))
  expect_error(wormhole_send("a", type = "b"), "'type'", class = "p2p_error_usage")
  expect_error(wormhole_send("/no/such/file", type = "file"), "/no/such/file", class = "p2p_error_system")
  expect_error(wormhole_receive(), "'code'", class = "p2p_error_usage")
  expect_error(wormhole_receive("7-a-b", path = "/no/such/folder/x"), "no folder", class = "p2p_error_usage")
  expect_error(wormhole_receive("no code"), "[Nn]ot a wormhole code", class = "p2p_error_invalid")
})

## The exit status and the output of Rscript -e.
run_rscript <- function(..., expression = "future.p2p::wormhole") {
  run_process(file.path(R.home("bin"), "Rscript"), c("-e", expression, ...), error_on_status = FALSE, stderr_to_stdout = TRUE,
                env = c("current", R_LIBS = paste(.libPaths(), collapse = .Platform$path.sep)))
}

test_that("a folder that is not writable is reported before the code is used up", {
  testthat::skip_if_not(dir.exists("/proc/self"))
  path <- sprintf("/proc/%d", Sys.getpid()) # not even root may
  expect_error(wormhole_receive("7-a-b", path, mailbox = "ws://127.0.0.1:1/v1", relay = ""), "cannot be created", class = "p2p_error_usage")
  expect_match(run_rscript("receive", "7-a-b", paste0("--path=", path), "--mailbox=ws://127.0.0.1:1/v1")$stdout, "cannot write to directory .*--path")
})

test_that("Rscript -e future.p2p::wormhole becomes the program, and leaves no temporary folder", {
  skip_unless_lab()
  withr::local_envvar(TMPDIR = withr::local_tempdir())
  expect_identical(run_rscript("--version")[c("status", "stdout")], list(status = 0L, stdout = paste0(utils::packageVersion("future.p2p"), "\n")))
  expect_identical(run_rscript("--help")$stdout, paste0(paste(system2(find_wormhole(), "--help", stdout = TRUE), collapse = "\n"), "\n"))
  expect_identical(run_rscript("send", "--text", "a", "--colour=red")[c("status", "stdout")],
                   list(status = 2L, stdout = "wormhole: unknown option --colour\nTry 'wormhole --help'.\n"))
  expect_identical(run_rscript()$status, 2L)
  expect_identical(run_rscript("send", "/no/such/file")$status, 1L)
  expect_identical(list.files(Sys.getenv("TMPDIR")), character(0L))
})

test_that("the program uses the options of R", {
  lab <- local_transfer_lab()
  profile <- file.path(lab$dir, "profile.R")
  writeLines(sprintf("options(future.p2p.mailbox = '%s', future.p2p.relay = '')", lab$mailbox), profile)
  withr::local_envvar(R_PROFILE_USER = profile)
  sender <- start_command(lab, file.path(R.home("bin"), "Rscript"), c("-e", "future.p2p::wormhole", "send", "--text=by options", "--code=7-by-options"))
  expect_identical(receive_here(lab, "7-by-options"), "by options")
  expect_identical(wait_for_exit(sender), 0L)
  sender <- start_command(lab, file.path(R.home("bin"), "Rscript"), c("-e", "future.p2p::wormhole", "send", "--text=by options"))
  expect_match(wait_for_line(sender, "wormhole receive .*--mailbox="), "--relay=$")
})

test_that("without mailbox and relay, those of the board in option or variable future.p2p.host are used, without an account", {
  lab <- local_transfer_lab()
  make_key(lab, "stranger")
  args <- board_args(lab, "stranger")
  board <- lab$processes[[1L]]
  env <- c(R_FUTURE_P2P_HOST = args$host, R_FUTURE_P2P_SSH_ARGS = args$ssh_args)
  start <- function(command, ...) {
    process <- list2env(list(name = "wormhole", lines = character(), tmp = lab$dir), parent = emptyenv())
    process$px <- processx::process$new(command, c(...), wd = lab$dir, stdout = "|", stderr = "2>&1", env = lab_environment(lab, lab$dir, env))
    lab$processes <- c(lab$processes, process)
    process
  }
  ## The program without R, to an R session with options.
  withr::local_options(future.p2p.host = args$host, future.p2p.ssh_args = args$ssh_args)
  sender <- start(find_wormhole(), "send", "--text=by the program")
  expect_match(wait_for_line(sender, "wormhole receive [0-9]"), paste0("--mailbox=", lab$mailbox, " --relay=", lab$relay), fixed = TRUE)
  expect_identical(suppressMessages(wormhole_receive(shown_code(sender), timeout = 20)), "by the program")
  expect_identical(wait_for_exit(sender), 0L)
  ## Rscript -e, to arguments.
  sender <- start(file.path(R.home("bin"), "Rscript"), "-e", "future.p2p::wormhole", "send", "--text=by Rscript")
  code <- shown_code(sender)
  options(future.p2p.host = NULL, future.p2p.ssh_args = NULL)
  expect_identical(suppressMessages(wormhole_receive(code, timeout = 20, host = args$host, ssh_args = args$ssh_args)), "by Rscript")
  ## Options of an R session reach the program.
  withr::local_options(future.p2p.host = args$host, future.p2p.ssh_args = split_words(args$ssh_args))
  receiver <- start(find_wormhole(), "receive", "7-by-a-session")
  said <- capture.output(status <- wormhole("send", "--text=by a session", "--code=7-by-a-session"), type = "message")
  expect_identical(status, 0L)
  wait_for_line(receiver, "^by a session$")
  ## Not asked if both are known.
  process_lines(board)
  options(future.p2p.host = "127.0.0.1:1")
  expect_identical(transfer_servers("ws://m/v1", "", NULL, NULL), list(mailbox = "ws://m/v1", relay = NULL))
  said <- "[Cc]annot ask '127.0.0.1' for its mailbox server: .*127.0.0.1:1.*To use other servers, set"
  expect_error(wormhole_send("hello"), paste0(said, " `mailbox ="), class = "p2p_error_network")
  env[["R_FUTURE_P2P_HOST"]] <- "127.0.0.1:1"
  sender <- start(find_wormhole(), "send", "--text=hello")
  expect_identical(wait_for_exit(sender), 1L)
  expect_match(paste(process_lines(sender), collapse = " "), paste0(said, " --mailbox"))
})

test_that("Ctrl-C ends the program while it asks the board", {
  testthat::skip_if_not(dir.exists("/proc/self"))
  lab <- local_transfer_lab()
  args <- board_args(lab, "alice")
  board <- lab$processes[[1L]]
  signal_process(board, tools::SIGSTOP)
  withr::defer(signal_process(board, tools::SIGCONT))
  sender <- start_command(lab, find_wormhole(), c("send", "--text=hello", paste0("--host=", args$host), paste0("--ssh-args=", args$ssh_args)))
  wait_until(function() length(list.files(sprintf("/proc/%d/task", sender$px$get_pid()))) >= 2L) # the network thread; signals are caught before it starts
  signal_process(sender, tools::SIGINT)
  expect_identical(wait_for_exit(sender), 130L)
})

test_that("as a function, it runs the program as a child process", {
  skip_unless_lab()
  said <- run_rscript(expression = "status <- future.p2p::wormhole('send', '/no/such file'); future.p2p::wormhole('--version'); quit(status = 40 + status)")
  expect_identical(said$status, 41L)
  expect_match(said$stdout, paste0("cannot read '/no/such file': .*\n", utils::packageVersion("future.p2p"), "\n$"))
})

test_that("the shell confirms the verifier, and a missing reply does not delay the end", {
  lab <- local_transfer_lab()
  flags <- c(paste0("--mailbox=", lab$mailbox), "--relay=")
  for (answer in c("yes", "Y", "no", "")) {
    sender <- start_wormhole(lab, "send", "--text=secret", "--code=7-ask")
    receiver <- start_command(lab, find_wormhole(), c("receive", "7-ask", "--verify", flags), stdin = "|")
    receiver$px$write_input(paste0(answer, "\n"))
    is_yes <- answer %in% c("yes", "Y")
    expect_identical(wait_for_exit(receiver), if (is_yes) 0L else 1L)
    expect_identical(any(grepl("secret", receiver$lines)), is_yes)
    expect_identical(wait_for_exit(sender), if (is_yes) 0L else 1L)
  }
  start_wormhole(lab, "send", "--text=secret", "--code=7-ask")
  receiver <- start_command(lab, find_wormhole(), c("receive", "7-ask", "--verify", "--timeout=1", flags), stdin = "|")
  wait_for_line(receiver, "was not confirmed within 1 s")
  expect_identical(wait_for_exit(receiver), 1L)
})

test_that("a transfer continues if nobody reads its messages", {
  lab <- local_transfer_lab()
  receiver <- start_command(lab, "sh", c("-c", paste("echo yes |", shQuote(find_wormhole()), "receive 7-unread --path=got --verify --mailbox=$0 2>&1 | true"),
                                        lab$mailbox))
  suppressMessages(wormhole_send(charToRaw("hello"), "7-unread", mailbox = lab$mailbox, relay = lab$relay, timeout = 20))
  wait_for_exit(receiver)
  expect_identical(readLines(file.path(lab$dir, "got"), warn = FALSE), "hello")
})

test_that("the program reports its version and usage", {
  skip_on_os("windows")
  expect_identical(system2(find_wormhole(), "--version", stdout = TRUE), format(utils::packageVersion("future.p2p")))
  expect_match(system2(find_wormhole(), "--help", stdout = TRUE)[1L], "^Usage: wormhole send")
})
