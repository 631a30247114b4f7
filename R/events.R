## Lines that a program on the io thread has to say, and how they are shown.

events_new <- function() .Call(ffi_events_new)

## The next event within `timeout` seconds, or NULL. Interruptible.
events_next <- function(events, timeout = 0) {
  .Call(ffi_events_next, events, as.integer(ceiling(1000 * timeout)))
}

## One readable line, with the time, on standard error.
show_event <- function(event) {
  if (event$level == "debug" && !is_debug()) return(invisible())
  mark <- switch(event$level, warn = "Warning: ", debug = "debug: ", "")
  message(format(Sys.time(), "%Y-%m-%d %H:%M:%S"), " ", mark, event$text)
}

## Shows events until one is fatal (an error of its class), `until` (seconds since the start of R's
## clock) has come, or `done()` says so, which is asked after each wait. `on_warning()` is called after each warning.
run_events <- function(events, until = Inf, done = function() FALSE, on_warning = function() NULL) {
  repeat {
    left <- until - proc.time()[["elapsed"]]
    if (left <= 0) return("duration")
    event <- events_next(events, min(left, 0.25))
    if (is.null(event)) {
      if (done()) return("done")
    } else if (event$level == "fatal") {
      p2p_stop(event$text, event$error)
    } else {
      show_event(event)
      if (event$level == "warn") on_warning()
    }
  }
}
