## The only file that uses internal functions of the future package. They are looked up when this package is loaded, so that a version
## without them is detected at once.

internals <- new.env(parent = emptyenv())

internal_names <- c("getFutureData", "getFutureBackendConfigs", "evalFuture", "FutureRegistry", "assertOwner")

import_future <- function() {
  namespace <- asNamespace("future")
  absent <- internal_names[!vapply(internal_names, exists, NA, envir = namespace, inherits = FALSE)]
  if (length(absent) > 0L) {
    stop(sprintf(paste("Package 'future' %s has no %s, which this version of 'future.p2p' uses.",
                       "Install future (>= 1.69.0) or a newer version of future.p2p."),
                 utils::packageVersion("future"), paste(absent, collapse = ", ")), call. = FALSE)
  }
  for (name in internal_names) assign(name, get(name, envir = namespace), envir = internals)
  ## Newer versions distinguish canceled futures from interrupted ones.
  internals$FutureCanceledError <- get0("FutureCanceledError", envir = namespace, ifnotfound = FutureInterruptError)
  internals$appendToFutureJournal <- get0("appendToFutureJournal", envir = namespace, ifnotfound = function(x, ...) x)
  registerS3method("getFutureBackendConfigs", "P2PFuture", getFutureBackendConfigs.P2PFuture, envir = namespace)
}

future_data <- function(future) internals$getFutureData(future, mc.cores = 1L)
eval_future <- function(data) internals$evalFuture(data)
registry <- function(backend, ...) internals$FutureRegistry(backend[["reg"]], ..., earlySignal = FALSE)
