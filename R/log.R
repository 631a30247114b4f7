## Log lines. Programs on the network thread write them to a queue; R shows them as messages.

log_new <- function() .Call(ffi_log_new)

## The next line, `list(level, error, text)`. NULL if there is none within `timeout` seconds, or if a signal arrives.
log_next <- function(log, timeout = 0) {
  .Call(ffi_log_next, log, as.integer(ceiling(1000 * timeout)))
}

log_levels <- c("debug", "info", "notice", "warn", "fatal")

## Shows a line, with the time, as a message, unless it is below `level`.
show_log_line <- function(line, level = default_log_level()) {
  if (match(line$level, log_levels) < match(level, log_levels)) return(invisible())
  label <- switch(line$level, warn = "Warning: ", debug = "debug: ", "")
  text <- paste(c(line$text, advice_for(line$error)), collapse = ". ")
  message(format(Sys.time(), "%Y-%m-%d %H:%M:%S"), " ", label, text)
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

## Shows the log of a service until `until` (in seconds, as `now()` has them), or until `is_done()`, which is called first and after each
## line. A fatal line raises its error.
run_service <- function(log, until = Inf, is_done = function() FALSE, level = default_log_level()) {
  repeat {
    if (.Call(ffi_terminate_take)) interrupt_r(is_terminated = TRUE)
    left <- until - now()
    if (left <= 0 || is_done()) return(invisible())
    line <- log_next(log, min(left, 3600))
    if (is.null(line)) next
    if (line$level == "fatal") core_stop(line$error)
    show_log_line(line, level)
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
