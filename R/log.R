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
  is_shown <- function(line) match(line$level, log_levels) >= match(level, log_levels) || (log_state$is_quiet && any(line$event %in% waited_for))
  lines <- Filter(is_shown, lines)
  if (length(lines) == 0L) return(invisible())
  if (log_state$is_json) return(for (line in lines) write_json_line(line$level, line_text(line), line$event, line$error))
  clear_line()
  labels <- vapply(lines, function(line) switch(line$level, warn = "Warning: ", debug = "debug: ", ""), "")
  texts <- paste0(labels, vapply(lines, line_text, ""))
  signal_message(paste(format(Sys.time(), "%Y-%m-%d %H:%M:%S"), texts, collapse = "\n"))
}

line_text <- function(line) paste(c(line$text, advice_for(line$error)), collapse = ". ")

## ---- what a program that runs until it is stopped says, besides the lines of its log ----

log_state <- list2env(list(is_quiet = FALSE, is_json = FALSE, facts = list()), parent = emptyenv())

## Other programs wait for these lines, also with `quiet`.
waited_for <- c("joined", "hosting")

## The format that the arguments `quiet` and `json_log` ask for.
log_format <- function(quiet, json_log) {
  cli_state$is_json <- json_log # for its failure
  list(is_quiet = quiet, is_json = json_log)
}

## An argument, or its option.
flag_or_option <- function(value, name, is_missing) if (is_missing) p2p_option(name, FALSE) else check_flag(value, name)

## Evaluates `expr`, which writes in this format. `facts`: what each line of JSON has. Without `quiet`, all messages are shown; else those by notice().
with_log <- function(expr, format, facts = list()) {
  old <- mget(c("is_quiet", "is_json", "facts"), log_state)
  on.exit(list2env(old, log_state))
  on.exit(clear_line(), add = TRUE)
  list2env(c(format, list(facts = facts)), log_state)
  withCallingHandlers(expr, message = function(m) {
    if (log_state$is_quiet && !inherits(m, "p2p_notice")) invokeRestart("muffleMessage")
    if (log_state$is_json) {
      write_json_line("info", sub("\n$", "", conditionMessage(m)))
      invokeRestart("muffleMessage")
    }
    clear_line()
  }, warning = function(w) {
    if (log_state$is_json) {
      write_json_line("warn", conditionMessage(w))
      invokeRestart("muffleWarning")
    }
    clear_line()
  })
}

## A message that is also shown with `quiet`.
notice <- function(...) signal_message(paste0(...))
signal_message <- function(text) message(structure(class = c("p2p_notice", "message", "condition"), list(message = paste0(text, "\n"), call = NULL)))

## One line, to standard error. `error`: list(what, message, reason), or NULL.
write_json_line <- function(level, text, event = NULL, error = NULL) {
  entry <- c(list(time = format(Sys.time(), "%Y-%m-%dT%H:%M:%OS3Z", tz = "UTC"), level = level), event = event, log_state$facts,
             error = error$what, reason = if (any(nzchar(error$reason))) error$reason)
  entry$message <- iconv(enc2utf8(text), "UTF-8", "UTF-8", sub = "byte")
  cat(gsub("\n *", "", .Call(ffi_json, entry)), "\n", sep = "", file = stderr())
}

default_log_level <- function() if (log_state$is_quiet) "warn" else if (is_debug()) "debug" else "info"

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
draw_pause <- 0.25 # where a line is drawn for each

## Shows the log of a service until `until` (in seconds, as `now()` has them), or until `is_done()`, which is called first and after lines were
## shown. A fatal line raises its error.
## `draw()` draws the line at the bottom of the terminal again, after lines of the log were shown; NULL: there is none.
run_service <- function(log, until = Inf, is_done = function() FALSE, level = default_log_level(), draw = NULL) {
  shown <- -Inf
  repeat {
    pause <- min(shown + if (is.null(draw)) log_pause else draw_pause, until) - now()
    if (pause > 0) Sys.sleep(pause)
    if (.Call(ffi_terminate_take)) interrupt_r(is_terminated = TRUE)
    left <- until - now()
    if (left <= 0 || is_done()) return(invisible())
    if (!is.null(draw)) draw()
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
