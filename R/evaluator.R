## The evaluator: a child process of a worker. It reads tasks from the channel to its supervisor, evaluates them one at a time, and writes
## the results. It has no keys and no connections. worker() starts it as `R -e 'future.p2p:::evaluator()'`.

evaluator_state <- new.env(parent = emptyenv())

## `memory`: bytes that it may allocate from here on. `nice`: increment of its niceness. `is_scratch`: whether its working directory is its
## own, to be emptied after each future. `cache`: bytes of parts that it keeps.
evaluator <- function(memory = Inf, nice = 0L, is_scratch = TRUE, cache = 0) {
  channel <- .Call(ffi_evaluator_open)
  set_libraries(strsplit(Sys.getenv("R_LIBS"), .Platform$path.sep, fixed = TRUE)[[1L]])
  if (nice > 0L) tools::psnice(value = nice)
  ## With a limit, memory that is kept in pieces might be what the next future lacks.
  if (is.finite(memory)) .Call(ffi_evaluator_limit, memory) else .Call(ffi_evaluator_keep, 2^28)
  evaluator_state$memory <- memory
  evaluator_state$cache <- cache
  evaluator_state$channel <- channel
  evaluator_state$pid <- Sys.getpid()
  evaluator_state$session <- session_state()
  evaluator_state$folders <- list(work = getwd(), tmp = Sys.getenv("TMPDIR"), is_scratch = is_scratch)
  .Call(ffi_evaluator_hello, channel, evaluator_hello())
  ## A SIGINT is meant for the task that is being evaluated. Between tasks it is ignored.
  suspendInterrupts({
    while (!is.null(task <- .Call(ffi_evaluator_next, channel))) {
      evaluator_state$task <- task[1L]
      data <- read_task(channel, task[2L])
      if (!.Call(ffi_evaluator_begin, channel)) { # it was canceled; its parts may be there
        rm(data)
        if (cached_parts$tidy(cache) > 2^20) collect_garbage()
        next
      }
      result <- if (inherits(data, "FutureError")) data else evaluate_with_resources(channel, data)
      rm(data)
      bytes <- task[2L] + send_result(channel, task[1L], result)
      discard_interrupt()
      rm(result)
      tidy()
      clean_workspace()
      bytes <- bytes + cached_parts$tidy(cache)
      if (is_scratch) .Call(ffi_evaluator_renew_folder, evaluator_state$folders$work)
      if (bytes > 2^20) {
        collect_garbage()
        .Call(ffi_evaluator_rest, channel, 10)
      }
    }
  })
  quit(save = "no", status = 0L, runLast = FALSE)
}

## Sets .libPaths() to exactly these folders and that of R itself.
set_libraries <- function(folders) {
  if ("include.site" %in% names(formals(.libPaths))) .libPaths(folders, include.site = FALSE) else .libPaths(folders)
}

evaluator_hello <- function() {
  sprintf("r=%s\nfuture=%s\npid=%d\n", getRversion(), utils::packageVersion("future"), Sys.getpid())
}

## The task, of `size` bytes, which may still arrive. Returns a FutureError, which the client raises, if it cannot be evaluated.
read_task <- function(channel, size) {
  tryCatch({
    enter_folders(evaluator_state$folders)
    parts <- cached_parts$receive(channel, evaluator_state$cache)
    put_parts(.Call(ffi_evaluator_read, channel, size), parts)
  }, error = cannot_be_evaluated)
}

## Returns a FutureError, too. Within the limits of what the future has requested; see ffi_evaluator_take().
evaluate_with_resources <- function(channel, data) {
  given <- tryCatch(.Call(ffi_evaluator_take, channel), error = cannot_be_evaluated)
  if (is.null(given)) return(evaluate_task(data))
  if (inherits(given, "FutureError")) return(given)
  memory <- evaluator_state$memory
  if (given[2L] > 0) evaluator_state$memory <- min(memory, given[2L])
  cores <- as.integer(given[1L])
  old <- if (cores > 0L) options(parallelly.availableCores.fallback = cores) # what availableCores() says, with `mc.cores`
  if (cores > 0L) data[["context"]][["forwardOptions"]][["mc.cores"]] <- cores
  on.exit({
    .Call(ffi_evaluator_give_back)
    evaluator_state$memory <- memory
    options(old)
  })
  evaluate_task(data)
}

## Returns a FutureError, too.
evaluate_task <- function(data) {
  tryCatch({
    evaluator_state$data_only <- identical(data[["results"]], "data")
    evaluator_state$to_restore <- if (can_restore_later(data)) setdiff(data[["context"]][["reset"]], "globalenv")
    data[["context"]][["reset"]] <- setdiff(data[["context"]][["reset"]], evaluator_state$to_restore)
    name_memory_limit(allowInterrupts(eval_future(data)))
  }, interrupt = function(ex) {
    evaluator_error("was interrupted before it started")
  }, error = cannot_be_evaluated)
}

cannot_be_evaluated <- function(ex) {
  evaluator_error(sprintf("cannot be evaluated by R %s with future %s: %s", getRversion(),
                          utils::packageVersion("future"), with_memory_limit(conditionMessage(ex))))
}

## A failed allocation is an ordinary error of the future. If there is a memory limit, its message says so.
name_memory_limit <- function(result) {
  at <- length(result[["conditions"]])
  if (at == 0L) return(result)
  ex <- result[["conditions"]][[at]][["condition"]]
  if (inherits(ex, "error")) result[["conditions"]][[at]][["condition"]][["message"]] <- with_memory_limit(conditionMessage(ex))
  result
}

## Recognizes messages of R, in any language, and of the C++ library.
with_memory_limit <- function(message) {
  memory <- evaluator_state$memory
  patterns <- c("cannot allocate", "memory exhausted", "bad_alloc", "Out of memory", gettext("cannot allocate memory", domain = "R"),
            sub("%.*", "", gettext("cannot allocate vector of size %0.1f Gb", domain = "R")))
  if (!is.finite(memory) || !any(vapply(patterns, grepl, NA, x = message, fixed = TRUE))) return(message)
  sprintf("%s (needed more than the memory limit of %s on worker %s)", message, format_bytes(memory), Sys.getenv("FUTURE_P2P_WORKER"))
}

evaluator_error <- function(what) FutureError(sprintf("The future %s (on %s)", what, Sys.info()[["nodename"]]))

## A result that cannot be serialized is replaced by an error; if a part of it was sent, the future is lost. Returns how many bytes it has.
send_result <- function(channel, task, result) {
  if (isTRUE(evaluator_state$data_only)) result <- plain_result(result)
  tryCatch(.Call(ffi_evaluator_result, channel, task, result), error = function(ex) {
    why <- with_memory_limit(conditionMessage(ex))
    if (.Call(ffi_evaluator_abandon, channel, task, paste("could not serialize the value, of which a part was sent:", why))) return(0)
    .Call(ffi_evaluator_result, channel, task, evaluator_error(paste("has a value that cannot be serialized:", why)))
  })
}

## The result for a client that accepts plain data only. The value is as the future returned it: if it is not data, the client refuses it.
plain_result <- function(result) {
  if (!inherits(result, "FutureResult")) return(plain(result))
  for (name in setdiff(names(result), "value")) result[name] <- list(plain(result[[name]]))
  result[["conditions"]] <- lapply(result[["conditions"]], function(record) record[names(record) != "calls"])
  result
}

## Replaces what is not data (see src/protocol/r_data.h) by NULL, such as the calls of conditions.
plain <- function(x) {
  if (is.null(x) || isS4(x) || !(is.atomic(x) || typeof(x) == "list")) return(NULL)
  kept <- lapply(attributes(x), plain)
  if (is.list(x)) x <- lapply(unclass(x), plain)
  attributes(x) <- Filter(Negate(is.null), kept)
  x
}

## Discards an interrupt that arrived after its task had been evaluated.
discard_interrupt <- function() {
  tryCatch(allowInterrupts(Sys.sleep(0)), interrupt = function(ex) NULL)
}

## Sends a condition while its future is evaluated; called by the handler of getFutureBackendConfigs.P2PFuture(). Returns whether future
## must record the condition in the result: FALSE, since the client does. A fork of the evaluator sends nothing, since its frames would be
## mixed with those of the evaluator. What cannot be serialized is dropped: an error here would end the future with NULL, and no error.
relay_from_evaluator <- function(condition) {
  channel <- evaluator_state$channel
  if (!identical(evaluator_state$pid, Sys.getpid())) return(TRUE)
  sent <- function() if (isTRUE(evaluator_state$data_only)) plain(condition) else condition
  object <- tryCatch(suspendInterrupts(.Call(ffi_serialize, sent(), Inf)), error = function(ex) NULL)
  if (!is.null(object)) suspendInterrupts(.Call(ffi_evaluator_condition, channel, evaluator_state$task, object))
  FALSE
}

## After a large task or result, while nobody waits: otherwise the next large object waits for it, and the memory is kept until then.
collect_garbage <- function() {
  vectors <- gc(full = FALSE)[2L, 2L] # MiB; mostly, the youngest generation has it all
  if (vectors - cached_parts$bytes() / 2^20 > 64) gc()
}

## Restores what future did not, or takes the state after future has, with the packages that are attached now.
tidy <- function() {
  if (is.null(evaluator_state$to_restore)) evaluator_state$session <- session_state()
  restore_state(evaluator_state$session, evaluator_state$to_restore)
  evaluator_state$to_restore <- NULL
}

clean_workspace <- function() {
  names <- setdiff(ls(globalenv(), all.names = TRUE), ".Random.seed")
  if (length(names) > 0L) rm(list = names, envir = globalenv())
}

## Enters the working directory. Its folders are made again if they were removed, by a future or by a program that cleans /tmp.
enter_folders <- function(folders) {
  .Call(ffi_evaluator_make_folder, folders$tmp)
  if (folders$is_scratch) .Call(ffi_evaluator_make_folder, folders$work)
  tempdir(check = TRUE)
  tryCatch(setwd(folders$work), error = function(ex) stop("cannot enter folder '", folders$work, "'", call. = FALSE))
}
