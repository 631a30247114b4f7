#' Resolve futures on a peer-to-peer cluster
#'
#' The future backend of this package. After `plan(future.p2p::cluster, cluster = "alice/friends")`, futures of this R session are
#' resolved by the workers of that cluster.
#'
#' `plan()` joins the cluster, which takes a few SSH round trips. Futures travel to workers over encrypted peer-to-peer links. The first
#' future that goes to a worker sets up its link, which then stays open.
#'
#' A future only goes to a worker that has the packages that it attaches: those in `future(..., packages = )`, and those that `future()`
#' finds in the expression. Workers are queried for the packages before anything else of the future is sent. If no worker has them all,
#' the value of the future is a FutureError that names the missing packages. The next future that uses them queries the workers again, so
#' it is enough to install them on a worker. A future that waits for a busy worker because of its packages does not block later futures
#' that need no packages.
#'
#' After `library(future.p2p)`, `cluster` is this function and masks [future::cluster]. With both packages attached, write
#' `future.p2p::cluster` or `future::cluster`.
#'
#' A future may request memory, cores and tags of its worker, as `future(..., resources = list(memory = "2 GiB"))`, see [resources]. On a worker, this
#' backend cannot be used: with `plan(list(future.p2p::cluster, future.p2p::cluster))`, a future inside a future is an error.
#'
#' @section Waiting for a worker:
#' A future waits until a worker has a free slot for it. If there is no worker, a message says so at once. If something else is the reason,
#' a message says so once, after 5 seconds: all slots are busy, and for whom, or no link to a worker could be opened yet. The same message comes
#' at most once a minute. There is no message while a future only waits for other futures of the same session. The messages have class `p2p_waiting`;
#' `suppressMessages(expr, classes = "p2p_waiting")` drops only these. `wait.timeout = 60` limits the wait to a minute. Then the error
#' gives the reason.
#'
#' `print(plan())` shows the slots of the cluster, why futures wait, and the workers, with these columns:
#'  * `slots`: in all,
#'  * `ours`: busy with futures of this session,
#'  * `others`: busy with futures of other sessions, up to 5 seconds ago, or up to a minute ago if there is no link yet,
#'  * `queue`: slots that other sessions wait for,
#'  * `link`: direct, or through a relay; empty if none is open,
#'  * `state`: `ready`, `busy for` whom, `resting` and why, `connecting`, `unreachable`, `leaving`, `lost`, `incompatible` or `weak sandbox`,
#'  * `sandbox`: what confines futures there, see [worker()].
#'
#' With many workers, it shows the most relevant ones. `as.data.frame(plan("backend"))` has all workers and more columns. [future::nbrOfWorkers()]
#' is the number of slots, but at least 1, so that a future can wait for the first worker. [future::nbrOfFreeWorkers()] is the number of slots
#' that are free. Of the workers of one user to which this session has had no link yet, at most 1024 slots count: they might be made up.
#'
#' @section Progress of transfers:
#' In an interactive session at a terminal, a line shows the progress of globals and values that take longer than a second on their way, with size and rate,
#' while `value()` or `future()` waits. It is drawn on standard error, is taken away at the end, and is no condition, so that nothing else sees it. Option
#' `future.p2p.progress` turns it off or on, see [future.p2p.options]. For progress of your own code, use the progressr package, whose conditions arrive
#' while futures run.
#'
#' @section Results:
#' The bytes that a worker sends are checked before R reads them, whatever `results` is: a malformed or oversized object is a FutureError. But a
#' well-formed result may hold functions, and environments whose variables are computed when they are read. They run with your rights in this
#' session as soon as you call or read them, or print an object with a method that does. So with `results = "any"`, trust everybody who lends a
#' computer to the cluster.
#'
#' With `results = "data"`, results and conditions are refused unless they consist of vectors and lists, with attributes that do, too: numbers,
#' strings, factors, dates, matrices, data frames, tibbles, data.tables. Functions, environments, calls, formulas, S4 objects and external pointers are
#' refused, as part of other objects, too: a fitted `lm` holds a formula, `coef(summary(fit))` does not. Output, messages, warnings and errors arrive
#' without their calls, so [future::backtrace()] has nothing to show. Nothing that the worker has sent is run or evaluated then, and no package is loaded
#' because of it. What is *not* covered: values may be wrong, and an object may have any class, so that a method of a package that is loaded in this
#' session handles it. If you evaluate strings from results, or use them as file names or URLs, check them.
#'
#' @section Promises and Shiny:
#' With the packages promises and later (>= 1.4.0), a future can be used where a promise is expected, as in `promises::then(f, print)` or in outputs
#' of a Shiny app. The session sleeps until something happens: nothing is polled, however many promises there are. Output, messages and warnings
#' appear before the promise is kept, as with `value()`. If the plan changes, promises that are pending are rejected with a FutureInterruptError.
#'
#' `future()` itself waits while all slots are busy. In an app whose users must not wait for each other there, use [promises::future_promise()], which
#' queues futures, and asks again after up to 2 seconds if other sessions use all slots. The package promises polls futures 10 times a second if they
#' are created with `lazy = TRUE` and not started yet, or in a private event loop of the package later.
#'
#' @section Errors:
#' Errors while joining the cluster have class `p2p_error` and say what to do next. For example, the cluster may not be hosted, you may not
#' have access to it, the SSH host key may be unknown, the board may not accept any of your SSH keys, or it may be unreachable. Errors of a
#' future are a FutureError; if its worker was lost more often than `retries`, a FutureInterruptError, after which `reset()` allows it to run
#' again. So are values of more than 128 MiB if Ctrl-C interrupts `value()` while they arrive: smaller ones can be collected again. Ctrl-C while
#' `future()` sends a large global cancels that future.
#'
#' @param cluster (character) Name of the cluster, as `"owner/name"`. If `NULL`, option `future.p2p.cluster`, or else your personal cluster,
#'   which needs no host.
#' @param host (character) Message board, as `"name"`, `"name:port"` or `"user@name:port"`. If `NULL`, option `future.p2p.host`, or else
#'   `"pipe.pico.sh"`.
#' @param ssh_args (character) Arguments for SSH, in the syntax of OpenSSH: `-i FILE`, `-p PORT`, `-l USER`, `-F FILE`, `-J HOST`,
#'   `-o IdentitiesOnly=yes` and other `-o` options. Either a vector, or one string that is split at blanks outside of quotes. What R
#'   cannot do itself (a jump host, a key that only the SSH agent has) is done by the program `ssh`.
#' @param workers (numeric) Maximum number of futures of this session that run at the same time. If `NULL`, the number of slots of all
#'   workers of the cluster.
#' @param retries (numeric) How many times a future is run again after its worker was lost: its machine or the link to it failed, the worker
#'   was stopped, or somebody, or the operating system when memory ran out, killed the R process that evaluated it. Such a future may have
#'   run twice, which matters if it writes files or sends messages; a warning says so for each future. With `0`, a future whose worker was
#'   lost is never run again, and its value is a FutureInterruptError. A future that crashes its own R process, or exceeds a limit of the
#'   worker, is never run again automatically. One that had certainly not begun runs again without being counted and without a warning.
#' @param sandbox (character) The least sandbox that a worker must have: `"seatbelt"`, `"landlock"` or `"namespaces"`, each of which is more
#'   than the one before. Futures do not go to workers with less, and wait until there is one with as much, see [worker()]. `NULL` or
#'   `"none"` means any worker.
#'   It is what the worker says of itself.
#' @param maxSizeOfObjects (numeric) Maximum size in bytes of the globals of a future and, as a second number, of its result. One number
#'   applies to both. Larger objects are a FutureError. The default is option `future.globals.maxSize` for globals, and 4 GiB for results.
#' @param results (character) What results may hold: `"any"` R objects, or plain `"data"`; see section Results. If `NULL`, option
#'   `future.p2p.results`, or else `"any"`.
#' @param resources (list) What each future requests of its worker unless it requests something else itself, as `list(memory = "2 GiB", cores = 4)`,
#'   see [resources]. `NULL` means nothing.
#' @param wait.timeout (numeric) Seconds that a future waits for a worker before it fails with a FutureError. If `NULL`, option
#'   `future.wait.timeout` at the time when it starts to wait, or else one day.
#' @param ... Further arguments of future backends, such as `earlySignal`, `gc` and `interrupts`.
#'
#' @return This function is passed to [future::plan()] and never called.
#'
#' @examples
#' library(future)
#' demo <- demo_cluster() # on this machine; else: plan(..., cluster = "alice/friends")
#'
#' plan(future.p2p::cluster)
#' f <- future(Sys.getpid())
#' value(f)
#'
#' ## Four futures, two at a time
#' unlist(value(lapply(1:4, function(i) future(i^2))))
#'
#' plan(sequential)
#' close(demo)
#' @seealso [worker()], [host_cluster()], [future.p2p.options]
#' @export
cluster <- structure(
  function(cluster = NULL, host = NULL, ssh_args = NULL, workers = NULL, retries = 1, sandbox = NULL,
           maxSizeOfObjects = NULL, results = NULL, resources = NULL, wait.timeout = NULL, ...) {
    named <- if (is.character(cluster) && length(cluster) == 1L) cluster else "alice/friends"
    usage_stop("future.p2p::cluster is used by plan(). Write: ", describe_plan(named, NULL), ".")
  },
  class = c("p2p_cluster", "FutureStrategy", "multiprocess", "future", "function"), # plan() would put "FutureStrategy" first, see print()
  init = TRUE
)

#' @importFrom future FutureBackend FutureError FutureInterruptError
P2PFutureBackend <- function(cluster = NULL, host = NULL, ssh_args = NULL, workers = NULL, retries = 1, sandbox = NULL,
                             maxSizeOfObjects = NULL, results = NULL, resources = NULL,
                             interrupts = TRUE, gc = FALSE, earlySignal = FALSE,
                             wait.timeout = NULL, ...) {
  has_joined <- FALSE
  on.exit(if (!has_joined) mark_failed_plan())
  if (is.function(workers)) workers <- workers()
  check_not_hosts(workers)
  check_names(names_in_call(sys.call(), parent.frame()), plan_arguments(), "plan(future.p2p::cluster)")
  workers <- if (is.null(workers)) Inf else check_number(workers, "workers", 1, Inf, whole = TRUE)
  for (name in c("interrupts", "gc", "earlySignal")) check_flag(get(name), name)
  if (!is.null(wait.timeout)) wait.timeout <- check_number(wait.timeout, "wait.timeout", 0, Inf)
  config <- board_config(cluster, host, ssh_args)
  config$object_cap_bytes <- check_sizes(maxSizeOfObjects)[2L]
  config$results <- if (is.null(results)) p2p_option("results", "any") else check_choice(results, "results", result_kinds)
  if (is.null(maxSizeOfObjects)) maxSizeOfObjects <- getOption("future.globals.maxSize", Inf)
  config$retries <- as.integer(check_number(retries, "retries", 0, 1000, whole = TRUE))
  config$workers <- if (workers <= .Machine$integer.max) as.integer(workers) else 0L
  config$sandbox <- check_wanted_sandbox(sandbox)
  resources <- check_resources(resources, function(...) usage_stop("The resources of plan(future.p2p::cluster) ", ...))
  reg <- clients$open(config)
  has_joined <- TRUE
  backend <- FutureBackend(
    reg = reg, config = config, cluster = config$cluster, host = config$host, ssh_args = config$ssh_args, workers = workers,
    retries = config$retries, sandbox = config$sandbox, resources = resources, maxSizeOfObjects = maxSizeOfObjects[1L],
    interrupts = interrupts, gc = gc, earlySignal = earlySignal, wait.timeout = wait.timeout, ...
  )
  backend[["futureClasses"]] <- c("P2PFuture", "MultiprocessFuture", backend[["futureClasses"]])
  structure(backend, class = c("P2PFutureBackend", "MultiprocessFutureBackend", class(backend)))
}

result_kinds <- c("any", "data")

## plan() puts a strategy into its stack before the backend is made, and does nothing if the same strategy is there already. With this
## attribute it is another one, so that the same plan() tries again after it failed.
mark_failed_plan <- function() {
  stack <- future::plan("list")
  if (!inherits(stack[[1L]], "p2p_cluster") || !is.null(attr(stack[[1L]], "backend"))) return(invisible())
  attr(stack[[1L]], "has_failed") <- TRUE
  future::plan(stack, substitute = FALSE, .cleanup = FALSE, .init = FALSE)
}

#' @export
print.p2p_cluster <- function(x, ...) {
  if (!interactive() && called_from_rscript() && called_name() %in% c("cluster", "pico_p2p")) {
    usage_stop("'", called_name(), "' is not a program. Write in R: plan(future.p2p::cluster, cluster = \"alice/friends\").")
  }
  cat(shorten(utils::capture.output(NextMethod()), PRINT_WIDTH), sep = "\n") # `args` and `call` are long
  invisible(x)
}

## After library(future.p2p), `cluster` is ours: raises an error if plan() was called with the hosts of future::cluster.
check_not_hosts <- function(workers) {
  if (is.factor(workers)) workers <- as.character(workers)
  hosts <- is.character(workers) && !anyNA(workers) && any(is.na(suppressWarnings(as.numeric(workers))) & grepl("[^ ]", workers))
  if (!hosts && !is.list(workers)) return(invisible())
  shown <- if (hosts && length(workers) <= 3L) paste(deparse(unname(workers)), collapse = "") else "..."
  argument_stop("workers", " names hosts, which are for future::cluster. This is future.p2p::cluster, which masks it and takes the maximum ",
             "number of futures. Write plan(future::cluster, workers = ", shown, ").")
}

## The names of arguments of plan(), which passes some that only other backends use.
plan_arguments <- function() {
  arguments <- c(names(formals(P2PFutureBackend)), names(formals(FutureBackend)), names(formals(future::future)))
  setdiff(c(arguments, attr(FutureBackend, "tweakable")), "...")
}

## The maximum sizes of globals and of results, in bytes.
check_sizes <- function(sizes, max_result = 4 * 1024^3) {
  if (is.null(sizes)) return(c(Inf, max_result))
  if (!is.numeric(sizes) || !length(sizes) %in% 1:2 || anyNA(sizes) || any(sizes < 0)) {
    argument_stop("maxSizeOfObjects", " must be one or two numbers of bytes, for globals and results.")
  }
  pmin(rep_len(sizes, 2L), c(Inf, max_result))
}

#' @importFrom future launchFuture
#' @export
launchFuture.P2PFutureBackend <- function(backend, future, ...) {
  tryCatch(launch(backend, future), FutureError = function(ex) {
    future[["backend"]] <- backend
    future[["state"]] <- "failed"
    future[["result"]] <- ex # value() raises it; future::run() would wrap an error in another one, with the name of the future twice
    invisible(future)
  })
}

launch <- function(backend, future) {
  check_requests(future)
  client <- clients$of(backend)
  packages <- needed_packages(future)
  future[["backend"]] <- backend
  resources <- requested_resources(future)
  wait_for_slot(client, future, length(packages) > 0L || length(resources) > 0L, new_wait(backend))
  unregister_ended(backend)
  future[["state"]] <- "submitted"
  future[["wait"]] <- new_wait(backend)
  is_launched <- FALSE
  on.exit(if (!is_launched) undo_launch(backend, future))
  submit(client, future, packages, resources)
  is_launched <- TRUE
  future[["state"]] <- "running"
  invisible(future)
}

## After Ctrl-C, or an error: mostly, nobody has the future. What was sent of it is canceled, so that it does not keep its slot.
undo_launch <- function(backend, future) {
  task <- future[["task"]]
  future[["state"]] <- if (is.null(task)) "created" else "interrupted"
  if (is.null(task)) return(invisible())
  .Call(ffi_task_cancel, clients$of(backend)$handle, task)
  if (registry(backend, action = "contains", future = future)) registry(backend, action = "remove", future = future)
}

## `whole`: without parts, for workers that do not know them.
submit <- function(client, future, packages = needed_packages(future), resources = requested_resources(future), whole = FALSE) {
  backend <- future[["backend"]]
  data <- future_data(future)
  data[["results"]] <- backend[["config"]]$results # for evaluate_task()
  split <- if (whole) list(data = data, parts = list()) else split_parts(client, data)
  object <- .Call(ffi_serialize, split$data, Inf)
  name <- sprintf("%s (%s)", future_label(future), paste(future[["uuid"]], collapse = "-"))
  parts_bytes <- sum(part_sizes(split$parts))
  if (has_journal(future) || dashboards$any()) future[["bytes"]] <- .Call(ffi_blob_size, object) + parts_bytes
  future[["starts"]] <- 0L
  future[["task"]] <- .Call(ffi_task_submit, client$handle, object, name, packages, resources_config(resources), split$parts)
  bind_worker(future)
  if (!registry(backend, action = "contains", future = future)) registry(backend, action = "add", future = future)
  if (parts_bytes > 0) settle_parts(client, future, parts_bytes)
}

## The future package accepts any argument of future(). A request that would have no effect must not be ignored silently.
check_requests <- function(future) {
  requests <- Filter(function(name) !is.null(future[[name]]), c("memory", "time", "cores", "gpu"))
  if (length(requests) == 0L) return(invisible())
  known <- intersect(requests, resource_names)
  advice <- if (length(known) == 0L) "A limit of time is set where a worker is started, as in worker(time = 60)." else {
    sprintf("Write resources = list(%s).", toString(sprintf("%s = %s", known, vapply(known, function(name) paste(deparse(future[[name]]), collapse = " "), ""))))
  }
  stop(FutureError(sprintf("Future (%s) has %s, which is not an argument of futures. %s", future_label(future),
                           paste0("'", requests, " ='", collapse = " and "), advice), future = future))
}

## The packages that a worker must have to run the future, except those that come with R.
needed_packages <- function(future) {
  packages <- future[["packages"]]
  if (is.null(packages)) character() else sort(setdiff(as.character(packages), packages_of_r))
}

packages_of_r <- c("base", "compiler", "datasets", "graphics", "grDevices", "grid", "methods", "parallel", "splines", "stats", "stats4",
                   "tcltk", "tools", "utils")

## The registry contains the futures that are canceled when the plan changes. Results that nobody collects must not accumulate there.
unregister_ended <- function(backend) {
  for (future in registry(backend, action = "list")) if (has_ended(future)) registry(backend, action = "remove", future = future)
}

## Returns when one more future may be submitted: when fewer futures are submitted than there are slots. Without any worker, one future may
## wait. Futures that wait for a worker with their packages or resources do not block one that any worker can run.
wait_for_slot <- function(client, future, has_needs, wait, display = transfer_display()) {
  seen <- 0
  on.exit(clear_line())
  repeat {
    status <- client_status(client)
    if (!is.null(status$failed)) stop(FutureError(core_sentence(status$failed), future = future))
    before <- status$waiting + status$running - if (has_needs) 0L else status$waiting_with_needs
    if (before < capacity(client, status)) return()
    report_wait(client, status, future, wait)
    if (is_over(wait)) stop(FutureError(timeout_sentence(client, status, future, wait), future = future))
    show_transfers(display, registry(future[["backend"]], action = "list"))
    seen <- wait_for_change(client, seen, wait$until)
  }
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
  free <- min(free_slots(status), capacity(client, status) - status$running)
  max(0L, free - status$waiting)
}

#' @importFrom future interruptFuture
#' @export
interruptFuture.P2PFutureBackend <- function(backend, future, ...) {
  assert_queryable(future)
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
  if (interrupt && !clients$is_of_parent(backend[["reg"]])) lapply(registry(backend, action = "list"), cancel, interrupt = TRUE)
  registry(backend, action = "reset")
  clients$close(backend[["reg"]])
  TRUE
}
