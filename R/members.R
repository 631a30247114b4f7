#' Members of your cluster, and their devices
#'
#' The members of a cluster share its key, which the host gives to their devices when they join. These functions are for the owner of a cluster, on the
#' device that hosts it. They change its files; a running host notices that at once.
#'
#' * `members()` lists the devices that have the key, those that are expelled, and open approvals and invitations. On the device of another member,
#'   it shows only what that device knows: the owner's device, and itself.
#' * `approve()` admits a device that the host refused because its user already has another one. Compare the fingerprint with the one that
#'   the device itself shows. `expel(device = )` withdraws an approval.
#' * `expel()` shuts out a user with all devices, or a single device, such as a lost one. It makes a new key, which the remaining members get from
#'   the host, and ends the links to expelled devices. It cannot take back what they have already seen. To admit them again, [invite()] the user or `approve()` the device.
#'
#' On any device, `forget_cluster()` removes what it knows of a cluster: the key, and who its owner is. The next `plan()` or [worker()] begins as on a new
#' device. Do this only if the owner tells you that another device hosts the cluster now.
#'
#' Your personal cluster has no owner's device: all devices of your account have its key, and `members()` lists those that got it from this one.
#'
#' @inheritParams invite
#' @param user (character) User name on the message board.
#' @param device (character) Fingerprint of a device, as `"SHA256:..."`. `expel()` also takes its beginning, if it fits one device only.
#'
#' @section Command line:
#' ```sh
#' Rscript -e future.p2p::members --cluster=alice/friends
#' Rscript -e future.p2p::approve --cluster=alice/friends --user=bob --device=SHA256:...
#' Rscript -e future.p2p::expel --cluster=alice/friends --user=bob
#' Rscript -e future.p2p::forget_cluster --cluster=alice/friends
#' ```
#'
#' @return `members()` returns a data frame with a row for each device, approval and invitation, and the columns `user`, `device` (its fingerprint),
#'   `since` (when it got the key, or the invitation was made), `seen` (when it last asked the host for the key) and `state`: `"member"`, `"expelled"`, `"approved"` or `"invited"`;
#'   on other devices than the owner's, `"owner"` and `"this device"`, or `"invited"` before it has the key.
#'   The others return `NULL`, invisibly. Errors have class `p2p_error`.
#'
#' @examples
#' demo <- demo_cluster(workers = 0) # in which this session has the owner's device
#'
#' ## Let a second device of bob join, by the fingerprint that it shows
#' second <- "SHA256:0CRrd4O2dnTmKAeQ/B1FWKVKMsvtzkhqKSqYiKyjYrQ"
#' approve("alice/friends", "bob", second)
#' members("alice/friends")
#'
#' ## It was lost
#' expel("alice/friends", device = second)
#' members("alice/friends")
#'
#' ## On the device of a member, when the owner says that the cluster has a new host
#' forget_cluster("alice/friends")
#'
#' close(demo)
#' @seealso [invite()], [host_cluster()]
#' @export
members <- function(cluster, host = NULL, ssh_args = NULL) {
  check_arguments("members")
  check_not_on_worker("members")
  config <- cluster_config(cluster, host, ssh_args)
  place <- owner_place(config)
  if (!is_owner(place) && length(known <- known_places(place)) > 0L) return(own_device(known))
  check_is_owner(place)
  found <- .Call(ffi_keys_members, place)
  devices <- found$devices
  n <- c(length(devices$user), length(found$approved$user), length(found$invitations$user))
  time <- function(seconds) structure(as.double(seconds), class = c("POSIXct", "POSIXt"))
  out <- data.frame(
    user = c(devices$user, found$approved$user, found$invitations$user),
    device = c(devices$fingerprint, found$approved$fingerprint, rep(NA_character_, n[3L])),
    since = time(c(devices$since, rep(NA, n[2L]), found$invitations$created)), seen = time(c(devices$seen, rep(NA, n[2L] + n[3L]))),
    state = c(ifelse(devices$expelled, "expelled", "member"), rep("approved", n[2L]), rep("invited", n[3L])), stringsAsFactors = FALSE
  )
  structure(out, class = c("p2p_members", "data.frame"), cluster = config$cluster, key = found$epoch)
}

## What a device knows that is not the owner's: the owner's device, and this one.
own_device <- function(places) {
  device <- .Call(ffi_keys_device, places[[1L]])$fingerprint
  rows <- lapply(places, function(place) {
    known <- .Call(ffi_keys_membership, place)
    data.frame(user = c(sub("/.*", "", place$cluster), known$user), device = c(known$owner, device),
               state = c("owner", if (is.na(known$epoch)) "invited" else "this device"), key = known$epoch, stringsAsFactors = FALSE)
  })
  found <- unique(do.call(rbind, rows))
  never <- structure(rep(NA_real_, nrow(found)), class = c("POSIXct", "POSIXt"))
  out <- data.frame(found[c("user", "device")], since = never, seen = never, state = found$state, stringsAsFactors = FALSE)
  structure(out, class = c("p2p_members", "data.frame"), cluster = places[[1L]]$cluster, key = if (!is.na(found$key[1L])) found$key[1L], is_partial = TRUE)
}

#' @export
print.p2p_members <- function(x, ...) {
  if (!all(c("user", "device", "since", "seen", "state") %in% names(x))) return(NextMethod())
  cat(describe_members(x), sep = "\n")
  invisible(x)
}

## Lines of text. Rows of the data frame that were bound together have no cluster.
describe_members <- function(x) {
  is_member <- x$state == "member"
  title <- if (isTRUE(attr(x, "is_partial"))) sprintf("%s: the owner's device and this one; only the owner's lists all", attr(x, "cluster")) else sprintf("%s: %s of %s", c(attr(x, "cluster"), "members")[1L], count_of(sum(is_member), "device"), count_of(length(unique(x$user[is_member])), "user"))
  if (length(attr(x, "key")) == 1L) title <- sprintf("%s, key %.0f", title, attr(x, "key"))
  if (nrow(x) == 0L) return(title)
  column <- function(name, values) format(c(name, ifelse(is.na(values), "", values)))
  shown <- paste(column("user", x$user), column("state", x$state), column("since", format(x$since, "%Y-%m-%d %H:%M")),
                 column("seen", format(x$seen, "%Y-%m-%d %H:%M")), column("device", x$device))
  c(title, trimws(shown, "right"))
}

#' @rdname members
#' @export
approve <- function(cluster, user, device, host = NULL, ssh_args = NULL) {
  check_arguments("approve")
  check_not_on_worker("approve")
  config <- cluster_config(cluster, host, ssh_args)
  if (missing(user)) argument_stop("user", " is missing. It is the name of the user on the message board whose device it is.")
  if (missing(device)) argument_stop("device", " is missing. It is the fingerprint that the device shows when it is refused.")
  user <- one_string(user, "user")
  device <- one_string(device, "device")
  check_has_owner(config, "no device is approved for")
  place <- owner_place(config)
  check_is_owner(place)
  .Call(ffi_keys_approve, place, user, device)
  message(sprintf("Device %s of %s gets the key of %s when it tries again with plan() or worker().%s", device, quote_name(user), quote_name(config$cluster),
                  access_hint(place, user)))
  invisible()
}

#' @rdname members
#' @export
expel <- function(cluster, user = NULL, device = NULL, host = NULL, ssh_args = NULL) {
  check_arguments("expel")
  check_not_on_worker("expel")
  config <- cluster_config(cluster, host, ssh_args)
  if (is.null(user) == is.null(device)) {
    argument_stop("user", " or ", argument("device", in_cli()), if (!is.null(user)) ", not both,", " must name whom to expel: a user with all devices, or one device.")
  }
  who <- if (is.null(device)) one_string(user, "user") else one_string(device, "device")
  check_has_owner(config, "nobody is expelled from")
  place <- owner_place(config)
  check_is_owner(place)
  if (!is.null(device)) who <- find_device(place, who)
  if (identical(who, place$account) || identical(who, .Call(ffi_keys_device, place)$fingerprint)) {
    argument_stop(if (is.null(device)) "user" else "device", " is the owner of the cluster. Owners cannot be expelled.")
  }
  .Call(ffi_keys_expel, place, who)
  message(sprintf("%s is expelled from %s. New key; members that are online get it from the host at once, the others when they come back.",
                  if (is.null(device)) quote_name(who) else paste("Device", who), quote_name(config$cluster)))
  invisible()
}

## Hosts say of which of their users no device gets the key.
say_expelled <- function(config) {
  place <- owner_place(config)
  if (!is_owner(place)) return(invisible())
  devices <- .Call(ffi_keys_members, place)$devices
  users <- setdiff(intersect(config$users, devices$user[devices$expelled]), devices$user[!devices$expelled])
  for (user in users) {
    message(sprintf("%s is expelled from %s: no device of this user gets its key, until you use %s.", quote_name(user), quote_name(config$cluster),
                    describe_call("invite", list(cluster = config$cluster, user = user))))
  }
}

#' @rdname members
#' @export
forget_cluster <- function(cluster, host = NULL, ssh_args = NULL) {
  check_arguments("forget_cluster")
  check_not_on_worker("forget_cluster")
  config <- cluster_config(cluster, host, ssh_args)
  places <- known_places(keys_place(config))
  for (place in places) .Call(ffi_keys_forget, place)
  message(if (length(places) == 0L) "This device knows nothing of " else "This device has forgotten the key and the owner of ", quote_name(config$cluster), ".")
  invisible()
}

## Whether this device hosts the cluster, or has its personal cluster.
is_owner <- function(place) {
  membership <- .Call(ffi_keys_membership, place)
  !is.null(membership) && (is_personal(place$cluster) || membership$owner == .Call(ffi_keys_device, place)$fingerprint)
}

check_is_owner <- function(place) {
  if (is_owner(place)) return(invisible())
  if (is.null(.Call(ffi_keys_membership, place))) {
    boards <- hosted_boards(place)
    if (length(boards) > 0L) {
      usage_stop(sprintf("This device hosts the cluster '%s' on the message board %s, not on '%s'. Set %s.", place$cluster, join_names(quote_name(boards)), place$board,
                         if (in_cli()) paste0("--host=", boards[1L]) else sprintf("`host = \"%s\"`", boards[1L])))
    }
    core_stop(list(what = "access", message = sprintf("the cluster '%s' was never hosted on this device", place$cluster), reason = "not_hosted_here"))
  }
  core_stop(list(what = "access", message = sprintf("this device does not own the cluster '%s'", place$cluster), reason = "owner_device"))
}

## The fingerprint of which `text` is the beginning. Other texts are returned: they name no device, or one by its key.
find_device <- function(place, text) {
  found <- .Call(ffi_keys_members, place)
  known <- unique(c(found$devices$fingerprint, found$approved$fingerprint))
  fits <- known[startsWith(known, text) | startsWith(known, paste0("SHA256:", text))]
  if (length(fits) > 1L) argument_stop("device", ": ", length(fits), " fingerprints begin with '", text, "': ", paste(utils::head(fits, 3L), collapse = ", "), ". Give more of it.")
  if (length(fits) == 1L) fits else text
}

members <- cli_function(members, "members", "Lists the members of your cluster and their devices.")
approve <- cli_function(approve, "approve", "Admits a device that the host has refused to your cluster.")
expel <- cli_function(expel, "expel", "Expels a user (--user) or one device (--device) from your cluster. Exactly one of the two is needed.")
forget_cluster <- cli_function(forget_cluster, "forget_cluster", "Forgets the key and the owner of a cluster on this device.")
