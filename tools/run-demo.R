## The main job, end to end, on this machine: alice, bob and carol with throwaway SSH keys, a board of their own, two workers, and
## bob's futures on them. Writes mandelbrot.png in the current directory. Run by `make demo`.

source("tests/testthat/helper-cluster.R")

say <- function(...) cat(sprintf(...), "\n", sep = "")

## What the process has said since it was last told; the futures are told by the demo itself.
tell <- function(process) {
  lines <- process_lines(process)
  new <- lines[seq_along(lines) > process$told]
  process$told <- length(lines)
  cat(sprintf("    %s | %s\n", format(process$name, width = 18L), new[!grepl(" Future '", new)]), sep = "")
}

main <- function() {
  lab <- new_lab(c("alice", "bob", "carol"))
  on.exit(close_lab(lab))

  say("1. Someone serves: board, mailbox and relay.")
  tell(start_board(lab))
  say("2. alice hosts alice/friends for bob and carol.")
  tell(start_host(lab, "alice/friends", c("bob", "carol")))
  say("3. alice and carol lend a worker each, with two slots.")
  tell(start_worker(lab, "alice", "alice/friends", 2L))
  tell(start_worker(lab, "carol", "alice/friends", 2L))

  say("4. bob: plan(future.p2p::cluster, cluster = \"alice/friends\"); demo(\"mandelbrot\", package = \"future.p2p\")")
  plan_as(lab, "bob", "alice/friends")
  on.exit(future::plan(future::sequential), add = TRUE, after = FALSE)
  utils::demo("mandelbrot", package = "future.p2p", ask = FALSE, echo = FALSE, character.only = TRUE)

  say("5. Everybody leaves.")
  future::plan(future::sequential)
  for (process in rev(lab$processes)) {
    status <- stop_process(process)
    tell(process)
    if (!identical(status, 0L)) stop(process$name, " ended with status ", status)
  }
  left <- lab_processes(lab)
  if (length(left) > 0L) stop("processes are left: ", paste(left, collapse = ", "))
}

main()
