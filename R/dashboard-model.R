## What a dashboard knows: the state of the cluster as it was last seen, and what has happened since it began. Pages get the former each time, and
## the latter once. All texts are in UTF-8, and times in seconds since 1970.

ENDED_MAX <- 2000L # futures
LOADS_MAX <- 2000L # changes of the load of workers
EVENTS_MAX <- 100L
OPEN_MAX <- 200L # futures that are listed
GONE_MAX <- 50L # workers

## `old`: the model of another client, whose history goes on.
new_model <- function(old = NULL) {
  model <- list2env(list(
    began = Sys.time(), ended = new_ring(ENDED_MAX), loads = new_ring(LOADS_MAX), events = new_ring(EVENTS_MAX), lent = list(), noted = new.env(parent = emptyenv()),
    totals = list(futures = 0, failed = 0, seconds = 0, sent = 0, received = 0)
  ), parent = emptyenv())
  if (!is.null(old)) for (name in ls(model)) model[[name]] <- old[[name]]
  model$now <- list(is_joined = FALSE)
  model$tasks <- list() # of futures that have not ended, by id
  model$workers <- NULL # rows of the last look
  model$gone <- list()
  model$asked_at <- model$looked_at <- -Inf
  model$present <- NULL # who has answered, read at `heard_at`
  model$misses <- list() # questions in a row that a worker has not answered, by its id
  model$contributions <- NULL # of this account to and from the cluster, read at the same time
  model
}

new_ring <- function(size) list2env(list(rows = list(), count = 0, size = size), parent = emptyenv())

ring_add <- function(ring, row) {
  ring$rows[[ring$count %% ring$size + 1]] <- row
  ring$count <- ring$count + 1
}

## The rows after the first `seen`, those that are still there, the oldest first.
ring_since <- function(ring, seen) {
  n <- min(ring$count - seen, length(ring$rows))
  if (n <= 0) list() else ring$rows[(ring$count - n + seq_len(n) - 1) %% ring$size + 1]
}

clean_text <- function(text) iconv(enc2utf8(as.character(text)), "UTF-8", "UTF-8", sub = "byte")

## What a page that has `seen` so much does not know yet: list(content, seen). `lent`: slots that were seen busy, by the users who lend them.
model_news <- function(model, seen) {
  since <- function(name) ring_since(model[[name]], c(seen[[name]], 0)[1L])
  seconds <- unlist(model$lent)
  lent <- lapply(order(-as.numeric(seconds)), function(i) list(user = names(seconds)[i], seconds = seconds[[i]]))
  history <- list(began = as.numeric(model$began), totals = model$totals, lent = lent, contributions = model$contributions, ended = since("ended"), loads = since("loads"), events = since("events"))
  list(content = c(list(now = as.numeric(Sys.time())), model$now, history),
       seen = list(ended = model$ended$count, loads = model$loads$count, events = model$events$count))
}

say <- function(model, kind, ...) ring_add(model$events, list(at = as.numeric(Sys.time()), kind = kind, text = clean_text(paste0(...))))

## When the members were last asked, how long ago; answers come within `answer_seconds`.
next_look <- function(model) model$asked_at + if (model$looked_at < model$asked_at + answer_seconds) answer_seconds else ask_every_seconds

## `view`: NULL if this session is not on the cluster.
look_for_pages <- function(model, view) {
  was <- model$now
  if (is.null(view)) {
    if (was$is_joined) say(model, "bad", "This session has left the cluster")
    model$now <- list(is_joined = FALSE, is_session = FALSE)
    return(invisible())
  }
  client <- view$client
  status <- client_status(client)
  if (!is.null(status$failed)) core_stop(status$failed)
  hear_members(model, client)
  known <- client_workers(client)
  present <- model_present(model, client, known)
  workers <- mark_silent(worker_rows(known, present, status$user), known$id, model)
  compare_workers(model, workers)
  if (was$is_joined && was$connected != status$joined) {
    if (status$joined) say(model, "good", "Connected to the message board again") else say(model, "bad", "Disconnected from the message board")
  }
  futures <- look_at_futures(model, view, status)
  count_slots(model, workers)
  others <- present[present$role != "worker", ]
  model$workers <- workers
  model$now <- list(
    is_joined = TRUE, is_session = !is.null(view$backend), connected = status$joined, user = status$user, name = status$name,
    workers = c(worker_items(workers), unname(model$gone)), members = member_items(others, if (!is.null(view$backend)) status$name),
    futures = futures$items, counts = futures$counts
  )
  model$looked_at <- now()
}

## Asks all members now and then, and reads what they have answered.
hear_members <- function(model, client) {
  is_over <- now() >= model$asked_at + ask_every_seconds
  if (is.finite(model$asked_at) && now() >= model$asked_at + answer_seconds) {
    model$present <- as.data.frame(.Call(ffi_client_present, client$handle), stringsAsFactors = FALSE)
    model$heard_at <- now()
    heard <- model$present$id[model$present$role == "worker"]
    missed <- if (is_over) setdiff(names(model$misses), heard) else character()
    model$misses[heard] <- 0
    model$misses[missed] <- lapply(model$misses[missed], `+`, 1)
  }
  if (is_over) {
    .Call(ffi_client_ask, client$handle)
    model$asked_at <- now()
    model$contributions <- contribution_items(contributions_to(client_status(client)$cluster))
  }
}

## A row for each user and direction; NULL if the counts cannot be read.
contribution_items <- function(rows) {
  if (is.null(rows)) return(NULL)
  items <- lapply(c("received", "given"), function(direction) {
    users <- sums_by_user(rows[rows$direction == direction, ])
    lapply(seq_len(NROW(users)), function(i) {
      list(direction = direction, user = clean_text(users$user[i]), machines = clean_text(users$machines[i]), futures = users$futures[i] + users$failed[i],
           seconds = users$seconds[i], bytes = users$bytes[i], since = as.numeric(users$since[i]))
    })
  })
  c(items[[1L]], items[[2L]])
}

## As the core has it. What a link tells is newer than an answer.
model_present <- function(model, client, workers) {
  present <- model$present
  if (is.null(present)) return(as.data.frame(.Call(ffi_client_present, client$handle), stringsAsFactors = FALSE))
  present$up <- present$up + (now() - model$heard_at)
  workers <- workers[nzchar(workers$link), ]
  at <- match(workers$id, present$id)
  present$busy[at[!is.na(at)]] <- (workers$ours + workers$others)[!is.na(at)]
  present$users[at[!is.na(at)]] <- "" # as the link has it
  present
}

## A worker without a link that does not answer twice. Neither that nor one that was lost has busy slots.
mark_silent <- function(workers, ids, model) {
  misses <- vapply(ids, function(id) c(model$misses[[id]], 0)[1L], 0)
  workers$state[misses >= 2 & !nzchar(workers$link) & workers$state != "lost"] <- "silent"
  workers$busy[workers$state %in% c("lost", "silent")] <- 0L
  workers
}

## Says what has happened to workers since the last look, and keeps those that are gone for the page.
compare_workers <- function(model, workers) {
  before <- model$workers
  changes <- function(name) workers[[name]] != before[[name]][match(workers$member, before$member)]
  for (row in which(!workers$member %in% before$member)) {
    model$gone[[workers$member[row]]] <- NULL
    if (!is.null(before)) say(model, "good", workers$member[row], " has joined with ", count_of(workers$slots[row], "slot"))
  }
  if (is.null(before)) return(invisible())
  for (row in which(changes("state") & workers$state %in% c("lost", "silent", "unreachable"))) {
    say(model, "bad", workers$member[row], switch(workers$state[row], lost = " was lost: its link has ended", silent = " does not answer any more",
                                                  unreachable = " cannot be reached"))
  }
  for (row in which(changes("link") & nzchar(workers$link))) {
    say(model, "good", "Link to ", workers$member[row], ": ", sub(" .*", "", workers$link[row]))
  }
  for (row in which(!before$member %in% workers$member)) {
    name <- before$member[row]
    was_lost <- before$state[row] %in% c("lost", "silent")
    if (!was_lost) say(model, "info", name, " has left")
    gone <- worker_items(before[row, ])[[1L]]
    gone[c("state", "kind", "busy", "ours", "gone")] <- list(if (was_lost) "lost" else "left", "gone", 0L, 0L, as.numeric(Sys.time()))
    model$gone[[name]] <- gone
  }
  model$gone <- utils::tail(model$gone, GONE_MAX)
}

## What the page shows by a color and a mark.
state_kind <- function(state) {
  ifelse(state %in% c("lost", "silent", "unreachable", "incompatible", "weak sandbox"), "bad",
         ifelse(startsWith(state, "busy"), "busy", ifelse(state %in% c("ready", "connecting"), "ready", "rest")))
}

worker_items <- function(workers) {
  texts <- c("member", "user", "machine", "state", "users", "r", "platform", "sandbox", "link")
  workers[texts] <- lapply(workers[texts], clean_text)
  workers$kind <- state_kind(workers$state)
  workers$since <- as.numeric(workers$since)
  keep <- c(texts, "kind", "since", "slots", "busy", "ours", "queue", "load", "cores", "free", "memory", "round_trip", "rate")
  lapply(seq_len(nrow(workers)), function(i) as.list(workers[i, keep]))
}

## `own`: the name of this session, which does not answer itself.
member_items <- function(others, own) {
  items <- lapply(seq_len(nrow(others)), function(i) {
    list(member = clean_text(others$member[i]), role = others$role[i], since = as.numeric(started(others$up[i])))
  })
  c(if (!is.null(own)) list(list(member = own, role = "client", since = NA)), items)
}

## Notes when the number of busy slots of a worker has changed, and adds up for how long slots were busy. While nobody looks, nothing is known.
count_slots <- function(model, workers) {
  at <- as.numeric(Sys.time())
  passed <- now() - model$looked_at
  was_watched <- passed < 3 * ask_every_seconds
  before <- model$workers
  row <- match(workers$member, before$member)
  is_new <- is.na(row) | workers$busy != before$busy[row] | workers$ours != before$ours[row] | !was_watched
  for (i in which(is_new)) {
    if (!was_watched && !is.na(row[i])) ring_add(model$loads, list(member = workers$member[i], at = at - passed, busy = NA, ours = NA))
    ring_add(model$loads, list(member = workers$member[i], at = at, busy = workers$busy[i], ours = workers$ours[i]))
  }
  for (name in setdiff(before$member, workers$member)) ring_add(model$loads, list(member = name, at = at, busy = NA, ours = NA))
  if (was_watched) for (i in which(before$busy > 0)) add_lent(model, before$user[i], before$busy[i] * passed)
}

add_lent <- function(model, user, seconds) {
  user <- clean_text(user)
  model$lent[[user]] <- c(model$lent[[user]], 0)[1L] + seconds
}

## Futures of this session.

## The futures that have not ended, or whose value was not collected yet, and their numbers by state.
look_at_futures <- function(model, view, status) {
  futures <- if (!is.null(view$backend)) Filter(function(future) !is.null(future[["task"]]), registry(view$backend, action = "list"))
  items <- lapply(futures, future_item)
  names(items) <- vapply(items, function(item) item$id, "")
  states <- vapply(items, function(item) item$state, "")
  for (id in setdiff(names(model$tasks), names(items))) note_dropped(model, model$tasks[[id]])
  model$tasks <- Map(function(item, future) list(item = item, task = future[["task"]]), items, futures)
  for (i in utils::head(which(states == "waiting"), 20L)) {
    items[[i]]$why <- clean_text(describe_wait(why_waiting(view$client, futures[[i]]), status, futures[[i]]))
  }
  order <- order(match(states, c("failed", "running", "arriving", "waiting", "done")), vapply(items, function(item) item$submitted, 0))
  list(items = unname(items[utils::head(order, OPEN_MAX)]), counts = lapply(c(running = "running|arriving", waiting = "waiting", done = "done|failed"), function(pattern) sum(grepl(pattern, states))))
}

future_item <- function(future) {
  c(list(id = paste(future[["uuid"]], collapse = "-"), label = clean_text(future_label(future)), worker = clean_text(worker_of(future)), sent = future[["bytes"]]),
    task_item(future[["task"]]))
}

task_item <- function(task) {
  times <- as.numeric(Sys.time()) - .Call(ffi_task_times, task)
  c(list(state = .Call(ffi_task_state, task), received = .Call(ffi_task_result_bytes, task)),
    as.list(round(times[c("submitted", "started", "arriving", "ended")], 3)))
}

## A future is not in the registry any more: its value was collected, which has noted it; or it was canceled; or it has ended and another one
## was launched.
note_dropped <- function(model, known) {
  if (!.Call(ffi_handle_is_open, known$task)) return(invisible())
  item <- known$item
  news <- task_item(known$task)
  item[names(news)] <- news
  worker <- .Call(ffi_task_worker, known$task)
  item$worker <- if (nzchar(worker)) clean_text(worker) else NA_character_
  outcome <- if (item$state == "failed") (if (.Call(ffi_task_error, known$task)$what == "canceled") "canceled" else "failed") else item$state
  if (outcome %in% c("done", "failed", "canceled")) note_item(model, item, outcome)
}

forget_tasks <- function(model) model$tasks <- list()

## Called when the value of a future is collected, while its task can still be asked.
note_collected <- function(dash, future) {
  if (!identical(dash$view$backend[["reg"]], future[["backend"]][["reg"]])) return(invisible())
  item <- future_item(future)
  note_item(dash$model, item, outcome_of_result(future[["result"]]))
  dash$model$tasks[[item$id]] <- NULL
}

## "done"; "error": the code of the future has raised one; "failed": its value is a FutureError, such as of a worker that was lost.
outcome_of_result <- function(result) {
  if (!inherits(result, "FutureResult")) return("failed")
  conditions <- result[["conditions"]]
  has_error <- is.list(conditions) && any(vapply(conditions, function(entry) inherits(entry[["condition"]], "error"), NA))
  if (has_error) "error" else "done"
}

## A future that was noted before, without its value, is not counted twice.
note_item <- function(model, item, outcome) {
  item$state <- outcome
  ring_add(model$ended, item)
  if (outcome %in% c("failed", "error")) say(model, "bad", "Future ", item$label, if (outcome == "error") " has ended with an error" else " has failed")
  if (exists(item$id, envir = model$noted, inherits = FALSE)) return(invisible())
  if (model$totals$futures %% (2 * ENDED_MAX) == 0) model$noted <- new.env(parent = emptyenv())
  assign(item$id, TRUE, envir = model$noted)
  known <- function(x) if (is.null(x) || is.na(x)) 0 else x
  until <- if (is.na(item$arriving)) item$ended else item$arriving
  seconds <- max(0, known(until - item$started))
  more <- list(futures = 1, failed = outcome != "done", seconds = seconds, sent = known(item$sent), received = known(item$received))
  model$totals <- Map(`+`, model$totals, more[names(model$totals)])
}
