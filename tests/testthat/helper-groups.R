## A control group (cgroup v2) that a worker may have for itself, and that limits memory: for root, a new one below the root of the hierarchy,
## given to the account `uid`; for others, one of systemd. NULL: this machine offers none. Else a list: `command` comes before that of the
## worker, which keeps its process id, and `path` is the folder (NULL with systemd, which removes it).
new_group <- function(uid = NULL) {
  root <- "/sys/fs/cgroup"
  controllers <- suppressWarnings(tryCatch(readLines(file.path(root, "cgroup.subtree_control")), error = function(e) ""))
  path <- tempfile("p2p-group-", root)
  if ("memory" %in% strsplit(controllers, " ", fixed = TRUE)[[1L]] && suppressWarnings(dir.create(path))) {
    if (!is.null(uid)) run_process("chown", c(sprintf("%d:%d", uid, uid), file.path(path, c("", "cgroup.procs", "cgroup.subtree_control"))))
    return(list(path = path, command = c("sh", "-c", sprintf("echo 0 > '%s/cgroup.procs'; exec \"$@\"", path), "sh")))
  }
  command <- c("systemd-run", "--user", "--scope", "--quiet", "--property=Delegate=yes")
  if (!is.null(uid) || !nzchar(Sys.which(command[1L]))) return(NULL)
  version <- as.integer(sub("^systemd ([0-9]+).*", "\\1", system2(command[1L], "--version", stdout = TRUE)[1L]))
  works <- run_process(command[1L], c(command[-1L], "true"), error_on_status = FALSE)$status == 0L
  if (works && version >= 251L) list(command = command)
}

## The names of the groups in a group, which is removed if there are none.
remove_group <- function(group) {
  if (is.null(group$path)) return(character())
  suppressWarnings(file.remove(group$path))
  basename(list.dirs(group$path, recursive = FALSE))
}
