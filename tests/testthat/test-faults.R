## What goes wrong on the board while futures are resolved: it restarts, the host goes, members freeze, shout or stammer.

lab <- local_lab()
members <- start_cluster(lab, "alice/friends", c("bob", "carol"), workers = c(alice = 1L, carol = 1L))
plan_as(lab, "bob")
withr::defer(future::plan(future::sequential))

library(future)

## Carol, who may come, with an SSH client of her own: she writes `file` to the topic, and leaves at its end.
## Returns her exit status.
shout <- function(file, user = "carol", meanwhile = NULL) {
  args <- c("-F", "none", "-T", "-p", lab$port, "-i", key_file(lab, user), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o",
            paste0("UserKnownHostsFile=", known_hosts_file(lab)), "127.0.0.1", "pipe alice/friends/future.p2p")
  px <- processx::process$new("ssh", args, stdin = file, stdout = NULL, stderr = NULL, env = lab_environment(lab, lab$dir))
  force(meanwhile)
  px$wait(20000)
  px$get_exit_status()
}

board_says <- function(pattern) wait_for_line(members$board, pattern)

test_that("R is busy while another member writes 20 MB: nobody is held up", {
  skip_if(!nzchar(Sys.which("ssh")), "ssh is not installed")
  file <- file.path(lab$dir, "20MB")
  line <- paste0("when=2026-11-20T22:04:24,type=note,from=carol@x:1,text=", strrep("x", 3900))
  writeLines(rep(line, 20e6 / nchar(line)), file)
  f <- future(1)
  expect_equal(shout(file, meanwhile = Sys.sleep(3)), 0L) # the main thread of R does nothing for us
  expect_equal(value(f), 1)
  expect_equal(unlist(value(lapply(1:4, function(i) future(i)))), 1:4)
  expect_no_match(paste(process_lines(members$board), collapse = "\n"), "sent away")
})

forged_lines <- function(n) {
  types <- c("client", "worker", "cluster", "request", "offer", "accept", "result", "withdraw", "nonsense")
  from <- c("bob@x:1", "alice@localhost:2", "carol@x:1", "nobody", "../../etc", "a=b", strrep("y", 300))
  value <- c("", "1", "-1", "99999999999999999999", "link", "wormhole", "link;wormhole", "link://AAAA", "wormhole://1234-0123456789ab",
             "a94e86a39d33520bb4003868fee40603-1", strrep("z", 4000))
  keys <- c("to", "future", "size", "protocols", "via", "id", "key", "slots", "r", "expires", "seq")
  pick <- function(x, i, step) x[(i * step) %% length(x) + 1L]
  i <- seq_len(n)
  sprintf("when=2026-11-20T22:04:24,expires=%s,type=%s,from=%s,%s=%s,%s=%s", pick(value, i, 7), pick(types, i, 1), pick(from, i, 5),
          pick(keys, i, 3), pick(value, i, 13), pick(keys, i, 17), pick(value, i, 19))
}

test_that("10,000 forged lines and noise on the board change nothing", {
  skip_if(!nzchar(Sys.which("ssh")), "ssh is not installed")
  file <- file.path(lab$dir, "noise")
  lines <- forged_lines(10000L)
  bytes <- charToRaw(paste0(lines[1:2000], "\n", collapse = ""))
  at <- seq(1L, length(bytes), by = 97L)
  bytes[at] <- xor(bytes[at], as.raw(1L + at %% 255L)) # about 1 %
  writeBin(c(charToRaw(paste0(lines, "\n", collapse = "")), bytes), file)
  fs <- lapply(1:2, function(i) future({ Sys.sleep(1); i }))
  expect_equal(shout(file, meanwhile = expect_equal(unlist(value(fs)), 1:2)), 0L)
  expect_equal(unlist(value(lapply(1:4, function(i) future(i)))), 1:4)
  expect_equal(nbrOfWorkers(), 2L)
  for (worker in members$workers) expect_true(worker$px$is_alive())
})

test_that("a member that is frozen stalls nobody", {
  skip_on_os("mac")
  frozen <- start_worker(lab, "carol", "alice/friends")
  tools::pskill(frozen$px$get_pid(), tools::SIGSTOP)
  withr::defer(tools::pskill(frozen$px$get_pid(), tools::SIGCONT))
  began <- proc.time()[["elapsed"]]
  args <- board_args(lab, "bob")
  expect_equal(pico_username(host = args$host, ssh_args = args$ssh_args), "bob")
  late <- start_worker(lab, "alice", "alice/friends")
  expect_lt(proc.time()[["elapsed"]] - began, 10)
  stop_process(late)
  tools::pskill(frozen$px$get_pid(), tools::SIGCONT)
  stop_process(frozen)
})

test_that("the host is killed: members go on, newcomers are told", {
  members$host$px$signal(9L)
  board_says("alice left alice/friends/future.p2p")
  expect_equal(unlist(value(lapply(1:4, function(i) future(i)))), 1:4)
  late <- start_worker(lab, "carol", "alice/friends", wait = FALSE)
  expect_equal(wait_for_exit(late), 1L)
  expect_match(paste(process_lines(late), collapse = "\n"), "No access to cluster 'alice/friends': is it being hosted")
})

test_that("the board is killed and comes back in the middle of a batch: all futures are resolved, members return", {
  port <- lab$port
  dir <- file.path(lab$dir, "batch")
  dir.create(dir)
  fs <- lapply(1:6, function(i) future({ file.create(file.path(dir, i)); Sys.sleep(0.4); i }, globals = list(dir = dir, i = i)))
  while (length(list.files(dir)) < 2L) Sys.sleep(0.01)
  members$board$px$signal(9L)
  members$board$px$wait(5000)
  lab$port <- NULL
  restarted <- start_process(lab, "serve", list(port = port, address = "127.0.0.1", users = file.path(lab$dir, "users.txt"),
                                                host_key = file.path(lab$dir, "host_key")), "board again")
  wait_for_line(restarted, "board on")
  lab$port <- port
  host <- start_host(lab, "alice/friends", c("bob", "carol"))
  expect_equal(unlist(value(fs)), 1:6)
  for (user in c("alice", "carol")) wait_for_line(restarted, paste(user, "joined alice/friends/future.p2p"), nth = 1L)
  wait_for_line(restarted, "bob joined alice/friends/future.p2p")
  expect_equal(unlist(value(lapply(1:4, function(i) future(i)))), 1:4)
})

test_that("nothing is left", {
  plan(sequential)
  for (killed in members[c("board", "host")]) unlink(list.files(killed$tmp, full.names = TRUE), recursive = TRUE) # it could not
  expect_nothing_left(lab)
})
