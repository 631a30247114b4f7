## Parts: large plain globals that several futures share. The client names them by what they hold, and a worker that has one from an earlier
## future does not get it again (src/protocol/task_parts.h).

## ---- The client ----

## Takes those out of the globals: a list of `data` as it is sent, and `parts`. Element `parts` of data says which globals they are.
split_parts <- function(client, data) {
  globals <- data[["core"]][["globals"]]
  candidates <- .Call(ffi_part_candidates, globals)
  candidates <- candidates[!names(globals)[candidates] %in% never_shared]
  largest <- if (length(candidates) > 0L) largest_part(client) else 0
  if (largest == 0) return(list(data = data, parts = list()))
  parts <- lapply(candidates, function(i) part_of(client, globals[[i]], largest))
  is_part <- !vapply(parts, is.null, NA)
  data[["parts"]] <- candidates[is_part]
  data[["core"]][["globals"]] <- replace_elements(globals, candidates[is_part], list(NULL))
  list(data = data, parts = parts[is_part])
}

## What future.apply and its relatives make for each future.
never_shared <- c("...future.elements_ii", "...future.seeds_ii")

## Half of the smallest cache of the workers in sight, in bytes, so that one part does not take the place of all others. 0: one of them has none,
## or is of an older version.
largest_part <- function(client) client_status(client)$cache_mib * 2^20 / 2

## NULL: it is too large, or not plain, as a list of functions.
part_of <- function(client, value, largest) {
  tryCatch(.Call(ffi_part, client$parts, value, largest), error = function(ex) NULL)
}

## The list with other values, whatever methods its class has.
replace_elements <- function(list, at, values) {
  classes <- oldClass(list)
  list <- unclass(list)
  list[at] <- values
  oldClass(list) <- classes
  list
}

## ---- The evaluator ----

## What it has, the last used one last: lists of `value`, `size`, and the `fingerprint` of the value as it arrived.
cached_parts <- local({
  parts <- list()
  used <- character() # by the last task

  ## The parts of the task, of which those that are missing are received.
  receive <- function(channel) {
    wanted <- .Call(ffi_evaluator_parts, channel)
    used <<- unique(wanted$id)
    is_missing <- !wanted$id %in% names(parts)
    if (length(is_missing) > 0L) .Call(ffi_evaluator_need, channel, is_missing)
    for (i in seq_along(is_missing)) {
      id <- wanted$id[i]
      part <- if (is_missing[i]) read(channel, wanted$size[i]) else parts[[id]]
      parts[[id]] <<- NULL
      parts[[id]] <<- part
    }
    lapply(parts[wanted$id], function(part) part$value)
  }

  read <- function(channel, size) {
    value <- .Call(ffi_evaluator_read_part, channel, size)
    list(value = value, size = size, fingerprint = fingerprint(value))
  }

  fingerprint <- function(value) tryCatch(.Call(ffi_fingerprint, value), error = function(ex) NA) # a libcrypto without Poly1305

  is_as_it_was <- function(part) !is.na(part$fingerprint) && identical(fingerprint(part$value), part$fingerprint)

  ## After a task, while nobody waits: forgets those that its code has changed in place, as C code can, and those that are too many.
  tidy <- function(max_bytes) {
    for (id in intersect(used, names(parts))) if (!is_as_it_was(parts[[id]])) parts[[id]] <<- NULL
    if (length(parts) > 0L) parts <<- parts[rev(cumsum(rev(sizes()))) <= max_bytes]
  }

  sizes <- function() vapply(parts, function(part) part$size, 0)

  list(receive = receive, tidy = tidy, bytes = function() sum(sizes()))
})

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
