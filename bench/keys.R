## Measures what the safety of clusters costs, in pairs. A cluster with a key beside one without (`host_cluster(key = FALSE)`): the first value
## after plan(), a warm round trip, a global and a result of 100 MB. And, for each sandbox that works here, the time from the start of an
## evaluator until R runs code, beside the same without a sandbox and without the keeper that kills daemons. Run by `make bench`, or alone:
##
##   ROUNDS=50 Rscript bench/keys.R
##
## A round measures all that is compared, in turn, so that the ratios hold on a machine that does other work, too.

source("bench/common.R")

rounds <- rounds_or(20L)
clusters <- c("without a key" = "alice/open", "with a key" = "alice/friends")

## Compares each column with the first one, round by round.
show_pairs <- function(title, times) {
  cat(sprintf("\n%s (%d rounds)\n", title, nrow(times)))
  for (name in colnames(times)) {
    more <- times[, name] - times[, 1L]
    cat(sprintf("  %-16s median %9.2f ms", name, stats::median(times[, name])))
    if (name != colnames(times)[1L]) {
      cat(sprintf("   paired: %+7.2f ms (quartiles %+.2f, %+.2f), x %.3f", stats::median(more), stats::quantile(more, 0.25),
                  stats::quantile(more, 0.75), stats::median(times[, name] / times[, 1L])))
    }
    cat("\n")
  }
}

## It says that there is no worker yet, and that a cluster has no key.
first_value <- function(lab, cluster) {
  function() {
    suppressMessages({
      plan_as(lab, "bob", cluster)
      one_future()
    })
  }
}

## Ends the link of the round before. Then the worker replaces the evaluator that it had.
rest <- function() {
  plan(sequential)
  Sys.sleep(2)
}

measure_keys <- function(lab) {
  start_board(lab)
  start_host(lab, clusters[["with a key"]], "bob")
  start_host(lab, clusters[["without a key"]], "bob", key = FALSE)
  for (cluster in clusters) start_worker(lab, "alice", cluster)
  tasks <- lapply(clusters, function(cluster) first_value(lab, cluster))
  for (task in tasks) task() # the first one enrols this device
  pids <- c(Sys.getpid(), vapply(lab$processes, function(process) process$px$get_pid(), 0L))
  times <- measure_clocks(tasks, rounds, function(name) rest(), list(cpu = function() cpu_ms(pids), wall = wall_ms))
  show_pairs("First value after plan()", times$wall)
  show_pairs("First value after plan(), CPU time of client, worker, host and board", times$cpu)
  rest()

  stacks <- lapply(clusters, function(cluster) {
    suppressMessages(set_up(function() plan_as(lab, "bob", cluster, maxSizeOfObjects = Inf, .cleanup = FALSE)))
  })
  on.exit(for (stack in stacks) {
    switch_to(stack)
    plan(sequential)
  })
  show_pairs("value(future(1 + 2)), warm", measure(stacks, one_future, 10L * rounds))
  bytes <- rep(as.raw(0:255), length.out = 1e8)
  show_pairs("A global of 100 MB", measure(stacks, function() stopifnot(value(future(length(bytes))) == 1e8), rounds))
  show_pairs("A result of 100 MB", measure(stacks, function() stopifnot(length(value(future(raw(1e8)))) == 1e8), rounds))
}

## Until it says that it is ready. `argv` starts it; descriptor 4 is open as long as its standard input, as the lifeline of an evaluator.
start_evaluator <- function(argv, env) {
  function() {
    process <- processx::process$new("/bin/sh", c("-c", "exec \"$0\" \"$@\" 4<&0 </dev/null", argv), stdin = "|", stdout = "|", env = env)
    process$poll_io(30000)
    stopifnot(identical(process$read_output_lines(), "ready"))
  }
}

measure_sandboxes <- function(dir) {
  env <- future.p2p:::evaluator_env()
  names(env) <- sub("=.*", "", env)
  env <- c(sub("^[^=]*=", "", env), TMPDIR = file.path(dir, "tmp"))
  dir.create(env[["TMPDIR"]])
  levels <- c("none", Filter(has_sandbox, c("landlock", "namespaces")))
  before <- lapply(stats::setNames(levels, c("keeper", levels[-1L])), function(level) {
    future.p2p:::new_sandbox(level, FALSE, character(), character(), NULL)$command
  })
  before <- c(list(neither = character()), before)
  program <- list("Start of R" = replace(future.p2p:::evaluator_argv(), length(future.p2p:::evaluator_argv()), "cat('ready\\n')"),
                  "Start of a program that does nothing" = c("/bin/echo", "ready"))
  for (title in names(program)) {
    tasks <- lapply(before, function(command) start_evaluator(c(command, program[[title]]), env))
    for (task in tasks) task()
    show_pairs(title, measure_tasks(tasks, rounds * if (title == "Start of R") 1L else 5L))
  }
}

main <- function() {
  lab <- new_lab(c("alice", "bob"))
  on.exit(close_lab(lab))
  cat(sprintf("R %s, future %s, future.p2p %s, on one machine with %d cores; one worker with one slot for each cluster\n", getRversion(),
              packageVersion("future"), packageVersion("future.p2p"), parallel::detectCores()))
  measure_keys(lab)
  measure_sandboxes(lab$dir)
}

main()
