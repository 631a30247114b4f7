#' Send and receive with Magic Wormhole
#'
#' Transfers a file, a raw vector or a text to anyone who knows the *code*. The transfer is end-to-end encrypted and needs no account. It
#' uses a direct connection if the networks allow one, or else a relay, which only sees encrypted bytes. The other side may use these
#' functions, or any other program for file transfer with Magic Wormhole, such as `wormhole` or `wormhole-william`.
#'
#' `wormhole_send()` shows the code and the command for the other side, and waits. A code such as `7-guitar-wizard` works once. A wrong
#' guess ends the transfer.
#'
#' @param x What to send: the name of a file, a raw vector, or a text of at most 32 KiB.
#' @param code (character) The code. If `NULL`, the sender chooses and shows one.
#' @param path (character) Where to save a received file: an existing folder, or the name of a new file. In a folder, the file gets the
#'   sender's name for it, without any folders. Characters that are not allowed everywhere become `_`, and so does a leading dot: the name
#'   `../.bashrc` becomes `_bashrc`. A file that exists is never replaced: the second `results.rds` becomes `results (1).rds`. If `NULL`,
#'   the working directory.
#' @param type (character) What `x` is: `"file"` or `"text"`. With `"auto"`, a string is a file if a file of that name exists, and a text
#'   otherwise.
#' @param name (character) File name that the other side sees. If `NULL`, the name of the file.
#' @param mailbox (character) Mailbox server, as `"ws://name:4000/v1"`. If `NULL`, option `future.p2p.mailbox`, or else the server of the
#'   message board.
#' @param relay (character) Transit relay, as `"tcp:name:4001"`, or `""` for none. If `NULL`, option `future.p2p.relay`, or else the relay
#'   of the message board.
#' @param listen (logical) If `FALSE`, only make outbound connections.
#' @param verify (logical or function) If `TRUE`, show the *verifier* and ask whether the other side shows the same one, before anything is
#'   sent. Use it if someone else may know the code. A function is called with the verifier and returns `TRUE` or `FALSE`.
#' @param timeout (numeric) Seconds to wait for the other side. Once the transfer has started, it only fails if less than 4 KiB are
#'   transferred within a minute.
#' @param host,ssh_args (character) Message board whose mailbox server and relay are used, and arguments for SSH, as in [cluster]. If `host`
#'   is `NULL`, option `future.p2p.host`. The board is asked over SSH, for which any key will do: no account is needed. Without a board, the
#'   public servers of Magic Wormhole are used, and nothing is asked.
#' @param progress (logical) Whether to show a progress bar for transfers that take more than a second. If `NULL`, option `future.p2p.progress`, or else only at
#'   a terminal.
#'
#' @section Proxies:
#' Mailbox server and relay are reached through the HTTP proxy in the environment variable `https_proxy`, or else `http_proxy`
#' (`http://[user:password@]host:port`), except for the hosts in `no_proxy`. This also applies to the message board.
#'
#' @section Command line:
#' ```sh
#' Rscript -e future.p2p::wormhole send FILE
#' Rscript -e future.p2p::wormhole send --text=hello --code=7-guitar-wizard
#' Rscript -e future.p2p::wormhole receive 7-guitar-wizard --path=FOLDER
#' ```
#' This runs the program [find_wormhole()], which also works without R: `wormhole send FILE`. It writes a received text, or the name of a
#' received file, to standard output.
#'
#' @return `wormhole_send()` returns the code, invisibly. `wormhole_receive()` returns the received text, or the path of the received file.
#'   The sender's own name for the file is in attribute `"filename"`. It is only for display: never use it as a path.
#'   Errors have class `p2p_error` and one of `p2p_error_crypto` (the codes differ), `p2p_error_timeout`, `p2p_error_canceled` (by the
#'   other side), `p2p_error_lost`, `p2p_error_network`, `p2p_error_access` (two others use the code) and `p2p_error_system` (a file cannot
#'   be read or written). After an error or an interrupt, no incomplete file is left.
#'
#' @seealso The section "Networks, proxies and transfers" of `vignette("future-p2p-errors", package = "future.p2p")`.
#'
#' @examples
#' library(future)
#' demo <- demo_cluster() # its mailbox server; without it, the public one
#' plan(future.p2p::cluster)
#'
#' ## The other side is a future here. It would be another machine:
#' ##   future.p2p::wormhole_receive("7-guitar-wizard")
#' mailbox <- demo$mailbox
#' f <- future({
#'   wormhole_receive("7-guitar-wizard", mailbox = mailbox, relay = "", timeout = 60)
#' }, packages = "future.p2p")
#' wormhole_send("See you at noon", code = "7-guitar-wizard", relay = "", timeout = 60)
#' value(f)
#'
#' close(demo)
#' @export
wormhole_send <- function(x, code = NULL, type = c("auto", "file", "text"), name = NULL, mailbox = NULL, relay = NULL, listen = TRUE,
                          verify = FALSE, timeout = 600, progress = NULL, host = NULL, ssh_args = NULL) {
  check_arguments("wormhole_send")
  config <- transfer_config(code, listen, verify, timeout)
  if (missing(x)) argument_stop("x", " is missing. It is what to send: the name of a file, a text, or a raw vector.")
  what <- what_to_send(x, check_choice(type, "type", c("auto", "file", "text")))
  if (!is.null(name)) what$name <- one_string(name, "name")
  config <- c(config, transfer_servers(mailbox, relay, host, ssh_args))
  message(describe_sent(what))
  status <- run_transfer(c(config, what[names(what) != "bytes"]), what$bytes, verify, progress, if (is.null(code)) show_transfer_code)
  invisible(status$code)
}

#' @rdname wormhole_send
#' @export
wormhole_receive <- function(code, path = NULL, mailbox = NULL, relay = NULL, listen = TRUE, verify = FALSE, timeout = 600,
                             progress = NULL, host = NULL, ssh_args = NULL) {
  check_arguments("wormhole_receive")
  if (missing(code)) argument_stop("code", " is missing. It is the code that the sender shows, such as 7-guitar-wizard.")
  config <- c(transfer_config(one_string(code, "code"), listen, verify, timeout), where_to_save(path))
  config <- c(config, transfer_servers(mailbox, relay, host, ssh_args))
  status <- run_transfer(config, NULL, verify, progress)
  if (status$is_text) return(status$text)
  structure(status$path, filename = status$name)
}

#' The wormhole program
#'
#' `find_wormhole()` returns the path of a program that sends and receives with Magic Wormhole: `send FILE`, `send --text TEXT`,
#' `send --code=CODE FILE`, `receive CODE`, `--version`, `--help`. It does not need R. `Rscript -e future.p2p::wormhole ...` runs the same
#' program. Its exit status is 0, or 1 if the transfer failed, 2 for wrong arguments, and 130 if it was interrupted.
#'
#' In an R session, use [wormhole_send()] and [wormhole_receive()], which return what was received and signal errors. `wormhole(...)`
#' runs the program as a shell does.
#'
#' @return `find_wormhole()` returns the path of the program. `wormhole()` returns its exit status, invisibly.
#'
#' @examples
#' find_wormhole()
#' system2(find_wormhole(), "--version")
#' wormhole("--help")
#' @seealso [wormhole_send()]
#' @export
find_wormhole <- function() system.file("bin", "wormhole", package = "future.p2p", mustWork = TRUE)
find_wormhole <- cli_function(find_wormhole, "find_wormhole", "Prints the path of the program wormhole.")

## ---- arguments ----

## The public mailbox and relay, as c(mailbox = , relay = ).
public_services <- function() .Call(ffi_public_services)

one_string <- function(value, name) {
  if (!is.character(value) || length(value) != 1L || is.na(value) || !nzchar(value)) {
    argument_stop(name, " must be one non-empty string.")
  }
  enc2utf8(value)
}

transfer_config <- function(code, listen, verify, timeout) {
  if (!is.function(verify)) verify <- check_flag(verify, "verify")
  list(
    code = if (!is.null(code)) one_string(code, "code"), listen = check_flag(listen, "listen"), confirm = is.function(verify) || verify,
    timeout_ms = 1000 * min(check_number(timeout, "timeout", 0.001, Inf), 4e6)
  )
}

## Mailbox server and relay: arguments, else options, else those of the board. Without a board, the public ones.
transfer_servers <- function(mailbox, relay, host, ssh_args) {
  use_proxy()
  mailbox <- string_or_option(mailbox, "mailbox")
  if (is.null(relay)) relay <- p2p_option("relay")
  if (!is.null(relay) && !identical(relay, "")) one_string(relay, "relay")
  if (is.null(mailbox) || is.null(relay)) {
    services <- board_services(host, ssh_args)
    if (is.null(mailbox)) mailbox <- services[["mailbox"]]
    if (is.null(relay)) relay <- services[["relay"]]
  }
  list(mailbox = mailbox, relay = if (nzchar(relay)) relay)
}

board_services <- function(host, ssh_args) {
  host <- string_or_option(host, "host")
  if (is.null(host)) return(public_services())
  answer <- tryCatch(ask_board(board_config(NULL, host, ssh_args), "services"), p2p_error = function(ex) {
    ex$message <- paste(conditionMessage(ex), "To use other servers, set `mailbox =` and `relay =`.")
    stop(ex)
  })
  structure(strsplit(answer, " ", fixed = TRUE)[[1L]], names = c("mailbox", "relay"))
}

what_to_send <- function(x, type) {
  if (is.raw(x)) return(list(bytes = x, name = "bytes.raw"))
  if (!is.character(x) || length(x) != 1L || is.na(x)) argument_stop("x", " must be a raw vector, or one string: the name of a file, or a text.")
  if (!nzchar(x)) argument_stop("x", " is empty. It must be the name of a file, or a text.")
  is_path <- nchar(x, "bytes") < 4096L # R warns about longer ones
  path <- if (is_path) path.expand(x) else x
  if (type == "file" || (type == "auto" && is_path && file.exists(path))) return(list(file = path))
  list(text = enc2utf8(x))
}

## A string may be the misspelt name of a file, which is sent as a text.
describe_sent <- function(what) {
  if (!is.null(what$bytes)) return(sprintf("Sending %s.", show_size(length(what$bytes))))
  if (!is.null(what$file)) return(sprintf("Sending the file '%s'.", what$file))
  sprintf("Sending the text '%s'.", shorten(encodeString(what$text), 60L))
}

## A folder, in which the file gets the sender's name for it, or the name of a new file.
where_to_save <- function(path) {
  path <- path.expand(if (is.null(path)) getwd() else one_string(path, "path"))
  if (dir.exists(path) && file.access(path, 3L) != 0L) argument_stop("path", ": files cannot be created in folder '", path, "'. Use another one.")
  if (dir.exists(path)) return(list(path = normalizePath(path), path_is_directory = TRUE))
  if (file.exists(path)) argument_stop("path", ": file '", path, "' exists already. Use a folder or a new name.")
  folder <- if (endsWith(path, "/")) path else dirname(path)
  if (!dir.exists(folder)) argument_stop("path", ": there is no folder '", folder, "'.")
  list(path = file.path(normalizePath(folder), basename(path)), path_is_directory = FALSE)
}

## ---- transfers ----

## Waits until the transfer ends. Returns its last status, and the received text. It can be interrupted. An expired time limit
## (setTimeLimit()) raises no signal, so R is polled for it four times a second. `show_code(code, config)` is called when the code is known,
## and `show_end(status, is_sender)` at the end.
run_transfer <- function(config, bytes, verify, progress, show_code = NULL, show_end = show_transfer_end) {
  handle <- .Call(ffi_transfer_new, config, bytes)
  on.exit(.Call(ffi_handle_close, handle))
  bar <- transfer_bar(progress, is_sender = is.null(config$path))
  on.exit(bar$close(), add = TRUE)
  is_confirmed <- FALSE
  say_waiting_at <- if (is.null(config$code)) Inf else now() + 1.5 # a new code has to be told first, and says so
  seen <- 0
  repeat {
    seen <- .Call(ffi_transfer_wait, handle, seen, 250L)
    status <- .Call(ffi_transfer_status, handle)
    if (status$state == "failed") core_stop(status$failed)
    if (status$state %in% c("mailbox", "waiting") && now() >= say_waiting_at) {
      message("Waiting for the other side (Ctrl-C stops).")
      say_waiting_at <- Inf
    }
    if (!is.null(show_code) && nzchar(status$code)) {
      show_code(status$code, config)
      show_code <- NULL
    }
    if (status$state == "confirming" && !is_confirmed) {
      .Call(ffi_transfer_confirm, handle, confirm_verifier(status$verifier, verify))
      is_confirmed <- TRUE
    }
    if (status$state == "moving") bar$show(status)
    if (status$state == "done") break
  }
  bar$close()
  show_end(status, is.null(config$path))
  status$text <- .Call(ffi_transfer_text, handle)
  status
}

show_transfer_code <- function(code, config) {
  public <- public_services()
  flags <- c(if (config$mailbox != public[["mailbox"]]) paste0(" --mailbox=", config$mailbox),
             if (!identical(config$relay, public[["relay"]])) paste0(" --relay=", config$relay))
  message("Wormhole code is: ", code)
  message("On the other machine, run", if (is.null(flags)) " one of", ":")
  if (is.null(flags)) message("  wormhole receive ", code)
  message("  Rscript -e future.p2p::wormhole receive ", code, flags)
}

show_transfer_end <- function(status, is_sender) {
  if (status$is_text) {
    if (is_sender) message("The text was received.")
  } else if (is_sender) {
    message(sprintf("'%s' (%s) was received, %s.", status$name, show_size(status$size), status$way))
  } else {
    name <- if (basename(status$path) == status$name) "" else sprintf(" as '%s'", basename(status$path))
    message(sprintf("Received '%s' (%s)%s, %s.", status$name, show_size(status$size), name, status$way))
  }
}

show_size <- function(size) if (size == 1) "1 byte" else format(structure(size, class = "object_size"), units = "auto", standard = "SI")

confirm_verifier <- function(verifier, verify) {
  message("Verifier: ", verifier)
  if (is.function(verify)) return(isTRUE(verify(verifier)))
  ask_yes("Does the other side show the same verifier? (yes/no) ")
}

ask_yes <- function(question) {
  if (interactive()) {
    answer <- readline(question)
  } else {
    message(question, appendLF = !isatty(stdin())) # at a terminal, the answer ends the line
    input <- file("stdin")
    on.exit(close(input))
    answer <- readLines(input, 1L)
  }
  length(answer) == 1L && grepl("^y(es)?$", trimws(tolower(answer)))
}

## A progress bar that appears after a second.
transfer_bar <- function(progress, is_sender) {
  mode <- progress_mode(progress, is_wanted = TRUE)
  display <- progress_display(mode)
  started <- NULL
  list(
    show = function(status) {
      if (is.null(started)) started <<- now()
      seconds <- now() - started
      if (status$size == 0 || seconds < progress_after()) return(invisible())
      display$show(paste(if (is_sender) "Sending" else "Receiving", shorten(status$name, 30L)), status$moved, status$size, status$moved / max(seconds, 0.001))
    },
    close = clear_line
  )
}

## ---- the command line ----

#' @rdname find_wormhole
#' @param ... (character) The arguments of the program.
#' @export
wormhole <- function(...) {
  if (!interactive()) check_flags_are_read("wormhole", commandArgs())
  env <- program_environment()
  invisible(system2(find_wormhole(), shQuote(c(...)), env = if (length(env) > 0L) paste0(names(env), "=", shQuote(env)) else character()))
}
wormhole <- structure(wormhole, class = c("p2p_wormhole", "function"), command = character())
wormhole_send <- structure(wormhole_send, class = c("p2p_wormhole", "function"), command = "send")
wormhole_receive <- structure(wormhole_receive, class = c("p2p_wormhole", "function"), command = "receive")

#' @export
print.p2p_wormhole <- function(x, ...) {
  if (!interactive() && called_from_rscript()) exec_wormhole(c(attr(x, "command"), commandArgs(trailingOnly = TRUE)))
  print(unclass_cli(x))
  invisible(x)
}

## Replaces this R process by the program. R would not remove its temporary folder later, so it is removed now.
exec_wormhole <- function(args) {
  program <- find_wormhole()
  env <- program_environment()
  if (length(env) > 0L) do.call(Sys.setenv, as.list(env))
  unlink(tempdir(), recursive = TRUE)
  .Call(ffi_program_exec, program, args)
}

## The options of this session, as variables for the program.
program_environment <- function() {
  values <- lapply(c(host = "host", ssh_args = "ssh_args", mailbox = "mailbox", relay = "relay"), p2p_option)
  if (length(values$ssh_args) > 1L) values$ssh_args <- paste(quote_word(values$ssh_args), collapse = " ")
  values <- unlist(values)
  if (length(values) > 0L) names(values) <- paste0("R_FUTURE_P2P_", toupper(names(values)))
  values
}

## Words as split_words() reads them.
quote_word <- function(words) ifelse(grepl("'", words, fixed = TRUE), paste0("\"", words, "\""), paste0("'", words, "'"))
