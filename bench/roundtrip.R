## Measures round trips of value(future(1 + 2)), and 100 futures on two workers, with four backends. All backends are set up and warm before
## the first measurement. Each round measures each backend once, so that other load of the machine affects them equally. Run by `make bench`;
## ROUNDS=500 runs more rounds.

library(future)
source("tests/testthat/helper-cluster.R")
source("bench/common.R")

rounds <- as.integer(Sys.getenv("ROUNDS", "100"))
batches <- 5L

hundred_futures <- function() {
  futures <- lapply(1:100, function(i) future(i))
  stopifnot(identical(unlist(value(futures)), 1:100))
}

show_table <- function(title, times, ratios_to) {
  medians <- apply(times, 2L, stats::median)
  cat(sprintf("\n%s (%d rounds)\n", title, nrow(times)))
  cat(sprintf("  %-20s %10s %10s %10s", "", "median", "fastest", "90 %"), sprintf("%22s", paste("x", ratios_to)), "\n", sep = "")
  for (name in colnames(times)) {
    cat(sprintf("  %-20s %7.2f ms %7.2f ms %7.2f ms", name, medians[[name]], min(times[, name]), stats::quantile(times[, name], 0.9)),
        sprintf("%22.2f", medians[[name]] / medians[ratios_to]), "\n", sep = "")
  }
}

main <- function() {
  lab <- new_lab(c("alice", "bob"))
  on.exit(close_lab(lab))
  start_cluster(lab, "alice/friends", "bob", workers = c(alice = 1L, bob = 1L))

  stacks <- list(
    "sequential" = set_up(function() plan(sequential)),
    "multisession" = set_up(function() plan(multisession, workers = 2L, .cleanup = FALSE)),
    "mirai_multisession" = set_up(function() plan(future.mirai::mirai_multisession, workers = 2L, .cleanup = FALSE)),
    "future.p2p" = set_up(function() plan_as(lab, "bob", "alice/friends", .cleanup = FALSE))
  )
  on.exit(for (stack in stacks) {
    switch_to(stack)
    plan(sequential)
  }, add = TRUE, after = FALSE)
  drain <- function() lapply(lab$processes, process_lines) # a full pipe would block a worker

  cat(sprintf("R %s, future %s, future.mirai %s, future.p2p %s, on one machine with %d cores; two workers each\n", getRversion(),
              packageVersion("future"), packageVersion("future.mirai"), packageVersion("future.p2p"), parallel::detectCores()))
  show_table("value(future(1 + 2)), warm", measure(stacks, one_future, rounds, drain), c("sequential", "multisession", "mirai_multisession"))
  show_table("100 futures", measure(stacks[-1L], hundred_futures, batches, drain), c("multisession", "mirai_multisession"))
}

main()
