## Futures while evaluators, workers, the host and the board are killed at random (SIGKILL) and started again: each future has its value, or an
## error after its retry was used; and each second run is announced. 60 futures; with P2P_CHAOS=300 P2P_CHAOS_RUNS=10 (`make chaos`) more, and
## a line of counts for each run. P2P_CHAOS_SEED is that of the first run.
count <- as.integer(Sys.getenv("P2P_CHAOS", "60"))
runs <- as.integer(Sys.getenv("P2P_CHAOS_RUNS", "1"))
first_seed <- as.integer(Sys.getenv("P2P_CHAOS_SEED", "1"))
pause <- 0.5 # seconds between two kills, on average, while what was killed before is at work again
deck <- rep(c("evaluator", "worker", "host", "board"), c(6L, 3L, 1L, 1L))

## A session of bob. Each future notes each of its runs. The session writes a line for each future: how it ended, and with how many warnings
## of a second run.
session_code <- function(lab) {
  args <- board_args(lab, "bob")
  c("library(future)", sprintf("dir <- '%s'", lab$dir),
    sprintf("plan(future.p2p::cluster, cluster = 'alice/friends', host = '%s', ssh_args = '%s', retries = 1)", args$host, args$ssh_args),
    sprintf("fs <- lapply(seq_len(%d), function(i) {", count),
    "  x <- if (i %% 5L == 0L) as.numeric(seq_len(4e5)) + i else i", # some take a while on the link
    "  future({",
    "    cat(sprintf('%d\\n', i), file = file.path(dir, 'runs'), append = TRUE)",
    "    Sys.sleep((i %% 8L) / 10)",
    "    rev(x)",
    "  }, globals = list(i = i, x = x, dir = dir), label = paste0('f', i))",
    "})",
    "for (i in seq_along(fs)) {",
    "  again <- 0L",
    "  x <- if (i %% 5L == 0L) as.numeric(seq_len(4e5)) + i else i",
    "  value <- withCallingHandlers(tryCatch(value(fs[[i]]), error = identity), FutureWarning = function(w) {",
    "    again <<- again + grepl(paste0('Future (f', i, ') was run again'), conditionMessage(w), fixed = TRUE)",
    "    invokeRestart('muffleWarning')",
    "  })",
    "  end <- if (inherits(value, 'FutureInterruptError')) 'interrupted' else if (identical(value, rev(x))) 'value' else 'wrong'",
    "  cat('future', i, end, again, if (end != 'value') gsub('\\n', ' ', paste(format(conditionMessage(value)))), '\\n')",
    "}",
    "cat('all have ended\\n')")
}

## The processes that worker `pid` has started, and what those have started.
descendants <- function(pid) {
  files <- Sys.glob(sprintf("/proc/%d/task/*/children", pid))
  children <- unlist(lapply(files, function(file) tryCatch(scan(file, 0L, quiet = TRUE), error = function(e) NULL, warning = function(w) NULL)))
  c(children, unlist(lapply(children, descendants)))
}

## One of several, also where there is only one.
one_of <- function(x) x[[sample.int(length(x), 1L)]]

## list(board, host, workers): processes that are started again when they have ended. A host or a worker whose board is gone at its start ends.
start_again <- function(lab, members) {
  ended <- function(process) !process$px$is_alive()
  forget <- function(process) { # it could not remove its files
    wait_for_exit(process)
    unlink(list.files(process$tmp, full.names = TRUE, all.files = TRUE, no.. = TRUE), recursive = TRUE)
  }
  if (ended(members$board)) {
    forget(members$board)
    members$board <- start_process(lab, "serve", list(port = lab$port, address = "127.0.0.1", users = file.path(lab$dir, "users.txt"),
                                                      host_key = file.path(lab$dir, "host_key")), "board")
  }
  if (ended(members$host)) {
    forget(members$host)
    members$host <- start_host(lab, "alice/friends", c("bob", "carol"), wait = FALSE)
  }
  for (i in which(vapply(members$workers, ended, NA))) {
    forget(members$workers[[i]])
    members$workers[[i]] <- start_worker(lab, "carol", "alice/friends", workers = 2L, wait = FALSE)
  }
  members
}

## Whether the process has said that it is at work. A restart takes long on a busy machine.
is_at_work <- function(process) any(grepl("board on|hosting cluster|joined cluster", process_lines(process)))

## Kills one process of this kind. Returns whether there was one.
kill_one <- function(kind, members) {
  worker <- one_of(members$workers)
  pid <- switch(kind,
    board = members$board$px$get_pid(),
    host = members$host$px$get_pid(),
    worker = worker$px$get_pid(),
    evaluator = {
      pids <- descendants(worker$px$get_pid())
      if (length(pids) > 0L) one_of(pids)
    })
  !is.null(pid) && tools::pskill(pid, tools::SIGKILL)
}

## Kills until the session has ended, or its time is over. Returns how many processes of each kind were killed.
wreak_havoc <- function(lab, members, session) {
  killed <- c(evaluator = 0L, worker = 0L, host = 0L, board = 0L)
  deadline <- proc.time()[["elapsed"]] + 120 + 2 * count
  next_at <- 0
  cards <- character()
  must_wait <- FALSE
  while (is_open(session) && proc.time()[["elapsed"]] < deadline) {
    process_lines(session)
    members <- start_again(lab, members)
    at_work <- all(vapply(c(members$board, members$host, members$workers), is_at_work, NA))
    if (proc.time()[["elapsed"]] >= next_at && (at_work || !must_wait) && file.exists(file.path(lab$dir, "runs"))) {
      if (length(cards) == 0L) cards <- sample(deck)
      killed[[cards[1L]]] <- killed[[cards[1L]]] + kill_one(cards[1L], members)
      cards <- cards[-1L]
      next_at <- proc.time()[["elapsed"]] + stats::runif(1L, 0, 2 * pause)
      must_wait <- stats::runif(1L) < 0.7 # else the next kill may come while something starts
    }
    Sys.sleep(0.02)
  }
  process_lines(session)
  list(killed = killed, members = start_again(lab, members))
}

## A row for each future: how it ended, its warnings, and how often it ran.
outcomes_of <- function(lab, session) {
  lines <- grep("^future [0-9]", session$lines, value = TRUE)
  fields <- strsplit(lines, " ", fixed = TRUE)
  ran <- as.integer(readLines(file.path(lab$dir, "runs")))
  i <- vapply(fields, function(field) as.integer(field[2L]), 0L)
  data.frame(i = i, end = vapply(fields, `[`, "", 3L), again = vapply(fields, function(field) as.integer(field[4L]), 0L),
             runs = tabulate(ran, count)[i], line = lines)
}

for (seed in first_seed + seq_len(runs) - 1L) test_that(sprintf("no future is lost silently while processes are killed (seed %d)", seed), {
  testthat::skip_if_not(dir.exists("/proc/self"))
  withr::local_seed(seed)
  lab <- local_lab()
  members <- start_cluster(lab, "alice/friends", c("bob", "carol"), workers = c(carol = 2L, carol = 2L, carol = 2L))
  began <- proc.time()[["elapsed"]]
  session <- start_r(lab, "session of bob", session_code(lab))
  havoc <- wreak_havoc(lab, members, session)
  took <- proc.time()[["elapsed"]] - began
  expect_true("all have ended" %in% trimws(session$lines), info = paste(utils::tail(session$lines, 20L), collapse = "\n"))
  expect_identical(wait_for_exit(session), 0L)
  ends <- outcomes_of(lab, session)
  expect_identical(ends$i, seq_len(count))
  expect_identical(ends$line[ends$end == "wrong"], character())
  expect_identical(ends$line[ends$runs > 1L + ends$again], character()) # each second run is announced
  expect_identical(ends$line[ends$again > 1L], character()) # there is one retry
  lost <- ends[ends$end == "interrupted", ]
  expect_identical(lost$line[lost$again != 1L | !grepl("(was lost|closed the link|ended with signal (9|15))", lost$line)], character())
  expect_true(if (count >= 300L) all(havoc$killed > 0L) else sum(havoc$killed) >= 3L)
  if (runs > 1L) {
    message(sprintf("seed %d: %d futures: %d values, %d interrupted, %d announced second runs, %d executions; killed: %s; %.0f s", seed, count,
                    sum(ends$end == "value"), nrow(lost), sum(ends$again), sum(ends$runs),
                    paste(havoc$killed, names(havoc$killed), collapse = ", "), took))
  }
  expect_nothing_left(lab)
})
