## A stream: 200 futures that each compute and return 5 MB, on two workers. How much of the time, from the first future's start to the last one's end,
## does each worker compute? The less busy one counts. Run by `make bench`, or alone.

source("bench/common.R")

n <- full_or_quick(200L, 20L)

## What future i returns: where and when it ran, and 5 MB.
work <- function(i) {
  future({
    started <- as.numeric(Sys.time())
    numbers <- sort(stats::runif(5e6 / 8))
    list(where = paste(Sys.getpid(), tempdir()), started = started, ended = as.numeric(Sys.time()), numbers = numbers)
  }, seed = TRUE)
}

## The share of the time in percent, of the worker that was less busy.
busy <- function() {
  runs <- lapply(value(lapply(seq_len(n), work)), function(run) {
    stopifnot(length(run$numbers) == 5e6 / 8)
    as.data.frame(run[c("where", "started", "ended")])
  })
  runs <- do.call(rbind, runs)
  span <- max(runs$ended) - min(runs$started)
  shares <- tapply(runs$ended - runs$started, runs$where, sum) / span
  stopifnot(length(shares) == 2L)
  100 * min(shares)
}

with_plans(function(stacks, lab) {
  shares <- NULL
  current <- ""
  task <- function() shares <<- rbind(shares, data.frame(name = current, share = busy()))
  times <- measure_tasks(lapply(stacks, function(stack) task), rounds_or(3L, 2L), function(name) {
    drain(lab)
    current <<- name
    switch_to(stacks[[name]])
  })
  title <- sprintf("A stream of %d results of 5 MB from two workers", n)
  record("stream_busy", paste0(title, ": the worker that is less busy"), as.matrix(as.data.frame(split(shares$share, shares$name))[names(stacks)]),
         unit = "% of the time", bars = list(at_least(90)))
  record("stream", title, times, against = c("multisession", "future.mirai"))
}, names(plans)[-1L])
