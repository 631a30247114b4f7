#' Who is on a cluster, and what happens there
#'
#' `status()` shows the members of a cluster that are there now, its workers with their load, and the futures of this session.
#'
#' It asks all members, who answer within a second. If this R session has joined the cluster by `plan()`, its connection is used, and links to
#' workers are shown. Otherwise, the session joins as a client for about a second. It takes no slot and opens no link. Members with an older
#' version of this package do not answer: their workers are listed without `since`, `load`, `free` and `models`, their clients and hosts are not.
#'
#' @param cluster,host,ssh_args As for [cluster()]. If all are `NULL` and this session has joined a cluster by `plan()`, that cluster.
#' @param json (logical) If `TRUE`, return JSON text.
#' @param watch (logical) If `TRUE`, show the status every 2 seconds, until Ctrl-C. With `json`, each is one document.
#'
#' @section What others see of you:
#' All members of a cluster see the names of the others, `user@machine:pid`, their role, and since when they are there. Of workers, they see slots,
#' load, free memory and GPUs of the machine, and whose futures run there. In a cluster with a key, nobody else sees this, also not the
#' operator of the message board. Without a key, whoever can read the topic does; then workers do not tell whose futures they run.
#'
#' Nothing of this is proven: a member could make up others, or claim any load. Only that a worker belongs to its user, and what it says of its
#' slots and versions, is signed in a cluster with a key.
#'
#' @section Command line:
#' ```sh
#' Rscript -e future.p2p::status --cluster=alice/friends
#' Rscript -e future.p2p::status --cluster=alice/friends --json
#' Rscript -e future.p2p::status --cluster=alice/friends --watch
#' ```
#'
#' @return A data frame of class `p2p_status` with one row per member. Workers come first. Its columns are `member`, `user`, `machine`, `role`
#'   (`"worker"`, `"client"` or `"host"`), `since` (when it has started) and, for workers,
#'   `state` (as `print(plan())` shows it, or `"silent"`: it has not been heard of for more than a minute), `slots`, `busy` (slots with a future),
#'   `users` (whose futures these are, joined by `;`), `ours` (slots with futures of this session), `queue` (slots that are waited for),
#'   `load` (load average of the machine over the last minute), `cores`, `free` and `memory` (of the machine, in bytes), `gpus` (that it lends), `models` (of these GPUs),
#'   `r`, `future`, `platform`, `sandbox`,
#'   and, with a link, `link` (`"direct ..."` or `"relay ..."`), `round_trip` (seconds, to the relay if there is one) and `rate` (bytes per second at
#'   which the worker took what was last sent to it). The last two are known on Linux.
#'
#'   Attribute `futures` is a data frame of the futures of this session whose value was not collected yet, with `label`, `state` (`"waiting"`, `"running"`, `"arriving"`, `"done"`
#'   or `"failed"`), `worker`, `since` (when this state began) and `why` (why it waits). Attribute `contributions` has the rows of [contributions()] about the cluster. Attributes `cluster`, `user` and `connected` say where this
#'   session is. With `json = TRUE`, all of this is one string of JSON, with times in UTC. Errors have class `p2p_error`.
#'
#' @examples
#' library(future)
#' demo <- demo_cluster()
#' plan(future.p2p::cluster)
#'
#' f <- future(Sys.sleep(0.2), label = "a nap")
#' s <- status()
#' s
#' s$slots
#' attr(s, "futures")
#'
#' close(demo)
#' @seealso [cluster], [dashboard()], [contributions()], [worker_of()], [members()]
#' @export
status <- function(cluster = NULL, host = NULL, ssh_args = NULL, json = FALSE, watch = FALSE) {
  check_arguments("status")
  check_not_on_worker("status")
  json <- check_flag(json, "json")
  watch <- check_flag(watch, "watch")
  view <- open_view(cluster, host, ssh_args)
  on.exit(view$close())
  if (!watch) return(if (json) as_json(look(view)) else look(view))
  repeat {
    found <- look(view)
    if (json) cat(as_json(found), "\n", sep = "") else show_again(found)
    until <- now() + watch_seconds
    while (now() < until) wait_for_change(view$client, 0, until)
  }
}

watch_seconds <- 2

## Seconds that members have to answer: they take up to half a second, and the network some more.
answer_seconds <- 0.7

## A client to look through: that of plan(), or one that joins for the time being. list(client, backend, close)
open_view <- function(cluster, host, ssh_args) {
  backend <- joined_backend()
  if (!is.null(backend) && is_meant(backend, cluster, host, ssh_args)) {
    return(list(client = clients$of(backend), backend = backend, close = function() NULL))
  }
  client <- clients$join(board_config(cluster, host, ssh_args), is_observer = TRUE)
  list(client = client, close = function() clients$leave(client))
}

## The backend of the plan, if it is ours and has joined. plan("backend") would join.
joined_backend <- function() {
  strategy <- future::plan("list")[[1L]]
  backend <- if (inherits(strategy, "p2p_cluster")) attr(strategy, "backend")
  if (inherits(backend, "P2PFutureBackend") && clients$has(backend[["reg"]]) && !clients$is_of_parent(backend[["reg"]])) backend
}

is_meant <- function(backend, cluster, host, ssh_args) {
  if (is.null(cluster) && is.null(host) && is.null(ssh_args)) return(TRUE)
  config <- backend[["config"]]
  identical(cluster, client_status(clients$of(backend))$cluster) && (is.null(host) || identical(host, config$host)) &&
    (is.null(ssh_args) || identical(ssh_args_or_option(ssh_args), config$ssh_args))
}

## Asks, waits for the answers, and returns what is known then.
look <- function(view) {
  client <- view$client
  .Call(ffi_client_ask, client$handle)
  until <- now() + answer_seconds
  while (now() < until) wait_for_change(client, 0, until)
  status <- client_status(client)
  if (!is.null(status$failed)) core_stop(status$failed)
  present <- as.data.frame(.Call(ffi_client_present, client$handle), stringsAsFactors = FALSE)
  workers <- worker_rows(client_workers(client), present, status$user)
  others <- present[present$role != "worker", ]
  rows <- rbind(workers, other_rows(others$member, others$role, started(others$up), names(workers)))
  if (!is.null(view$backend)) rows <- rbind(rows, other_rows(status$name, "client", as.POSIXct(NA_real_), names(workers)))
  rows <- rows[order(match(rows$role, c("worker", "client", "host")), rows$member), ]
  row.names(rows) <- NULL
  structure(rows, class = c("p2p_status", "data.frame"), cluster = status$cluster, user = status$user, name = status$name, connected = status$joined,
            futures = if (!is.null(view$backend)) future_rows(view$backend, client, status), contributions = contributions_to(status$cluster))
}

## What this account has given to and received from a cluster. A file that cannot be read is not what status() is about.
contributions_to <- function(cluster) {
  clients$record()
  tryCatch(account_contributions(cluster), p2p_error = function(ex) NULL)
}

started <- function(seconds) Sys.time() - as.numeric(seconds)

## What workers have answered is newer than their hello, and says more than their link does.
worker_rows <- function(workers, present, me) {
  answer <- present[present$role == "worker", ][match(workers$id, present$id[present$role == "worker"]), ]
  has_answered <- !is.na(answer$id)
  others <- ifelse(has_answered, pmax(0, answer$busy - workers$ours), workers$others)
  workers$users <- ifelse(has_answered & nzchar(answer$users), answer$users, with_us(workers, me))
  workers$others <- as.integer(pmin(others, workers$slots))
  state <- state_text(workers, me)
  is_silent <- !has_answered & !nzchar(workers$link) & workers$seen > 65
  data.frame(
    member = workers$worker, user = member_user(workers$worker), machine = member_machine(workers$worker), role = rep("worker", nrow(workers)),
    since = started(answer$up), state = ifelse(is_silent, "silent", state), slots = workers$slots, busy = workers$ours + workers$others,
    users = workers$users, ours = workers$ours, queue = workers$queue, load = answer$load, cores = workers$cores, free = answer$free, memory = workers$memory,
    gpus = workers$gpus, models = ifelse(has_answered & nzchar(answer$models), answer$models, NA_character_),
    r = workers$r, future = workers$future, platform = workers$platform, sandbox = workers$sandbox, link = workers$link,
    round_trip = workers$round_trip, rate = workers$rate, stringsAsFactors = FALSE
  )
}

## A link tells of the users of other sessions.
with_us <- function(workers, me) {
  vapply(seq_len(nrow(workers)), function(i) {
    users <- strsplit(workers$users[i], ";", fixed = TRUE)[[1L]]
    paste(unique(c(users, if (workers$ours[i] > 0L) me)), collapse = ";")
  }, "")
}

## Members that are not workers, with NA for what only workers have.
other_rows <- function(member, role, since, columns) {
  known <- data.frame(member = member, user = member_user(member), machine = member_machine(member), role = role, since = since, stringsAsFactors = FALSE)
  known[setdiff(columns, names(known))] <- list(rep(NA, nrow(known))) # there may be no rows
  known[columns]
}

member_user <- function(name) sub("@.*", "", name)
member_machine <- function(name) sub("^[^@]*@(.*):[0-9]+(#.*)?$", "\\1", name)

future_rows <- function(backend, client, status) {
  rows <- lapply(Filter(function(future) !is.null(future[["task"]]), registry(backend, action = "list")), function(future) {
    state <- .Call(ffi_task_state, future[["task"]])
    times <- .Call(ffi_task_times, future[["task"]])
    began <- times[[switch(state, running = "started", arriving = "arriving", done = , failed = "ended", "submitted")]]
    why <- if (state == "waiting") describe_wait(why_waiting(client, future), status, future)
    data.frame(label = label_of(future), state = state, worker = worker_of(future), since = started(began), why = c(why, NA_character_)[1L],
               stringsAsFactors = FALSE)
  })
  none <- data.frame(label = character(), state = character(), worker = character(), since = started(numeric()), why = character(), stringsAsFactors = FALSE)
  do.call(rbind, c(list(none), rows))
}

#' @export
print.p2p_status <- function(x, ...) {
  if (is.null(attr(x, "cluster")) || !all(c("member", "role", "state", "round_trip") %in% names(x))) return(NextMethod())
  cat(shorten(describe_status(x), max(120L, getOption("width"))), sep = "\n")
  invisible(x)
}

describe_status <- function(x) {
  workers <- as.data.frame(x)[x$role == "worker", ]
  others <- as.data.frame(x)[x$role != "worker", ]
  is_ours <- others$member == attr(x, "name") & is.na(others$since)
  c(status_title(x, workers), worker_lines(workers),
    table_lines(list(role = others$role, member = others$member, up = ifelse(is_ours, "this session", up_text(others$since)))),
    future_lines(attr(x, "futures")), contributions_line(attr(x, "contributions")))
}

status_title <- function(x, workers) {
  counts <- vapply(c("client", "host"), function(role) count_of(sum(x$role == role), role), "")
  sprintf("%s as %s%s: %s with %s, %.0f busy; %s", attr(x, "cluster"), attr(x, "user"), if (isTRUE(attr(x, "connected"))) "" else " (disconnected from the message board)",
          count_of(nrow(workers), "worker"), count_of(sum(workers$slots), "slot"), sum(workers$busy), toString(counts))
}

worker_lines <- function(workers) {
  bytes <- function(x) ifelse(is.na(x), "", vapply(x, format_bytes, ""))
  columns <- list(
    worker = workers$member, state = sub(" for .*", "", workers$state), slots = workers$slots, busy = workers$busy,
    `for` = shorten(gsub(";", ", ", workers$users), 24L), load = ifelse(is.na(workers$load), "", sprintf("%.2f", workers$load)),
    free = bytes(workers$free), R = workers$r, up = up_text(workers$since), link = link_text(workers)
  )
  has_gpus <- !is.na(workers$gpus) & workers$gpus > 0L
  if (any(has_gpus)) columns$GPUs <- ifelse(!has_gpus, "", shorten(ifelse(is.na(workers$models), workers$gpus, workers$models), 40L))
  table_lines(columns)
}

## "direct, 0.3 ms, 110 MB/s"
link_text <- function(workers) {
  trip <- ifelse(is.na(workers$round_trip), "", sprintf(", %.3g ms", 1000 * workers$round_trip))
  is_fast <- !is.na(workers$rate) & workers$rate >= 999.5e6
  rate <- ifelse(is.na(workers$rate), "", sprintf(", %.3g %s/s", workers$rate / ifelse(is_fast, 1e9, 1e6), ifelse(is_fast, "GB", "MB")))
  ifelse(nzchar(workers$link), paste0(sub(" .*", "", workers$link), trip, rate), "")
}

up_text <- function(since) {
  seconds <- as.numeric(difftime(Sys.time(), since, units = "secs"))
  ifelse(is.na(seconds), "", vapply(ifelse(is.na(seconds), 0, seconds), format_seconds, ""))
}

future_lines <- function(futures) {
  if (is.null(futures)) return(NULL)
  if (nrow(futures) == 0L) return("No futures of this session.")
  most <- utils::head(futures, 20L)
  c(table_lines(list(future = safe_text(most$label), state = most$state, `for` = up_text(most$since), where = ifelse(is.na(most$worker), most$why, most$worker))),
    if (nrow(futures) > 20L) sprintf("... and %d more, see attr(, \"futures\")", nrow(futures) - 20L))
}

## Columns side by side, with their names above. NULL without rows.
table_lines <- function(columns) {
  if (length(columns[[1L]]) == 0L) return(NULL)
  columns <- Map(function(name, values) format(c(name, values), justify = if (is.numeric(values)) "right" else "left"), names(columns), columns)
  sub(" +$", "", do.call(paste, unname(columns)))
}

## At a terminal, in place of the last one.
show_again <- function(found) {
  if (isatty(stdout())) cat("\033[H\033[2J") else cat(format(Sys.time(), "%Y-%m-%d %H:%M:%S"), "\n", sep = "")
  print(found)
  flush(stdout())
}

as_json <- function(x) {
  .Call(ffi_json, list(cluster = attr(x, "cluster"), user = attr(x, "user"), connected = attr(x, "connected"), members = json_rows(as.data.frame(x)),
                       futures = if (!is.null(attr(x, "futures"))) json_rows(attr(x, "futures")),
                       contributions = if (!is.null(attr(x, "contributions"))) json_contributions(attr(x, "contributions"))))
}

json_rows <- function(x) {
  x$since <- format(x$since, "%Y-%m-%dT%H:%M:%SZ", tz = "UTC")
  is_text <- vapply(x, is.character, NA)
  x[is_text] <- lapply(x[is_text], iconv, "UTF-8", "UTF-8", sub = "byte") # a label may have any bytes
  lapply(seq_len(nrow(x)), function(i) as.list(x[i, ]))
}

#' The worker of a future
#'
#' `worker_of()` names the worker that evaluates a future of [cluster()], or that has evaluated it. `future$worker` is the same, and printing a
#' future shows it.
#'
#' @section Journals:
#' With `options(future.journal = TRUE)`, the future package keeps a journal of each future, and signals it as a FutureJournalCondition with the value.
#' For this backend, it also has the events `"queue"` (waiting for a slot) and `"transferOut"`, parts of `"launch"`, `"transferBack"`, a part of
#' `"gather"`, and a part of `"evaluate"` with the name of the worker. Then the start and the end of the evaluation, which the clock of the
#' worker gives, are moved if they do not lie between the start and the end of the future by the clock of this session.
#'
#' @param future A future of this backend, as [future::future()] returns it.
#'
#' @return (character) The name of the worker, as `"carol@desk:4711"`. `NA` if the future waits for a worker, was not launched, or belongs to another
#'   backend. Anything but a future is an error of class `p2p_error_usage`.
#'
#' @examples
#' library(future)
#' demo <- demo_cluster()
#' plan(future.p2p::cluster)
#' f <- future(6 * 7)
#' value(f)
#' worker_of(f)
#' close(demo)
#' @seealso [status()]
#' @export
worker_of <- function(future) {
  if (!inherits(future, "Future")) argument_stop("future", " must be a future.")
  if (!inherits(future, "P2PFuture")) return(NA_character_)
  task <- future[["task"]]
  worker <- if (is.null(task)) future[["last_worker"]]
            else if (.Call(ffi_handle_is_open, task) && .Call(ffi_task_state, task) != "waiting") .Call(ffi_task_worker, task)
  if (is.null(worker) || !nzchar(worker)) NA_character_ else worker
}

## future$worker, from now on. Its value changes when the future waits again.
bind_worker <- function(future) {
  if (exists("worker", envir = future, inherits = FALSE)) rm("worker", envir = future)
  makeActiveBinding("worker", function(value) if (missing(value)) worker_of(future), future) # reset() may assign
}

#' @export
print.P2PFuture <- function(x, ...) {
  NextMethod()
  worker <- worker_of(x)
  cat("Worker: ", if (is.na(worker)) "none yet" else worker, "\n", sep = "")
  invisible(x)
}

status <- cli_function(status, "status", "Shows who is on a cluster, its workers and their load.", is_service = TRUE)
