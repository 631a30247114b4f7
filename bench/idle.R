## What an idle client with an open link, a worker and serve() do for a minute: wake-ups of their threads, and CPU time. Run by `make bench`,
## or alone.
##
## The bars are what heartbeats cost. Each end of a link sends PING every 5 s, and the board pings its members every 5 s: in a minute, 12 are sent
## and 12 received for each connection. R's own thread has no part in them.

source("bench/common.R")
source("bench/processes.R")

seconds <- full_or_quick(60, 10)

client_code <- function(lab) {
  args <- board_args(lab, "bob")
  c("library(future)", sprintf("plan(future.p2p::cluster, cluster = 'alice/friends', host = '%s', ssh_args = '%s')", args$host, args$ssh_args),
    "value(future(1))", "cat('has a value\\n')", "Sys.sleep(3600)")
}

measure_idle <- function(pids, rounds) {
  rows <- lapply(seq_len(rounds), function(round) {
    before <- lapply(pids, process_usage)
    Sys.sleep(seconds)
    after <- lapply(pids, process_usage)
    wakeups <- mapply(wakeups_between, before, after) * 60 / seconds
    list(R = wakeups["R", ], others = wakeups["others", ],
         cpu = mapply(function(before, after) 100 * (after$cpu - before$cpu) / seconds, before, after))
  })
  lapply(stats::setNames(nm = c("R", "others", "cpu")), function(field) do.call(rbind, lapply(rows, function(row) row[[field]])))
}

lab <- new_lab(c("alice", "bob"))
tryCatch({
  cluster <- start_cluster(lab, "alice/friends", "bob", workers = c(alice = 1L))
  client <- start_r(lab, "client", client_code(lab))
  wait_for_line(client, "has a value")
  Sys.sleep(15) # until nothing of the start is left: an evaluator is unused after 10 s
  pids <- vapply(list(client = client, worker = cluster$workers[[1L]], serve = cluster$board), function(process) process$px$get_pid(), 0L)
  idle <- measure_idle(pids, rounds_or(3L, 1L))
  all <- function(bar) lapply(names(pids), bar)
  record("idle_wakeups_r", "Idle: wake-ups of R's thread", idle$R, unit = "a minute", bars = all(function(who) at_most(1, column = who)))
  # Links and connections to the board: a client and a worker have one of each; serve() has connections of three members.
  connections <- c(client = 2, worker = 2, serve = 3)
  record("idle_wakeups", "Idle: wake-ups of the other threads", idle$others, unit = "a minute",
         bars = all(function(who) at_most(24 * connections[[who]], column = who)))
  record("idle_cpu", "Idle: CPU time", idle$cpu, unit = "% of a CPU", bars = all(function(who) at_most(0.1, column = who)))
}, finally = close_lab(lab))
