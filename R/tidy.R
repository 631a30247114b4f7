## What an evaluator restores between two futures. future would do that before the result is sent, while the user waits.

## The state that every future begins with, see `reset` of future:::evalFutureInternal(); the working directory is entered for each future.
session_state <- function() {
  list(options = as.list(.Options), envvars = Sys.getenv(), plan = future::plan("list"), rng_kind = RNGkind()[1L],
       seed = globalenv()[[".Random.seed"]])
}

## Whether the state can be restored to that before the future: packages that it attaches may change options, which then stay.
can_restore_later <- function(data) {
  packages <- c(data[["context"]][["backendPackages"]], data[["core"]][["packages"]])
  all(paste0("package:", packages) %in% search()) && is.na(data[["context"]][["threads"]])
}

## As future does: variables and options that the future has added stay.
restore_state <- function(state, what) {
  if ("envvars" %in% what) do.call(Sys.setenv, as.list(state$envvars))
  if ("options" %in% what) {
    old <- state$options
    if (identical(getOption("nwarnings"), old$nwarnings)) old$nwarnings <- NULL # setting it clears the warnings
    options(old)
  }
  if ("plan" %in% what) {
    options(future.plan = state$options$future.plan, mc.cores = state$options$mc.cores)
    future::plan(state$plan, .cleanup = FALSE, .init = FALSE)
    if (is.na(variable <- state$envvars["R_FUTURE_PLAN"])) Sys.unsetenv("R_FUTURE_PLAN") else Sys.setenv(R_FUTURE_PLAN = variable)
  }
  if ("rng" %in% what) {
    RNGkind(state$rng_kind)
    rm(list = intersect(".Random.seed", names(globalenv())), envir = globalenv())
    if (!is.null(state$seed)) assign(".Random.seed", state$seed, envir = globalenv())
  }
}
