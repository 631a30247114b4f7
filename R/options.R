#' Options and environment variables of future.p2p
#'
#' When the package is loaded, each option `future.p2p.<name>` that is not set is set from the environment variable
#' `R_FUTURE_P2P_<NAME>`.
#'
#' \describe{
#'  \item{`future.p2p.cluster`}{(character) Default cluster, as `"alice/friends"`. If not set, your personal cluster,
#'    `"{user}/personal"`.}
#'  \item{`future.p2p.host`}{(character) Message board, as `"name"`, `"name:port"` or `"user@name:port"`.
#'    If not set, `"pipe.pico.sh"`.}
#'  \item{`future.p2p.ssh_args`}{(character) Arguments for SSH, in the syntax of OpenSSH. A vector, or one string.}
#'  \item{`future.p2p.mailbox`}{(character) Magic Wormhole mailbox server, as `"ws://name:4000/v1"`. If not set, the one that belongs to the
#'    message board, or else the public one.}
#'  \item{`future.p2p.relay`}{(character) Transit relay, as `"tcp:name:4001"`. If not set, the one that belongs to the message board, or
#'    else the public one.}
#'  \item{`future.p2p.pass_env`}{(character) Environment variables of a worker that its futures see, see [worker()]. A vector, or one string
#'    with commas.}
#'  \item{`future.p2p.worker_file`}{(character) The file of the policy of [worker()]. If not set, `worker.dcf` in
#'    `tools::R_user_dir("future.p2p", "config")`.}
#'  \item{`future.p2p.cache`}{(numeric or character) How much a worker keeps of large globals, as `"1 GiB"`; see [worker()].}
#'  \item{`future.p2p.results`}{(character) What results of workers may hold: `"any"` or `"data"`, see [cluster()]. If not set, `"any"`.}
#'  \item{`future.p2p.key_file`}{(character) File with an invitation, as [invite()] writes it, for a machine without a person. It is used when
#'    this machine has no key of the cluster yet, or was expelled.}
#'  \item{`future.p2p.key`}{(logical) If `FALSE`, use no keys: for clusters that are hosted by a version without them, where whoever
#'    can write to the topic can pretend to be a member. If not set, `TRUE`.}
#'  \item{`future.p2p.contributions`}{(logical) If `FALSE`, workers and clients do not write down what they give and receive, see [contributions()]. If
#'    not set, `TRUE`.}
#'  \item{`future.p2p.progress`}{(logical or character) Whether to show a progress bar, with size and rate, for globals and values that take longer than a second
#'    on their way, while `value()` or `future()` waits. `"auto"`, the default, shows it at a terminal of an interactive session. `TRUE` also shows it at
#'    a terminal of a script, and in a log as a message every 10 seconds, of class `p2p_progress`. `FALSE` shows none. Nothing is shown as a line that is drawn
#'    again if `NO_COLOR` is set, or `TERM` is `dumb`.}
#'  \item{`future.p2p.quiet`, `future.p2p.json_log`}{(logical) Arguments `quiet` and `json_log` of [worker()], [host_cluster()] and [serve()], where they are not given.}
#'  \item{`future.p2p.debug`}{(logical) If `TRUE`, show debug messages. If not set, `FALSE`.}
#' }
#'
#' The options of the future package apply as well. For example, `future.wait.timeout` limits how many seconds a future waits for a
#' worker.
#'
#' @examples
#' ## In ~/.Renviron: R_FUTURE_P2P_CLUSTER=alice/friends
#' ## In ~/.Rprofile: options(future.p2p.cluster = "alice/friends")
#' old <- options(future.p2p.cluster = "alice/friends")
#' p2p_cluster_name()
#' options(old)
#' @seealso [cluster], [worker()], [serve()], which have arguments of the same names
#' @name future.p2p.options
#' @aliases future.p2p.cluster future.p2p.host future.p2p.ssh_args future.p2p.mailbox future.p2p.relay future.p2p.pass_env future.p2p.results
#' @aliases future.p2p.cache future.p2p.worker_file future.p2p.key_file future.p2p.key future.p2p.contributions future.p2p.debug future.p2p.progress future.p2p.quiet future.p2p.json_log
NULL

option_names <- c("cluster", "host", "ssh_args", "mailbox", "relay", "pass_env", "cache", "worker_file", "results", "key_file", "key", "contributions", "progress", "quiet", "json_log", "debug")

set_options_from_environment <- function() {
  for (name in option_names) {
    option <- paste0("future.p2p.", name)
    value <- Sys.getenv(paste0("R_FUTURE_P2P_", toupper(name)), NA_character_)
    if (is.na(value) || !is.null(getOption(option))) next
    if (!nzchar(value) && name != "relay") next # an empty relay means: use no relay
    if (name %in% c("debug", "key", "contributions", "quiet", "json_log") || (name == "progress" && !identical(tolower(value), "auto"))) value <- flag_from_environment(name, value)
    do.call(options, structure(list(value), names = option))
  }
}

flag_from_environment <- function(name, value) {
  value <- tolower(value)
  is_known <- value %in% c("true", "t", "yes", "1", "false", "f", "no", "0")
  if (!is_known) warning("Environment variable R_FUTURE_P2P_", toupper(name), " should be 'true' or 'false', not '", value, "'.", call. = FALSE)
  if (name != "debug") !value %in% c("false", "f", "no", "0") else value %in% c("true", "t", "yes", "1")
}

## The value of an option. Raises an error about the option, or about its environment variable, if it has another form.
p2p_option <- function(name, default = NULL) {
  option <- paste0("future.p2p.", name)
  value <- getOption(option)
  if (is.null(value)) return(default)
  switch(name,
    cluster = , host = , mailbox = , key_file = , worker_file = one_string(value, option),
    relay = if (identical(value, "")) value else one_string(value, option),
    ssh_args = , pass_env = check_strings(value, option),
    cache = cache_bytes(value, option),
    results = check_choice(value, option, result_kinds),
    key = , contributions = , debug = , quiet = , json_log = check_flag(value, option),
    progress = if (isTRUE(value) || isFALSE(value) || identical(value, "auto")) value else argument_stop(option, " must be TRUE, FALSE or \"auto\"."),
    value
  )
}

check_strings <- function(value, name) {
  if (!is.character(value) || anyNA(value)) argument_stop(name, " must be a character vector without NA.")
  value
}

## An argument, or else its option: one string, or NULL.
string_or_option <- function(value, name) {
  if (is.null(value)) p2p_option(name) else one_string(value, name)
}

## SSH arguments as a vector. One string is split as a shell does it.
ssh_args_or_option <- function(ssh_args) {
  name <- setting_name(ssh_args, "ssh_args")
  ssh_args <- if (is.null(ssh_args)) p2p_option("ssh_args", character()) else check_strings(ssh_args, name)
  if (length(ssh_args) == 1L) split_words(ssh_args, name) else ssh_args
}

## Splits at blanks outside of single or double quotes. `name`: the argument or the option.
split_words <- function(text, name) {
  words <- tryCatch(scan(text = text, what = "", sep = "", quote = "\"'", quiet = TRUE, comment.char = ""),
                    warning = function(ex) argument_stop(name, " has a quote that is not closed: ", text))
  words[nzchar(words)]
}

## Where a cluster meets, and our versions.
board_config <- function(cluster, host, ssh_args) {
  use_proxy()
  for (name in c("debug", "progress")) p2p_option(name)
  host <- string_or_option(host, "host")
  check_board_of_demo(host)
  list(
    cluster = string_or_option(cluster, "cluster"), host = host,
    ssh_args = ssh_args_or_option(ssh_args), mailbox = p2p_option("mailbox"), relay = p2p_option("relay"),
    keys = if (uses_keys()) keys_folder(),
    r_version = as.character(getRversion()), future_version = as.character(utils::packageVersion("future"))
  )
}

## The folder of the files of this user.
config_folder <- function() user_folder("config")

## `which`: "config" or "data".
user_folder <- function(which) {
  if (!is.null(demo_folder())) return(file.path(demo_folder(), which))
  suppressWarnings(tools::R_user_dir("future.p2p", which)) # about a home directory that does not exist
}

## Whether this session has keys of clusters at all.
uses_keys <- function() p2p_option("key", TRUE)

is_debug <- function() isTRUE(getOption("future.p2p.debug")) # also while another error is reported
