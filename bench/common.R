## What the benchmarks share: rounds, plans, and tasks that are timed in turn. Each round measures each task once, every other round in
## reverse order, so that other load of the machine affects all equally. README.md says how to read what comes of it.

library(future)
source("tests/testthat/helper-cluster.R")
source("bench/report.R")
options(future.globals.maxSize = Inf) # for the peers, too

is_quick <- nzchar(Sys.getenv("P2P_BENCH_QUICK"))
full_or_quick <- function(full, quick) if (is_quick) quick else full
rounds_or <- function(full, quick = 2L) as.integer(Sys.getenv("ROUNDS", full_or_quick(full, quick)))

one_future <- function() stopifnot(value(future(1 + 2)) == 3)

wall_ms <- function() 1000 * as.numeric(Sys.time())

## CPU time of all threads of these processes. NA where the system does not tell.
cpu_ms <- function(pids) {
  files <- Sys.glob(sprintf("/proc/%d/task/*/schedstat", pids))
  if (length(files) == 0L) return(NA_real_)
  used <- function(file) tryCatch(scan(file, n = 1L, quiet = TRUE), error = function(ex) 0) # the thread has ended
  suppressWarnings(sum(vapply(files, used, 0))) / 1e6
}

## Sets up a plan and returns it. Later, switch_to() makes it the current one without tearing down the previous one.
set_up <- function(set_plan) {
  set_plan()
  stack <- plan("list")
  for (i in 1:5) one_future()
  plan(sequential, .cleanup = FALSE)
  stack
}
switch_to <- function(stack) plan(stack, .cleanup = FALSE, .init = FALSE)

## Ours and its peers, by the names of the results. I(): with one worker, both would otherwise be sequential.
plans <- list(
  "sequential" = function(lab, workers) plan(sequential),
  "multisession" = function(lab, workers) plan(multisession, workers = I(workers), .cleanup = FALSE),
  "future.mirai" = function(lab, workers) plan(future.mirai::mirai_multisession, workers = I(workers), .cleanup = FALSE),
  "future.p2p" = function(lab, workers) plan_as(lab, "bob", "alice/friends", .cleanup = FALSE)
)

## Calls `measure_all(stacks, lab)`. `stacks` has a warm plan for each name; each but sequential has `workers` workers with one slot each, which
## are those of lab$workers for ours.
with_plans <- function(measure_all, names = base::names(plans), workers = 2L) {
  lab <- new_lab(c("alice", "bob"))
  on.exit(close_lab(lab))
  lab$workers <- start_cluster(lab, "alice/friends", "bob", workers = c(alice = 1L, bob = 1L)[seq_len(workers)])$workers
  stacks <- suppressMessages(lapply(plans[names], function(set_plan) set_up(function() set_plan(lab, workers)))) # about the key that it got
  on.exit(for (stack in stacks) {
    switch_to(stack)
    plan(sequential)
  }, add = TRUE, after = FALSE)
  if ("future.p2p" %in% names) wait_for_slots(stacks[["future.p2p"]], workers)
  measure_all(stacks, lab)
}

## Until each worker is linked, so that no round waits for a link.
wait_for_slots <- function(stack, workers) {
  switch_to(stack)
  deadline <- wall_ms() + 30000
  repeat {
    started <- value(lapply(seq_len(workers), function(i) future({
      Sys.sleep(0.2)
      tempdir()
    })))
    if (length(unique(unlist(started))) == workers) break
    if (wall_ms() > deadline) stop("fewer than ", workers, " workers take futures")
  }
  plan(sequential, .cleanup = FALSE)
}

## A full pipe would block a worker.
drain <- function(lab) for (process in lab$processes) process_lines(process)

## Milliseconds of each clock, with one column per task and one row per round. `before`: called with the name of a task, is not measured.
measure_clocks <- function(tasks, rounds, before, clocks) {
  times <- lapply(clocks, function(clock) matrix(NA_real_, rounds, length(tasks), dimnames = list(NULL, names(tasks))))
  for (round in seq_len(rounds)) {
    for (name in if (round %% 2L == 0L) rev(names(tasks)) else names(tasks)) {
      before(name)
      gc(full = FALSE)
      started <- vapply(clocks, function(clock) clock(), 0)
      tasks[[name]]()
      ended <- vapply(rev(clocks), function(clock) clock(), 0)
      for (i in names(clocks)) times[[i]][round, name] <- ended[[i]] - started[[i]]
    }
  }
  times
}

measure_tasks <- function(tasks, rounds, before = function(name) NULL) measure_clocks(tasks, rounds, before, list(wall = wall_ms))$wall

## The same task with each plan.
measure <- function(stacks, task, rounds, between = function() NULL) {
  measure_tasks(lapply(stacks, function(stack) task), rounds, function(name) {
    between()
    switch_to(stacks[[name]])
  })
}

## The same, but all rounds of a plan follow each other without a pause: memory that the peers took meanwhile, or that the machine gave back to its
## own host, plays no part.
measure_loops <- function(stacks, task, rounds, between = function() NULL) {
  columns <- lapply(names(stacks), function(name) measure(stacks[name], task, rounds, between))
  do.call(cbind, columns)
}
