#' Lend this machine to a cluster
#'
#' Joins the cluster and resolves the futures of its members, `workers` at a time, each in a child process
#' of its own. Runs until it is interrupted (Ctrl-C, SIGTERM) or `duration` has passed. At the end of `duration`, the
#' running futures are finished first. Who interrupts it takes the running futures from their clients as a worker that is
#' lost does: they run again elsewhere with `plan(..., retries = 1)`, and are errors of class FutureInterruptError without.
#'
#' Whoever has access to the cluster can run any R code as you on this machine: see the section on trust in
#' [future.p2p-package].
#'
#' @inheritParams cluster
#' @param duration (numeric) Seconds after which the worker leaves. `Inf`: never.
#' @param workers (integer) How many futures are resolved at once; from 1 to 1024.
#' @param memory How much memory one future may take, in bytes or as `"2 GiB"` (also KiB, MiB, TiB; kB, MB, GB, TB). This much
#'   writable memory of its own gets an evaluator (and each process that it starts) beyond what R with the future package has when
#'   it starts: heap, anonymous maps and the stacks of threads (`RLIMIT_DATA` on Linux); not files that are mapped. Other systems have
#'   `RLIMIT_AS`, as far as they heed it. What is over the limit fails as R's own error, which then names the limit. `Inf`: no limit.
#' @param time (numeric) How many seconds the evaluation of one future may take. It is interrupted then, and killed 5 seconds later;
#'   its user gets a FutureInterruptError. `Inf`: no limit.
#' @param nice (integer) From 0 to 19: by how much the evaluators give way to other programs of this machine.
#' @param idle (numeric) The worker leaves when no future ran for so many seconds. `Inf`: it stays.
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
worker <- function(cluster = NULL, host = NULL, ssh_args = NULL, duration = Inf, workers = 1L, memory = Inf, time = Inf,
                   nice = 0L, idle = Inf) {
  workers <- check_number(workers, "workers", 1, 1024)
  duration <- check_number(duration, "duration", 0, Inf)
  memory <- check_memory(memory)
  time <- check_number(time, "time", 0.001, Inf)
  nice <- check_number(nice, "nice", 0, 19)
  idle <- check_number(idle, "idle", 1, Inf)
  config <- board_config(cluster, host, ssh_args)
  config$workers <- as.integer(workers)
  config <- c(config, machine_config(), packages = paste(.libPaths(), collapse = "\n"), account = Sys.info()[["user"]])
  config$memory <- if (is.finite(memory)) memory
  config$time <- if (is.finite(time)) time
  config$evaluator_argv <- evaluator_argv(memory, nice)
  config$evaluator_env <- evaluator_env()
  with_terminate(run_worker(config, duration, idle))
  invisible()
}

run_worker <- function(config, duration, idle) {
  folder <- evaluators_folder()
  dir.create(folder, showWarnings = FALSE)
  log <- log_new()
  handle <- .Call(ffi_worker_new, config, log)
  on.exit({
    .Call(ffi_handle_close, handle)
    while (!is.null(line <- log_next(log))) show_log_line(line)
    unlink(folder, recursive = TRUE)
  })
  end <- proc.time()[["elapsed"]] + duration
  repeat {
    idle_until <- proc.time()[["elapsed"]] + idle - .Call(ffi_worker_idle, handle)
    if (idle_until <= proc.time()[["elapsed"]]) message(sprintf("No future for %g s: leaving.", idle))
    if (min(idle_until, end) <= proc.time()[["elapsed"]]) break
    run_service(log, until = min(idle_until, end), on_warning = sweep_evaluators_folder)
  }
  .Call(ffi_worker_drain, handle)
  run_service(log, is_done = function() .Call(ffi_worker_is_done, handle))
}

## What clients may choose a worker by: told on the board.
machine_config <- function() {
  list(platform = gsub("[^A-Za-z0-9._-]", "-", R.version$platform), cores = future::availableCores()[[1L]],
       memory_mib = total_memory_mib())
}

## Of this machine; 0 where the system does not tell it in /proc.
total_memory_mib <- function() {
  if (!file.exists("/proc/meminfo")) return(0)
  line <- grep("^MemTotal:", readLines("/proc/meminfo"), value = TRUE)
  kib <- suppressWarnings(as.numeric(gsub("[^0-9]", "", line)))
  if (length(kib) == 1L && !is.na(kib)) floor(kib / 1024) else 0
}

check_number <- function(value, name, from, to) {
  if (is.character(value) && length(value) == 1L) value <- suppressWarnings(as.numeric(value))
  if (!is.numeric(value) || length(value) != 1L || is.na(value) || value < from || value > to) {
    usage_stop("Argument '", name, "' must be a number from ", from, " to ", to, ".")
  }
  value
}

## Bytes of `"2 GiB"`.
check_memory <- function(memory) {
  bytes <- if (is.character(memory) && length(memory) == 1L) parse_bytes(memory) else memory
  if (!is.numeric(bytes) || length(bytes) != 1L || is.na(bytes) || bytes < 2^20) {
    usage_stop("Argument 'memory' must be a number of bytes, at least 1 MiB, or like \"2 GiB\".")
  }
  bytes
}

parse_bytes <- function(text) {
  parts <- regmatches(text, regexec("^ *([0-9.]+|Inf) *([KkMGT]?i?)(B?) *$", text))[[1L]]
  if (length(parts) == 0L) return(NA_real_)
  power <- match(substr(toupper(parts[3L]), 1L, 1L), c("", "K", "M", "G", "T")) - 1
  suppressWarnings(as.numeric(parts[2L])) * (if (grepl("i", parts[3L]) || !nzchar(parts[4L])) 1024 else 1000)^power
}

evaluator_argv <- function(memory = Inf, nice = 0) {
  c(file.path(R.home("bin"), "R"), "--no-echo", "--no-save", "--no-restore", "--no-site-file", "--no-init-file", "-e",
    sprintf("future.p2p:::evaluator(memory=%s,nice=%d)", format(memory, digits = 15), as.integer(nice)))
}

## Temporary files of evaluators are below our own, and so go when we do: one that is killed cannot tidy up.
evaluators_folder <- function() file.path(tempdir(), "evaluators")

## Removes what evaluators that are gone left. Each marks its folder with its pid.
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
  env[["FUTURE_P2P_WORKER"]] <- sprintf("%s:%d", Sys.info()[["nodename"]], Sys.getpid())
  env[["R_PARALLELLY_AVAILABLECORES_FALLBACK"]] <- "1"
  paste0(names(env), "=", env)
}
worker <- cli_function(worker, "worker", "Lends this machine to a cluster, until Ctrl-C, or for --duration seconds.")
