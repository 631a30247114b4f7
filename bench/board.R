## A board with many members on loopback: 1,000 on one topic, and 20 on each of 50. One line of each goes to all: at the same time, and
## one after the other. Then what a member costs the server: memory, and work while nobody says anything. The board is a process of serve(); all
## members are one program (bench/board.c), over the connections that real members use. Run by `make bench`.

source("tests/testthat/helper-cluster.R")
program <- commandArgs(trailingOnly = TRUE)[1L]
keys_of <- function(n_members) sprintf("key%d", seq_len(ceiling(n_members / 150))) # a key has 200 connections at most

## What the system says of a process: resident MB, processor seconds so far, and how often each of its threads was woken up.
look_at <- function(pid) {
  status <- readLines(file.path("/proc", pid, "status"))
  number <- function(lines, field) as.numeric(gsub("[^0-9]", "", grep(paste0("^", field, ":"), lines, value = TRUE)))
  stat <- strsplit(sub(".*\\) ", "", readLines(file.path("/proc", pid, "stat"))), " ")[[1L]]
  threads <- list.files(file.path("/proc", pid, "task"), full.names = TRUE)
  wakes <- vapply(threads, function(thread) number(readLines(file.path(thread, "status")), "voluntary_ctxt_switches"), 0)
  names(wakes) <- ifelse(basename(threads) == pid, "R", basename(threads))
  list(mb = number(status, "VmRSS") / 1024, cpu = sum(as.numeric(stat[12:13])) / 100, wakes = wakes)
}

look_for <- function(pid, seconds) {
  before <- look_at(pid)
  Sys.sleep(seconds)
  after <- look_at(pid)
  same <- intersect(names(before$wakes), names(after$wakes))
  woken <- after$wakes[same] - before$wakes[same]
  cat(sprintf("           idle for %g s: %.1f %% of a processor; wake-ups: %s of R's thread, %s of the others\n", seconds,
              100 * (after$cpu - before$cpu) / seconds, sum(woken[names(woken) == "R"]), sum(woken[names(woken) != "R"])))
}

measure <- function(n_topics, n_members, idle = 20) {
  keys <- keys_of(n_topics * n_members)
  lab <- new_lab(character())
  on.exit(close_lab(lab))
  lines <- vapply(keys, function(key) paste("lab", make_key(lab, key)), "") # all of one user: no access list is in the way
  writeLines(lines, file.path(lab$dir, "users.txt"))
  board <- start_board(lab)
  pid <- as.character(board$px$get_pid())
  cat(sprintf("%d x %d  nobody is there\n", n_topics, n_members))
  look_for(pid, idle)
  alone <- look_at(pid)
  members <- start_members(lab, n_topics, n_members, keys)
  joined <- wait_for(members, board, "^joined")
  there <- look_at(pid)
  cat(sprintf("           %s; %.0f kB and %.1f ms of a processor a member\n", joined, 1024 * (there$mb - alone$mb) / (n_topics * n_members),
              1000 * (there$cpu - alone$cpu) / (n_topics * n_members)))
  look_for(pid, idle)
  commands <- c("at-once", "in-turn")
  for (i in seq_along(commands)) {
    before <- look_at(pid)
    members$px$write_input(paste0(commands[i], "\n"))
    line <- wait_for(members, board, "^deliveries", i)
    after <- look_at(pid)
    n <- as.numeric(sub("^deliveries ([0-9]+).*", "\\1", line))
    cat(sprintf("           %s: %s; %.2f us of the server's processor a delivery; %.0f MB\n", commands[i], line, 1e6 * (after$cpu - before$cpu) / n, after$mb))
  }
  if (members$px$is_alive()) close(members$px$get_input_connection())
  wait_for_exit(members)
}

start_members <- function(lab, n_topics, n_members, keys) {
  process <- list2env(list(name = "members", lines = character(), tmp = lab$dir), parent = emptyenv())
  process$px <- processx::process$new(program, c(lab$port, known_hosts_file(lab), n_topics, n_members, key_file(lab, keys)), stdin = "|",
                                      stdout = "|", stderr = "2>&1", cleanup_tree = TRUE)
  lab$processes <- c(lab$processes, process)
  process
}

## The nth line of the members that matches. The board is listened to meanwhile: who does not, stops R's thread there.
wait_for <- function(members, board, pattern, nth = 1L) {
  repeat {
    found <- grep(pattern, process_lines(members), value = TRUE)
    if (length(found) >= nth) return(found[nth])
    if (!members$px$is_alive()) stop("the members have ended: ", paste(utils::tail(members$lines, 3L), collapse = "; "), "; board: ",
                                     paste(utils::tail(process_lines(board), 3L), collapse = "; "))
    processx::poll(list(members$px, board$px), 10000)
    process_lines(board)
  }
}

members <- as.integer(strsplit(Sys.getenv("MEMBERS", "1x1000 50x20"), "[x ]")[[1L]])
for (i in seq(1L, length(members), 2L)) measure(members[i], members[i + 1L], idle = as.numeric(Sys.getenv("IDLE", "20")))
