## A global and a result of 1 GB on one worker: the peak memory of client, supervisor and evaluator, each above its memory when it was idle and
## the object did not exist; and whether the time is linear in the size. Run by `make bench`, or alone.
##
## Peaks need root (processes.R); without it they are not measured.

source("bench/common.R")
source("bench/processes.R")

sizes <- full_or_quick(c(125, 250, 500, 1000), c(25, 50, 100)) # MB
largest <- max(sizes)
names_here <- c("multisession", "future.p2p")

x <- numeric()
tasks <- list(
  global = function(mb) stopifnot(value(future(length(x))) == mb * 1e6 / 8),
  result = function(mb) stopifnot(length(value(future(numeric(mb * 1e6 / 8) + 1))) == mb * 1e6 / 8)
)
prepare <- function(what, mb) {
  x <<- numeric()
  gc()
  if (what == "global") x <<- numeric(mb * 1e6 / 8) + 1
}

## The processes of one plan. A sandbox has processes of its own, much smaller than R; memory_of() takes the largest.
processes_of <- function(name, lab) {
  if (name == "multisession") return(list(client = Sys.getpid(), worker = value(future(Sys.getpid()))))
  supervisor <- lab$workers[[1L]]$px$get_pid()
  list(client = Sys.getpid(), supervisor = supervisor, evaluator = descendants(supervisor))
}

## MB above rest, of each process. It runs first: what processes keep of earlier objects would hide what they need.
peaks_of <- function(name, what, rest, lab) {
  prepare("nothing", 0)
  if (!forget_peaks(unlist(processes_of(name, lab)))) return(NULL)
  prepare(what, largest)
  tasks[[what]](largest)
  vapply(processes_of(name, lab), peak_mb, 0) - rest
}

measure_peaks <- function(stacks, lab, rounds = rounds_or(3L)) {
  gc()
  rests <- lapply(stats::setNames(nm = names(stacks)), function(name) {
    switch_to(stacks[[name]])
    vapply(processes_of(name, lab), resident_mb, 0)
  })
  for (what in names(tasks)) {
    rows <- lapply(seq_len(rounds), function(round) unlist(lapply(stats::setNames(nm = names(stacks)), function(name) {
      switch_to(stacks[[name]])
      drain(lab)
      peaks_of(name, what, rests[[name]], lab)
    })))
    if (is.null(rows[[1L]])) return(cat("\nPeak memory is not measured: this needs root.\n"))
    record(paste0("peak_", what), sprintf("Peak memory above rest with a %s of %g MB", what, largest), do.call(rbind, rows), unit = "MB",
           bars = list(at_most(1.3 * largest, column = "future.p2p.client", statistic = "max"),
                       at_most(1.1 * largest, column = "future.p2p.evaluator", statistic = "max"),
                       at_most(8 * 2^20 / 1e6, column = "future.p2p.supervisor", statistic = "max")))
  }
}

## Seconds per GB for each size: linear if those of the largest are at most 1.25 times those of the smallest.
measure_sizes <- function(stacks, lab) {
  for (what in names(tasks)) {
    columns <- expand.grid(mb = sizes, name = names(stacks), stringsAsFactors = FALSE)
    row.names(columns) <- paste(columns$name, columns$mb, "MB")
    tasks_here <- lapply(split(columns, factor(row.names(columns), row.names(columns))), function(column) function() tasks[[what]](column$mb))
    times <- measure_tasks(tasks_here, rounds_or(5L), function(column) {
      drain(lab)
      switch_to(stacks[[columns[column, "name"]]])
      prepare(what, columns[column, "mb"])
    })
    per_gb <- sweep(times, 2L, columns$mb, "/") # ms per MB
    ours <- paste("future.p2p", sizes, "MB")
    record(paste0("sizes_", what), sprintf("A %s of each size, per GB", what), per_gb, unit = "s", against = ours[1L],
           bars = list(at_most(1.25, ours[1L], column = ours[length(ours)])))
  }
}

with_plans(function(stacks, lab) {
  measure_peaks(stacks, lab)
  measure_sizes(stacks, lab)
}, names_here, workers = 1L)
