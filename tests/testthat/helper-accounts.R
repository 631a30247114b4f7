## Programs that root starts as another account.

## A command that runs as the account with this number; as ours for NULL.
as_account <- function(uid, command) {
  if (is.null(uid)) return(command)
  c("setpriv", paste0("--reuid=", uid), paste0("--regid=", uid), "--clear-groups", command)
}

## Library paths for that account. A library that it cannot read, such as one below a home directory, is replaced by a copy of our package and
## of what it needs, in `dir`, which is made at the first call.
libraries_for <- function(uid, dir, packages = "future.p2p") {
  can_read <- function(path) {
    command <- as_account(uid, c("test", "-x", path))
    run_process(command[1L], command[-1L], error_on_status = FALSE)$status == 0L
  }
  hidden <- .libPaths()[!vapply(.libPaths(), can_read, NA)]
  if (length(hidden) == 0L) return(.libPaths())
  if (!dir.exists(dir)) {
    dir.create(dir)
    installed <- installed.packages()
    packages <- c(packages, unlist(tools::package_dependencies(packages, installed, recursive = TRUE)))
    wanted <- installed[installed[, "Package"] %in% packages & installed[, "LibPath"] %in% hidden, , drop = FALSE]
    file.copy(file.path(wanted[, "LibPath"], wanted[, "Package"]), dir, recursive = TRUE)
  }
  c(dir, setdiff(.libPaths(), hidden))
}
