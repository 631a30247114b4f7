## The main job, end to end, on this machine: alice, bob and carol with throwaway SSH keys, a board of their own, two workers, and
## bob's futures on them. Writes mandelbrot.png in the current directory. Run by `make demo`.

source("tests/testthat/helper-cluster.R")

say <- function(...) cat(sprintf(...), "\n", sep = "")

## As one would type it; the lab's folder is shown as DIR.
show_command <- function(lab, process) {
  words <- sub(lab$dir, "DIR", process$command, fixed = TRUE)
  while (any(grepl(lab$dir, words, fixed = TRUE))) words <- sub(lab$dir, "DIR", words, fixed = TRUE)
  words <- ifelse(grepl(" ", words), sub("=(.*)", "=\"\\1\"", words), words)
  cat("  $ ", paste(words, collapse = " "), "\n", sep = "")
}

## What the process has said since it was last told; the futures are told by the demo itself.
tell <- function(lab, process) {
  if (process$told == 0L) show_command(lab, process)
  lines <- process_lines(process)
  new <- lines[seq_along(lines) > process$told]
  process$told <- length(lines)
  cat(sprintf("    %s | %s\n", format(process$name, width = 18L), new[!grepl(" Future '", new)]), sep = "")
}

main <- function() {
  lab <- new_lab(c("alice", "bob", "carol"))
  on.exit(close_lab(lab))

  say("1. Someone serves: board, mailbox and relay.")
  tell(lab, start_board(lab))
  say("2. alice hosts alice/friends for bob and carol.")
  tell(lab, start_host(lab, "alice/friends", c("bob", "carol")))
  say("3. alice and carol lend a worker each, with two slots.")
  tell(lab, start_worker(lab, "alice", "alice/friends", 2L))
  tell(lab, start_worker(lab, "carol", "alice/friends", 2L))

  say("4. bob: plan(future.p2p::cluster, cluster = \"alice/friends\"); demo(\"mandelbrot\", package = \"future.p2p\")")
  plan_as(lab, "bob", "alice/friends")
  on.exit(future::plan(future::sequential), add = TRUE, after = FALSE)
  utils::demo("mandelbrot", package = "future.p2p", ask = FALSE, echo = FALSE, character.only = TRUE)
  if (length(unique(get("resolved_by", globalenv()))) < 2L) stop("the tiles were all computed by one worker")

  say("5. Everybody leaves.")
  future::plan(future::sequential)
  for (process in rev(lab$processes)) {
    status <- stop_process(process)
    tell(lab, process)
    if (!identical(status, 0L)) stop(process$name, " ended with status ", status)
  }
  left <- lab_processes(lab)
  if (length(left) > 0L) stop("processes are left: ", paste(left, collapse = ", "))
}

main()
