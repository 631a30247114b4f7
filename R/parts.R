## Parts: large plain globals that several futures share. The client names them by what they hold, and a worker that has one from an earlier
## future does not get it again (src/protocol/task_parts.h).

## ---- The client ----

## Takes those out of the globals: a list of `data` as it is sent, and `parts`. Element `parts` of data says which globals they are.
split_parts <- function(client, data) {
  globals <- data[["core"]][["globals"]]
  candidates <- .Call(ffi_part_candidates, globals)
  candidates <- candidates[!names(globals)[candidates] %in% never_shared]
  if (length(candidates) == 0L || !takes_parts(client)) return(list(data = data, parts = list()))
  parts <- lapply(candidates, function(i) part_of(globals[[i]]))
  is_part <- !vapply(parts, is.null, NA)
  data[["parts"]] <- candidates[is_part]
  data[["core"]][["globals"]] <- replace_elements(globals, candidates[is_part], list(NULL))
  list(data = data, parts = parts[is_part])
}

## What future.apply and its relatives make for each future.
never_shared <- c("...future.elements_ii", "...future.seeds_ii")

## Not if one of the workers in sight has no cache, or is of an older version.
takes_parts <- function(client) client_status(client)$cache_mib > 0

## NULL: it is not plain, as a list of functions.
part_of <- function(value) tryCatch(.Call(ffi_part, value), error = function(ex) NULL)

part_sizes <- function(parts) vapply(parts, function(part) .Call(ffi_part_size, part), 0)

## The parts of a new task, of so many bytes, have borrowed the elements of vectors, which must not change before they were sent. On a slow
## link, or while no worker is free, they are copied instead: that takes less time than to send them.
settle_parts <- function(client, future, bytes, display = transfer_display()) {
  task <- future[["task"]]
  on.exit({
    .Call(ffi_task_settle, task)
    clear_line()
  })
  began <- now()
  seen <- 0
  repeat {
    until <- began + if (.Call(ffi_task_state, task) == "waiting") 0.1 else 1 + bytes / SLOW_LINK
    if (now() >= until || !.Call(ffi_task_is_sending, task)) break
    show_transfers(display, list(future))
    seen <- wait_for_change(client, seen, until)
  }
}

SLOW_LINK <- 2e7 # bytes per second

## The list with other values, whatever methods its class has.
replace_elements <- function(list, at, values) {
  classes <- oldClass(list)
  list <- unclass(list)
  list[at] <- values
  oldClass(list) <- classes
  list
}

## ---- The evaluator ----

## What it has, the last used one last: lists of `value`, `size`, how many tasks have used it (`uses`), and the `fingerprint` of the value as
## it arrived.
cached_parts <- local({
  parts <- list()
  used <- character() # by the last task

  ## The parts of the task, of which those that are missing are received. At most `max_bytes` are kept later.
  receive <- function(channel, max_bytes) {
    wanted <- .Call(ffi_evaluator_parts, channel)
    used <<- unique(wanted$id)
    is_missing <- !wanted$id %in% names(parts)
    if (length(is_missing) > 0L) .Call(ffi_evaluator_need, channel, is_missing)
    while ((i <- .Call(ffi_evaluator_next_part, channel)) > 0L) parts[[wanted$id[i]]] <<- read(channel, wanted$size[i], max_bytes)
    for (id in wanted$id) {
      part <- parts[[id]]
      part$uses <- part$uses + 1L
      parts[[id]] <<- NULL
      parts[[id]] <<- part
    }
    lapply(parts[wanted$id], function(part) part$value)
  }

  read <- function(channel, size, max_bytes) {
    value <- .Call(ffi_evaluator_read_part, channel, size)
    list(value = value, size = size, uses = 0L, fingerprint = if (size <= max_bytes) fingerprint(value) else NA)
  }

  fingerprint <- function(value) tryCatch(.Call(ffi_fingerprint, value), error = function(ex) NA) # a libcrypto without Poly1305

  is_as_it_was <- function(part) !is.na(part$fingerprint) && identical(fingerprint(part$value), part$fingerprint)

  ## After a task, while nobody waits: forgets those that its code has changed in place, as C code can, and those that are too many. Returns
  ## their bytes.
  tidy <- function(max_bytes) {
    if (length(parts) == 0L) return(0)
    before <- bytes()
    for (id in intersect(used, names(parts))) if (!is_as_it_was(parts[[id]])) parts[[id]] <<- NULL
    parts <<- newest(parts, max_bytes)
    used_once <- vapply(parts, function(part) part$uses == 1L, NA)
    parts <<- parts[!used_once | names(parts) %in% names(newest(parts[used_once], min(max_bytes, USED_ONCE_BYTES)))]
    before - bytes()
  }

  newest <- function(parts, max_bytes) parts[rev(cumsum(rev(sizes(parts)))) <= max_bytes]

  sizes <- function(parts) vapply(parts, function(part) part$size, 0)

  bytes <- function() sum(sizes(parts))

  list(receive = receive, tidy = tidy, bytes = bytes)
})

## Globals that are new with every future would fill the cache with what is never used again. Their memory is worth more for the next one: new
## memory may cost more time than sending does.
USED_ONCE_BYTES <- 2^27

## The task, with its parts where they belong.
put_parts <- function(data, parts) {
  if (length(parts) > 0L) data[["core"]][["globals"]] <- replace_elements(data[["core"]][["globals"]], data[["parts"]], parts)
  data
}

## ---- The worker ----

## Bytes. At most a quarter of what a future may have and, unless it is given, of the machine's memory for all evaluators together.
check_cache <- function(cache, workers, memory) {
  name <- setting_name(cache, "cache")
  if (is.null(cache)) cache <- p2p_option("cache")
  machine <- total_memory_mib() * 2^20
  if (is.null(cache)) cache <- min(2^30, if (machine > 0) machine / (4 * workers))
  min(cache_bytes(cache, name), memory / 4)
}

cache_bytes <- function(cache, name) {
  bytes <- if (is.character(cache) && length(cache) == 1L) parse_bytes(cache) else cache
  if (!is.numeric(bytes) || length(bytes) != 1L || !is.finite(bytes) || bytes < 0) {
    argument_stop(name, " must be a number of bytes, or a string such as \"1 GiB\", or 0.")
  }
  bytes
}
