## The one place that reaches into the future package's internals. They are looked up when this package
## is loaded, so that a version without them is an error with a sentence, not one in the middle of a future.

internals <- new.env(parent = emptyenv())

internal_names <- c("getFutureData", "getFutureBackendConfigs", "evalFuture", "FutureRegistry", "assertOwner")

import_future <- function() {
  namespace <- asNamespace("future")
  absent <- internal_names[!vapply(internal_names, exists, NA, envir = namespace, inherits = FALSE)]
  if (length(absent) > 0L) {
    stop(sprintf(paste("Package 'future' %s lacks what this version of 'future.p2p' builds on (%s).",
                       "Install future (>= 1.69.0), or a newer version of future.p2p."),
                 utils::packageVersion("future"), paste(absent, collapse = ", ")), call. = FALSE)
  }
  for (name in internal_names) assign(name, get(name, envir = namespace), envir = internals)
  ## Newer versions tell a future that was cancelled from one that was interrupted.
  internals$FutureCanceledError <- get0("FutureCanceledError", envir = namespace, ifnotfound = FutureInterruptError)
  registerS3method("getFutureBackendConfigs", "P2PFuture", getFutureBackendConfigs.P2PFuture, envir = namespace)
}

future_data <- function(future) internals$getFutureData(future, mc.cores = 1L)
eval_future <- function(data) internals$evalFuture(data)
registry <- function(backend, ...) internals$FutureRegistry(backend[["reg"]], ..., earlySignal = FALSE)
