## A lab: temporary SSH keys, and board, hosts and workers as child processes that are started by their command lines. Tests wait for lines
## in their output, with a timeout. Also used by the conformance tests, the benchmarks and the demo.
##
##   lab <- local_lab(c("alice", "bob", "carol"))          # within a test; elsewhere new_lab() and close_lab()
##   start_cluster(lab, "alice/friends", c("bob", "carol"), workers = c(alice = 1L, carol = 1L))
##   plan_as(lab, "bob", "alice/friends")

skip_unless_lab <- function() {
  testthat::skip_on_cran()
  testthat::skip_on_os("windows")
  testthat::skip_if_not_installed("processx")
  if (!nzchar(Sys.which("ssh-keygen"))) testthat::skip("ssh-keygen is not installed")
}

new_lab <- function(users = c("alice", "bob", "carol")) {
  dir <- tempfile("lab-")
  dir.create(dir, mode = "0700")
  lab <- list2env(list(dir = dir, users = users, processes = list(), port = NULL), parent = emptyenv())
  lines <- vapply(users, function(user) paste(user, make_key(lab, user)), "")
  writeLines(lines, file.path(dir, "users.txt"))
  lab$old_config_dir <- Sys.getenv("R_USER_CONFIG_DIR", NA_character_)
  lab$old_data_dir <- Sys.getenv("R_USER_DATA_DIR", NA_character_)
  Sys.setenv(R_USER_CONFIG_DIR = lab_config_dir(lab), R_USER_DATA_DIR = lab_data_dir(lab)) # plan() in this session uses them, too
  lab
}

## Where the processes of the lab have their keys of clusters. They share a device.
lab_config_dir <- function(lab) file.path(lab$dir, "keys")

## Where they count what they give and receive.
lab_data_dir <- function(lab) file.path(lab$dir, "data")

local_lab <- function(users = c("alice", "bob", "carol"), env = parent.frame()) {
  skip_unless_lab()
  lab <- new_lab(users)
  withr::defer(close_lab(lab), envir = env)
  lab
}

## Stops the processes, the newest first, and removes the folder.
close_lab <- function(lab) {
  for (process in rev(lab$processes)) stop_process(process)
  if (is.na(lab$old_config_dir)) Sys.unsetenv("R_USER_CONFIG_DIR") else Sys.setenv(R_USER_CONFIG_DIR = lab$old_config_dir)
  if (is.na(lab$old_data_dir)) Sys.unsetenv("R_USER_DATA_DIR") else Sys.setenv(R_USER_DATA_DIR = lab$old_data_dir)
  unlink(lab$dir, recursive = TRUE)
}

key_file <- function(lab, user) file.path(lab$dir, paste0("key-", user))
known_hosts_file <- function(lab) file.path(lab$dir, "known_hosts")

## Returns the public key, `ssh-ed25519 AAAA...`.
make_key <- function(lab, user, type = "ed25519") {
  file <- key_file(lab, user)
  run_process("ssh-keygen", c("-q", "-t", type, "-N", "", "-C", user, "-f", file))
  sub("^([^ ]+ [^ ]+).*", "\\1", readLines(paste0(file, ".pub")))
}

## The arguments of worker(), host_cluster() and cluster() by which `user` logs in to the board.
board_args <- function(lab, user) {
  list(host = sprintf("127.0.0.1:%d", lab$port),
       ssh_args = sprintf("-i %s -o IdentitiesOnly=yes -o UserKnownHostsFile=%s", key_file(lab, user), known_hosts_file(lab)))
}

## Starts a process of the lab. `pty`: in a terminal. Returns an environment with the processx object, a name, the command, and the lines that
## it has written so far.
start_child <- function(lab, name, command, stdin = NULL, env = character(), pty = FALSE) {
  tmp <- file.path(lab$dir, paste0("tmp-", length(lab$processes) + 1L))
  dir.create(tmp)
  process <- list2env(list(name = name, command = command, lines = character(), tmp = tmp, is_pty = pty), parent = emptyenv())
  program <- if (command[1L] %in% c("R", "Rscript")) file.path(R.home("bin"), command[1L]) else command[1L]
  process$px <- processx::process$new(program, command[-1L], stdin = stdin, stdout = if (!pty) "|", stderr = if (!pty) "2>&1", pty = pty,
                                      env = lab_environment(lab, tmp, env), cleanup_tree = TRUE)
  lab$processes <- c(lab$processes, process)
  process
}

## Runs a function with `flags`, a named list, on the command line.
start_process <- function(lab, what, flags, name = what, ...) {
  start_child(lab, name, c("Rscript", "-e", paste0("future.p2p::", what), sprintf("--%s=%s", names(flags), unlist(flags))), ...)
}

## Runs `code`, a character vector, with Rscript, or, with `stdin`, in an R that reads it from standard input.
start_r <- function(lab, name, code, stdin = FALSE, env = character()) {
  file <- tempfile("code", lab$dir, ".R")
  writeLines(code, file)
  if (stdin) start_child(lab, name, c("R", "--no-save", "--no-echo"), file, env) else start_child(lab, name, c("Rscript", file), env = env)
}

## The environment of this session, without the user's SSH agent and settings. R_P2P_LAB marks all processes of the lab.
lab_environment <- function(lab, tmp, more = character()) {
  env <- Sys.getenv()
  env <- env[!grepl("^(SSH_|R_FUTURE_|R_TESTS$)", names(env))]
  env <- c(env, TMPDIR = tmp, R_P2P_LAB = lab$dir, R_USER_CONFIG_DIR = lab_config_dir(lab), R_USER_DATA_DIR = lab_data_dir(lab), XDG_RUNTIME_DIR = lab$dir, R_LIBS = paste(.libPaths(), collapse = .Platform$path.sep))
  env <- c(env[!names(env) %in% names(more)], more)
  env[!duplicated(names(env), fromLast = TRUE)]
}

## Reads new lines of the process. Returns all its lines.
process_lines <- function(process) {
  process$lines <- c(process$lines, if (isTRUE(process$is_pty)) terminal_lines(process) else process$px$read_output_lines())
  process$lines
}

## Output may follow.
is_open <- function(process) !isTRUE(process$has_hung_up) && process$px$is_incomplete_output()

## processx reads no lines from a terminal, and takes its end for an error. What the process has erased is in `process$raw` only.
terminal_lines <- function(process) {
  output <- if (is_open(process)) tryCatch(process$px$read_output(), error = function(e) NULL)
  process$has_hung_up <- is.null(output)
  process$raw <- paste0(process$raw, output)
  text <- gsub("[^\n]*\r\033\\[K", "", paste0(process$rest, output))
  end <- max(0L, gregexpr("\n", text, fixed = TRUE)[[1L]])
  process$rest <- substring(text, end + 1L)
  strsplit(gsub("\r", "", substr(text, 1L, end)), "\n", fixed = TRUE)[[1L]]
}

## Waits until all that a process in a terminal has written matches.
wait_for_output <- function(process, pattern, timeout = 60) {
  deadline <- proc.time()[["elapsed"]] + timeout
  repeat {
    process_lines(process)
    if (grepl(pattern, process$raw)) return(invisible(process$raw))
    left <- deadline - proc.time()[["elapsed"]]
    if (!is_open(process) || left <= 0) stop(sprintf("%s did not write '%s', but:\n%s", process$name, pattern, process$raw), call. = FALSE)
    process$px$poll_io(ceiling(1000 * left))
  }
}

## Waits for the nth line that matches and returns it. After `timeout` seconds it fails and shows the output.
wait_for_line <- function(process, pattern, nth = 1L, timeout = 60) {
  deadline <- proc.time()[["elapsed"]] + timeout
  repeat {
    found <- grep(pattern, process_lines(process), value = TRUE)
    if (length(found) >= nth) return(found[nth])
    left <- deadline - proc.time()[["elapsed"]]
    ended <- !is_open(process)
    if (ended || left <= 0) {
      stop(sprintf("%s %s without a line '%s'. It said:\n%s", process$name, if (ended) "ended" else "is still running",
                   pattern, paste(process$lines, collapse = "\n")), call. = FALSE)
    }
    process$px$poll_io(ceiling(1000 * left))
  }
}

## Waits until `condition()` is TRUE, and expects that within `timeout` seconds.
wait_until <- function(condition, timeout = 60) {
  deadline <- proc.time()[["elapsed"]] + timeout
  while (!condition() && proc.time()[["elapsed"]] < deadline) Sys.sleep(0.02)
  testthat::expect_true(condition())
}

## Waits at most `timeout` seconds for a processx process to end. Returns whether it has ended. Instead of its method wait(): that of processx
## 3.8.0 closes a pipe twice, and the second time closes what another thread of this session, such as our io thread, has opened meanwhile.
wait_for_end <- function(px, timeout) {
  deadline <- proc.time()[["elapsed"]] + timeout
  while (px$is_alive() && proc.time()[["elapsed"]] < deadline) Sys.sleep(0.01)
  !px$is_alive()
}

## Runs a program and returns list(status, stdout, stderr), as run() of processx does, which calls wait(). It is killed after `timeout` seconds.
run_process <- function(command, args = character(), error_on_status = TRUE, stderr_to_stdout = FALSE, timeout = 600, ...) {
  files <- tempfile(c("stdout-", "stderr-"))
  on.exit(unlink(files))
  px <- processx::process$new(command, args, stdout = files[1L], stderr = if (stderr_to_stdout) "2>&1" else files[2L], ...)
  if (!wait_for_end(px, timeout)) px$kill_tree()
  wait_for_end(px, 10)
  text <- function(file) if (file.exists(file)) rawToChar(readBin(file, "raw", file.size(file))) else ""
  ended <- list(status = px$get_exit_status(), stdout = text(files[1L]), stderr = text(files[2L]))
  if (error_on_status && !identical(ended$status, 0L)) stop(command, " ended with status ", ended$status, ": ", ended$stderr, ended$stdout)
  ended
}

## Waits at most `timeout` seconds for the process to end. Returns its exit status. NA if it was killed after the timeout (process$killed is
## TRUE), or if processx lost the status, which happens on a busy machine.
wait_for_exit <- function(process, timeout = 30) {
  deadline <- proc.time()[["elapsed"]] + timeout
  while (is_open(process) && (left <- deadline - proc.time()[["elapsed"]]) > 0) {
    process$px$poll_io(ceiling(1000 * left))
    process_lines(process)
  }
  if (!wait_for_end(process$px, deadline - proc.time()[["elapsed"]])) {
    process$killed <- TRUE
    process$px$kill_tree()
    return(NA_integer_)
  }
  process$px$get_exit_status()
}

## The functions of processx also query the exit status, and may lose that of a process that ends at the same time.
signal_process <- function(process, signal) tools::pskill(process$px$get_pid(), signal)

## Does what Ctrl-C does.
stop_process <- function(process, timeout = 30) {
  if (process$px$is_alive()) signal_process(process, tools::SIGINT)
  wait_for_exit(process, timeout)
}

start_board <- function(lab, ...) {
  flags <- list(port = 0, address = "127.0.0.1", users = file.path(lab$dir, "users.txt"),
                host_key = file.path(lab$dir, "host_key"), ...)
  process <- start_process(lab, "serve", flags, "board")
  lab$port <- as.integer(sub(".*:", "", wait_for_line(process, "^future[.]p2p: board on 127[.]0[.]0[.]1:[0-9]+$")))
  writeLines(wait_for_line(process, "^\\[127[.]0[.]0[.]1\\]:[0-9]+ ssh-ed25519 AAAA"), known_hosts_file(lab))
  process
}

start_host <- function(lab, cluster, users, owner = sub("/.*", "", cluster), wait = TRUE, ..., env = character()) {
  flags <- c(list(cluster = cluster, users = paste(users, collapse = ",")), board_args(lab, owner), ...)
  process <- start_process(lab, "host_cluster", flags, paste("host", cluster), env = env)
  if (wait) wait_for_line(process, sprintf("hosting cluster '%s'", cluster))
  process
}

start_worker <- function(lab, user, cluster, workers = 1L, wait = TRUE, ..., env = character(), pty = FALSE) {
  flags <- c(list(cluster = cluster, workers = workers), board_args(lab, user), ...)
  if (!endsWith(cluster, "/personal") && !"sandbox" %in% names(flags)) flags <- c(flags, sandbox_flags(lab))
  process <- start_process(lab, "worker", flags, paste("worker of", user), env = env, pty = pty)
  if (wait) wait_for_line(process, paste0("joined cluster '", cluster, "'"))
  process
}

## Starts board, host and workers. `workers`: the number of slots of each user's worker, as c(alice = 1L, carol = 2L). Returns
## list(board, host, workers).
start_cluster <- function(lab, cluster = "alice/friends", users = setdiff(lab$users, sub("/.*", "", cluster)),
                          workers = c(alice = 1L, carol = 1L)) {
  board <- if (is.null(lab$port)) start_board(lab)
  host <- start_host(lab, cluster, users)
  started <- Map(function(user, slots) start_worker(lab, user, cluster, slots, wait = FALSE), names(workers), workers)
  for (worker in started) wait_for_line(worker, paste0("joined cluster '", cluster, "'"))
  list(board = board, host = host, workers = started)
}

## The flags of a worker on a shared cluster: a sandbox if one works here (`lab$sandbox`, or "auto"), in which futures may write into the
## folder of the lab and into `lab$write`.
sandbox_flags <- function(lab) {
  level <- c(lab$sandbox, "auto")[1L]
  if (has_sandbox(level)) list(sandbox = level, write = paste(c(lab$dir, lab$write), collapse = ",")) else list(sandbox = "none")
}

has_sandbox <- function(level) {
  !inherits(try(future.p2p:::new_sandbox(level, FALSE, character(), character(), NULL), silent = TRUE), "try-error")
}

plan_as <- function(lab, user, cluster = "alice/friends", ...) {
  args <- board_args(lab, user)
  future::plan(future.p2p::cluster, cluster = cluster, host = args$host, ssh_args = args$ssh_args, ...)
}

## Running processes of the lab: those that we started and, on Linux, their descendants, which their environment reveals. Only root can read
## that of a worker.
lab_processes <- function(lab) {
  started <- unlist(lapply(lab$processes, function(process) if (process$px$is_alive()) process$px$get_pid()))
  union(started, processes_with(paste0("R_P2P_LAB=", lab$dir)))
}

## The ids of the processes that have `text` in their environment.
processes_with <- function(text) {
  mark <- charToRaw(text)
  as.integer(Filter(function(pid) {
    environ <- suppressWarnings(tryCatch(readBin(file.path("/proc", pid, "environ"), "raw", 1e6), error = function(e) raw()))
    length(grepRaw(mark, environ, fixed = TRUE)) > 0L
  }, grep("^[0-9]+$", list.files("/proc"), value = TRUE)))
}

## The ids of the processes whose parent is `pid`.
children_of <- function(pid) {
  as.integer(Filter(function(other) {
    stat <- suppressWarnings(tryCatch(readLines(file.path("/proc", other, "stat")), error = function(e) ""))
    identical(sub("^.*[)] [A-Z] ([0-9]+) .*$", "\\1", stat[1L]), as.character(pid))
  }, grep("^[0-9]+$", list.files("/proc"), value = TRUE)))
}

## Stops the processes of the lab. Expects that each ends without being killed and that no process and no temporary file is left.
expect_nothing_left <- function(lab) {
  for (process in rev(lab$processes)) {
    stop_process(process)
    testthat::expect_false(isTRUE(process$killed), label = sprintf("'%s had to be killed'", process$name))
  }
  testthat::expect_identical(lab_processes(lab), integer(0L))
  left <- list.files(vapply(lab$processes, function(process) process$tmp, ""), all.files = TRUE, no.. = TRUE)
  testthat::expect_identical(left, character(0L))
}
