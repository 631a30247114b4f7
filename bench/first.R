## plan() and the first value(), with a worker that waits and no link yet; for the peers, with workers to start. Run by `make bench`, or alone.

source("bench/common.R")

## Ends the link of the round before, and the processes of the peers. Then the worker replaces the evaluator that it had.
rest <- function(lab) {
  plan(sequential)
  drain(lab)
  Sys.sleep(2)
}

lab <- new_lab(c("alice", "bob"))
tryCatch({
  start_cluster(lab, "alice/friends", "bob", workers = c(alice = 1L))
  first_value <- function(set_plan) {
    function() {
      suppressMessages(set_plan(lab, 1L))
      one_future()
    }
  }
  tasks <- lapply(list(
    "multisession" = function(lab, workers) plan(multisession, workers = I(workers)),
    "future.mirai" = function(lab, workers) plan(future.mirai::mirai_multisession, workers = I(workers)),
    "future.p2p" = function(lab, workers) plan_as(lab, "bob", "alice/friends")
  ), first_value)
  tasks[["future.p2p"]]() # enrols this device
  times <- measure_tasks(tasks, rounds_or(20L, 3L), function(name) rest(lab))
  record("first_value", "plan() and the first value()", times / 1000, unit = "s", against = c("multisession", "future.mirai"),
         bars = list(at_most(0.5)))
}, finally = {
  plan(sequential)
  close_lab(lab)
})
