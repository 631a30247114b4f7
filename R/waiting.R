## Waiting for a slot: why a future waits, the message about it, and the sentence when its time is over.

## A wait that begins now. It ends with an error at `until`, and is reported at `report_at`.
new_wait <- function(backend) {
  timeout <- backend[["wait.timeout"]]
  setting <- if (is.null(timeout)) "future.wait.timeout" else "wait.timeout"
  if (is.null(timeout)) timeout <- check_number(getOption(setting, 24 * 60 * 60), setting, 0, Inf)
  began <- now()
  list2env(list(began = began, until = began + timeout, report_at = began + report_after(), timeout = timeout, setting = setting),
           parent = emptyenv())
}

## Seconds; only tests change it.
report_after <- function() p2p_option("report_after", 5)

is_over <- function(wait) now() >= wait$until

## Reports once, after a few seconds, why the future waits; that there is no worker, at once.
report_wait <- function(client, status, future, wait) {
  if (status$slots > 0L) client$reported_no_worker <- FALSE else report_no_worker(client, status)
  if (now() < wait$report_at) return(invisible())
  why <- why_waiting(client, future)
  if (!is_worth_reporting(why)) {
    wait$report_at <- now() + report_after()
    return(invisible())
  }
  wait$report_at <- Inf
  if (is_repeated(client, why)) return(invisible())
  waiting_message(sprintf("Future (%s) has been waiting for %.0f s: %s.", future_label(future), now() - wait$began,
                          describe_wait(why, status, future)), next_step(why, status))
}

## Waiting for other futures of the same session is not, and that there is no worker was reported before.
is_worth_reporting <- function(why) {
  if (is.null(why) || why$reason %in% c("limit", "no_worker", "incompatible")) return(FALSE)
  why$reason != "busy" || why$others > 0L
}

## Many futures that wait for the same reason, one after the other, get one message a minute.
is_repeated <- function(client, why) {
  reason <- why[c("reason", "worker", "users")]
  if (identical(client$reported, reason) && now() - client$reported_at < 60) return(TRUE)
  client$reported <- reason
  client$reported_at <- now()
  FALSE
}

report_no_worker <- function(client, status) {
  if (isTRUE(client$reported_no_worker)) return()
  client$reported_no_worker <- TRUE
  why <- if (status$incompatible > 0L) sprintf(" that can run futures of this session (%s)", status$incompatible_why) else ""
  waiting_message(sprintf("No worker on cluster '%s' yet%s. Futures wait for one.", status$cluster, why), start_worker_hint(status))
}

## A message of class "p2p_waiting", so that suppressMessages(classes = ) can select it.
waiting_message <- function(...) {
  text <- paste(c(...), collapse = " ")
  clear_line()
  message(structure(class = c("p2p_waiting", "message", "condition"), list(message = paste0(text, "\n"), call = NULL)))
}

timeout_sentence <- function(client, status, future, wait) {
  why <- why_waiting(client, future)
  sprintf("Future (%s) was not started%s within %s s ('%s'): %s. %s", future_label(future), if (isTRUE(future[["starts"]] > 0L)) " again" else "",
          format(wait$timeout, scientific = FALSE), wait$setting, describe_wait(why, status, future), next_step(why, status))
}

## list(reason, worker, users, slots, ours, others, missing, state), or NULL if the network thread does not respond.
why_waiting <- function(client, future) {
  why <- .Call(ffi_client_explain, client$handle, paste(needed_packages(future), collapse = ";"),
               resources_config(requested_resources(future)))
  if (!is.null(why)) why$others <- min(why$others, max(0L, why$slots - why$ours)) # the report of a worker may be a second old
  why
}

describe_wait <- function(why, status, future) {
  cluster <- sprintf("cluster '%s'", status$cluster)
  packages <- needed_packages(future)
  needed <- if (length(packages) > 0L) sprintf("its packages (%s)", name_packages(packages))
  switch(if (is.null(why)) "none" else why$reason,
    limit = sprintf("this session already runs %s, as many as plan(workers = ) allows", count_of(status$running, "future")),
    busy = describe_busy(why, status, if (is.null(needed)) cluster else paste("the workers of", cluster, "that have", needed)),
    room = sprintf("the workers of %s that have %s have reserved it for other futures", cluster, describe_resources(requested_resources(future))),
    resources = sprintf("no worker of %s has what it requests (%s)", cluster, describe_resources(requested_resources(future))),
    reply = sprintf("worker '%s' has not replied yet whether it has %s", why$worker, needed),
    resting = sprintf("worker '%s' is %s%s", why$worker, why$state, if (startsWith(why$state, "resting until")) " (its local time)" else ""),
    disconnected = "this session is disconnected from the message board",
    connecting = sprintf("the link to worker '%s' is not open yet", why$worker),
    unreachable = sprintf("no link to worker '%s' could be opened", why$worker),
    packages = sprintf("no worker of %s has its packages: '%s' lacks %s", cluster, why$worker, why$missing),
    incompatible = sprintf("no worker of %s can run it (%s)", cluster, status$incompatible_why),
    no_worker = sprintf("there is no worker on %s", cluster),
    "the network thread of this session does not respond"
  )
}

## Names the first ones of many: "'dplyr', 'ggplot2', 'readr' and 33 more".
name_packages <- function(packages) {
  names <- sQuote(packages, FALSE)
  if (length(names) <= 4L) toString(names) else join_names(c(names[1:3], sprintf("%d more", length(names) - 3L)))
}

## "all 3 slots of cluster 'alice/friends' are busy (1 for this session, 2 for bob and carol)"
describe_busy <- function(why, status, where) {
  if (why$ours + why$others < why$slots) return(sprintf("no slot of %s is free", where))
  users <- name_users(why$users, status$user)
  if (why$slots == 1L) return(sprintf("the only slot of %s is busy (for %s)", where, if (why$ours > 0L) "this session" else users))
  slots <- if (why$slots == 2L) "both slots" else sprintf("all %d slots", why$slots)
  sprintf("%s of %s are busy (%s)", slots, where, shares_text(why$ours, why$others, users))
}

shares_text <- function(ours, others, users) {
  toString(c(if (ours > 0L) sprintf("%d for this session", ours), if (others > 0L) sprintf("%d for %s", others, users)))
}

## `users`: "bob;carol". Names the first ones.
name_users <- function(users, me) {
  names <- strsplit(users, ";", fixed = TRUE)[[1L]]
  if (length(names) == 0L) return("others")
  names <- c(setdiff(names, me), if (me %in% names) "other sessions of yours")
  if (length(names) > 3L) names <- c(names[1:2], "others")
  join_names(names)
}

## "alice, bob and carol"
join_names <- function(names) {
  last <- length(names)
  if (last < 2L) names else paste(toString(names[-last]), "and", names[last])
}

next_step <- function(why, status) {
  switch(if (is.null(why)) "none" else why$reason,
    limit = "Argument 'workers' of plan() sets this limit.",
    reply = ,
    connecting = "If this takes longer than half a minute, check the log of the worker.",
    disconnected = "Check the network of this machine.",
    unreachable = paste("Check that both machines reach the mailbox server and the relay:", doctor_hint(in_cli(), status$cluster)),
    none = "Leave the cluster with plan(sequential) and join it again.",
    start_worker_hint(status)
  )
}

start_worker_hint <- function(status) {
  host <- if (is.null(status$board)) "" else paste0(" --host=", shell_words(status$board))
  sprintf("Start a worker with: Rscript -e future.p2p::worker --cluster=%s%s", status$cluster, host)
}
