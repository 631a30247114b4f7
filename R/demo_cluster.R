## A cluster in this R session: the services behind serve(), host_cluster() and worker(), which run on the network thread.

#' Try a whole cluster in this R session
#'
#' `demo_cluster()` starts a message board, a cluster and a worker in this R session, within a second or two. It needs no account, no SSH key and no internet
#' access. It is meant for trying things, for examples, and for testing code that uses futures.
#'
#' The cluster is `"alice/friends"`, you are `alice`, and `bob` may join. Their SSH keys, and all that the package otherwise keeps in your home, are made for the demo, in
#' a folder below `tempdir()`. While it runs, options `future.p2p.cluster`, `future.p2p.host` and `future.p2p.ssh_args` name it, so that
#' functions of this package need no arguments, and this session cannot use other message boards. `close()` ends the demo, restores these options, and removes
#' the folder; if `plan()` uses the demo, the plan is then `sequential`. The end of the R session ends it, too. There is one demo at a time: a second call ends
#' the first one.
#'
#' The board listens on 127.0.0.1 only, and knows only keys that nobody else can read. So futures are your own, and run without a sandbox, in child processes
#' like those of [worker()]. The log of board, host and worker is not shown; printing the demo shows their warnings.
#'
#' @param workers (integer) Number of futures that are resolved at the same time, up to 1024. `0` means no worker.
#'
#' @return An object of class `p2p_demo`, with `cluster`, `host` and `ssh_args` for other R processes of yours, and `mailbox`, the
#' mailbox server, for [wormhole_send()]. Errors have class `p2p_error`.
#'
#' @examples
#' library(future)
#' demo <- demo_cluster()
#' plan(future.p2p::cluster)
#' f <- future(6 * 7)
#' value(f)
#'
#' close(demo)
#' @seealso [cluster], [status()]. A cluster of real machines: [worker()], [host_cluster()], [serve()].
#' @export
demo_cluster <- function(workers = 2L) {
  check_arguments("demo_cluster")
  check_not_on_worker("demo_cluster")
  workers <- check_number(workers, "workers", 0, 1024, whole = TRUE)
  if (!is.null(demo_state$running)) close(demo_state$running)
  if (!is.null(joined_backend())) usage_stop("This session uses another cluster. Call plan(future::sequential) before demo_cluster().") # the same plan() again would do nothing
  demo <- new_demo()
  is_ready <- FALSE
  on.exit(if (!is_ready) close(demo))
  start_demo_board(demo)
  start_demo_host(demo)
  if (workers > 0) start_demo_worker(demo, workers)
  is_ready <- TRUE
  demo
}

## `running`: the demo of this session, or NULL. Its folder and options then apply.
demo_state <- new.env(parent = emptyenv())

## The folder of the demo of this session; NULL without one.
demo_folder <- function() demo_state$running$folder

new_demo <- function() {
  demo <- list2env(list(cluster = "alice/friends", folder = tempfile("demo-", tempdir(check = TRUE)), pid = Sys.getpid(), log = log_new(), services = list(),
                        warnings = character()), parent = emptyenv())
  dir.create(demo$folder, mode = "0700")
  class(demo) <- "p2p_demo"
  meant <- c("cluster", "host", "ssh_args", "mailbox", "relay", "key_file", "key", "worker_file")
  names <- paste0("future.p2p.", meant)
  demo$options <- options(structure(rep(list(NULL), length(names)), names = names))
  demo_state$running <- demo
}

start_demo_board <- function(demo) {
  keys <- vapply(c(alice = "alice", bob = "bob"), function(user) .Call(ffi_key_new, file.path(demo$folder, user)), "")
  limits <- c("connections", "connections_per_key", "topics_per_user", "login_time", "bytes_per_second")
  config <- c(list(port = 0, mailbox_port = 0, relay_port = 0, address = "127.0.0.1", host_key = file.path(demo$folder, "host_key"), users = key_lines(as.list(keys))),
              lapply(formals(unclass_cli(serve))[limits], eval))
  start_in_demo(demo, .Call(ffi_server_new, config, demo$log))
  info <- .Call(ffi_server_info, demo$services[[1L]])
  known_hosts <- file.path(demo$folder, "known_hosts")
  writeLines(sprintf("[127.0.0.1]:%d %s", info$port, info$host_key), known_hosts)
  demo$host <- sprintf("127.0.0.1:%d", info$port)
  demo$mailbox <- sprintf("ws://127.0.0.1:%d/v1", info$mailbox_port)
  demo$ssh_args <- c("-F", "none", "-i", file.path(demo$folder, "alice"), "-o", "IdentitiesOnly=yes", "-o", paste0("UserKnownHostsFile=", known_hosts))
  options(future.p2p.cluster = demo$cluster, future.p2p.host = demo$host, future.p2p.ssh_args = demo$ssh_args)
}

start_demo_host <- function(demo) {
  config <- c(board_config(NULL, NULL, NULL), list(users = "bob", is_keyless = FALSE, is_invite_only = FALSE))
  start_in_demo(demo, .Call(ffi_host_new, config, demo$log), "hosting")
}

start_demo_worker <- function(demo, workers) {
  settings <- check_settings(lapply(formals(unclass_cli(worker))[worker_settings], eval))
  sandbox <- new_sandbox("none", FALSE, character(), character(), NULL)
  demo$control_folder <- control_folder()
  demo$recorder <- new_recorder()
  config <- c(board_config(NULL, NULL, NULL), lending_config(settings, workers, check_cache(NULL, workers, Inf), sandbox), policy_config(settings),
              list(control_folder = demo$control_folder, recorder = demo$recorder))
  start_in_demo(demo, .Call(ffi_worker_new, config, demo$log), "joined")
}

## Waits for the event that says that the service is ready. NULL: it is ready.
start_in_demo <- function(demo, service, event = NULL, seconds = 60) {
  demo$services <- c(demo$services, service)
  until <- now() + seconds
  is_ready <- is.null(event)
  while (!is_ready) {
    line <- log_next(demo$log, max(0, until - now()))
    note_line(demo, line)
    is_ready <- identical(line$event, event)
    if (identical(line$level, "fatal")) core_stop(line$error)
    if (!is_ready && now() >= until) core_stop(list(what = "timeout", message = sprintf("the demo cluster was not ready within %d s", seconds), reason = ""))
  }
}

note_line <- function(demo, line) {
  if (isTRUE(line$level %in% c("warn", "fatal"))) demo$warnings <- c(demo$warnings, line_text(line))
}

#' @export
print.p2p_demo <- function(x, ...) {
  if (is.null(x$services)) {
    cat("Demo cluster: closed\n")
    return(invisible(x))
  }
  for (line in log_lines(x$log)) note_line(x, line)
  cat(sprintf("Demo cluster '%s' in this R session, on message board %s\n", x$cluster, x$host),
      "Use it: library(future); plan(future.p2p::cluster)\n", "End it: close() of this object\n", sep = "")
  if (length(x$warnings) > 0L) cat(paste0("Warning: ", unique(x$warnings)), sep = "\n")
  invisible(x)
}

#' @export
close.p2p_demo <- function(con, ...) {
  if (con$pid != Sys.getpid() || is.null(con$services)) return(invisible())
  backend <- joined_backend()
  if (!is.null(backend) && identical(backend[["config"]]$host, con$host)) future::plan(future::sequential)
  for (handle in c(rev(con$services), con$recorder, con$log)) .Call(ffi_handle_close, handle)
  con$services <- NULL
  options(con$options)
  suppressWarnings(file.remove(as.character(con$control_folder))) # unless another worker uses it
  unlink(con$folder, recursive = TRUE)
  if (identical(demo_state$running, con)) demo_state$running <- NULL
  invisible()
}

## The keys of the demo are not those of this account, which joins no other board with them.
check_board_of_demo <- function(host) {
  demo <- demo_state$running
  if (is.null(demo) || identical(host, demo$host)) return(invisible())
  usage_stop("This session runs a demo cluster, and can use no other message board meanwhile. close() of what demo_cluster() has returned ends it.")
}
