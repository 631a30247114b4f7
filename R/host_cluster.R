#' Host a cluster for your friends
#'
#' Opens your cluster on the message board to the users that you name. It runs until you interrupt it (Ctrl-C) or `duration` has passed.
#' Hosting only controls who has access: futures and results do not pass through this machine. When the host stops, members stay
#' connected, but nobody can join.
#'
#' @inheritParams worker
#' @param cluster (character) Name of the cluster, as `"alice/friends"`. The owner, before the slash, is your user name on the board.
#' @param duration (numeric) Seconds after which hosting ends. `Inf` means never.
#' @param users (character) Names of the users who have access in addition to you. Separate them by commas on the command line. If the board
#'   tells that some of them have no account, as a board of [serve()] does, a warning names them. They can join as soon as they have one.
#'
#' @section Command line:
#' ```sh
#' Rscript -e future.p2p::host_cluster --cluster=alice/friends --users=bob,carol
#' ```
#'
#' @return `NULL`, invisibly, after `duration` seconds. Errors have class `p2p_error`.
#'
#' @examples
#' \dontrun{
#' future.p2p::host_cluster("alice/friends", users = c("bob", "carol"))
#' }
#' @seealso [worker()], [cluster]
#' @export
host_cluster <- function(cluster, users, host = NULL, ssh_args = NULL, duration = Inf) {
  check_arguments("host_cluster")
  check_not_on_worker("host_cluster")
  if (missing(cluster)) cluster <- p2p_option("cluster")
  if (is.null(cluster)) argument_stop("cluster", " is missing. It names the cluster to host, as in ", if (in_cli()) "--cluster=alice/friends." else "\"alice/friends\".")
  users <- if (missing(users)) character() else user_names(users)
  if (length(users) == 0L) argument_stop("users", " must name the users who have access, as in ", if (in_cli()) "--users=bob,carol." else "c(\"bob\", \"carol\").")
  duration <- check_number(duration, "duration", 0, Inf)
  config <- board_config(cluster, host, ssh_args)
  config$users <- users
  log <- log_new()
  with_terminate({
    handle <- .Call(ffi_host_new, config, log)
    on.exit(.Call(ffi_handle_close, handle))
    run_service(log, until = now() + duration)
  })
  invisible()
}

## Empty if these are no names.
user_names <- function(users) {
  if (!is.character(users) || anyNA(users)) return(character())
  names <- unlist(strsplit(users, "[, ]+"))
  unique(names[nzchar(names)])
}
host_cluster <- cli_function(host_cluster, "host_cluster", "Gives users access to your cluster, until Ctrl-C or for --duration seconds.")
