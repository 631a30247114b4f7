#' Resolve futures on a peer-to-peer cluster
#'
#' The future backend of this package: `plan(future.p2p::cluster, cluster = "alice/friends")`, and everything
#' in the futureverse runs on the workers of that cluster.
#'
#' `plan()` joins the cluster, which takes as long as a few SSH round trips. Futures go to workers over encrypted
#' peer-to-peer links that stay open: the first future to a worker sets its link up. With no worker
#' in sight, futures wait until one comes, and say so once; `wait.timeout = 60` ends the wait
#' after a minute with a FutureError.
#'
#' A future goes to a worker that has the packages that it attaches (`future(..., packages = )`, and those in which `future()` finds
#' what the expression uses); workers are asked for them before anything of the future is sent. If no worker has them, its value
#' is a FutureError that says who lacks what. The next future that needs them asks again, and so goes to a worker on which they were
#' installed meanwhile. Futures that wait for a busy worker, being the one that has their packages, do not keep `future()` from giving one that
#' needs none to an idle worker; but one that needs packages itself waits behind them, once there are as many as the cluster has slots.
#'
#' Errors in reaching the cluster (class `p2p_error`) say what to do: a cluster that is not
#' hosted or that you have no access to, an unknown SSH host key, no usable SSH key, a board that cannot
#' be reached.
#'
#' @param cluster (character) The cluster, as `"owner/name"`. `NULL`: option `future.p2p.cluster`, else your personal
#'   cluster, which needs no host.
#' @param host (character) The message board, as `"name"`, `"name:port"` or `"user@name:port"`. `NULL`: option
#'   `future.p2p.host`, else `"pipe.pico.sh"`.
#' @param ssh_args (character) Arguments for SSH, as OpenSSH has them: `-i FILE`, `-p PORT`, `-l USER`, `-F FILE`, `-J HOST`,
#'   `-o IdentitiesOnly=yes` and other `-o`; a vector, or one string with blanks between (quotes keep blanks together). What is not done
#'   within R (a jump host, a key that the SSH agent alone has) is done by OpenSSH's program `ssh`.
#' @param workers (numeric) How many futures of this session run at once, at most. `NULL`: as many as the workers
#'   of the cluster have slots.
#' @param retries (numeric) How often a future whose worker was lost (the machine, or the link to it) runs again, on
#'   another worker if there is one. Nobody knows how far the lost worker came, so such a future may be evaluated twice; a warning
#'   says so. `0`, the default: never, it ends with a FutureInterruptError. A future that crashes its R process
#'   (while its worker lives) is never run again by itself.
#' @param maxSizeOfObjects (numeric) The largest globals of a future, in bytes, and as a second number its largest
#'   result; one number is for both. What is larger is a FutureError. Default: option `future.globals.maxSize` for
#'   globals, and 4 GiB for results.
#' @param wait.timeout (numeric) How long a future waits for a worker, in seconds, before that is a FutureError. Default: option
#'   `future.wait.timeout`, else a day.
#' @param ... Further arguments of future backends, such as `earlySignal`, `gc` and `interrupts`.
#'
#' @return Nothing: this is never called, but given to [future::plan()].
#'
#' @examples
#' \dontrun{
#' library(future)
#' plan(future.p2p::cluster, cluster = "alice/friends")
#' f <- future(Sys.info()[["nodename"]])
#' value(f)
#' plan(sequential)
#' }
#' @seealso [worker()], [host_cluster()], [future.p2p.options]
#' @export
cluster <- structure(
  function(cluster = NULL, host = NULL, ssh_args = NULL, workers = NULL, retries = 0,
           maxSizeOfObjects = NULL, wait.timeout = getOption("future.wait.timeout", 24 * 60 * 60), ...) {
    stop("INTERNAL ERROR: the strategy function of a future backend was called.")
  },
  class = c("p2p_cluster", "multiprocess", "future", "function"),
  init = TRUE
)

#' @importFrom future FutureBackend FutureError FutureInterruptError
P2PFutureBackend <- function(cluster = NULL, host = NULL, ssh_args = NULL, workers = NULL, retries = 0,
                             maxSizeOfObjects = NULL, interrupts = TRUE,
                             gc = FALSE, earlySignal = FALSE,
                             wait.timeout = getOption("future.wait.timeout", 24 * 60 * 60), ...) {
  if (is.function(workers)) workers <- workers()
  if (is.null(workers)) workers <- Inf
  if (!is.numeric(workers) || length(workers) != 1L || is.na(workers) || workers < 1) {
    usage_stop("Argument 'workers' must be a number, 1 or more.")
  }
  config <- board_config(cluster, host, ssh_args)
  config$object_cap_bytes <- check_sizes(maxSizeOfObjects)[2L]
  if (is.null(maxSizeOfObjects)) maxSizeOfObjects <- getOption("future.globals.maxSize", Inf)
  config$retries <- as.integer(check_number(retries, "retries", 0, 1000))
  config$workers <- if (is.finite(workers)) as.integer(workers) else 0L
  reg <- clients$open(config)
  backend <- FutureBackend(
    reg = reg, config = config, cluster = config$cluster, host = config$host, ssh_args = config$ssh_args, workers = workers,
    retries = config$retries, maxSizeOfObjects = maxSizeOfObjects[1L],
    interrupts = interrupts, gc = gc, earlySignal = earlySignal, wait.timeout = wait.timeout, ...
  )
  backend[["futureClasses"]] <- c("P2PFuture", "MultiprocessFuture", backend[["futureClasses"]])
  structure(backend, class = c("P2PFutureBackend", "MultiprocessFutureBackend", class(backend)))
}

## Of globals and of values, in bytes; more than a result may ever have is as much as it may have.
check_sizes <- function(sizes, most = 4 * 1024^3) {
  if (is.null(sizes)) return(c(Inf, most))
  if (!is.numeric(sizes) || !length(sizes) %in% 1:2 || anyNA(sizes) || any(sizes < 0)) {
    usage_stop("Argument 'maxSizeOfObjects' must be one or two numbers of bytes, for globals and values.")
  }
  pmin(rep_len(sizes, 2L), c(Inf, most))
}

#' @importFrom future launchFuture
#' @export
launchFuture.P2PFutureBackend <- function(backend, future, ...) {
  client <- clients$of(backend)
  wait_for_slot(client, future, until = wait_until(backend))
  forget_ended(backend)
  future[["backend"]] <- backend
  future[["state"]] <- "submitted"
  object <- .Call(ffi_serialize, future_data(future), Inf)
  name <- sprintf("%s (%s)", future_label(future), paste(future[["uuid"]], collapse = "-"))
  future[["wait_until"]] <- wait_until(backend)
  future[["task"]] <- .Call(ffi_task_submit, client$handle, object, name, needed_packages(future))
  future[["state"]] <- "running"
  registry(backend, action = "add", future = future)
  invisible(future)
}

## What a worker must have installed to run the future. What comes with R is everywhere: nobody is asked for it.
needed_packages <- function(future) {
  packages <- future[["packages"]]
  if (is.null(packages)) character() else setdiff(sort(as.character(packages)), packages_of_r)
}

packages_of_r <- c("base", "compiler", "datasets", "graphics", "grDevices", "grid", "methods", "parallel", "splines", "stats", "stats4",
                   "tcltk", "tools", "utils")

## The registry has what is to be cancelled when the plan changes: who asks for no value must not fill it with results.
forget_ended <- function(backend) {
  for (future in registry(backend, action = "list")) if (has_ended(future)) registry(backend, action = "remove", future = future)
}

wait_until <- function(backend) proc.time()[["elapsed"]] + backend[["wait.timeout"]]

## Returns when one more future may be given to the cluster: fewer are under way than there are slots. Without any
## worker one future is taken, and waits. Those that wait for a worker with their packages do not hold up one that any worker can run.
wait_for_slot <- function(client, future, until) {
  seen <- 0
  is_needy <- length(needed_packages(future)) > 0L
  repeat {
    status <- client_status(client)
    if (!is.null(status$failed)) stop(FutureError(core_sentence(status$failed), future = future))
    before <- status$waiting + status$running - if (is_needy) 0L else status$needy
    if (before < capacity(client, status)) return()
    if (status$slots == 0L) tell_no_worker(client, status)
    if (proc.time()[["elapsed"]] >= until) stop(FutureError(timeout_sentence(status, future), future = future))
    seen <- wait_for_change(client, seen, until)
  }
}

timeout_sentence <- function(status, future) {
  needed <- needed_packages(future)
  what <- if (status$slots > 0L && length(needed) > 0L) {
    sprintf("no slot of cluster '%s' became free on a worker that has what it needs (%s)", status$cluster, toString(sQuote(needed, FALSE)))
  } else if (status$slots > 0L) {
    sprintf("all %d slots of cluster '%s' are still busy", status$slots, status$cluster)
  } else if (status$incompatible > 0L) {
    sprintf("no worker on cluster '%s' can run it: %s", status$cluster, status$incompatible_why)
  } else {
    sprintf("there is no worker on cluster '%s'", status$cluster)
  }
  sprintf("Future (%s) was given up after 'future.wait.timeout': %s. %s", future_label(future), what,
          start_worker_hint(status$cluster))
}

start_worker_hint <- function(cluster) {
  sprintf("Start one with: Rscript -e future.p2p::worker --cluster=%s", cluster)
}

tell_no_worker <- function(client, status) {
  if (isTRUE(client$told_no_worker)) return()
  client$told_no_worker <- TRUE
  why <- if (status$incompatible > 0L) paste0(" that can run this session's futures: ", status$incompatible_why)
  message(sprintf("No worker on cluster '%s' yet%s; futures wait until one comes. %s", status$cluster,
                  if (is.null(why)) "" else why, start_worker_hint(status$cluster)))
}

#' @importFrom future nbrOfWorkers
#' @export
nbrOfWorkers.P2PFutureBackend <- function(evaluator) {
  client <- clients$of(evaluator)
  capacity(client, client_status(client))
}

#' @importFrom future nbrOfFreeWorkers
#' @export
nbrOfFreeWorkers.P2PFutureBackend <- function(evaluator, background = FALSE, ...) {
  client <- clients$of(evaluator)
  status <- client_status(client)
  max(0L, capacity(client, status) - status$waiting - status$running)
}

#' @importFrom future interruptFuture
#' @export
interruptFuture.P2PFutureBackend <- function(backend, future, ...) {
  if (!isTRUE(backend[["interrupts"]])) return(future)
  client <- clients$of(backend)
  .Call(ffi_task_cancel, client$handle, future[["task"]])
  if (registry(backend, action = "contains", future = future)) registry(backend, action = "remove", future = future)
  future[["state"]] <- "interrupted"
  future
}

#' @importFrom future stopWorkers cancel
#' @export
stopWorkers.P2PFutureBackend <- function(backend, interrupt = TRUE, ...) {
  if (interrupt) lapply(registry(backend, action = "list"), cancel, interrupt = TRUE)
  registry(backend, action = "reset")
  clients$close(backend[["reg"]])
  TRUE
}

## Without the columns that no worker tells, and what matters most in the first 80 columns.
format_workers <- function(workers) {
  untold <- is.na(workers$memory)
  workers$memory <- ifelse(untold, NA, sprintf("%.1f GiB", workers$memory / 1024^3))
  workers <- workers[union(c("worker", "r", "slots", "busy", "state", "link"), names(workers))]
  workers[!vapply(workers, function(column) all(is.na(column)), NA)]
}

#' @export
print.P2PFutureBackend <- function(x, ...) {
  if (!clients$has(x[["reg"]])) {
    cat("P2PFutureBackend: has left its cluster\n")
    return(invisible(x))
  }
  size_of_globals <- x[["maxSizeOfObjects"]] # future keeps one size, and prints two
  x[["maxSizeOfObjects"]] <- c(size_of_globals, x[["config"]]$object_cap_bytes)
  tryCatch(NextMethod(), finally = x[["maxSizeOfObjects"]] <- size_of_globals)
  client <- clients$of(x)
  status <- client_status(client)
  cat(sprintf("Cluster: %s (joined as %s)\n", status$cluster, status$user))
  workers <- client_workers(client)
  cat(sprintf("Workers: %d with %d slots%s\n", status$workers, status$slots,
              if (status$incompatible > 0L) sprintf(", %d more that cannot run this session's futures", status$incompatible) else ""))
  if (nrow(workers) > 0L) print(format_workers(workers), row.names = FALSE)
  invisible(x)
}
