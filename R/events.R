## Lines that a program on the io thread has to say, and how they are shown.

events_new <- function() .Call(ffi_events_new)

## The next event within `timeout` seconds, or NULL; also NULL when a signal came. Interruptible.
events_next <- function(events, timeout = 0) {
  .Call(ffi_events_next, events, as.integer(ceiling(1000 * timeout)))
}

event_levels <- c("debug", "info", "warn", "fatal")

## One readable line, with the time, on standard error, unless it is below the level `least`.
show_event <- function(event, least = default_level()) {
  if (match(event$level, event_levels) < match(least, event_levels)) return(invisible())
  mark <- switch(event$level, warn = "Warning: ", debug = "debug: ", "")
  message(format(Sys.time(), "%Y-%m-%d %H:%M:%S"), " ", mark, paste(c(event$text, advice_for(event$error)), collapse = ". "))
}

## Shows events until one is fatal (an error of its class), `until` (seconds since the start of R's clock) has come, or `done()`, which
## is asked at first and after each event, says so. Nothing is done before there is an event. `on_warning()` is called after each warning.
## Below the level `least` nothing is shown. SIGTERM ends it as Ctrl-C does.
run_events <- function(events, until = Inf, done = function() FALSE, on_warning = function() NULL, least = default_level()) {
  .Call(ffi_terminate_catch)
  on.exit(.Call(ffi_terminate_release))
  repeat {
    if (.Call(ffi_terminate_came)) interrupt_as_if_asked()
    left <- until - proc.time()[["elapsed"]]
    if (left <= 0) return("duration")
    if (done()) return("done")
    event <- events_next(events, min(left, 3600))
    if (is.null(event)) next
    if (event$level == "fatal") {
      core_stop(event$error)
    } else {
      show_event(event, least)
      if (event$level == "warn") on_warning()
    }
  }
}

default_level <- function() if (is_debug()) "debug" else "info"

## From here on as if Ctrl-C had been pressed.
interrupt_as_if_asked <- function() {
  signalCondition(structure(class = c("interrupt", "condition"), list(message = "terminated", call = NULL)))
  invokeRestart("abort")
}
