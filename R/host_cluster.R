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
#'   Or the name of a file with a user name at the start of each line, such as the users file of [serve()]. It is read again when it
#'   changes, and [invite()] adds users to it.
#'
#' @param key (logical) If `FALSE`, the cluster has no key, as clusters of older versions: whoever can write to its topic, such as the operator
#'   of the message board, can pretend to be a member.
#' @param enrol (character) Which devices get the key of the cluster: `"auto"` (default) means those of your users, as described below.
#'   `"invite"` means only those that have it already, and those that you invite.
#'
#' @param quiet (logical) If `TRUE`, show only warnings, errors, and the line "hosting cluster ...", for which other programs wait. The default is option
#'   `future.p2p.quiet`. `--quiet` on the command line.
#' @param json_log (logical) If `TRUE`, write each line of the log as a JSON object, as [worker()] does. The default is option `future.p2p.json_log`.
#'   `--json-log` on the command line.
#'
#' @section Keys:
#' The first time that you host a cluster, a key is made for it, which only members have. Without it, nobody can read what members write to the
#' message board, or pretend to be one of them. `plan()` and `worker()` get the key from the host when they first join, and keep it. The host
#' gives it to the devices of your users. On a board of [serve()], the board tells which devices these are, but not of members that log in
#' by the program `ssh`, as through a jump host: [approve()] these, or [invite()] them. On other boards, it takes the first
#' device of each user, and refuses further ones; until a user has joined there, another user of the cluster could do so in that name. Each device that gets the key is logged with its fingerprint, and, at the start, that of this device. At their first contact, members
#' remember the device on which you host the cluster, and refuse any other one from then on: always host it on the same device.
#'
#' @section Command line:
#' ```sh
#' Rscript -e future.p2p::host_cluster --cluster=alice/friends --users=bob,carol
#' ```
#'
#' @return `NULL`, invisibly, after `duration` seconds. Errors have class `p2p_error`.
#'
#' @examples
#' demo <- demo_cluster(workers = 0) # a message board on which you are alice
#'
#' ## For a second; without `duration`, until Ctrl-C
#' host_cluster("alice/lab", users = c("bob", "carol"), duration = 1)
#'
#' close(demo)
#' @seealso [worker()], [cluster]
#' @export
host_cluster <- function(cluster, users, host = NULL, ssh_args = NULL, duration = Inf, key = TRUE, enrol = c("auto", "invite"),
                         quiet = FALSE, json_log = FALSE) {
  check_arguments("host_cluster")
  check_not_on_worker("host_cluster")
  format <- log_format(flag_or_option(quiet, "quiet", missing(quiet)), flag_or_option(json_log, "json_log", missing(json_log)))
  config <- cluster_config(cluster, host, ssh_args)
  file <- if (!missing(users)) users_list_file(users)
  users <- if (missing(users)) character() else if (is.null(file)) user_names(users) else listed_users(file, config)
  if (length(users) == 0L && is.null(file)) argument_stop("users", " must name the users who have access, as in ", if (in_cli()) "--users=bob,carol." else "c(\"bob\", \"carol\").")
  duration <- check_number(duration, "duration", 0, Inf)
  config$users <- users
  config$is_keyless <- !check_flag(key, "key")
  config$is_invite_only <- check_choice(enrol, "enrol", c("auto", "invite")) == "invite"
  with_log({
    if (config$is_keyless || !uses_keys()) notice("This cluster has no key: whoever can write to its topic can pretend to be a member.") else say_expelled(config)
    remember_file("users", cluster_place(config), file)
    with_terminate(run_host(config, file, now() + duration))
  }, format, list(program = "host_cluster", cluster = config$cluster))
  invisible()
}

## Hosts until `end`. When the file of users has changed, the topic is opened again: the access list is that of the member that opens it.
## Members stay connected meanwhile.
run_host <- function(config, file, end) {
  log <- log_new()
  if (!is.null(file)) {
    report <- .Call(ffi_file_report, file, log)
    on.exit(.Call(ffi_handle_close, report))
  }
  retry_until <- -Inf
  while (now() < end) {
    users <- config$users
    is_changed <- function() {
      if (!is.null(file)) users <<- listed_users(file, config, users)
      !setequal(users, config$users)
    }
    ended <- tryCatch(host_until(config, log, end, is_changed), p2p_error = identity)
    if (inherits(ended, "error")) {
      ## The board may not have noticed yet that we have left the topic.
      if (now() >= retry_until || !isTRUE(ended$error$reason %in% c("already_hosted", "topic_in_use"))) stop(ended)
      Sys.sleep(1)
      next
    }
    config$users <- users
    retry_until <- now() + 30
  }
}

host_until <- function(config, log, end, is_changed) {
  handle <- .Call(ffi_host_new, config, log)
  on.exit(.Call(ffi_handle_close, handle))
  run_service(log, until = end, is_done = is_changed)
}

## Empty if these are no names. The core checks each name.
user_names <- function(users) {
  if (!is.character(users) || anyNA(users)) return(character())
  names <- unlist(strsplit(trimws(users), " *, *"))
  unique(names[nzchar(names)])
}

## The absolute path of the file that `users` names. NULL: these are names of users.
users_list_file <- function(users) {
  if (is.character(users) && length(users) == 1L && !is.na(users) && file.exists(users) && !dir.exists(users)) absolute_path(users)
}

## The users in a file: the first word of each line, but for the owner. If it cannot be used, a warning says why, and it is `kept`; without `kept`, it is an
## error.
listed_users <- function(file, config, kept = NULL) {
  lines <- tryCatch(suppressWarnings(readLines(file, warn = FALSE)), error = function(ex) NULL)
  words <- first_words(lines)
  wrong <- which(nzchar(words) & !grepl(user_name_form, words))
  users <- setdiff(words[nzchar(words)], sub("/.*", "", config$cluster))
  problem <- if (is.null(lines)) "cannot be read" else if (length(wrong) > 0L) sprintf("has no user name in line %d", wrong[1L])
  if (is.null(problem)) host_state$problem <- NULL
  if (is.null(problem)) return(users)
  if (is.null(kept)) argument_stop("users", ": file '", file, "' ", problem, ". It has one user name a line.")
  if (!identical(host_state$problem, problem)) warning(sprintf("File '%s' %s. The users stay as they were.", file, problem), call. = FALSE, immediate. = TRUE)
  host_state$problem <- problem
  kept
}

first_words <- function(lines) sub("[ \t].*", "", trimws(sub("#.*", "", lines)))

host_state <- new.env(parent = emptyenv())
user_name_form <- "^[A-Za-z0-9_][A-Za-z0-9._-]{0,62}$"

host_cluster <- cli_function(host_cluster, "host_cluster", "Gives users access to your cluster, until Ctrl-C or for --duration seconds.", is_service = TRUE)
