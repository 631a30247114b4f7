#' Add this machine to a cluster
#'
#' Joins the cluster and resolves futures of its members, up to `workers` at a time. Each runs in a child process. It runs until you
#' interrupt it (Ctrl-C or SIGTERM), or until `duration` has passed.
#'
#' After `duration`, the worker finishes its running futures and then leaves. If you interrupt it, its running futures are lost: clients
#' with `plan(..., retries = 1)` run them again on another worker, other clients get a FutureInterruptError.
#'
#' Anyone with access to the cluster can run any R code on this machine with your permissions. See the section on trust in
#' [future.p2p-package].
#'
#' @inheritParams cluster
#' @param duration (numeric) Seconds after which the worker leaves. `Inf` means never.
#' @param workers (integer) Number of futures that are resolved at the same time, from 1 to 1024.
#' @param memory (numeric or character) Memory that one future may allocate, in bytes or as `"2 GiB"` (also KiB, MiB, TiB, and kB, MB, GB,
#'   TB). Each evaluator, and each process that it starts, may allocate this much beyond the memory of R itself with the future package
#'   loaded. The heap, anonymous mappings and thread stacks count (`RLIMIT_DATA` on Linux); mapped files do not. Other systems use
#'   `RLIMIT_AS` as far as they support it. An allocation beyond the limit fails with R's own error, whose message then names the limit.
#'   `Inf` means no limit.
#' @param time (numeric) Seconds that the evaluation of one future may take. It is then interrupted, and killed 5 seconds later. Its value
#'   is a FutureInterruptError. `Inf` means no limit.
#' @param nice (integer) Niceness of the evaluators, from 0 to 19. Higher values leave more CPU time to other programs.
#' @param idle (numeric) Seconds without a future after which the worker leaves. `Inf` means that it stays.
#'
#' @section Command line:
#' ```sh
#' Rscript -e future.p2p::worker --cluster=alice/friends --workers=2
#' Rscript -e future.p2p::worker alice/friends --workers 2
#' Rscript -e future.p2p::worker --help
#' ```
#' Flags have the names of the arguments, as `--name=value` or `--name value`; a word `owner/name` is the cluster. There are no parentheses
#' after the name of the function: `Rscript -e 'future.p2p::worker()'` with flags is an error. The exit status is 0 after `duration` or Ctrl-C, 1 after a failure, whose message is written to
#' standard error, and 2 for wrong flags.
#'
#' @return `NULL`, invisibly, after `duration` seconds. Errors have class `p2p_error`.
#'
#' @examples
#' \dontrun{
#' future.p2p::worker("alice/friends")
#' future.p2p::worker() # your personal cluster
#' }
#' @seealso [cluster], [host_cluster()]
#' @export
worker <- function(cluster = NULL, host = NULL, ssh_args = NULL, duration = Inf, workers = 1L, memory = Inf, time = Inf,
                   nice = 0L, idle = Inf) {
  check_arguments("worker")
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

## Properties by which clients may choose a worker. They are announced on the board.
machine_config <- function() {
  list(platform = gsub("[^A-Za-z0-9._-]", "-", R.version$platform), cores = future::availableCores()[[1L]],
       memory_mib = total_memory_mib())
}

## Memory of this machine; 0 if /proc does not report it.
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

## The number of bytes of `"2 GiB"`.
check_memory <- function(memory) {
  bytes <- if (is.character(memory) && length(memory) == 1L) parse_bytes(memory) else memory
  if (!is.numeric(bytes) || length(bytes) != 1L || is.na(bytes) || bytes < 2^20) {
    usage_stop("Argument 'memory' must be a number of bytes, or a string such as \"2 GiB\", and at least 1 MiB.")
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

## Evaluators keep their temporary files below ours, which R removes when it ends: an evaluator that is killed cannot clean up.
evaluators_folder <- function() file.path(tempdir(), "evaluators")

## Removes the temporary files of evaluators that have ended. Each writes its pid to a file in its folder.
sweep_evaluators_folder <- function() {
  for (mark in Sys.glob(file.path(evaluators_folder(), "*", evaluator_mark))) {
    pid <- suppressWarnings(as.integer(readLines(mark, n = 1L)))
    if (length(pid) == 1L && !is.na(pid) && !tools::pskill(pid, 0L)) unlink(dirname(mark), recursive = TRUE)
  }
}

evaluator_mark <- ".future.p2p-evaluator"

## The environment of evaluators: ours, without variables about SSH and this package, with our library paths, and with one core for nested
## parallelization.
evaluator_env <- function() {
  env <- Sys.getenv()
  env <- env[!grepl("^(SSH_|R_FUTURE_P2P_|R_FUTURE_PLAN$|R_LIBS|R_TESTS$)", names(env))]
  env[["R_LIBS"]] <- paste(.libPaths(), collapse = .Platform$path.sep)
  env[["TMPDIR"]] <- evaluators_folder()
  env[["FUTURE_P2P_WORKER"]] <- sprintf("%s:%d", Sys.info()[["nodename"]], Sys.getpid())
  env[["R_PARALLELLY_AVAILABLECORES_FALLBACK"]] <- "1"
  paste0(names(env), "=", env)
}
worker <- cli_function(worker, "worker", "Adds this machine to a cluster, until Ctrl-C or for --duration seconds.")
