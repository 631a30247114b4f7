## The time from future(1) to its value: by value(), by then() of promises, and by then() of a mirai. Alone: Rscript bench/promises.R

source("bench/common.R")

by_then <- function(x) {
  is_done <- FALSE
  promises::then(x, function(value) is_done <<- TRUE)
  while (!is_done) later::run_now(10)
}

lab <- new_lab(c("alice", "bob"))
tryCatch({
  start_cluster(lab, "alice/friends", "bob", workers = c(alice = 1L))
  plan_as(lab, "bob", "alice/friends")
  tasks <- list("value()" = function() value(future(1)), "then()" = function() by_then(future(1)))
  if (requireNamespace("mirai", quietly = TRUE)) {
    mirai::daemons(1L)
    tasks[["mirai, x[]"]] <- function() mirai::mirai(1)[]
    tasks[["mirai, then()"]] <- function() by_then(mirai::mirai(1))
  }
  times <- measure_tasks(tasks, rounds_or(100L, 3L))
  print(round(t(apply(times, 2L, stats::quantile, c(0, 0.5, 0.9))), 2)) # milliseconds
}, finally = {
  if (requireNamespace("mirai", quietly = TRUE)) mirai::daemons(0L)
  plan(sequential)
  close_lab(lab)
})
