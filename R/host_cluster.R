#' Host a cluster for your friends
#'
#' Opens your cluster on the message board to the users you name, for as long as this runs (until Ctrl-C, or `duration`).
#' It only controls who has access: no future and no result goes through this machine. Members that are on the cluster
#' stay when the host leaves; newcomers need it.
#'
#' @inheritParams worker
#' @param cluster (character) The cluster, as `"alice/friends"`; the owner, before the slash, is you.
#' @param users (character) The users who may come, besides you; on the command line with commas between.
#'
#' @section Command line:
#' ```sh
#' Rscript -e future.p2p::host_cluster --cluster=alice/friends --users=bob,carol
#' ```
#'
#' @return `NULL`, invisibly, after `duration`.
#'
#' @examples
#' \dontrun{
#' future.p2p::host_cluster("alice/friends", users = c("bob", "carol"))
#' }
#' @export
host_cluster <- function(cluster, users, host = NULL, ssh_args = NULL, duration = Inf) {
  if (missing(cluster)) cluster <- p2p_option("cluster")
  if (is.null(cluster)) usage_stop("Argument 'cluster' is missing: which cluster do you host? As \"alice/friends\".")
  if (missing(users) || !is.character(users) || length(users) == 0L || anyNA(users)) {
    usage_stop("Argument 'users' must name the users who may come, as c(\"bob\", \"carol\").")
  }
  duration <- check_number(duration, "duration", 0, Inf)
  config <- board_config(cluster, host, ssh_args)
  config$users <- unique(unlist(strsplit(users, "[, ]+")))
  log <- log_new()
  with_terminate({
    handle <- .Call(ffi_host_new, config, log)
    on.exit(.Call(ffi_handle_close, handle))
    run_service(log, until = proc.time()[["elapsed"]] + duration)
  })
  invisible()
}
host_cluster <- cli_function(host_cluster, "host_cluster", "Opens your cluster to the users you name, until Ctrl-C, or for --duration seconds.")
