## Faults of the board while futures are resolved: it restarts, its host ends, members freeze, flood it or write garbage.

lab <- local_lab()
members <- start_cluster(lab, "alice/friends", c("bob", "carol"), workers = c(alice = 1L, carol = 1L))
plan_as(lab, "bob")
withr::defer(future::plan(future::sequential))

library(future)

board_says <- function(pattern) wait_for_line(members$board, pattern)

## The program `ssh` as this user on the topic. `paced`: at most 500 kB of stdin per tenth of a second.
ssh_pipe <- function(user, topic, stdin, stdout, paced = FALSE) {
  command <- c("ssh", "-F", "none", "-T", "-p", lab$port, "-i", key_file(lab, user), "-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o",
               paste0("UserKnownHostsFile=", known_hosts_file(lab)), "127.0.0.1", paste("pipe", topic))
  piecewise <- "for i in $(seq $(($(wc -c < \"$0\") / 500000 + 1))); do dd bs=500000 count=1 2> /dev/null; sleep 0.1; done < \"$0\" | \"$@\""
  if (paced) command <- c("sh", "-c", piecewise, stdin, command)
  processx::process$new(command[1L], command[-1L], stdin = if (paced) NULL else stdin, stdout = stdout, stderr = NULL,
                        env = lab_environment(lab, lab$dir))
}

## A session of bob with a running future, whose main thread sleeps for 30 s, writes a line, and continues.
start_sleeper <- function() {
  args <- board_args(lab, "bob")
  code <- sprintf("library(future); plan(future.p2p::cluster, cluster = 'alice/friends', host = '%s', ssh_args = '%s')
    f <- future({ Sys.sleep(1); 'resolved meanwhile' })
    cat('asleep\n')
    woken <- tryCatch({ Sys.sleep(30); 'by itself' }, interrupt = function(e) 'by us')
    cat('woken', woken, '\n')
    cat('value', value(f), '\n')
    cat('next', value(future(2)), '\n')", args$host, args$ssh_args)
  start_child(lab, "sleeper", c("Rscript", "-e", code))
}

test_that("a main thread that sleeps for 30 s while another member writes 20 MB delays nobody", {
  skip_if(!nzchar(Sys.which("ssh")), "ssh is not installed")
  file <- file.path(lab$dir, "20MB")
  line <- paste0("when=2026-11-20T22:04:24,type=note,from=carol@x:1,text=", strrep("x", 3900))
  n <- ceiling(20e6 / nchar(line))
  writeLines(rep(line, n), file)
  sleeper <- start_sleeper()
  wait_for_line(sleeper, "^asleep$")
  heard <- file.path(lab$dir, "heard")
  reader <- ssh_pipe("alice", "friends/future.p2p", stdin = "|", stdout = heard)
  withr::defer(reader$kill())
  wait_for_line(members$board, "'alice' joined 'alice/friends/future.p2p'", nth = 3L) # host, worker, reader
  f <- future("elsewhere") # of this session, whose main thread does nothing until the writer has finished
  writer <- ssh_pipe("carol", "alice/friends/future.p2p", stdin = file, stdout = NULL, paced = TRUE)
  wait_for_end(writer, 25)
  expect_identical(writer$get_exit_status(), 0L) # everything was read
  expect_identical(grep("^woken", process_lines(sleeper), value = TRUE), character()) # the session still sleeps
  expect_no_match(paste(process_lines(members$board), collapse = "\n"), "closed the connection|too slowly")
  deadline <- proc.time()[["elapsed"]] + 20
  while (file.size(heard) < n * (nchar(line) + 1) && proc.time()[["elapsed"]] < deadline) Sys.sleep(0.05)
  expect_gt(sum(readLines(heard) == line), 0.99 * n) # a hello may have been inserted into one

  expect_equal(value(f), "elsewhere")
  signal_process(sleeper, tools::SIGINT)
  expect_match(wait_for_line(sleeper, "^woken"), "by us")
  expect_match(wait_for_line(sleeper, "^value"), "resolved meanwhile")
  expect_match(wait_for_line(sleeper, "^next"), "2")
  expect_identical(wait_for_exit(sleeper), 0L)
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

## Each kind of garbage, made from the same lines.
noise <- list(
  forged = function(lines) paste0(lines, "\n"),
  flipped = function(lines) {
    bytes <- charToRaw(paste0(lines, "\n", collapse = ""))
    at <- seq(1L, length(bytes), by = 97L)
    bytes[at] <- xor(bytes[at], as.raw(1L + at %% 255L)) # about 1 %
    bytes
  },
  cut = function(lines) substr(lines, 1L, seq_along(lines) %% nchar(lines)),
  merged = function(lines) paste0(lines, c("", "\n")),
  repeated = function(lines) rep(paste0(lines, "\n"), each = 5L),
  others = function(lines) c( # as programs that know the protocol `wormhole` alone write them
    "when=2026-11-20T22:04:22,expires=1795212264,type=worker,from=carol@box:12,protocols=wormhole\n",
    "when=2026-11-20T22:04:23,expires=1795212264,type=client,from=carol@box:13,protocols=wormhole\n",
    "when=2026-11-20T22:04:24,expires=1795212264,type=request,from=carol@box:13,future=a94e86a39d33520bb4003868fee40603-1,size=3400,protocols=wormhole\n",
    "when=2026-11-20T22:04:26,type=withdraw,from=carol@box:13,to=carol@box:12,future=a94e86a39d33520bb4003868fee40603-1\n")
)

test_that("10,000 forged lines and garbage on the board change nothing, and debug messages count the skipped lines", {
  skip_if(!nzchar(Sys.which("ssh")), "ssh is not installed")
  withr::local_options(future.p2p.debug = TRUE)
  listener <- start_worker(lab, "carol", "alice/friends", env = c(R_FUTURE_P2P_DEBUG = "true"))
  skipped <- "debug: dropped [0-9]+ malformed lines? from the board"
  lines <- forged_lines(10000L)
  said <- character()
  withCallingHandlers({
    for (kind in names(noise)) {
      file <- file.path(lab$dir, kind)
      bytes <- noise[[kind]](if (kind == "forged") lines else lines[1:2000])
      writeBin(if (is.raw(bytes)) bytes else charToRaw(paste(bytes, collapse = "")), file)
      fs <- lapply(1:2, function(i) future({ Sys.sleep(0.3); i }))
      writer <- ssh_pipe("carol", "alice/friends/future.p2p", stdin = file, stdout = NULL)
      expect_equal(unlist(value(fs)), 1:2, label = paste("values during noise:", kind))
      wait_for_end(writer, 20)
      expect_identical(writer$get_exit_status(), 0L)
    }
    expect_equal(unlist(value(lapply(1:4, function(i) future(i)))), 1:4)
    deadline <- proc.time()[["elapsed"]] + 10
    while (!any(grepl(skipped, said)) && proc.time()[["elapsed"]] < deadline) value(future(Sys.sleep(0.1))) # it is reported once a second
  }, message = function(m) {
    said <<- c(said, conditionMessage(m))
    invokeRestart("muffleMessage")
  })
  expect_match(said, skipped, all = FALSE)
  expect_equal(nbrOfWorkers(), 3L)
  for (worker in c(members$workers, listener)) expect_true(worker$px$is_alive())
  wait_for_line(listener, skipped)
  expect_identical(stop_process(listener), 0L)
})

test_that("a frozen member delays nobody", {
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

test_that("if the host is killed, members continue, and new members get an error", {
  signal_process(members$host, tools::SIGKILL)
  board_says("'alice' left 'alice/friends/future.p2p'")
  expect_equal(unlist(value(lapply(1:4, function(i) future(i)))), 1:4)
  late <- start_worker(lab, "carol", "alice/friends", wait = FALSE)
  expect_equal(wait_for_exit(late), 1L)
  expect_match(paste(process_lines(late), collapse = "\n"), "No access to cluster 'alice/friends' .*: it is not hosted, or")
})

test_that("if the board is killed and restarted, all futures are resolved and members reconnect", {
  port <- lab$port
  dir <- file.path(lab$dir, "batch")
  dir.create(dir)
  fs <- lapply(1:6, function(i) future({ file.create(file.path(dir, i)); Sys.sleep(0.4); i }, globals = list(dir = dir, i = i)))
  while (length(list.files(dir)) < 2L) Sys.sleep(0.01)
  signal_process(members$board, tools::SIGKILL)
  wait_for_end(members$board$px, 5)
  lab$port <- NULL
  restarted <- start_process(lab, "serve", list(port = port, address = "127.0.0.1", users = file.path(lab$dir, "users.txt"),
                                                host_key = file.path(lab$dir, "host_key")), "board again")
  wait_for_line(restarted, "board on")
  lab$port <- port
  host <- start_host(lab, "alice/friends", c("bob", "carol"))
  expect_equal(unlist(value(fs)), 1:6)
  for (user in c("alice", "carol")) wait_for_line(restarted, paste0("'", user, "' joined 'alice/friends/future.p2p'"), nth = 1L)
  wait_for_line(restarted, "'bob' joined 'alice/friends/future.p2p'")
  expect_equal(unlist(value(lapply(1:4, function(i) future(i)))), 1:4)
})

test_that("nothing is left", {
  plan(sequential)
  for (killed in members[c("board", "host")]) unlink(list.files(killed$tmp, full.names = TRUE), recursive = TRUE) # they could not remove them
  expect_nothing_left(lab)
})
