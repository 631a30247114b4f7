## Control of running workers of this account on this machine, over their control sockets (src/worker/control.h).

#' See, pause and end running workers
#'
#' Speaks to the workers that run under your account on this machine, from any R session or terminal.
#'
#' * `"status"` only asks.
#' * `"pause"`: the worker starts no new futures until `"resume"`, and its clients read "paused by its owner". Running futures finish. It does not
#'   outlast the worker.
#' * `"drain"`: the worker takes no new futures, finishes those that run, and leaves, as after `duration`.
#'
#' On the command line, `--drain` alone belongs to a worker that is started (see [worker()]), so this one needs a process id, or `all`:
#'
#' ```sh
#' Rscript -e future.p2p::worker --status
#' Rscript -e future.p2p::worker --pause
#' Rscript -e future.p2p::worker --resume=4711
#' Rscript -e future.p2p::worker --drain=all
#' ```
#'
#' Workers listen on a Unix socket in `$XDG_RUNTIME_DIR/future.p2p`, or in `/tmp/future.p2p-UID` without that folder. Only your account (and root)
#' can enter it. Futures in a sandbox cannot; those without one can do what your account can.
#'
#' @param action (character) What to do, see below.
#' @param pid (integer) The process id of a worker. `NULL` means all.
#'
#' @return A data frame with a row for each worker, as it is then: `pid`, `cluster`, `slots`, `running` (slots with a future), `users` (for whom),
#' `done` (futures so far) and `state` (`"lending"`, `"draining"`, or why it takes nothing new). If there is no such worker, an error of class
#' `p2p_error_closed`.
#'
#' @examples
#' demo <- demo_cluster()
#' worker_control("status", pid = Sys.getpid()) # the worker of this session
#' worker_control("pause", pid = Sys.getpid())$state
#' worker_control("resume", pid = Sys.getpid())$state
#' close(demo)
#' @seealso [worker()]
#' @export
worker_control <- function(action = c("status", "pause", "resume", "drain"), pid = NULL) {
  check_arguments("worker_control")
  action <- check_choice(action, "action", control_actions)
  if (!is.null(pid)) pid <- check_number(pid, "pid", 1, 2^31 - 1, whole = TRUE)
  found <- running_workers()
  if (!is.null(pid)) found <- found[found$pid == pid, , drop = FALSE]
  replies <- lapply(seq_len(nrow(found)), function(i) ask_worker(found$folder[i], found$pid[i], action))
  replies <- do.call(rbind, replies)
  if (is.null(replies)) {
    p2p_stop(sprintf("No worker%s of this account runs on this machine.", if (is.null(pid)) "" else sprintf(" with process id %.0f", pid)), "closed")
  }
  replies
}

control_actions <- c("status", "pause", "resume", "drain") # as in src/worker/control_line.h

## Where workers of this account may have their sockets: the first one is that of a new worker. A folder that somebody has chosen stands alone.
runtime_folders <- function() {
  uid <- file.info(tempdir(check = TRUE))$uid
  chosen <- Sys.getenv("XDG_RUNTIME_DIR")
  usual <- sprintf("/run/user/%d", uid)
  is_usable <- function(folder) nzchar(folder) && dir.exists(folder) && file.access(folder, 2L) == 0L
  if (chosen != usual && is_usable(chosen)) return(file.path(chosen, "future.p2p"))
  c(if (is_usable(usual)) file.path(usual, "future.p2p"), sprintf("/tmp/future.p2p-%d", uid))
}

## The folder for the socket of a worker. NULL, with a warning, if it cannot be used.
control_folder <- function() {
  folder <- runtime_folders()[1L]
  tryCatch({
    .Call(ffi_control_prepare, folder)
    folder
  }, p2p_error = function(ex) {
    notice("Warning: other programs cannot pause this worker: ", conditionMessage(ex))
    NULL
  })
}

running_workers <- function() {
  sockets <- unlist(lapply(runtime_folders(), list.files, pattern = "^worker-[0-9]{1,9}[.]sock$", full.names = TRUE))
  data.frame(folder = dirname(as.character(sockets)), pid = as.integer(gsub("[^0-9]", "", basename(as.character(sockets)))))
}

## One row, or NULL if the worker has ended.
ask_worker <- function(folder, pid, action) {
  reply <- tryCatch(.Call(ffi_control_ask, folder, pid, match(action, control_actions) - 1L), p2p_error_closed = function(ex) NULL)
  if (!is.null(reply)) data.frame(pid = pid, read_control_reply(reply))
}

## "cluster=alice/friends|slots=2|..."
read_control_reply <- function(reply) {
  fields <- strsplit(reply, "|", fixed = TRUE)[[1L]]
  values <- as.list(sub("^[^=]*=", "", fields))
  names(values) <- sub("=.*", "", fields)
  values <- values[c("cluster", "slots", "running", "users", "done", "state")]
  if (anyNA(names(values))) p2p_stop("The reply of the worker is incomplete: it may be of another version.", "protocol")
  counts <- c("slots", "running", "done")
  values[counts] <- lapply(values[counts], as.numeric)
  values$users <- gsub(";", ", ", values$users, fixed = TRUE)
  values
}

## "Worker 4711 of cluster 'alice/friends': 1 of 2 slots busy, for bob; 31 futures done; paused by its owner"
describe_workers <- function(workers) {
  users <- ifelse(nzchar(workers$users), paste(", for", workers$users), "")
  sprintf("Worker %d of cluster '%s': %.0f of %s busy%s; %s done; %s", workers$pid, workers$cluster, workers$running,
          vapply(workers$slots, count_of, "", "slot"), users, vapply(workers$done, count_of, "", "future"), workers$state)
}

## Lines to print for `worker --pause` and the like; NULL for other flags.
worker_command <- function(args) {
  pattern <- "^--(status|pause|resume)(=(all|[0-9]+))?$|^--drain=(all|[0-9]+)$"
  is_command <- grepl(pattern, args)
  if (!any(is_command)) return(NULL)
  if (length(args) > 1L) usage_stop("Flag ", args[is_command][1L], " is about a running worker, and stands alone.")
  pid <- sub("^[^=]*=?", "", args)
  describe_workers(worker_control(sub("^--([a-z]+).*", "\\1", args), if (!pid %in% c("", "all")) pid))
}
