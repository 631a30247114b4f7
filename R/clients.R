## The clients of this session, by name. They are kept here and not in backends, since nested plans send backends to workers.

clients <- local({
  open_clients <- new.env(parent = emptyenv())
  counter <- 0L

  ## Joins the cluster, or raises a p2p_error. `is_observer`: for status(), which waits itself.
  join <- function(config, is_observer = FALSE) {
    check_not_on_worker()
    use_key_file(config)
    say_keyless()
    client <- new.env(parent = emptyenv())
    client$log <- log_new()
    client$recorder <- new_recorder() # before the client, so that it ends after it
    client$handle <- .Call(ffi_client_new, c(config, list(recorder = client$recorder)), client$log)
    client$board <- other_board(.Call(ffi_keys_board, config))
    client$max_workers <- config$workers
    client$pid <- Sys.getpid()
    joined <- FALSE
    on.exit(if (!joined) leave(client))
    if (is_observer) {
      wait_until_joined(client)
    } else {
      wait_until_ready(client)
      report_empty_personal(client, client_status(client), config)
    }
    joined <- TRUE
    client
  }

  ## Joins, and returns the name of the new client. A backend that was saved to a file keeps the name: that of another session must not be
  ## the same, and in containers all sessions may have the same process id. The name of the temporary folder is random.
  open <- function(config) {
    client <- join(config)
    counter <<- counter + 1L
    name <- sprintf("p2p-%s-%d-%d", basename(tempdir()), Sys.getpid(), counter)
    assign(name, client, envir = open_clients)
    dashboards$each(update_soon)
    name
  }

  ## The client of a backend. Joins again if it has left: `old <- plan(sequential); plan(old)` uses the old backend again.
  of <- function(backend) {
    name <- backend[["reg"]]
    if (is.null(open_clients[[name]])) assign(name, join(backend[["config"]]), envir = open_clients)
    if (is_of_parent(name)) stop_in_fork()
    open_clients[[name]]
  }

  close <- function(name) {
    client <- open_clients[[name]]
    if (is.null(client)) return(invisible())
    rm(list = name, envir = open_clients)
    leave(client)
    invisible()
  }

  leave <- function(client) {
    .Call(ffi_handle_close, client$handle)
    .Call(ffi_handle_close, client$recorder)
  }

  ## Writes what was received so far.
  record <- function() for (name in ls(open_clients)) if (!is_of_parent(name)) .Call(ffi_recorder_write, open_clients[[name]]$recorder)

  ## Whether this process is a fork of the one that has the client.
  is_of_parent <- function(name) {
    client <- open_clients[[name]]
    !is.null(client) && client$pid != Sys.getpid()
  }

  list(join = join, open = open, of = of, close = close, has = function(name) !is.null(open_clients[[name]]), is_of_parent = is_of_parent, leave = leave, record = record,
       close_all = function() for (name in ls(open_clients)) close(name))
})

## A worker has no keys of the user, and lends its slots: futures that wait there for other workers could block each other. `name`: the
## function that was called, if not plan().
check_not_on_worker <- function(name = NULL) {
  worker <- Sys.getenv("FUTURE_P2P_WORKER")
  if (!nzchar(worker)) return(invisible())
  if (!is.null(name)) usage_stop("A future on a worker (", worker, ") cannot use ", name, "(). Call it in an R session of your own.")
  usage_stop("A future on a worker (", worker, ") cannot use future.p2p::cluster itself. Choose another backend for futures inside futures, ",
             "as in plan(list(future.p2p::cluster, future::sequential)).")
}

## A fork has no network thread, and its connections are those of the session.
stop_in_fork <- function() {
  p2p_stop(paste("This process is a fork of the R session that joined the cluster, as parallel::mclapply() and parallel::mcparallel() make",
                 "them, and cannot use its connections. Create futures in the session itself, as future.apply::future_lapply() does, or call",
                 "plan(future::sequential) in the fork."))
}

## `board`: NULL for the one that programs use without `host`.
client_status <- function(client) {
  status <- .Call(ffi_client_status, client$handle)
  status$board <- client$board
  status
}

client_workers <- function(client) {
  as.data.frame(.Call(ffi_client_workers, client$handle), stringsAsFactors = FALSE)
}

## The number of futures that this session may have submitted: the number of slots, at most plan(workers =). At least 1, so that a future
## can wait for the first worker.
capacity <- function(client, status) {
  slots <- status$slots
  if (client$max_workers > 0L) slots <- min(slots, client$max_workers)
  max(1L, slots)
}

## The number of slots without a future, of this session or another one, that this session can use at once.
free_slots <- function(status) max(0L, status$slots - status$running - status$busy - status$unreachable - status$resting)

## Waits until the client's state changes, or until `until` (in seconds, as `now()` has them), and shows the client's log. `seen` is the
## value of the last call, 0 at first. It can be interrupted. It returns at least four times a second, since an expired time limit
## (setTimeLimit()) raises no signal.
wait_for_change <- function(client, seen, until = Inf) {
  left <- max(0, min(until - now(), 0.25))
  before <- seen
  seen <- .Call(ffi_client_wait, client$handle, before, as.integer(ceiling(1000 * left)))
  show_client_log(client)
  dashboards$each(update_while_waiting, seen != before)
  seen
}

## The core limits how long joining may take; `until` may be earlier.
wait_until_joined <- function(client, until = Inf) {
  seen <- 0
  repeat {
    status <- client_status(client)
    if (!is.null(status$failed)) core_stop(status$failed)
    if (status$joined) return(invisible())
    if (now() >= until) core_stop(list(what = "timeout", message = "the cluster could not be joined in time", reason = "no_answer"))
    seen <- wait_for_change(client, seen, until)
  }
}

## After joining, workers reply within a second; plan() waits for them, so that nbrOfWorkers() is right from the start.
wait_until_ready <- function(client, until = Inf) {
  wait_until_joined(client, until)
  seen <- 0
  first_until <- now() + 1 # for the first worker
  all_until <- Inf # for the others
  while (now() < min(first_until, all_until)) {
    status <- client_status(client)
    if (!is.null(status$failed)) core_stop(status$failed) # such as a member that was expelled
    if (status$slots > 0L && all_until == Inf) {
      first_until <- Inf
      all_until <- now() + 0.2
    }
    seen <- wait_for_change(client, seen, min(first_until, all_until))
  }
}

## A user who forgot to name a cluster would wait forever for a worker on the personal one.
report_empty_personal <- function(client, status, config) {
  if (status$slots > 0L || status$cluster != paste0(status$user, "/personal")) return(invisible())
  client$reported_no_worker <- status$incompatible == 0L
  hosted <- strsplit(status$hosted, " ", fixed = TRUE)[[1L]]
  joined <- if (!is.null(config$keys)) joined_clusters(keys_place(config, status$user))
  named <- function(text, clusters) if (length(clusters) > 0L) sprintf(" %s %s.", text, toString(quote_name(clusters)))
  message(sprintf("No worker on your personal cluster '%s' yet. Futures wait for one.%s To use another cluster, name it: plan(future.p2p::cluster, cluster = \"%s\"). %s",
                  status$cluster, paste0(named("You host", hosted), named("You have joined", joined), collapse = ""), c(hosted, joined, "alice/friends")[1L], start_worker_hint(status)))
}

## Shows what matters of the client's log. Called while R waits for the client. A fatal error is raised by those who wait.
show_client_log <- function(client) {
  while (!is.null(line <- log_next(client$log))) {
    if (line$level == "fatal") next
    show_log_lines(list(line), if (is_debug()) "debug" else "notice")
  }
}
