## A whole cluster on this machine: alice, bob and carol with throwaway SSH keys, their own board, two workers, and bob's futures
## on them. Writes mandelbrot.png to the current directory. Run by `make demo`.

source("tests/testthat/helper-cluster.R")

say <- function(...) cat(sprintf(...), "\n", sep = "")

## Prints a command as a user would type it, with the temporary folder as DIR.
show_command <- function(lab, process) {
  words <- sub(lab$dir, "DIR", process$command, fixed = TRUE)
  while (any(grepl(lab$dir, words, fixed = TRUE))) words <- sub(lab$dir, "DIR", words, fixed = TRUE)
  words <- ifelse(grepl(" ", words), sub("=(.*)", "=\"\\1\"", words), words)
  cat("  $ ", paste(words, collapse = " "), "\n", sep = "")
}

## Prints what a process has printed since the last call, except for lines about futures, which the demo itself reports.
report <- function(lab, process) {
  if (is.null(process$n_reported)) {
    show_command(lab, process)
    process$n_reported <- 0L
  }
  lines <- process_lines(process)
  new <- lines[seq_along(lines) > process$n_reported]
  process$n_reported <- length(lines)
  cat(sprintf("    %s | %s\n", format(process$name, width = 18L), new[!grepl(" [Ff]uture '", new)]), sep = "")
}

## Runs short futures until `n` workers have resolved some: from then on bob's session has a link to each. Their number must not
## depend on how fast the links open on a busy machine.
warm_up <- function(n, timeout = 120) {
  until <- proc.time()[["elapsed"]] + timeout
  seen <- character(0L)
  while (length(seen) < n) {
    if (proc.time()[["elapsed"]] > until) stop("only ", length(seen), " of ", n, " workers had resolved a future after ", timeout, " s")
    futures <- lapply(seq_len(2L * future::nbrOfWorkers()), function(i) future::future(Sys.sleep(0.2)))
    future::value(futures)
    seen <- unique(c(seen, vapply(futures, function(f) f[["worker"]], "")))
  }
  seen
}

main <- function() {
  lab <- new_lab(c("alice", "bob", "carol"))
  on.exit(close_lab(lab))

  say("1. Start a board, a mailbox and a relay.")
  report(lab, start_board(lab))
  say("2. alice hosts alice/friends for bob and carol.")
  report(lab, start_host(lab, "alice/friends", c("bob", "carol")))
  say("3. alice and carol each start a worker with two slots.")
  report(lab, start_worker(lab, "alice", "alice/friends", 2L))
  report(lab, start_worker(lab, "carol", "alice/friends", 2L))

  say("4. bob: plan(future.p2p::cluster, cluster = \"alice/friends\"); demo(\"mandelbrot\", package = \"future.p2p\")")
  plan_as(lab, "bob", "alice/friends")
  on.exit(future::plan(future::sequential), add = TRUE, after = FALSE)
  say("    linked with %s", paste(sort(warm_up(2L)), collapse = " and "))
  utils::demo("mandelbrot", package = "future.p2p", ask = FALSE, echo = FALSE, character.only = TRUE)
  if (length(unique(get("workers", globalenv()))) < 2L) stop("one worker computed all parts")

  say("5. Stop everything.")
  future::plan(future::sequential)
  for (process in rev(lab$processes)) {
    status <- stop_process(process)
    report(lab, process)
    if (!identical(status, 0L)) stop(process$name, " ended with status ", status)
  }
  left <- lab_processes(lab)
  if (length(left) > 0L) stop("processes are still running: ", paste(left, collapse = ", "))
}

main()
