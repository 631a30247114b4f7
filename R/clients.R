## Client programs of this session, by name. Live state is kept here and not in backends, since
## strategies are shipped to workers by nested plans.

clients <- local({
  open_clients <- new.env(parent = emptyenv())
  counter <- 0L

  ## Joins; raises an error of class p2p_error when that is not possible.
  join <- function(config) {
    client <- new.env(parent = emptyenv())
    client$log <- log_new()
    client$handle <- .Call(ffi_client_new, config, client$log)
    client$workers_most <- config$workers
    joined <- FALSE
    on.exit(if (!joined) .Call(ffi_handle_close, client$handle))
    wait_until_joined(client)
    joined <- TRUE
    client
  }

  ## Returns the name of the new client.
  open <- function(config) {
    client <- join(config)
    counter <<- counter + 1L
    name <- sprintf("p2p-%d-%d", Sys.getpid(), counter)
    assign(name, client, envir = open_clients)
    name
  }

  ## The client of a backend. One that has left comes back: future makes a plan current again that was set before
  ## (`old <- plan(sequential); plan(old)`) with the backend that it had.
  of <- function(backend) {
    name <- backend[["reg"]]
    if (is.null(open_clients[[name]])) assign(name, join(backend[["config"]]), envir = open_clients)
    open_clients[[name]]
  }

  close <- function(name) {
    client <- open_clients[[name]]
    if (is.null(client)) return(invisible())
    rm(list = name, envir = open_clients)
    .Call(ffi_handle_close, client$handle)
    invisible()
  }

  list(open = open, of = of, close = close, has = function(name) !is.null(open_clients[[name]]),
       close_all = function() for (name in ls(open_clients)) close(name))
})

client_status <- function(client) .Call(ffi_client_status, client$handle)

client_workers <- function(client) {
  as.data.frame(.Call(ffi_client_workers, client$handle), stringsAsFactors = FALSE)
}

## How many futures this session may have under way: the slots in sight, capped by plan(workers =), and one where
## none is in sight, so that it can wait for the first worker.
capacity <- function(client, status) {
  slots <- status$slots
  if (client$workers_most > 0L) slots <- min(slots, client$workers_most)
  max(1L, slots)
}

## Waits until something happens in the core or `until` (seconds since the start of R's clock) has come, and shows what there is to
## say. Interruptible. It also returns four times a second, since R tells by no signal that a time limit (setTimeLimit()) has passed.
## `seen` is what the last call returned, 0 at first.
wait_for_change <- function(client, seen, until = Inf) {
  left <- max(0, min(until - proc.time()[["elapsed"]], 0.25))
  seen <- .Call(ffi_client_wait, client$handle, seen, as.integer(ceiling(1000 * left)))
  show_client_log(client)
  seen
}

## Joining is bounded by the core. After it, workers answer the hello within moments; plan() gives them
## that long, so that nbrOfWorkers() is right from the start.
wait_until_joined <- function(client) {
  seen <- 0
  repeat {
    status <- client_status(client)
    if (!is.null(status$failed)) core_stop(status$failed)
    if (status$joined) break
    seen <- wait_for_change(client, seen)
  }
  first_by <- proc.time()[["elapsed"]] + 1
  all_by <- Inf
  while (proc.time()[["elapsed"]] < min(first_by, all_by)) {
    if (client_status(client)$slots > 0L && all_by == Inf) {
      first_by <- Inf
      all_by <- proc.time()[["elapsed"]] + 0.2
    }
    seen <- wait_for_change(client, seen, min(first_by, all_by))
  }
}

## What the client has to say is said when R is here anyway: while it waits.
show_client_log <- function(client) {
  while (!is.null(line <- log_next(client$log))) {
    show_log_line(line, if (is_debug()) "debug" else "warn")
  }
}
