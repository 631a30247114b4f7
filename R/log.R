## Log lines. Programs on the network thread write them to a queue; R shows them as messages.

log_new <- function() .Call(ffi_log_new)

## The next line, `list(level, error, text)`. NULL if there is none within `timeout` seconds, or if a signal arrives.
log_next <- function(log, timeout = 0) {
  .Call(ffi_log_next, log, as.integer(ceiling(1000 * timeout)))
}

log_levels <- c("debug", "info", "notice", "warn", "fatal")

## The lines that wait, up to a fatal one; waits for the first one as log_next() does.
log_lines <- function(log, timeout = 0) {
  line <- log_next(log, timeout)
  lines <- list()
  suspendInterrupts(while (!is.null(line)) {
    lines <- c(lines, list(line))
    line <- if (line$level != "fatal" && length(lines) < 1000L) log_next(log)
  })
  lines
}

## Shows lines, with the time, as one message, without those below `level`.
show_log_lines <- function(lines, level = default_log_level()) {
  lines <- Filter(function(line) match(line$level, log_levels) >= match(level, log_levels), lines)
  if (length(lines) == 0L) return(invisible())
  clear_line()
  texts <- vapply(lines, function(line) {
    label <- switch(line$level, warn = "Warning: ", debug = "debug: ", "")
    paste0(label, paste(c(line$text, advice_for(line$error)), collapse = ". "))
  }, "")
  message(paste(format(Sys.time(), "%Y-%m-%d %H:%M:%S"), texts, collapse = "\n"))
}

default_log_level <- function() if (is_debug()) "debug" else "info"

## Runs expressions that start a service and wait for it. Meanwhile SIGTERM and SIGHUP act as Ctrl-C does, unless SIGHUP is ignored
## (nohup), and a reader of our output that ends does not end us.
with_terminate <- function(expr) {
  .Call(ffi_terminate_catch)
  on.exit(.Call(ffi_terminate_release))
  expr
}

## The time in seconds, for durations and limits.
now <- function() proc.time()[["elapsed"]]

## Seconds from some lines to the next ones. To wake up and to show a message costs several times as much as the rest that a supervisor does
## for a small future.
log_pause <- 0.1

## Shows the log of a service until `until` (in seconds, as `now()` has them), or until `is_done()`, which is called first and after lines were
## shown. A fatal line raises its error.
run_service <- function(log, until = Inf, is_done = function() FALSE, level = default_log_level()) {
  shown <- -Inf
  repeat {
    pause <- min(shown + log_pause, until) - now()
    if (pause > 0) Sys.sleep(pause)
    if (.Call(ffi_terminate_take)) interrupt_r(is_terminated = TRUE)
    left <- until - now()
    if (left <= 0 || is_done()) return(invisible())
    lines <- log_lines(log, min(left, 3600))
    if (length(lines) == 0L) next
    is_fatal <- vapply(lines, function(line) line$level == "fatal", NA)
    show_log_lines(lines[!is_fatal], level)
    for (line in lines[is_fatal]) core_stop(line$error)
    shown <- now()
  }
}

## The signal that ended `expr`: "SIGINT", "SIGTERM" (also for SIGHUP), or "" if it ended by itself.
signal_during <- function(expr) {
  tryCatch({
    expr
    ""
  }, interrupt = function(ex) if (isTRUE(ex$is_terminated)) "SIGTERM" else "SIGINT")
}

## Does what Ctrl-C does. `is_reported`: a message has said that the program stops.
interrupt_r <- function(is_terminated = FALSE, is_reported = FALSE) {
  signalCondition(structure(class = c("interrupt", "condition"), list(message = "stopped", call = NULL, is_terminated = is_terminated,
                                                                      is_reported = is_reported)))
  invokeRestart("abort")
}
