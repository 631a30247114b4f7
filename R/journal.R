## The journal that the future package keeps of a future with options(future.journal = TRUE). It notes by itself when a future was created,
## launched, evaluated and gathered; we add where, and what happened in between. All are parts of its own events, as those of
## future::multisession are, so that its summaries mean the same: "queue" (waiting for a slot) and "transferOut" of the launch, the
## name of the worker of the evaluation, and "transferBack" of the gathering.

has_journal <- function(future) inherits(future[[".journal"]], "FutureJournal")

## After a task has ended, while it can still be asked.
write_journal <- function(future, task) {
  if (!has_journal(future)) return(invisible())
  at <- as.list(started(.Call(ffi_task_times, task)))
  note <- function(event, category, parent, start, stop) {
    if (!is.na(start) && !is.na(stop)) internals$appendToFutureJournal(future, event, category, parent, start = start, stop = stop)
  }
  note("queue", "waiting", "launch", at[[1L]], at[[2L]])
  note("transferOut", "overhead", "launch", at[[2L]], at[[3L]])
  note("transferBack", "overhead", "gather", at[[4L]], at[[5L]])
  result <- future[["result"]]
  if (!is_timed(result)) return(invisible())
  span <- fit_span(result[["started"]], result[["finished"]], at[[2L]], at[[5L]])
  result[["started"]] <- span[1L]
  result[["finished"]] <- span[2L]
  future[["result"]] <- result
  note(worker_of(future), "evaluation", "evaluate", span[1L], span[2L])
  times <- as.numeric(c(at[[1L]], at[[2L]], at[[3L]], span, at[[4L]], at[[5L]]))
  names(times) <- c("submitted", "started", "sent", "began", "finished", "arriving", "ended")
  note_future(c(list(label = future_label(future), worker = worker_of(future), bytes_out = future[["bytes"]], bytes_in = .Call(ffi_task_result_bytes, task)), as.list(times)))
}

is_timed <- function(result) {
  is_time <- function(x) inherits(x, "POSIXct") && length(x) == 1L && is.finite(x)
  inherits(result, "FutureResult") && is_time(result[["started"]]) && is_time(result[["finished"]])
}

## The clock of the worker may be wrong: its span of time is moved, and if need be cut, so that it lies between two times of our clock.
fit_span <- function(start, stop, from, to) {
  length <- min(max(0, as.numeric(stop) - as.numeric(start)), as.numeric(to) - as.numeric(from))
  start <- min(max(start, from), to - length)
  c(start, start + length)
}

## The future package cannot finish the journal of a future without a result, and would raise another error instead of this one.
close_journal <- function(future) {
  if (!has_journal(future) || "evaluate" %in% future[[".journal"]][["event"]]) return(invisible())
  now <- Sys.time()
  internals$appendToFutureJournal(future, "evaluate", "evaluation", start = now, stop = now)
}
