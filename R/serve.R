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
#'   of public keys or their files, as `list(alice = "alice.pub", bob = "ssh-ed25519 AAAA...")`.
#' @param address (character) The address to listen on. `NULL`: all.
#' @param mailbox_port,relay_port (integer) TCP ports of mailbox and relay. 0: any free one.
#' @param host_key (character) File of the private host key; made when it is absent.
#' @param duration (numeric) Seconds after which it ends.
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
#' future.p2p::serve(2222, users = list(alice = "alice.pub", bob = "bob.pub"))
#' }
#' @export
serve <- function(port = 2222L, users, address = NULL, mailbox_port = 0L, relay_port = 0L, host_key = NULL,
                  duration = Inf) {
  if (missing(users)) usage_stop("Argument 'users' is missing: a file with a line per key (`alice ssh-ed25519 AAAA...`), or a named list of public keys.")
  duration <- check_number(duration, "duration", 0, Inf)
  config <- list(
    port = check_number(port, "port", 0, 65535), mailbox_port = check_number(mailbox_port, "mailbox_port", 0, 65535),
    relay_port = check_number(relay_port, "relay_port", 0, 65535), address = address,
    host_key = if (is.null(host_key)) default_host_key() else path.expand(host_key), users = users_text(users)
  )
  events <- events_new()
  handle <- .Call(ffi_server_new, config, events)
  on.exit(.Call(ffi_server_close, handle))
  show_server(.Call(ffi_server_info, handle), address)
  run_events(events, until = proc.time()[["elapsed"]] + duration)
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

## `alice ssh-ed25519 AAAA...`, a line per key.
users_text <- function(users) {
  if (is.character(users) && length(users) == 1L && is.null(names(users))) {
    if (!file.exists(users)) usage_stop("There is no file '", users, "' with users: a line per key, `alice ssh-ed25519 AAAA...`.")
    return(paste(readLines(users, warn = FALSE), collapse = "\n"))
  }
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
