## Keys and members: what the functions for people share. The files are those of src/keys/.

## The folder of all keys of this user.
keys_folder <- function() absolute_path(file.path(config_folder(), "keys"))

## Says what it means to join without keys.
say_keyless <- function() {
  if (!uses_keys()) notice("This program uses no keys (option future.p2p.key): whoever can write to the topic of the cluster can pretend to be a member.")
}

## Where the files of the cluster of `config` are, see src/keys/place.h. `account`: our user name on the board, or NULL.
keys_place <- function(config, account = NULL) {
  list(folder = keys_folder(), board = .Call(ffi_keys_board, config), cluster = config$cluster, account = account)
}

## The configuration for a function about one cluster, which must have a name. `cluster` may be missing.
cluster_config <- function(cluster, host, ssh_args) {
  config <- board_config(if (missing(cluster)) NULL else cluster, host, ssh_args)
  if (is.null(config$cluster)) argument_stop("cluster", " is missing. It names the cluster, as in ", if (in_cli()) "--cluster=alice/friends." else "\"alice/friends\".")
  .Call(ffi_cluster_check, config$cluster)
  config
}

## The files of a cluster that this user owns. The owner is the account.
owner_place <- function(config) keys_place(config, sub("/.*", "", config$cluster))

## The cluster on its board, as a name.
cluster_place <- function(config) paste0(config$cluster, "@", .Call(ffi_keys_board, config))

## invite() changes files that serve() and host_cluster() read on this machine. `what`: "users" or "accounts", `of`: a cluster or a host key.
remembered_at <- function(what, of) file.path(config_folder(), "files", utils::URLencode(paste(what, of), reserved = TRUE))

## NULL: forget it.
remember_file <- function(what, of, file) {
  at <- remembered_at(what, of)
  if (is.null(file)) {
    unlink(at)
    if (length(list.files(dirname(at))) == 0L) unlink(dirname(at), recursive = TRUE)
    return(invisible())
  }
  dir.create(dirname(at), recursive = TRUE, showWarnings = FALSE, mode = "0700")
  try(suppressWarnings(writeLines(file, at)), silent = TRUE)
  invisible()
}

## NULL if nothing is remembered, or the file no longer exists.
remembered_file <- function(what, of) {
  at <- remembered_at(what, of)
  file <- if (file.exists(at)) readLines(at, 1L, warn = FALSE)
  if (length(file) == 1L && file.exists(file)) file
}

is_personal <- function(cluster) endsWith(cluster, "/personal")

## `what`: what cannot be done with a personal cluster.
check_has_owner <- function(config, what) {
  if (!is_personal(config$cluster)) return(invisible())
  argument_stop("cluster", ": ", what, " your personal cluster. Each device whose SSH key belongs to your account on the message board gets its key, and no other: ",
                "add an SSH key there, or remove it.")
}

## The accounts on this board for which this device has files: a list of names and, for files that were made before the account was known, NULL.
known_accounts <- function(place) {
  boards <- vapply(list.files(place$folder), utils::URLdecode, "")
  accounts <- sub("@[^@]*$", "", boards[endsWith(boards, paste0("@", tolower(place$board)))])
  c(list(NULL), as.list(unname(accounts)))
}

## The places in which this device has something about a cluster.
known_places <- function(place) {
  places <- lapply(known_accounts(place), function(account) replace(place, "account", list(account)))
  Filter(function(place) !is.null(.Call(ffi_keys_membership, place)), places)
}

## A hint for a user without a device in the cluster of `place`: the name may be wrong, which cannot be checked here, since only the host has
## the list of users. Empty for a known user.
access_hint <- function(place, user) {
  devices <- .Call(ffi_keys_members, place)$devices
  if (user == place$account || user %in% devices$user[!devices$expelled]) return("")
  sprintf(" %s must be among the users of host_cluster().", quote_name(user))
}

## The fingerprints of the owners of a cluster that this device knows.
known_owners <- function(place) vapply(known_places(place), function(place) .Call(ffi_keys_membership, place)$owner, "")

## The clusters of others on the board of `place` that its account has joined on this device.
joined_clusters <- function(place) {
  boards <- list.files(place$folder)
  own <- boards[vapply(boards, utils::URLdecode, "") == paste0(place$account, "@", tolower(place$board))]
  clusters <- dirname(list.files(file.path(place$folder, own), "^membership$", recursive = TRUE))
  clusters <- vapply(clusters, utils::URLdecode, "", USE.NAMES = FALSE)
  clusters[!startsWith(clusters, paste0(place$account, "/"))]
}

## The other boards on which this device hosts the cluster of `place`.
hosted_boards <- function(place) {
  boards <- vapply(list.files(place$folder), utils::URLdecode, "", USE.NAMES = FALSE)
  boards <- sub("^[^@]*@", "", boards[startsWith(boards, paste0(place$account, "@"))])
  device <- .Call(ffi_keys_device, place)$fingerprint
  Filter(function(board) identical(.Call(ffi_keys_membership, replace(place, "board", list(board)))$owner, device), boards)
}

## How to call a function here, in R or in a shell. `arguments`: named strings; an empty name is for a word.
describe_call <- function(name, arguments) {
  arguments <- arguments[lengths(arguments) > 0L]
  names <- names(arguments)
  if (!in_cli()) {
    values <- vapply(arguments, function(value) encodeString(value, quote = "\""), "")
    return(sprintf("future.p2p::%s(%s)", name, paste0(ifelse(names %in% c("cluster", "code"), "", paste(names, "= ")), values, collapse = ", ")))
  }
  words <- shell_words(unlist(arguments))
  paste(c(paste0("Rscript -e future.p2p::", name), ifelse(names == "code", words, paste0(as_flag(names), "=", words))), collapse = " ")
}

quote_name <- function(name) paste0("'", name, "'")
