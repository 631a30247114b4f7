#' Your own meeting place
#'
#' Runs a message board, a Magic Wormhole mailbox and a transit relay on this machine, for a lab, a test, or where there is
#' no internet. Members need no account elsewhere: `users` says whose SSH keys are known. Runs until it is
#' interrupted (Ctrl-C) or `duration` has passed.
#'
#' It shows the line that members add to their `~/.ssh/known_hosts`; they then use it with `host = "name:port"`. The board tells them where
#' mailbox and relay are.
#'
#' @param port (integer) TCP port of the board (SSH). 0: any free one.
#' @param users Who has an account: one file with a line per key, `alice ssh-ed25519 AAAA...`; or a named list (or character vector)
#'   of public keys or their files, as `list(alice = "alice.pub", bob = "ssh-ed25519 AAAA...")`. The one file is read again
#'   whenever it changes: new keys can come at once, and connections of keys that are gone from it, or are another user's now, are closed. With
#'   a line that is wrong the users stay as they were, and a warning tells which line.
#' @param address (character) The address to listen on. `NULL`: all.
#' @param mailbox_port,relay_port (integer) TCP ports of mailbox and relay. 0: any free one.
#' @param host_key (character) File of the private host key; made when it is absent.
#' @param duration (numeric) Seconds after which it ends.
#' @param quiet (logical) Tell only what is wrong. On the command line `--quiet`.
#' @param verbose (logical) Also tell who connects. On the command line `--verbose`.
#' @param connections,connections_per_key (integer) How many connections the board has at a time, in all and with one key. A member has one,
#'   a worker one, a host one.
#' @param topics_per_user (integer) How many topics (clusters) there may be at a time that one user, or one key without account, has opened.
#' @param login_time (numeric) Seconds within which who connects must have shown a key.
#' @param bytes_per_second (numeric) What the board takes from one connection, after a first half MiB; who sends faster waits. At least 65536; 8 MiB as it
#'   comes.
#'
#' @section What it tells:
#' A line with the time, on standard error, for each member that joins or leaves a topic and for each refusal.
#' It never tells what members write.
#'
#' @section Limits:
#' Besides those that arguments set: keys without an account have at most half of the connections; 128 connections (32 from one address) may be
#' those of who has not shown a key yet; 1 MiB waits for a member who does not read, who is then sent away; 64 MiB in all for readers who are not there yet; 25 seconds without a sign of life,
#' or 60 without a command, end a connection. Mailbox and relay have 1000 connections each at most, 500 of them
#' from one address; the mailbox keeps 4096 mailboxes with 128 MiB in all, and 1024 with 32 MiB from one address. An address stands for
#' its network (of 64 bits) with IPv6. To open as many files as there can be connections, the process raises its limit (`ulimit -n`) as far as it may.
#'
#' @section Command line:
#' ```sh
#' Rscript -e future.p2p::serve --port=2222 --users=users.txt
#' ```
#'
#' @return `NULL`, invisibly, after `duration`.
#'
#' @examples
#' \dontrun{
#' future.p2p::serve(2222, users = "users.txt")
#' future.p2p::serve(2222, users = list(alice = "alice.pub", bob = "bob.pub"), connections = 500)
#' }
#' @export
serve <- function(port = 2222L, users, address = NULL, mailbox_port = 0L, relay_port = 0L, host_key = NULL,
                  duration = Inf, quiet = FALSE, verbose = FALSE, connections = 2000L, connections_per_key = 200L, topics_per_user = 100L,
                  login_time = 10, bytes_per_second = 8388608) {
  if (missing(users)) usage_stop("Argument 'users' is missing: a file with a line per key (`alice ssh-ed25519 AAAA...`), or a named list of public keys.")
  duration <- check_number(duration, "duration", 0, Inf)
  quiet <- check_flag(quiet, "quiet")
  verbose <- check_flag(verbose, "verbose")
  if (quiet && verbose) usage_stop("Of 'quiet' and 'verbose', at most one can be TRUE.")
  file <- users_file(users)
  config <- list(
    port = check_number(port, "port", 0, 65535), mailbox_port = check_number(mailbox_port, "mailbox_port", 0, 65535),
    relay_port = check_number(relay_port, "relay_port", 0, 65535), address = address,
    host_key = if (is.null(host_key)) default_host_key() else path.expand(host_key),
    users_file = file, users = if (is.null(file)) users_text(users),
    connections = check_number(connections, "connections", 1, 1e6),
    connections_per_key = check_number(connections_per_key, "connections_per_key", 1, 1e6),
    topics_per_user = check_number(topics_per_user, "topics_per_user", 1, 1e6),
    login_time = check_number(login_time, "login_time", 0.1, 3600),
    bytes_per_second = check_number(bytes_per_second, "bytes_per_second", 65536, 2^40)
  )
  log <- log_new()
  level <- if (quiet) "warn" else if (verbose) "debug" else "info"
  with_terminate({
    handle <- .Call(ffi_server_new, config, log)
    on.exit(.Call(ffi_handle_close, handle))
    if (!quiet) show_server(.Call(ffi_server_info, handle), address)
    run_service(log, until = proc.time()[["elapsed"]] + duration, level = level)
  })
  invisible()
}

default_host_key <- function() {
  folder <- tools::R_user_dir("future.p2p", "config")
  dir.create(folder, recursive = TRUE, showWarnings = FALSE, mode = "0700")
  file.path(folder, "host_key")
}

show_server <- function(info, address) {
  name <- if (is.null(address)) Sys.info()[["nodename"]] else address
  known_as <- if (info$port == 22L) name else sprintf("[%s]:%d", name, info$port)
  message(sprintf("future.p2p: board on %s:%d", name, info$port))
  message(sprintf("future.p2p: mailbox on port %d, relay on port %d", info$mailbox_port, info$relay_port))
  message(sprintf("future.p2p: host key %s; members add this line to their ~/.ssh/known_hosts:", info$fingerprint))
  message(sprintf("%s %s", known_as, info$host_key))
}

check_flag <- function(value, name) {
  if (is.character(value)) value <- as.logical(value)
  if (!is.logical(value) || length(value) != 1L || is.na(value)) usage_stop("Argument '", name, "' must be TRUE or FALSE.")
  value
}

## The one file, which is read (and read again) by the server; NULL where the users are given otherwise.
users_file <- function(users) {
  if (!is.character(users) || length(users) != 1L || !is.null(names(users))) return(NULL)
  if (!file.exists(users)) usage_stop("There is no file '", users, "' with users: a line per key, `alice ssh-ed25519 AAAA...`.")
  absolute_path(users)
}

## An absolute path to the same file. Symbolic links stay, since the server watches them too.
absolute_path <- function(path) {
  path <- path.expand(path)
  if (startsWith(path, "/")) path else file.path(getwd(), path)
}

## `alice ssh-ed25519 AAAA...`, a line per key.
users_text <- function(users) {
  if (is.null(names(users)) || !all(nzchar(names(users)))) {
    usage_stop("Argument 'users' must be a file, or a list of public keys with the users' names.")
  }
  lines <- Map(function(name, keys) paste(name, unlist(lapply(keys, public_key_lines))), names(users), users)
  paste(unlist(lines), collapse = "\n")
}

public_key_lines <- function(key) {
  if (grepl("^[a-z0-9@.-]+ [A-Za-z0-9+/=]+", key)) return(key)
  if (!file.exists(key)) usage_stop("Neither a public key nor a file that exists: '", key, "'.")
  lines <- readLines(key, warn = FALSE)
  lines[grepl("^[a-z0-9@.-]+ [A-Za-z0-9+/=]+", lines)]
}
serve <- cli_function(serve, "serve", "Runs a message board, a mailbox and a relay on this machine, until Ctrl-C, or for --duration seconds.")
