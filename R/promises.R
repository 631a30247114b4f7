## Promises of futures, for the packages promises and shiny. All promises that wait for one client share a watch: the event loop of the
## package later calls back when the client has changed, and when it is time to report why a future waits. Dashboards listen to it, too.

#' @exportS3Method promises::as.promise
as.promise.P2PFuture <- function(x) {
  if (!can_watch()) return(NextMethod()) # which polls
  if (is.null(x[["promise"]])) {
    if (is.null(x[["result"]])) assert_queryable(x) # an error: in a fork, the package later may wait forever for its own thread
    x[["promise"]] <- promises::promise(function(resolve, reject) {
      entry <- list2env(list(future = x, resolve = resolve, reject = reject, is_settled = FALSE), parent = emptyenv())
      settle(entry)
      if (!entry$is_settled) watch_for(entry)
    })
  }
  x[["promise"]]
}

## The callbacks of a private event loop are only run by those who run that loop.
can_watch <- function() {
  "later_fd" %in% getNamespaceExports("later") && identical(later::current_loop(), later::global_loop())
}

## Resolves or rejects the promise if its future has ended.
settle <- function(entry, is_open = TRUE) {
  future <- entry$future
  outcome <- tryCatch({
    if (future[["state"]] == "created") { # by reset()
      list(value = promises::as.promise(future))
    } else if (!is_pending(future, is_open)) {
      list(value = future::value(future))
    }
  }, error = identity)
  if (is.null(outcome)) return(invisible())
  entry$is_settled <- TRUE
  if (inherits(outcome, "error")) entry$reject(outcome) else entry$resolve(outcome$value)
}

## As !resolved(), but fast.
is_pending <- function(future, is_open) {
  if (has_ended(future)) return(FALSE)
  relay_conditions(future)
  if (!is_open) stop(FutureInterruptError(sprintf("Future (%s) was interrupted. Its plan has ended.", future_label(future)), future = future))
  !(is_waiting(future) && has_timed_out(future))
}

watch_for <- function(entry) {
  watch <- watch_of(clients$of(entry$future[["backend"]]))
  watch$entries <- c(watch$entries, entry)
  continue_watch(watch)
}

watch_of <- function(client) {
  if (is.null(client$watch)) client$watch <- new_watch(client)
  client$watch
}

## Calls `listener`, a function without arguments, after each change of the client, until it is closed or `stop_listening()`.
start_listening <- function(client, listener) {
  watch <- watch_of(client)
  watch$listeners <- c(watch$listeners, listener)
  continue_watch(watch)
}

## The watch itself ends with the next change.
stop_listening <- function(client, listener) {
  if (!is.null(client$watch)) client$watch$listeners <- Filter(function(other) !identical(other, listener), client$watch$listeners)
}

new_watch <- function(client) {
  watch <- list2env(list(client = client, handle = .Call(ffi_watch_new, client$handle), entries = list(), listeners = list(), cancel = NULL,
                         cancel_timer = NULL), parent = emptyenv())
  ## When R ends, the client closes, and the thread of later that waits for it must not use the event loop, which may be gone. This is the only
  ## use of `cancel`: the thread frees the callback then, which is not safe beside R.
  reg.finalizer(watch, function(watch) if (!is.null(watch$cancel)) watch$cancel(), onexit = TRUE)
  watch
}

## Settles what has ended. `has_changed`: the client has changed, its log, or it was closed.
look_at <- function(watch, has_changed) {
  client <- watch$client
  if (client$pid != Sys.getpid()) return(invisible()) # a fork
  if (has_changed) watch$cancel <- NULL else watch$cancel_timer <- NULL
  is_whole <- FALSE
  on.exit(continue_watch(watch, has_changed, is_whole))
  is_open <- .Call(ffi_handle_is_open, client$handle)
  if (is_open) .Call(ffi_watch_poll, client$handle)
  if (.Call(ffi_handle_is_open, client$log)) show_client_log(client) # it is closed when the package is unloaded
  for (entry in watch$entries) settle(entry, is_open)
  is_whole <- TRUE
  if (has_changed) for (listener in watch$listeners) listener()
  if (!is_open) watch$listeners <- list()
}

## Waits for the next change, or ends the watch if there is nothing to wait for. `is_whole`: all entries were looked at.
continue_watch <- function(watch, has_changed = TRUE, is_whole = TRUE) {
  watch$entries <- Filter(function(entry) !entry$is_settled, watch$entries)
  set_timer(watch, if (is_whole) next_report(watch, has_changed) else now())
  if (!is.null(watch$cancel)) return(invisible()) # the event loop uses the descriptors
  if (length(watch$entries) > 0L || length(watch$listeners) > 0L) {
    watch$cancel <- later::later_fd(function(ready) look_at(watch, TRUE), .Call(ffi_watch_fds, watch$handle), loop = later::global_loop())
  } else {
    watch$client$watch <- NULL
    .Call(ffi_handle_close, watch$handle)
  }
}

## When a future has waited for too long, or, if something has changed since this was last reported, long enough for a message.
next_report <- function(watch, has_changed) {
  times <- lapply(watch$entries, function(entry) {
    if (is_waiting(entry$future)) c(entry$future[["wait"]]$until, if (has_changed) entry$future[["wait"]]$report_at)
  })
  min(Inf, unlist(times))
}

set_timer <- function(watch, at) {
  if (!is.null(watch$cancel_timer)) watch$cancel_timer()
  watch$cancel_timer <- if (at < Inf) later::later(function() look_at(watch, FALSE), max(0, at - now()), later::global_loop())
}
