#' Lend this machine to a cluster
#'
#' Joins the cluster and resolves the futures of its members, `workers` at a time, each in a child process
#' of its own. Runs until it is interrupted (Ctrl-C) or `duration` has passed; then the
#' running futures are ended with an error at the clients that wait for them (at the end of `duration`, they are
#' finished first).
#'
#' Whoever has access to the cluster can run any R code as you on this machine: see the section on trust in
#' [future.p2p-package].
#'
#' @inheritParams cluster
#' @param duration (numeric) Seconds after which the worker leaves. `Inf`: never.
#' @param workers (integer) How many futures are resolved at once; from 1 to 1024.
#'
#' @section Command line:
#' ```sh
#' Rscript -e future.p2p::worker --cluster=alice/friends --workers=2
#' Rscript -e future.p2p::worker --help
#' ```
#' The flags are the arguments' names. The exit status is 0 after `duration` or Ctrl-C, 1 when it failed (with a sentence on standard
#' error), and 2 for wrong flags.
#'
#' @return `NULL`, invisibly, after `duration`.
#'
#' @examples
#' \dontrun{
#' future.p2p::worker("alice/friends")
#' future.p2p::worker() # on your personal cluster
#' }
#' @export
worker <- function(cluster = NULL, host = NULL, ssh_args = NULL, duration = Inf, workers = 1L) {
  workers <- check_number(workers, "workers", 1, 1024)
  duration <- check_number(duration, "duration", 0, Inf)
  config <- board_config(cluster, host, ssh_args)
  config$workers <- as.integer(workers)
  config$evaluator_argv <- evaluator_argv()
  config$evaluator_env <- evaluator_env()
  run_worker(config, duration)
}

run_worker <- function(config, duration) {
  folder <- evaluators_folder()
  dir.create(folder, showWarnings = FALSE)
  events <- events_new()
  handle <- .Call(ffi_worker_new, config, events)
  on.exit({
    .Call(ffi_worker_close, handle)
    while (!is.null(event <- events_next(events))) show_event(event)
    unlink(folder, recursive = TRUE)
  })
  run_events(events, until = proc.time()[["elapsed"]] + duration, on_warning = sweep_evaluators_folder)
  .Call(ffi_worker_drain, handle)
  run_events(events, done = function() .Call(ffi_worker_is_idle, handle))
  invisible()
}

check_number <- function(value, name, from, to) {
  if (is.character(value) && length(value) == 1L) value <- suppressWarnings(as.numeric(value))
  if (!is.numeric(value) || length(value) != 1L || is.na(value) || value < from || value > to) {
    usage_stop("Argument '", name, "' must be a number from ", from, " to ", to, ".")
  }
  value
}

evaluator_argv <- function() {
  c(file.path(R.home("bin"), "R"), "--no-echo", "--no-save", "--no-restore", "--no-site-file", "--no-init-file", "-e",
    "future.p2p:::evaluator()")
}

## Temporary files of evaluators are below our own, and so go when we do: one that is killed cannot tidy up.
evaluators_folder <- function() file.path(tempdir(), "evaluators")

## After the death of an evaluator: removes what those that are gone left. Each marks its folder with its pid.
sweep_evaluators_folder <- function() {
  for (mark in Sys.glob(file.path(evaluators_folder(), "*", evaluator_mark))) {
    pid <- suppressWarnings(as.integer(readLines(mark, n = 1L)))
    if (length(pid) == 1L && !is.na(pid) && !tools::pskill(pid, 0L)) unlink(dirname(mark), recursive = TRUE)
  }
}

evaluator_mark <- ".future.p2p-evaluator"

## The environment of evaluators: ours, without what leads to SSH keys, with our library paths, and with
## one core for what would count them.
evaluator_env <- function() {
  env <- Sys.getenv()
  env <- env[!grepl("^(SSH_|R_FUTURE_P2P_|R_FUTURE_PLAN$|R_LIBS|R_TESTS$)", names(env))]
  env[["R_LIBS"]] <- paste(.libPaths(), collapse = .Platform$path.sep)
  env[["TMPDIR"]] <- evaluators_folder()
  env[["R_PARALLELLY_AVAILABLECORES_FALLBACK"]] <- "1"
  paste0(names(env), "=", env)
}
worker <- cli_function(worker, "worker", "Lends this machine to a cluster, until Ctrl-C, or for --duration seconds.")
