## What a worker says of what it lends: below its log at a terminal, when it is interrupted, and at its end. `report`: see ffi_worker_report().

say_finishing <- function(report, again) {
  if (length(report$users) == 0L) return(invisible())
  notice(sprintf("Finishing %s; press Ctrl-C %sto stop now.", describe_running(report), if (again) "again " else ""))
}

has_lent <- function(report) report$done + report$lost + report$canceled + sum(report$running) > 0

## A function that draws what the worker lends at the bottom of the terminal. NULL: there is none, or it is not wanted.
line_of_worker <- function(handle, slots) {
  if (log_state$is_quiet || log_state$is_json || progress_mode(is_wanted = TRUE) != "line") return(NULL)
  function() {
    report <- .Call(ffi_worker_report, handle)
    if (nzchar(report$cluster)) draw_line(describe_lending(report, slots))
  }
}

## "alice/friends: 2 of 4 slots busy for bob and carol; 412 futures, 3 h 12 min lent"
describe_lending <- function(report, slots) {
  running <- sum(report$running)
  users <- sort(unique(report$users))
  if (length(users) > 3L) users <- c(users[1:2], sprintf("%d others", length(users) - 2L))
  busy <- if (running == 0) sprintf("no slot of %d busy", slots) else sprintf("%.0f of %s busy for %s", running, count_of(slots, "slot"), join_names(users))
  state <- if (report$state != "lending") report$state
  if (is.null(state) || running > 0) state <- c(state, busy)
  lent <- if (has_lent(report)) sprintf("; %s, %s lent", count_of(report$done, "future"), format_seconds(report$lent))
  paste0(report$cluster, ": ", toString(state), lent)
}

## "2 running futures of alice and bob"
describe_running <- function(report) {
  sprintf("%s of %s", count_of(sum(report$running), "running future"), join_names(sort(unique(report$users))))
}

## "Stopped. 2 running futures of bob were lost; 31 done, 4 min 10 s lent to bob." `rows`: as for describe_lent().
describe_end <- function(report, rows) {
  if (!has_lent(report)) return("Stopped. No future was evaluated.")
  running <- sum(report$running)
  counts <- c(sprintf("%.0f done", report$done),
              if (report$lost > 0) sprintf("%.0f lost%s", report$lost, if (running > 0L) " earlier" else ""),
              if (report$canceled > 0) sprintf("%.0f canceled", report$canceled),
              paste0(format_seconds(report$lent), " lent", describe_lent(rows)))
  if (running == 0L) counts[1L] <- paste(count_of(report$done, "future"), "done")
  lost <- if (running > 0L) sprintf("%s %s lost; ", describe_running(report), if (running == 1L) "was" else "were")
  paste0("Stopped. ", lost, paste(counts, collapse = ", "), ".")
}

## "4 min 10 s": the two largest units
format_seconds <- function(seconds) {
  if (seconds < 9.95) return(sprintf("%.1f s", seconds))
  seconds <- round(seconds)
  units <- c(d = 86400, h = 3600, min = 60, s = 1)
  at <- which(seconds >= units)[1L]
  counts <- c(seconds %/% units[[at]], if (at < 4L) (seconds %% units[[at]]) %/% units[[at + 1L]])
  paste(sprintf("%.0f %s", counts, names(units)[at + seq_along(counts) - 1L])[counts > 0], collapse = " ")
}
