#' Invite somebody to your cluster
#'
#' The owner of a cluster calls `invite()`, on the device that hosts it. It shows a code such as `7-crossover-clockwork`, and what to type on the
#' other device: `future.p2p::join("7-crossover-clockwork")`. The invitation travels by [Magic Wormhole][wormhole_send], and `invite()` waits
#' until the other device has received it. Ctrl-C withdraws it. Tell nobody but the invited person the code. It works once, for one device.
#'
#' What is handed over:
#'
#' * to the new device: the name of the cluster, the message board and, if it is one of [serve()], its host key; and an invitation, by which the host
#'   and the new device know each other.
#' * from the new device: its public SSH key, if the users file of the board is on this machine (`accounts_file`).
#'
#' The owner's device then adds the user to the users file of [serve()] and to that of [host_cluster()]. Both programs read them again at
#' once, and need no restart. `join()` shows the lines that it would add to `known_hosts` and to `.Renviron` (the board's host key, and the options
#' that name cluster and board), asks, and says what to type to use the cluster. If you host it with `users = c(...)` and not with a file, or
#' somebody else runs the board, add the user there yourself.
#'
#' `join()` also shows the fingerprint of the device that hosts the cluster, as `invite()` does. The invitation is used by the next `plan()` or
#' [worker()] on that cluster, while the host is running. The new device accepts no other host. With `host_cluster(enrol = "invite")`, the host accepts no
#' new device without an invitation. Use it if you do not trust the operator of the message board, or for a device that the host has refused.
#'
#' `invite(file = )` writes the invitation alone to a file, for a machine that nobody sits at. The first device to use
#' the file joins as that user, so protect it as you would a private SSH key. On that machine, environment variable `R_FUTURE_P2P_KEY_FILE` or option `future.p2p.key_file`
#' names it, or `join(file = )` reads it. A device that was expelled comes back with it, too. The variable is ignored on a device that knows another
#' owner of the cluster.
#'
#' @param cluster (character) Name of the cluster, as `"alice/friends"`. If missing, option `future.p2p.cluster`.
#' @param user (character) User name of the invited person on the message board.
#' @param file (character) `invite()`: a new file to which the invitation is written, which only you can read. `join()`: such a file.
#' @param code (character) The code that `invite()` shows.
#' @param host,ssh_args (character) Message board, and arguments for SSH, as in [cluster]. If the invitation is for a board that you call by another
#'   name, as through a jump host, give your own name for it to `join()`.
#' @param withdraw (logical) If `TRUE`, the user's invitations that were not used are withdrawn, and there is no new one. [members()] lists them.
#' @param users_file (character) The file of users of [host_cluster()], to which the user is added. If `NULL`, the one that host_cluster() uses on this machine.
#' @param accounts_file (character) The users file of [serve()], to which the user is added with the public key of the new device. If `NULL`, the one
#'   that the board uses, if it runs on this machine.
#' @param mailbox (character) Mailbox server, as `"ws://name:4000/v1"`, if `invite()` shows one: that of a board of your own. Then the board need not
#'   be known here yet.
#' @param yes (logical) If `TRUE`, `join()` adds the lines without asking. `--yes` on the command line.
#'
#' @section Command line:
#' ```sh
#' Rscript -e future.p2p::invite --cluster=alice/friends --user=bob
#' Rscript -e future.p2p::join 7-crossover-clockwork
#' Rscript -e future.p2p::join 7-crossover-clockwork --mailbox=ws://lab:4000/v1 --yes
#' Rscript -e future.p2p::invite --cluster=alice/friends --user=bob --file=invitation
#' Rscript -e future.p2p::invite --cluster=alice/friends --user=bob --withdraw
#' R_FUTURE_P2P_KEY_FILE=invitation Rscript -e future.p2p::worker --cluster=alice/friends
#' ```
#'
#' @return `NULL`, invisibly. Errors have class `p2p_error`.
#'
#' @examples
#' demo <- demo_cluster(workers = 0)
#'
#' ## alice: an invitation in a file, for a machine that nobody sits at
#' file <- tempfile()
#' invite("alice/friends", "bob", file = file)
#' members("alice/friends")
#'
#' ## there, as bob
#' join(file = file)
#'
#' ## alice has changed her mind: the file is of no use any more
#' invite("alice/friends", "bob", withdraw = TRUE)
#'
#' close(demo)
#'
#' \dontrun{
#' # By a code, between two people. It waits for the other one
#' invite("alice/friends", "bob") # alice, who tells bob the code
#' join("7-crossover-clockwork") # bob
#' }
#' @seealso [members()]
#' @export
invite <- function(cluster, user, file = NULL, host = NULL, ssh_args = NULL, withdraw = FALSE, users_file = NULL, accounts_file = NULL) {
  check_arguments("invite")
  check_not_on_worker("invite")
  config <- cluster_config(cluster, host, ssh_args)
  if (missing(user)) argument_stop("user", " is missing. It is the name of the user on the message board, as in ", if (in_cli()) "--user=bob." else "\"bob\".")
  user <- one_string(user, "user")
  if (!is.null(file)) file <- new_file(file)
  if (!is.null(users_file)) users_file <- old_file(users_file, "users_file")
  if (!is.null(accounts_file)) accounts_file <- old_file(accounts_file, "accounts_file")
  check_has_owner(config, "nobody is invited to")
  place <- owner_place(config)
  check_is_owner(place)
  if (check_flag(withdraw, "withdraw")) return(withdraw_invitations(place, user))
  text <- .Call(ffi_keys_invite, place, user)
  is_taken <- FALSE
  on.exit(if (!is_taken) withdraw_invitation(place, text, user))
  if (is.null(file)) send_invitation(text, user, config, users_file, accounts_file) else write_invitation(text, file, user, config)
  is_taken <- TRUE
  invisible()
}

#' @rdname invite
#' @export
join <- function(code = NULL, file = NULL, host = NULL, ssh_args = NULL, mailbox = NULL, yes = FALSE) {
  check_arguments("join")
  check_not_on_worker("join")
  yes <- check_flag(yes, "yes")
  if (is.null(code) == is.null(file)) argument_stop("code", " must be the code that the owner of the cluster tells you, or ", argument("file", in_cli()), " must be the file of an invitation.")
  config <- board_config(NULL, host, ssh_args)
  if (!is.null(code)) code <- check_code(code)
  servers <- if (is.null(file)) transfer_servers(mailbox, if (!is.null(mailbox)) "", host, ssh_args)
  welcome <- if (is.null(file)) read_welcome(receive_text(code, servers, 600)) else list(invitation = read_invitation(path.expand(one_string(file, "file"))))
  text <- welcome$invitation
  invitation <- .Call(ffi_keys_invitation, text)
  if (!grepl("^[A-Za-z0-9._:@%[-]+(\\][A-Za-z0-9:]*)?$", invitation$board)) stop_incomplete() # it is written to files
  place <- list(folder = keys_folder(), board = if (is.null(config$host)) invitation$board else .Call(ffi_keys_board, config), cluster = invitation$cluster)
  others <- setdiff(known_owners(place), invitation$owner)
  .Call(ffi_keys_join, place, text, TRUE)
  message(sprintf("The invitation to %s is kept. Its owner has the device %s.", quote_name(invitation$cluster), invitation$owner))
  if (length(others) > 0L) {
    warning(sprintf("This device knew another owner of %s, %s. From now on it trusts the one of the invitation.", quote_name(invitation$cluster), others[[1L]]), call. = FALSE)
  }
  board <- if (is.null(config$host)) other_board(invitation$board) else host
  is_set <- is.null(file) && settle_in(welcome, place, board, ssh_args, servers, yes)
  plan <- if (is_set) describe_plan() else describe_plan(invitation$cluster, board)
  worker <- describe_call("worker", if (is_set) list() else list(cluster = invitation$cluster, host = board))
  message("Use it with ", plan, " or ", worker, ", as the user whom the owner has invited.")
  invisible()
}

check_code <- function(code) {
  code <- one_string(code, "code")
  if (startsWith(code, "p2p-invitation-")) argument_stop("code", " is an invitation itself. Write it to a file that only you can read, and use ", argument("file", in_cli()), ".")
  code
}

## Without arguments, options name the cluster.
describe_plan <- function(cluster = NULL, host = NULL) {
  named <- c(cluster = cluster, host = host)
  sprintf("plan(%s)", paste(c("future.p2p::cluster", if (length(named) > 0L) paste(names(named), "=", dQuote(named, FALSE))), collapse = ", "))
}

## The board, unless it is the public one.
other_board <- function(board) if (board != .Call(ffi_keys_board, list())) board

## ---- the owner ----

## The name of a file that does not exist.
new_file <- function(file) {
  file <- path.expand(one_string(file, "file"))
  if (file.exists(file)) argument_stop("file", ": file '", file, "' exists already. Use a new name.")
  if (!dir.exists(dirname(file))) argument_stop("file", ": there is no folder '", dirname(file), "'.")
  file
}

old_file <- function(file, name) {
  file <- path.expand(one_string(file, name))
  if (!file.exists(file) || dir.exists(file)) argument_stop(name, ": there is no file '", file, "'.")
  absolute_path(file)
}

withdraw_invitations <- function(place, user) {
  n <- .Call(ffi_keys_withdraw_all, place, user)
  message(sprintf(if (n == 0L) "There is no open invitation of %s to %s." else "The open invitations of %s to %s were withdrawn.",
                  quote_name(user), quote_name(place$cluster)))
  invisible()
}

withdraw_invitation <- function(place, text, user) {
  .Call(ffi_keys_withdraw, place, text)
  message(sprintf("The invitation of %s was withdrawn.", quote_name(user)))
}

write_invitation <- function(text, file, user, config) {
  old <- Sys.umask("077")
  on.exit(Sys.umask(old))
  tryCatch(suppressWarnings(writeLines(text, file)), error = function(ex) argument_stop("file", ": cannot write '", file, "': ", conditionMessage(ex), "."))
  message(sprintf("'%s' has an invitation to %s for one device of %s. Move it there safely, and set R_FUTURE_P2P_KEY_FILE to its name, or run %s. It shows the fingerprint of this device, %s.",
                  file, quote_name(config$cluster), quote_name(user), describe_call("join", list(file = basename(file))), .Call(ffi_keys_invitation, text)$owner), access_hint(owner_place(config), user))
}

## ---- on the invited device ----

## The content of a file that nobody else can read. `name`: the argument or the option that names the file.
read_invitation <- function(file, name = "file") {
  info <- file.info(file, extra_cols = FALSE)
  if (is.na(info$size) || info$isdir) argument_stop(name, ": there is no file '", file, "'.")
  if (.Platform$OS.type == "unix" && bitwAnd(as.integer(info$mode), 63L) != 0L) {
    core_stop(list(what = "access", message = sprintf("other users can read the file '%s'", file), reason = "invitation_exposed"))
  }
  if (file.access(file, 4L) != 0L) argument_stop(name, ": '", file, "' cannot be read.")
  bytes <- readBin(file, "raw", 4096L)
  trimws(rawToChar(bytes[bytes != 0L]))
}

## Keeps the invitation of option `future.p2p.key_file` if it is for the cluster of `config`, unless this device knows another owner of that
## cluster. A member uses it only if the host would not give it a new key otherwise, as after it was expelled. Called before the cluster is joined.
use_key_file <- function(config) {
  file <- p2p_option("key_file")
  if (is.null(file)) return(invisible())
  text <- read_invitation(path.expand(file), "future.p2p.key_file")
  invitation <- .Call(ffi_keys_invitation, text)
  if (!identical(invitation$cluster, config$cluster)) return(invisible())
  place <- keys_place(config)
  owners <- known_owners(place)
  if (any(owners != invitation$owner)) return(invisible())
  .Call(ffi_keys_join, place, text, TRUE)
  if (length(owners) == 0L) message(sprintf("The invitation to %s in '%s' is used. Its owner has the device %s.", quote_name(invitation$cluster), file, invitation$owner))
}

invite <- cli_function(invite, "invite", "Invites a user to your cluster, by a code or a file.")
join <- cli_function(join, "join", "Takes the invitation to a cluster, and sets up this device.")
