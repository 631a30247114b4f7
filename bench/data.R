## Globals and results of 100 MB, and 20 futures that share a global of 100 MB, on two workers. "new": the workers have not had this vector before;
## "known": they have. Run by `make bench`, or alone: ROUNDS=3 Rscript bench/data.R
##
## Each is measured twice: in rounds, and in a loop without pauses (README.md says why). Bars belong to the rounds.

source("bench/common.R")

mb <- full_or_quick(100, 10)
n_doubles <- mb * 1e6 / 8
rounds <- rounds_or(10L)
x <- numeric()

renew <- function() x <<- stats::runif(n_doubles)
touch <- function() x[1L] <<- stats::runif(1L) # makes it new without the pause of renew()
send <- function() stopifnot(value(future(length(x))) == n_doubles)
share <- function() stopifnot(identical(unlist(value(lapply(1:20, function(i) future(x[i])))), x[1:20]))

## MB that this session has written meanwhile, as Linux counts it: over links, and hardly anything else.
written_mb <- function(task) {
  count <- function() scan("/proc/self/io", list("", 0), nlines = 2L, quiet = TRUE)[[2L]][2L] / 1e6
  before <- count()
  task()
  count() - before
}

n_strings <- mb * 1e4
n_rows <- floor(mb * 1e6 / 36)

## What futures return, about 100 MB in memory each. Making it takes time, too, which the figures of sequential show.
results <- list(
  runif = function() length(value(future(stats::runif(n_doubles), seed = TRUE))) == n_doubles,
  zeros = function() length(value(future(numeric(n_doubles)))) == n_doubles,
  strings = function() length(value(future(as.list(sprintf("%09d", seq_len(n_strings)))))) == n_strings,
  frame = function() {
    frame <- value(future({
      i <- seq_len(n_rows)
      data.frame(number = i / 7, whole = i, kind = factor(i %% 5L, labels = letters[1:5]), name = sprintf("name %d", i %% 1000L),
                 flag = i %% 3L == 0L, day = as.Date("2020-01-01") + i %% 1000L)
    }))
    nrow(frame) == n_rows
  })
titles <- c(runif = "runif()", zeros = "zeros", strings = "a list of strings", frame = "a mixed data frame")
bars <- c(runif = 0.65, zeros = 0.4, strings = 1, frame = 0.7)

## In rounds, then in loops. `is_new`: x must be a vector that workers do not know.
both <- function(id, title, stacks, task, bar, is_new = FALSE, n_loops = 5L) {
  peers <- setdiff(names(stacks), "future.p2p")
  between <- function() {
    if (is_new) renew()
    gc()
  }
  record(id, title, measure(stacks, task, rounds, between), against = peers, bars = list(at_most(bar, "multisession")))
  times <- measure_loops(stacks, task, full_or_quick(n_loops, 2L), if (is_new) touch else function() NULL)
  record(paste0(id, "_loop"), paste0(title, ", in a loop"), times, against = peers)
}

with_plans(function(stacks, lab) {
  remote <- stacks[-1L] # there is nothing to send with sequential
  renew()
  both("global_new", sprintf("A global of %g MB, new", mb), remote, send, 0.65, is_new = TRUE)
  for (stack in remote) { # both workers have it then
    switch_to(stack)
    share()
  }
  both("global_known", sprintf("A global of %g MB, known", mb), remote, send, 0.12)
  for (name in names(results)) {
    task <- function() stopifnot(results[[name]]())
    both(paste0("result_", name), sprintf("A result of %g MB: %s", mb, titles[[name]]), stacks, task, bars[[name]])
    drain(lab)
  }
  both("shared_new", sprintf("20 futures that share a global of %g MB, new", mb), remote, share, 0.1, is_new = TRUE, n_loops = 3L)
  if (file.exists("/proc/self/io")) {
    switch_to(stacks[["future.p2p"]])
    sent <- vapply(1:3, function(round) {
      renew()
      written_mb(share)
    }, 0)
    record("shared_bytes", sprintf("Bytes sent to 2 workers for 20 futures that share a global of %g MB", mb), cbind(future.p2p = sent), unit = "MB",
           bars = list(at_most(2.05 * mb)))
  }
  both("shared_known", sprintf("20 futures that share a global of %g MB, known", mb), remote, share, 0.05, n_loops = 3L)
})
