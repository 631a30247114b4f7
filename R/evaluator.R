## The evaluator: a child process of a worker that reads tasks from its supervisor's pipe, evaluates them
## one after the other, and writes results. It has no keys and opens no connection. Started by
## worker() as `R -e 'future.p2p:::evaluator()'`.

evaluator_state <- new.env(parent = emptyenv())

## `memory` (bytes): how much it may take from here on. `nice`: by how much it gives way to other programs.
evaluator <- function(memory = Inf, nice = 0L) {
  pipe <- .Call(ffi_evaluator_open)
  if (nice > 0L) tools::psnice(value = nice)
  if (is.finite(memory)) .Call(ffi_evaluator_limit, memory)
  evaluator_state$memory <- memory
  evaluator_state$pipe <- pipe
  evaluator_state$pid <- Sys.getpid()
  writeLines(as.character(Sys.getpid()), file.path(tempdir(), evaluator_mark))
  .Call(ffi_evaluator_hello, pipe, evaluator_hello())
  ## A SIGINT belongs to the task that is being evaluated, never to the time between tasks.
  suspendInterrupts({
    while (!is.null(task <- .Call(ffi_evaluator_next, pipe))) {
      evaluator_state$task <- task$task
      result <- evaluate_task(task$object)
      .Call(ffi_evaluator_result, pipe, task$task, serialize_result(result))
      forget_interrupt()
      rm(result)
      clean_workspace()
    }
  })
  quit(save = "no", status = 0L, runLast = FALSE)
}

evaluator_hello <- function() {
  sprintf("r=%s\nfuture=%s\npid=%d\n", getRversion(), utils::packageVersion("future"), Sys.getpid())
}

## What cannot be evaluated is an answer too: a FutureError, which the client raises.
evaluate_task <- function(object) {
  tryCatch({
    data <- .Call(ffi_unserialize, object)
    name_memory_limit(allowInterrupts(eval_future(data)))
  }, interrupt = function(ex) {
    evaluator_error("was interrupted before it began")
  }, error = function(ex) {
    evaluator_error(sprintf("cannot be evaluated by R %s with future %s: %s", getRversion(),
                            utils::packageVersion("future"), with_memory_limit(conditionMessage(ex))))
  })
}

## An allocation that fails is an error as any other. Where there is a limit, its message says so.
name_memory_limit <- function(result) {
  at <- length(result[["conditions"]])
  if (at == 0L) return(result)
  ex <- result[["conditions"]][[at]][["condition"]]
  if (inherits(ex, "error")) result[["conditions"]][[at]][["condition"]][["message"]] <- with_memory_limit(conditionMessage(ex))
  result
}

## Also in the words of the C++ library and of other languages that R speaks.
with_memory_limit <- function(message) {
  memory <- evaluator_state$memory
  ours <- c("cannot allocate", "memory exhausted", "bad_alloc", "Out of memory", gettext("cannot allocate memory", domain = "R"),
            sub("%.*", "", gettext("cannot allocate vector of size %0.1f Gb", domain = "R")))
  if (!is.finite(memory) || !any(vapply(ours, grepl, NA, x = message, fixed = TRUE))) return(message)
  sprintf("%s (needed more than the memory limit of %s on worker %s)", message,
          format(structure(memory, class = "object_size"), units = "auto", standard = "IEC"), Sys.getenv("FUTURE_P2P_WORKER"))
}

evaluator_error <- function(what) FutureError(sprintf("The future %s (on %s)", what, Sys.info()[["nodename"]]))

serialize_result <- function(result) {
  tryCatch(.Call(ffi_serialize, result, Inf), error = function(ex) {
    gc() # what was serialized so far leaves its memory to the sentence
    .Call(ffi_serialize, evaluator_error(paste("has a value that cannot be serialized:", with_memory_limit(conditionMessage(ex)))), Inf)
  })
}

## An interrupt that came after its task had been evaluated must not hit the next one.
forget_interrupt <- function() {
  tryCatch(allowInterrupts(Sys.sleep(0)), interrupt = function(ex) NULL)
}

## Called within a future that is being evaluated, by the handler of getFutureBackendConfigs.P2PFuture(). The value says whether
## the condition is to be recorded in the result as well: no, the client does that. A fork of the evaluator has no voice: its
## frames would run into the evaluator's own.
relay_from_evaluator <- function(condition) {
  pipe <- evaluator_state$pipe
  if (!identical(evaluator_state$pid, Sys.getpid())) return(TRUE)
  suspendInterrupts(.Call(ffi_evaluator_condition, pipe, evaluator_state$task, .Call(ffi_serialize, condition, Inf)))
  FALSE
}

clean_workspace <- function() {
  names <- setdiff(ls(globalenv(), all.names = TRUE), ".Random.seed")
  if (length(names) > 0L) rm(list = names, envir = globalenv())
}
