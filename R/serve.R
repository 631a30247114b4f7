#' Run your own message board
#'
#' Runs a message board, a Magic Wormhole mailbox server and a transit relay on this machine, for a lab, for a test, or without internet
#' access. Members need no account elsewhere: `users` lists their names and SSH keys. It runs until you interrupt it (Ctrl-C) or `duration`
#' has passed.
#'
#' On startup it shows a line that members add to their `~/.ssh/known_hosts`. They then use the board with `host = "name:port"`. The board
#' tells them the ports of mailbox server and relay.
#'
#' @param port (integer) TCP port of the board (SSH). `0` chooses a free port.
#' @param users The users and their public keys. Either the name of a file with one key per line, `alice ssh-ed25519 AAAA...`; or a named
#'   list or character vector of public keys or names of key files, as `list(alice = "alice.pub", bob = "ssh-ed25519 AAAA...")`. The
#'   file is read again when it changes: new keys are accepted at once, and connections whose key was removed, or now belongs to another
#'   user, are closed. If a line is invalid, a warning names it and the previous users are kept.
#' @param address (character) Address to listen on. `NULL` means all addresses.
#' @param mailbox_port,relay_port (integer) TCP ports of mailbox server and relay. `0` chooses a free port.
#' @param host_key (character) File of the private host key. It is created if it does not exist. If `NULL`, a file in
#'   `tools::R_user_dir("future.p2p", "config")`.
#' @param duration (numeric) Seconds after which the server stops. `Inf` means never.
#' @param quiet (logical) If `TRUE`, only show warnings. The default is option `future.p2p.quiet`. `--quiet` on the command line.
#' @param verbose (logical) If `TRUE`, also show connections. `--verbose` on the command line.
#' @param connections,connections_per_key (integer) Maximum number of connections to the board, in total and per key. Each client,
#'   each worker and each host uses one.
#' @param topics_per_user (integer) Maximum number of topics (clusters) that one user, or one key without an account, may open at the
#'   same time.
#' @param login_time (numeric) Seconds that a connection may take to log in.
#' @param bytes_per_second (numeric) Maximum number of bytes per second that the board reads from one connection, after the first 512 KiB.
#'   A faster sender has to wait. At least 65536; the default is 8 MiB.
#' @param json_log (logical) If `TRUE`, write each line of the log, also those at its start, as a JSON object, as [worker()] does. The default is option
#'   `future.p2p.json_log`. `--json-log` on the command line.
#'
#' @section Log:
#' For each member that joins or leaves a topic and for each refusal, a line with the time is written to standard error. The log never
#' contains what members write.
#'
#' @section Limits:
#' In addition to the limits set by arguments:
#'
#' * Keys without an account may use at most half of the connections.
#' * At most 128 connections, 32 per address, may be logging in at the same time.
#' * A member that does not read is disconnected when 1 MiB waits for it. At most 64 MiB wait for members that have not joined yet.
#' * A connection is closed after 25 seconds without a sign of life, or after 60 seconds without a command.
#' * Mailbox server and relay accept 1000 connections each, 500 per address.
#' * The mailbox server keeps at most 4096 mailboxes with 128 MiB in total, and 1024 mailboxes with 32 MiB per address.
#'
#' For IPv6, an address here means its /64 network. The process raises its own limit on open files (`ulimit -n`) as far as the system
#' allows.
#'
#' @section Command line:
#' ```sh
#' Rscript -e future.p2p::serve --port=2222 --users=users.txt
#' ```
#'
#' @return `NULL`, invisibly, after `duration` seconds. Errors have class `p2p_error`.
#'
#' @examples
#' ## A board on this computer, for a second; without `duration`, until Ctrl-C
#' key <- "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIA/yE0tPzi2tx0S9BjlpD5FV7kObJOzYlD9A37snq8ji"
#' serve(port = 0, users = list(alice = key), address = "127.0.0.1", host_key = tempfile(),
#'       duration = 1)
#' @seealso `vignette("own-message-board", package = "future.p2p")`, [invite()], [demo_cluster()]
#' @export
serve <- function(port = 2222L, users, address = NULL, mailbox_port = 0L, relay_port = 0L, host_key = NULL,
                  duration = Inf, quiet = FALSE, verbose = FALSE, connections = 2000L, connections_per_key = 200L, topics_per_user = 100L,
                  login_time = 10, bytes_per_second = 8388608, json_log = FALSE) {
  check_arguments("serve")
  check_not_on_worker("serve")
  if (missing(users)) argument_stop("users", " is missing. It is a file with one key per line (`alice ssh-ed25519 AAAA...`)", if (in_cli()) "." else ", or a named list of public keys.")
  duration <- check_number(duration, "duration", 0, Inf)
  quiet <- flag_or_option(quiet, "quiet", missing(quiet))
  format <- log_format(quiet, flag_or_option(json_log, "json_log", missing(json_log)))
  verbose <- check_flag(verbose, "verbose")
  if (quiet && verbose) usage_stop("At most one of the arguments 'quiet' and 'verbose' can be TRUE.")
  file <- users_file(users)
  config <- list(
    port = check_number(port, "port", 0, 65535, whole = TRUE), mailbox_port = check_number(mailbox_port, "mailbox_port", 0, 65535, whole = TRUE),
    relay_port = check_number(relay_port, "relay_port", 0, 65535, whole = TRUE), address = if (!is.null(address)) one_string(address, "address"),
    host_key = if (is.null(host_key)) default_host_key() else path.expand(one_string(host_key, "host_key")),
    users_file = file, users = if (is.null(file)) key_lines(users),
    connections = check_number(connections, "connections", 1, 1e6, whole = TRUE),
    connections_per_key = check_number(connections_per_key, "connections_per_key", 1, 1e6, whole = TRUE),
    topics_per_user = check_number(topics_per_user, "topics_per_user", 1, 1e6, whole = TRUE),
    login_time = check_number(login_time, "login_time", 0.1, 3600),
    bytes_per_second = check_number(bytes_per_second, "bytes_per_second", 65536, 2^40)
  )
  log <- log_new()
  level <- if (quiet) "warn" else if (verbose) "debug" else "info"
  with_log(with_terminate({
    handle <- .Call(ffi_server_new, config, log)
    on.exit(.Call(ffi_handle_close, handle))
    info <- .Call(ffi_server_info, handle)
    remember_file("accounts", info$host_key, file)
    on.exit(remember_file("accounts", info$host_key, NULL), add = TRUE, after = FALSE)
    if (!quiet) show_server(info, address)
    run_service(log, until = now() + duration, level = level)
  }), format, list(program = "serve"))
  invisible()
}

default_host_key <- function() {
  folder <- config_folder()
  dir.create(folder, recursive = TRUE, showWarnings = FALSE, mode = "0700")
  file.path(folder, "host_key")
}

show_server <- function(info, address) {
  name <- if (is.null(address)) Sys.info()[["nodename"]] else address
  known_as <- if (info$port == 22L) name else sprintf("[%s]:%d", name, info$port)
  message(sprintf("future.p2p: board on %s:%d", name, info$port))
  message(sprintf("future.p2p: mailbox on port %d, relay on port %d", info$mailbox_port, info$relay_port))
  message(sprintf("future.p2p: host key %s; members add this line to ~/.ssh/known_hosts:", info$fingerprint))
  message(sprintf("%s %s", known_as, info$host_key))
}

check_flag <- function(value, name) {
  if (is.character(value) && in_cli()) value <- as.logical(value)
  if (!is.logical(value) || length(value) != 1L || is.na(value)) argument_stop(name, " must be TRUE or FALSE.")
  value
}

## The users file, which the server reads and watches. NULL if the users are given in another form.
users_file <- function(users) {
  if (!is.character(users) || length(users) != 1L || !is.null(names(users))) return(NULL)
  if (dir.exists(users)) argument_stop("users", ": '", users, "' is a folder. Name a file with one key per line, `alice ssh-ed25519 AAAA...`.")
  if (!file.exists(users)) argument_stop("users", ": there is no file '", users, "'. It has one key per line, `alice ssh-ed25519 AAAA...`.")
  absolute_path(users)
}

## Absolute paths. Symbolic links are kept, since the server watches them, too.
absolute_path <- function(paths) {
  paths <- path.expand(paths)
  ifelse(startsWith(paths, "/"), paths, file.path(getwd(), paths))
}

## One line per key, `alice ssh-ed25519 AAAA...`.
key_lines <- function(users) {
  if (is.null(names(users)) || !all(nzchar(names(users)))) {
    argument_stop("users", " must be the name of a file, or a list of public keys whose names are the user names.")
  }
  lines <- Map(function(name, keys) paste(name, unlist(lapply(keys, public_key_lines))), names(users), users)
  paste(unlist(lines), collapse = "\n")
}

public_key_lines <- function(key) {
  if (!is.character(key) || is.na(key)) argument_stop("users", " must contain public keys, or names of their files.")
  if (grepl("^[a-z0-9@.-]+ [A-Za-z0-9+/=]+", key)) return(key)
  if (!file.exists(key)) argument_stop("users", ": '", key, "' is neither a public key nor an existing file.")
  lines <- readLines(key, warn = FALSE)
  lines[grepl("^[a-z0-9@.-]+ [A-Za-z0-9+/=]+", lines)]
}
serve <- cli_function(serve, "serve", "Runs a message board, a mailbox server and a relay on this machine, until Ctrl-C or for --duration seconds.",
                      users = "file with one key per line", is_service = TRUE)
