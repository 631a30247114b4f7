## Times tasks in turn, for the benchmarks. Each round measures each of them once, every other round in reverse order, so that other load of
## the machine affects them equally.

one_future <- function() stopifnot(value(future(1 + 2)) == 3)

milliseconds <- function(task) {
  gc(full = FALSE)
  started <- Sys.time()
  task()
  1000 * as.numeric(difftime(Sys.time(), started, units = "secs"))
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

## Milliseconds, with one column per task and one row per round. `before`: called with the name of a task, is not measured.
measure_tasks <- function(tasks, rounds, before = function(name) NULL) {
  times <- matrix(NA_real_, rounds, length(tasks), dimnames = list(NULL, names(tasks)))
  for (round in seq_len(rounds)) {
    for (name in if (round %% 2L == 0L) rev(names(tasks)) else names(tasks)) {
      before(name)
      times[round, name] <- milliseconds(tasks[[name]])
    }
  }
  times
}

## The same task with each plan.
measure <- function(stacks, task, rounds, between = function() NULL) {
  measure_tasks(lapply(stacks, function(stack) task), rounds, function(name) {
    between()
    switch_to(stacks[[name]])
  })
}
