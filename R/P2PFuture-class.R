## Futures of a peer-to-peer cluster. future[["task"]] is the task of the core.

#' @importFrom future resolved run
#' @export
resolved.P2PFuture <- function(x, ...) {
  caller <- sys.function(sys.parent())
  is_over <- NextMethod() || look_whether_resolved(x)
  show_poll(x, is_over, caller)
  is_over
}

look_whether_resolved <- function(x) {
  if (x[["state"]] == "created") {
    run(x)
    return(FALSE)
  }
  assert_queryable(x)
  relay_conditions(x)
  switch(.Call(ffi_task_state, x[["task"]]),
    done = TRUE,
    failed = {
      if (run_whole(x)) return(FALSE)
      tryCatch(result(x), FutureError = identity) # sets its state, so that reset() works
      TRUE
    },
    waiting = has_timed_out(x),
    FALSE
  )
}

## Raises the error of the future framework if another process, or a copy by readRDS(), asks for the state of a future that still runs.
assert_queryable <- function(future) {
  internals$assertOwner(future)
  task <- future[["task"]]
  if (is.null(task) || .Call(ffi_handle_is_open, task)) return(invisible())
  stop(FutureError(sprintf(paste("Invalid usage of futures: Future (%s) is a copy, as readRDS() and unserialize() make it, of a future whose value",
                                 "has not yet been collected. Only the original can be queried."), future_label(future)), future = future))
}

has_ended <- function(future) {
  task <- future[["task"]]
  is.null(task) || .Call(ffi_task_state, task) %in% c("done", "failed") # NULL after reset()
}

#' @importFrom future result
#' @export
result.P2PFuture <- function(future, ...) {
  if (!is.null(future[["result"]])) return(result_or_stop(future))
  assert_queryable(future)
  if (future[["state"]] == "created") future <- run(future)
  repeat {
    wait_for_task(future)
    if (!is.null(future[["result"]])) return(result_or_stop(future))
    relay_conditions(future)
    task <- future[["task"]]
    if (run_whole(future)) next
    if (.Call(ffi_task_state, task) == "failed") {
      error <- .Call(ffi_task_error, task)
      future[["result"]] <- future_failure(future, error$what, core_sentence(error))
    } else {
      take_result(future, task)
    }
    if (!is.null(future[["result"]])) break # else its link was lost while the result arrived
  }
  future[["last_worker"]] <- .Call(ffi_task_worker, task)
  write_journal(future, task)
  dashboards$each(note_collected, future)
  loss <- .Call(ffi_task_loss, task)
  dropped <- .Call(ffi_task_dropped, task)
  future[["task"]] <- NULL
  .Call(ffi_handle_close, task)
  backend <- future[["backend"]]
  if (registry(backend, action = "contains", future = future)) registry(backend, action = "remove", future = future)
  if (!is.null(loss)) warn_second_run(future, loss)
  if (dropped > 0) warn_dropped_conditions(future, dropped)
  result_or_stop(future)
}

## If the task has failed because its worker knows no parts, submits the future again, without them.
run_whole <- function(future) {
  task <- future[["task"]]
  if (.Call(ffi_task_state, task) != "failed" || .Call(ffi_task_error, task)$reason != "no_cache") return(FALSE)
  submit(clients$of(future[["backend"]]), future, whole = TRUE)
  TRUE
}

#' @importFrom future FutureWarning
warn_second_run <- function(future, loss) {
  warning(FutureWarning(sprintf("Future (%s) was run again by %s and may have been evaluated twice. %s",
                                future_label(future), worker_of(future), core_sentence(loss)), future = future))
}

warn_dropped_conditions <- function(future, dropped) {
  warning(FutureWarning(sprintf(paste("Future (%s) signaled immediate conditions (such as progress) faster than this session handled them:",
                                      "%.0f of them were dropped. They are handled while value() waits, and by each call of resolved()."),
                                future_label(future), dropped), future = future))
}

result_or_stop <- function(future) {
  result <- future[["result"]]
  if (!is_timed(result)) close_journal(future)
  if (inherits(result, "FutureError")) stop(result)
  result
}

## Waits until the task has ended, or a large result arrives, which is read meanwhile. Only the wait for a worker is limited
## (future.wait.timeout): an evaluation may take any time, and the core detects lost workers.
wait_for_task <- function(future) {
  seen <- 0
  display <- transfer_display()
  on.exit(clear_line())
  while (!has_ended(future) && .Call(ffi_task_state, future[["task"]]) != "arriving") {
    waits <- is_waiting(future)
    if (waits && has_timed_out(future)) return()
    show_transfers(display, list(future))
    seen <- wait_for_change(clients$of(future[["backend"]]), seen, if (waits) future[["wait"]]$until else Inf)
    relay_conditions(future)
  }
}

## Whether the future has waited for a worker for longer than future.wait.timeout. Then its result is a FutureError from now on. Reports why
## it waits.
has_timed_out <- function(future) {
  backend <- future[["backend"]]
  client <- clients$of(backend)
  starts <- .Call(ffi_task_starts, future[["task"]])
  if (starts > future[["starts"]]) { # its worker was lost, and it waits again
    future[["starts"]] <- starts
    future[["wait"]] <- new_wait(backend)
  }
  status <- client_status(client)
  report_wait(client, status, future, future[["wait"]])
  if (!is_over(future[["wait"]])) return(FALSE)
  why <- timeout_sentence(client, status, future, future[["wait"]])
  .Call(ffi_task_cancel, client$handle, future[["task"]])
  future[["state"]] <- "failed"
  future[["result"]] <- FutureError(why, future = future)
  future[["task"]] <- NULL
  registry(backend, action = "remove", future = future)
  TRUE
}

## Unserializes the result into the future. Does nothing if it is lost before it has arrived. Conditions that were relayed while it ran come
## first, marked as signaled.
take_result <- function(future, task) {
  result <- read_result(future, task)
  if (is.null(result)) return(invisible())
  if (identical(attr(result, "class"), "FutureResult")) {
    result[["conditions"]] <- c(future[[".signaledConditions"]], result[["conditions"]])
    future[[".signaledConditions"]] <- NULL
    future[["state"]] <- "finished"
  } else {
    if (!is_future_error(result)) {
      result <- FutureError(sprintf("The worker returned an object of class %2$s instead of the result of future (%1$s).",
                                    future_label(future), sQuote(safe_text(class(result)[1L]))), future = future)
    }
    future[["state"]] <- if (inherits(result, "FutureInterruptError")) "interrupted" else "failed"
  }
  future[["result"]] <- result
}

## Serialized results up to this size, in bytes, are kept until R has read them. Larger ones are freed as R reads them.
KEPT_RESULT <- 2^27

## The result, also if it still arrives. NULL if its link is lost before. An interrupt leaves it unread; if it is large, it is lost then.
read_result <- function(future, task) {
  config <- future[["backend"]][["config"]]
  result <- .Call(ffi_result_open, task, config$object_cap_bytes, identical(config$results, "data"), KEPT_RESULT)
  if (is.null(result)) return(NULL)
  if (isFALSE(result)) {
    cancel_rest(future, task)
    why <- sprintf("Reading its value was interrupted, and values of more than %s can be read only once.", format_bytes(KEPT_RESULT))
    return(future_failure(future, "lost", why))
  }
  on.exit(.Call(ffi_handle_close, result))
  display <- transfer_display()
  on.exit(clear_line(), add = TRUE)
  show <- if (display$is_shown()) function() show_transfers(display, list(future))
  tryCatch(.Call(ffi_result_read, result, show), p2p_error_lost = function(ex) NULL, error = function(ex) {
    if (.Call(ffi_result_waits, result)) stop(ex) # the time limit of R
    cancel_rest(future, task)
    FutureError(sprintf("The result of future (%s) is refused. %s", future_label(future), conditionMessage(ex)), future = future)
  })
}

## The rest of a result need not arrive.
cancel_rest <- function(future, task) {
  if (!has_ended(future)) .Call(ffi_task_cancel, clients$of(future[["backend"]])$handle, task)
}

## Whether a list is an error of the future framework, such as a FutureLaunchError. All its classes must be: a class of some other package
## would have its code handle what a worker has sent.
is_future_error <- function(x) {
  classes <- attr(x, "class")
  "FutureError" %in% classes && all(grepl("^([A-Za-z]*Future[A-Za-z]*|simpleError|error|interrupt|condition)$", classes))
}

## A condition that a worker has sent. It may need as much memory as a result may have.
read_condition <- function(future, object) {
  config <- future[["backend"]][["config"]]
  .Call(ffi_unserialize, object, config$object_cap_bytes, "condition", identical(config$results, "data"))
}

## Signals the conditions that the evaluator has sent while the future runs, such as progress.
relay_conditions <- function(future) {
  while (!is.null(task <- future[["task"]]) && !is.null(object <- .Call(ffi_task_condition, task))) {
    condition <- tryCatch(read_condition(future, object), error = function(ex) NULL)
    if (!inherits(condition, "condition") || inherits(condition, "error")) next
    clear_line()
    future[[".signaledConditions"]] <- c(future[[".signaledConditions"]], list(list(condition = condition, signaled = 1L)))
    if (inherits(condition, "warning")) {
      warning(condition)
    } else if (inherits(condition, "message")) {
      message(condition)
    } else {
      signalCondition(condition)
    }
  }
}

## The handler that sends immediate conditions from the evaluator. It is serialized with every future, so it is small and uses the package
## on the worker. import_future() registers this method, since the generic is not exported.
getFutureBackendConfigs.P2PFuture <- function(future, ...) {
  classes <- future[["conditions"]]
  immediate <- attr(classes, "immediateConditionClasses", exact = TRUE)
  if (is.null(classes) || identical(immediate, character(0L))) return(list())
  list(capture = list(immediateConditionHandlers = list(immediateCondition = relay_handler)))
}

relay_handler <- function(cond) asNamespace("future.p2p")$relay_from_evaluator(cond)
environment(relay_handler) <- baseenv()
attr(relay_handler, "srcref") <- NULL
