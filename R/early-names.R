#' Names of early versions
#'
#' Early documents of this package used other names. They still work, and name the new spelling once per session.
#'
#' | early name | new name |
#' | --- | --- |
#' | `plan(future.p2p::pico_p2p, ...)` | `plan(future.p2p::cluster, ...)`, see [cluster] |
#' | `pico_p2p_cluster(...)` | [host_cluster()] |
#' | `pico_p2p_worker(...)` | [worker()] |
#' | `Rscript -e future.p2p::pico_p2p_cluster ...` | `Rscript -e future.p2p::host_cluster ...` |
#' | `Rscript -e future.p2p::pico_p2p_worker ...` | `Rscript -e future.p2p::worker ...` |
#' | `Rscript -e future.p2p::host-cluster ...` | `Rscript -e future.p2p::host_cluster ...` |
#'
#' @details
#' R reads `future.p2p::host-cluster` as a difference. Therefore `host` exists in this package, and hosts a cluster if it is evaluated by that
#' very command line. Anywhere else it is a text that names [host_cluster()]. `library(future.p2p)` does not attach it.
#'
#' @param ... Arguments of the function with the new name.
#'
#' @return That of the function with the new name, whose errors have class `p2p_error`.
#'
#' @examples
#' library(future)
#' demo <- demo_cluster(workers = 0)
#' pico_p2p_cluster("alice/p2p", users = "bob", duration = 1) # host_cluster()
#' pico_p2p_worker("alice/friends", duration = 1, sandbox = "none") # worker()
#' plan(future.p2p::pico_p2p, cluster = "alice/friends") # plan(future.p2p::cluster)
#' close(demo)
#'
#' future.p2p::host
#' @seealso [cluster], [host_cluster()], [worker()]
#' @name early-names
#' @aliases host
#' @keywords internal
NULL

#' @rdname early-names
#' @usage pico_p2p
#' @format NULL
#' @export
pico_p2p <- cluster

#' @rdname early-names
#' @export
pico_p2p_cluster <- function(...) {
  name_new_spelling("pico_p2p_cluster", "host_cluster")
  host_cluster(...)
}

#' @rdname early-names
#' @export
pico_p2p_worker <- function(...) {
  name_new_spelling("pico_p2p_worker", "worker")
  worker(...)
}

early_names <- c(pico_p2p_cluster = "host_cluster", pico_p2p_worker = "worker")
pico_p2p_cluster <- structure(pico_p2p_cluster, class = c("p2p_cli", "function"), cli_early = "pico_p2p_cluster")
pico_p2p_worker <- structure(pico_p2p_worker, class = c("p2p_cli", "function"), cli_early = "pico_p2p_worker")

early_backend <- function(...) {
  name_new_spelling("pico_p2p", "cluster", "plan(future.p2p::%s, ...)")
  P2PFutureBackend(...)
}

named_spellings <- new.env(parent = emptyenv())

name_new_spelling <- function(early, new, form = if (in_cli()) "'Rscript -e future.p2p::%s'" else "future.p2p::%s()") {
  if (exists(early, envir = named_spellings, inherits = FALSE)) return(invisible())
  assign(early, TRUE, envir = named_spellings)
  message(sprintf(form, early), " is now ", sprintf(form, new), ".")
}

## The value of `host`. While the package is being loaded, nobody means the command line.
host_binding <- function() {
  is_loading <- any(vapply(sys.calls(), function(call) identical(call[[1L]], quote(loadNamespace)), NA))
  if (!is_loading && !interactive() && called_as_difference(commandArgs())) {
    run_program(host_cluster, commandArgs(trailingOnly = TRUE), early = "host-cluster")
  }
  structure("To host a cluster, use future.p2p::host_cluster(), or 'Rscript -e future.p2p::host_cluster --cluster=OWNER/NAME --users=...'.",
            class = "p2p_hint")
}

## Whether R was called as `Rscript -e future.p2p::host-cluster`.
called_as_difference <- function(command) any(gsub(" ", "", rscript_texts(command), fixed = TRUE) == "future.p2p::host-cluster")

#' @export
print.p2p_hint <- function(x, ...) {
  cat(x, "\n", sep = "")
  invisible(x)
}

#' @export
Ops.p2p_hint <- function(e1, e2) usage_stop(unclass(if (inherits(e1, "p2p_hint")) e1 else e2))

#' @rawNamespace export(host)
NULL
