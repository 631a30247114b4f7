#' Options and environment variables of future.p2p
#'
#' Each option `future.p2p.<name>` is set from the environment variable `R_FUTURE_P2P_<NAME>` when the package is
#' loaded, unless the option is set already.
#'
#' \describe{
#'  \item{`future.p2p.cluster`}{(character) Name of the cluster, as `"alice/friends"`, where none is given.
#'    Default: the personal cluster `"{user}/personal"`.}
#'  \item{`future.p2p.host`}{(character) The message board, as `"name"`, `"name:port"` or `"user@name:port"`.
#'    Default: `"pipe.pico.sh"`.}
#'  \item{`future.p2p.ssh_args`}{(character) Arguments for SSH, as OpenSSH has them; in the environment
#'    variable one string, in R also a vector.}
#'  \item{`future.p2p.mailbox`}{(character) The Magic Wormhole mailbox server, as `"ws://name:4000/v1"`.
#'    Default: the one of the message board, if it has one, else the public one.}
#'  \item{`future.p2p.relay`}{(character) The transit relay, as `"tcp:name:4001"`. Default: likewise.}
#'  \item{`future.p2p.debug`}{(logical) Tell more. Default: `FALSE`.}
#' }
#'
#' The options of the future package apply as well; `future.wait.timeout` (seconds) bounds how
#' long a future waits for a worker.
#'
#' @name future.p2p.options
#' @aliases future.p2p.cluster future.p2p.host future.p2p.ssh_args future.p2p.mailbox future.p2p.relay future.p2p.debug
NULL

option_names <- c("cluster", "host", "ssh_args", "mailbox", "relay", "debug")

set_options_from_environment <- function() {
  for (name in option_names) {
    option <- paste0("future.p2p.", name)
    value <- Sys.getenv(paste0("R_FUTURE_P2P_", toupper(name)), NA_character_)
    if (is.na(value) || !is.null(getOption(option))) next
    if (name == "debug") value <- isTRUE(as.logical(value))
    do.call(options, structure(list(value), names = option))
  }
}

p2p_option <- function(name, default = NULL) getOption(paste0("future.p2p.", name), default)

## An argument, else its option, checked to be one string (or NULL).
string_or_option <- function(value, name) {
  if (is.null(value)) value <- p2p_option(name)
  if (is.null(value)) return(NULL)
  if (!is.character(value) || length(value) != 1L || is.na(value) || !nzchar(value)) {
    usage_stop("Argument '", name, "' must be one non-empty string.")
  }
  value
}

## SSH arguments as a vector of words; one string is split as a shell would, without a shell.
ssh_args_or_option <- function(ssh_args) {
  if (is.null(ssh_args)) ssh_args <- p2p_option("ssh_args")
  if (is.null(ssh_args)) return(character(0L))
  if (!is.character(ssh_args) || anyNA(ssh_args)) usage_stop("Argument 'ssh_args' must be a character vector.")
  if (length(ssh_args) == 1L) split_words(ssh_args) else ssh_args
}

## Words separated by blanks; quotes, single or double, keep blanks together.
split_words <- function(text) {
  words <- scan(text = text, what = "", sep = "", quote = "\"'", quiet = TRUE, comment.char = "")
  words[nzchar(words)]
}

## What every program needs to get to its cluster.
board_config <- function(cluster, host, ssh_args) {
  use_proxy()
  list(
    cluster = string_or_option(cluster, "cluster"), host = string_or_option(host, "host"),
    ssh_args = ssh_args_or_option(ssh_args), mailbox = p2p_option("mailbox"), relay = p2p_option("relay"),
    r_version = as.character(getRversion()), future_version = as.character(utils::packageVersion("future"))
  )
}

is_debug <- function() isTRUE(p2p_option("debug"))
