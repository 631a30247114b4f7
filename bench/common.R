## Times tasks in turn, for the benchmarks. Each round measures each of them once, every other round in reverse order, so that other load of
## the machine affects them equally.

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
