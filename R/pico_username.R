#' Your user name on the message board
#'
#' `pico_username()` requests the name of the account that your SSH key belongs to. `p2p_cluster_name()` returns the name of the cluster
#' that is used by default: option `future.p2p.cluster`, or else your personal cluster, `"{user}/personal"`.
#'
#' @inheritParams cluster
#'
#' @section Command line:
#' ```sh
#' Rscript -e future.p2p::pico_username
#' Rscript -e future.p2p::p2p_cluster_name
#' ```
#'
#' @return A character string. Errors have class `p2p_error`; it is `p2p_error_auth` if your key has no account on the board.
#'
#' @examples
#' demo <- demo_cluster(workers = 0)
#' pico_username()
#' p2p_cluster_name()
#' close(demo)
#' @seealso [doctor()], which checks more; [future.p2p.options]
#' @export
pico_username <- function(host = NULL, ssh_args = NULL) {
  check_arguments("pico_username")
  check_not_on_worker("pico_username")
  ask_board(board_config(NULL, host, ssh_args))
}

## The user name; "MAILBOX RELAY" for "services"; or the host key that the board names, "" if it does not, for "host_key"; or our
## address as the board sees it, "" if it does not say so, for "client_address". The core waits for half a minute; `until` (in seconds, as `now()` has them) may be earlier.
ask_board <- function(config, what = "user", until = Inf) {
  log <- log_new()
  handle <- .Call(ffi_lookup, config, what, log)
  on.exit(.Call(ffi_handle_close, handle))
  repeat {
    line <- log_next(log, min(60, max(0, until - now())))
    if (is.null(line) && now() >= until) {
      core_stop(list(what = "timeout", message = sprintf("'%s' did not answer in time", .Call(ffi_keys_board, config)), reason = "no_answer"))
    }
    if (is.null(line)) next
    if (line$level == "fatal") core_stop(line$error)
    if (line$level == "info") return(line$text)
  }
}

#' @rdname pico_username
#' @export
p2p_cluster_name <- function(cluster = NULL, host = NULL, ssh_args = NULL) {
  check_arguments("p2p_cluster_name")
  name <- string_or_option(cluster, "cluster")
  if (is.null(name)) check_not_on_worker("p2p_cluster_name")
  if (is.null(name)) return(paste0(pico_username(host = host, ssh_args = ssh_args), "/personal"))
  if (!grepl("^[A-Za-z0-9_][A-Za-z0-9._-]{0,62}/[A-Za-z0-9_][A-Za-z0-9._-]{0,94}$", name)) {
    argument_stop(setting_name(cluster, "cluster"), " must have the form owner/name, with letters, digits, '.', '_' and '-'.")
  }
  name
}
pico_username <- cli_function(pico_username, "pico_username", "Prints your user name on the message board.")
p2p_cluster_name <- cli_function(p2p_cluster_name, "p2p_cluster_name", "Prints the name of the cluster that is used by default.")
