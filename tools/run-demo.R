## The main job, end to end, on this machine: alice, bob and carol with throwaway SSH keys, a board of their own, two workers, and
## bob's futures on them. Writes mandelbrot.png in the current directory. Run by `make demo`.

source("tests/testthat/helper-cluster.R")

say <- function(...) cat(sprintf(...), "\n", sep = "")

tell <- function(process) {
  lines <- process_lines(process)
  cat(sprintf("    %s | %s\n", format(process$name, width = 18L), lines), sep = "")
}

main <- function() {
  lab <- new_lab(c("alice", "bob", "carol"))
  on.exit(close_lab(lab))

  say("1. Someone serves: board, mailbox and relay.")
  tell(start_board(lab))
  say("2. alice hosts alice/friends for bob and carol.")
  tell(start_host(lab, "alice/friends", c("bob", "carol")))
  say("3. alice and carol lend a worker each, with two slots.")
  workers <- list(start_worker(lab, "alice", "alice/friends", 2L), start_worker(lab, "carol", "alice/friends", 2L))
  for (worker in workers) tell(worker)

  say("4. bob: plan(future.p2p::cluster, cluster = \"alice/friends\"); demo(\"mandelbrot\", package = \"future.p2p\")")
  plan_as(lab, "bob", "alice/friends")
  on.exit(future::plan(future::sequential), add = TRUE, after = FALSE)
  utils::demo("mandelbrot", package = "future.p2p", ask = FALSE, echo = FALSE, character.only = TRUE)
  print(future::plan("backend"))

  say("5. Everybody leaves.")
  future::plan(future::sequential)
  for (process in rev(lab$processes)) {
    stop_process(process)
  }
  for (worker in workers) tell(worker)
  left <- lab_processes(lab)
  if (length(left) > 0L) stop("processes are left: ", paste(left, collapse = ", "))
}

main()
