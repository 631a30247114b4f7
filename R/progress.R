## One line at the bottom of a terminal that is drawn again and again, and taken away at the end: the state of worker(), or the progress of a
## transfer. It is ours and not that of the cli package, whose thread wakes up five times a second from when it is loaded: an idle worker sleeps.

line_state <- new.env(parent = emptyenv())
line_state$shown <- ""

## Whether standard error is a terminal on which a line can be drawn again.
can_redraw <- function() {
  if (sink.number(type = "message") != 2L || nzchar(Sys.getenv("NO_COLOR")) || identical(Sys.getenv("TERM"), "dumb")) return(FALSE)
  isatty(stderr()) || is_rstudio()
}

## Its console is no terminal, but obeys carriage returns.
is_rstudio <- function() interactive() && identical(.Platform$GUI, "RStudio")

line_width <- function() {
  columns <- .Call(ffi_terminal_width)
  if (columns > 0L) columns else getOption("width")
}

## `text`: a string, or a function of the number of columns that returns one.
draw_line <- function(text) {
  width <- line_width() - 1L # in the last column, some terminals begin a new line
  text <- shorten(if (is.function(text)) text(width) else text, width)
  if (identical(text, line_state$shown)) return(invisible())
  cat(blank_line(), text, sep = "", file = stderr())
  line_state$shown <- text
}

## To be called before anything else is written to the terminal.
clear_line <- function() {
  if (!nzchar(line_state$shown)) return(invisible())
  cat(blank_line(), file = stderr())
  line_state$shown <- ""
}

blank_line <- function() if (is_rstudio()) paste0("\r", strrep(" ", nchar(line_state$shown)), "\r") else "\r\033[K"

## ---- progress of transfers ----

## How to show it: "line", "messages" (in a log), or "none". `progress`: TRUE, FALSE, or NULL for the option. Without either, a line, where one can be
## drawn and `is_wanted` is TRUE.
progress_mode <- function(progress = NULL, is_wanted = interactive()) {
  progress <- if (is.null(progress)) p2p_option("progress", "auto") else check_flag(progress, "progress")
  if (isFALSE(progress) || (identical(progress, "auto") && !is_wanted)) return("none")
  if (can_redraw()) "line" else if (isTRUE(progress)) "messages" else "none"
}

message_seconds <- 10

## A display: show() it as often as you like, and clear_line() at the end. `mode`: a promise, which is asked only if there is something to show.
progress_display <- function(mode) {
  next_at <- -Inf
  list(
    is_shown = function() mode != "none",
    show = function(what, done, size, rate) {
      if (mode == "none" || now() < next_at) return(invisible())
      next_at <<- now() + if (mode == "line") 0.2 else message_seconds
      if (mode == "line") draw_line(function(width) progress_bar(what, done, size, rate, width))
      else progress_message(progress_bar(what, done, size, rate))
    }
  )
}

## "Sending globals of f [=======>      ] 36 MB of 80 MB, 11 MB/s". `width`: 0 for a log, without the bar.
progress_bar <- function(what, done, size, rate, width = 0L) {
  done <- min(done, size)
  numbers <- sprintf("%s of %s, %s/s", show_size(done), show_size(size), show_size(round(rate)))
  room <- min(30L, width - nchar(what) - nchar(numbers) - 4L)
  if (room < 5L) return(paste0(what, ": ", numbers))
  filled <- floor(room * done / size)
  bar <- paste0(strrep("=", max(0L, filled - 1L)), if (filled > 0L) ">", strrep(" ", room - filled))
  sprintf("%s [%s] %s", what, bar, numbers)
}

## A message of class "p2p_progress", so that suppressMessages(classes = ) can select it.
progress_message <- function(text) {
  message(structure(class = c("p2p_progress", "message", "condition"), list(message = paste0(text, "\n"), call = NULL)))
}

## ---- futures ----

## The display of a wait that begins now, for globals and results on their way.
transfer_display <- function() {
  display <- progress_display(progress_mode())
  c(display, began = now())
}

## Shows the transfers of `futures` that take longer than a second, while this session waits for longer than that.
show_transfers <- function(display, futures) {
  if (now() < display$began + progress_after() || !display$is_shown()) return(invisible())
  transfers <- Filter(Negate(is.null), lapply(futures, transfer_of))
  if (length(transfers) == 0L) return(clear_line())
  sum_of <- function(name) sum(vapply(transfers, `[[`, 0, name))
  what <- if (length(transfers) == 1L) paste(transfers[[1L]]$what, transfers[[1L]]$label) else sprintf("Transferring %d futures", length(transfers))
  display$show(what, sum_of("done"), sum_of("size"), sum_of("rate"))
}

## The display of value() and resolve() of several futures, which ask resolved() again and again.
polled <- list2env(list(display = NULL, at = -Inf), parent = emptyenv())

## Called by resolved(), of which `caller` is the function. In a loop of the user's own, what they write may be on the line: then nothing is shown.
show_poll <- function(future, is_over, caller) {
  dashboards$each(update_while_waiting, TRUE)
  if (is_over) return(clear_line())
  if ((!nzchar(line_state$shown) && is.null(transfer_of(future))) || !waits_in_future(caller)) return(invisible())
  if (now() > polled$at + 5) polled$display <- c(progress_display(progress_mode()), began = -Inf)
  polled$at <- now()
  show_transfers(polled$display, registry(future[["backend"]], action = "list"))
}

## Whether this is a function of the future package that waits. resolved() of a list does not.
waits_in_future <- function(caller) {
  package <- asNamespace("future")
  identical(environment(caller), package) && !identical(caller, utils::getS3method("resolved", "list", envir = package))
}

## Seconds; only tests change it.
progress_after <- function() p2p_option("progress_after", 1)

## list(what, label, done, size, rate), or NULL if nothing of it is on its way for a while.
transfer_of <- function(future) {
  task <- future[["task"]]
  if (is.null(task) || !.Call(ffi_task_state, task) %in% c("running", "arriving")) return(NULL)
  bytes <- .Call(ffi_task_progress, task)
  times <- .Call(ffi_task_times, task)
  is_out <- bytes[["to_arrive"]] == 0
  done <- bytes[[if (is_out) "sent" else "arrived"]]
  size <- bytes[[if (is_out) "to_send" else "to_arrive"]]
  seconds <- times[[if (is_out) "started" else "arriving"]]
  if (done >= size || is.na(seconds) || seconds < progress_after()) return(NULL)
  list(what = if (is_out) "Sending globals of" else "Receiving value of", label = shorten(future_label(future), 30L), done = done, size = size,
       rate = done / max(seconds, 0.001))
}
