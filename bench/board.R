## Measures a board with many members on loopback: 1,000 on one topic, and 20 on each of 50 topics. Each member writes one line to all others,
## first all at the same time, then one after another. It also measures the memory and the idle CPU time of the server per member. The board is a
## process of serve(). One program, bench/board.c, runs all members over ordinary connections. Run by `make bench`.

source("bench/common.R")
source("bench/processes.R")
program <- commandArgs(trailingOnly = TRUE)[1L]
keys_of <- function(n_members) sprintf("key%d", seq_len(ceiling(n_members / 150))) # at most 200 connections per key

show_idle <- function(pid, seconds) {
  before <- process_usage(pid)
  Sys.sleep(seconds)
  after <- process_usage(pid)
  n_wakeups <- wakeups_between(before, after)
  cat(sprintf("           idle for %g s: %.1f %% of a CPU; wake-ups: %s of R's thread, %s of the others\n", seconds,
              100 * (after$cpu - before$cpu) / seconds, n_wakeups[["R"]], n_wakeups[["others"]]))
}

measure_board <- function(n_topics, n_members, idle = 20) {
  keys <- keys_of(n_topics * n_members)
  lab <- new_lab(character())
  on.exit(close_lab(lab))
  lines <- vapply(keys, function(key) paste("lab", make_key(lab, key)), "") # all keys belong to one user, so no access list is needed
  writeLines(lines, file.path(lab$dir, "users.txt"))
  board <- start_board(lab)
  pid <- as.character(board$px$get_pid())
  cat(sprintf("%d x %d  without members\n", n_topics, n_members))
  show_idle(pid, idle)
  alone <- process_usage(pid)
  members <- start_members(lab, n_topics, n_members, keys)
  joined <- wait_for(members, board, "^joined")
  there <- process_usage(pid)
  cat(sprintf("           %s; %.0f kB and %.1f ms of CPU time per member\n", joined, 1024 * (there$mb - alone$mb) / (n_topics * n_members),
              1000 * (there$cpu - alone$cpu) / (n_topics * n_members)))
  show_idle(pid, idle)
  commands <- c("at-once", "in-turn")
  for (i in seq_along(commands)) {
    before <- process_usage(pid)
    members$px$write_input(paste0(commands[i], "\n"))
    line <- wait_for(members, board, "^deliveries", i)
    after <- process_usage(pid)
    n <- as.numeric(sub("^deliveries ([0-9]+).*", "\\1", line))
    cat(sprintf("           %s: %s; %.2f us of CPU time of the server per delivery; %.0f MB\n", commands[i], line, 1e6 * (after$cpu - before$cpu) / n, after$mb))
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

## Waits for the nth line of the members that matches. Meanwhile it reads the output of the board, which would block otherwise.
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

members <- as.integer(strsplit(Sys.getenv("MEMBERS", full_or_quick("1x1000 50x20", "1x100 5x20")), "[x ]")[[1L]])
for (i in seq(1L, length(members), 2L)) measure_board(members[i], members[i + 1L], idle = as.numeric(Sys.getenv("IDLE", full_or_quick("20", "2"))))
