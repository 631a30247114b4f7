## A lender's account with secrets in all places, its program, and a worker on it.

call_numbers <- local({
  is_arm <- grepl("^(aarch64|arm64)", R.version$arch)
  c(init_module = if (is_arm) 105L else 175L, kexec_load = if (is_arm) 104L else 246L)
})
capabilities_by_bit <- c(dac_override = 1L, dac_read_search = 2L, net_admin = 12L, net_raw = 13L, sys_module = 16L, sys_chroot = 18L,
                         sys_admin = 21L, sys_boot = 22L, sys_time = 25L, mknod = 27L, syslog = 34L)

random_word <- function(prefix) {
  paste0(prefix, "-", paste(as.character(readBin("/dev/urandom", "raw", 8L)), collapse = ""))
}

is_root <- function() file.access("/etc/shadow", 4L) == 0L

## Of this session. Another account has none.
has_capability <- function(lab, name) {
  if (!lab$is_root) return(FALSE)
  line <- sub("^CapEff:\t", "", grep("^CapEff:", readLines("/proc/self/status"), value = TRUE))
  bit <- capabilities_by_bit[[name]]
  bitwAnd(strtoi(substr(line, 16L - bit %/% 4L, 16L - bit %/% 4L), 16L), bitwShiftL(1L, bit %% 4L)) > 0L
}

## A command that runs as the user of the lab.
as_user <- function(lab, command) as_account(lab$uid, command)
give <- function(lab, paths) if (!is.null(lab$uid)) system2("chown", c("-R", sprintf("%d:%d", lab$uid, lab$uid), shQuote(paths)))

write_in <- function(folder, ...) {
  texts <- list(...)
  for (name in names(texts)) {
    path <- file.path(folder, name)
    dir.create(dirname(path), recursive = TRUE, showWarnings = FALSE)
    writeLines(texts[[name]], path)
    Sys.chmod(path, "0600")
  }
}

## Where an attempt finds its secret, by the name of the attempt. The lender's program holds the others, in S_*.
home_files <- c(read_key = ".ssh/id_ed25519", read_dot_file = ".Renviron", read_by_link = "key_by_link", read_by_handle = "key_by_handle",
                leave_root = "key_by_root", move_file = "moved", read_root = "key_by_proc", read_cwd = "cwd/data", mount_home = "key_by_mount",
                enter_namespace = "key_by_namespace", read_descriptors = "descriptor")
held_by_lender <- c(read_shm_file = "SHM_FILE", read_maps = "MAPS", read_fd = "DESCRIPTOR", take_descriptor = "DESCRIPTOR", agent = "AGENT",
                    read_memory = "MEMORY", trace_process = "MEMORY", read_vm = "MEMORY", read_shared_memory = "SHARED", read_queue = "QUEUE",
                    read_keyring = "KEYRING", read_kernel_log = "KERNEL_LOG", packet = "PACKET", watch_folder = "WATCH",
                    read_lender_environment = "ENVIRON")
of_supervisor <- c("read_supervisor_environment", "read_parents", "read_stack")
changed_files <- c("removed", "mode", "times", "cut", "attributes")

## An account with secrets and the lender's program. `uid`: NULL means this user.
new_account <- function(parent, uid, programs) {
  lab <- list2env(list(uid = uid, is_root = is.null(uid) && is_root(), token = random_word("p2p-escape")), parent = emptyenv())
  lab$dir <- file.path(parent, substr(lab$token, 12L, 20L))
  for (name in c("home", "drop", "read", "tmp")) dir.create(lab[[name]] <- file.path(lab$dir, name), recursive = TRUE)
  lab$program <- file.path(lab$read, "attempt")
  lab$lender_program <- programs[["lender"]]
  file.copy(programs[["attempt"]], lab$program)
  lab$landlock <- as.integer(system2(lab$lender_program, "landlock", stdout = TRUE))
  names <- names(Filter(function(attempt) identical(attempt$witness, "secret"), attempts))
  lab$secrets <- vapply(names, function(name) random_word("secret"), "")
  lab$secrets[c("packet", "read_kernel_log")] <- c(random_word("packet"), random_word("kernel-log"))
  lab$secrets[names(held_by_lender)] <- lab$secrets[names(held_by_lender)[match(held_by_lender, held_by_lender)]]
  lab$secrets[of_supervisor] <- lab$secrets[["read_environment"]]
  fill_home(lab)
  if (is_root()) add_setuid(lab, parent)
  give(lab, lab$home)
  give(lab, lab$drop)
  give(lab, lab$tmp)
  start_lender(lab)
  lab
}

fill_home <- function(lab) {
  do.call(write_in, c(list(lab$home), stats::setNames(as.list(lab$secrets[names(home_files)]), home_files)))
  writeLines(paste0("TOKEN=", lab$secrets[["read_dot_file"]]), file.path(lab$home, ".Renviron"))
  do.call(write_in, c(list(lab$home), stats::setNames(as.list(rep("original", length(changed_files))), changed_files)))
  write_in(lab$home, .Rprofile = "", .bashrc = "", ".ssh/authorized_keys" = "", ".config/systemd/user/x.service" = "")
  write_in(lab$home, "library/innocent/DESCRIPTION" = c("Package: innocent", "Version: 1.0"))
  file.create(file.path(lab$home, lab$secrets[["list_home"]]))
  dir.create(file.path(lab$home, "watched"))
  size <- sample(10000L:99999L, 1L)
  writeBin(raw(size), file.path(lab$home, "size"))
  lab$secrets[["find_file"]] <- as.character(size)
  Sys.chmod(lab$home, "0700")
  write_in(file.path(lab$tmp, "session"), data = lab$secrets[["read_temporary"]], written = "original")
}

## A program that is root's, whoever starts it, and a file for root only.
add_setuid <- function(lab, parent) {
  lab$setuid <- file.path(lab$read, "setuid")
  file.copy(lab$program, lab$setuid)
  Sys.chmod(lab$setuid, "4755", use_umask = FALSE)
  lab$root_file <- file.path(parent, "root")
  writeLines(lab$secrets[["run_setuid"]], lab$root_file)
  Sys.chmod(lab$root_file, "0600")
}

start_lender <- function(lab) {
  held <- lab$secrets[names(held_by_lender)]
  env <- c(P2P_ESCAPE_HOME = lab$home, P2P_ESCAPE_TOKEN = lab$token, stats::setNames(held, paste0("P2P_ESCAPE_S_", held_by_lender)))
  lab$lender <- processx::process$new("sh", c("-c", "exec \"$@\"", "sh", as_user(lab, c(lab$lender_program, "hold", lab$secrets[["read_command"]]))),
                                      env = c("current", env[!duplicated(names(env))]), stdout = "|", stderr = "2>&1")
  lines <- character()
  while (!"ready" %in% lines && lab$lender$is_alive()) {
    lab$lender$poll_io(5000)
    lines <- c(lines, lab$lender$read_output_lines())
  }
  if (!"ready" %in% lines) stop("the lender's program did not start: ", paste(lines, collapse = "; "))
  values <- strsplit(setdiff(lines, "ready"), "=", fixed = TRUE)
  facts <- stats::setNames(lapply(values, `[`, 2L), vapply(values, `[`, "", 1L))
  port <- sprintf("%04X", as.integer(facts$TCP4))
  lab$secrets[["list_ports"]] <- paste0("0100007F:", port)
  lab$facts <- c(facts, list(PID = lab$lender$get_pid(), HOME = lab$home, DROP = lab$drop, TMP = lab$tmp, TOKEN = lab$token,
                             SETUID = lab$setuid, ROOT_FILE = lab$root_file, LISTEN = sample(20000:30000, 1L),
                             HANDLE = system2(lab$lender_program, c("handle", file.path(lab$home, "key_by_handle")), stdout = TRUE),
                             TYPED = random_word("typed"), SHOWN = random_word("shown"), PRINTED = random_word("printed")))
  lab$before <- lender_state(lab)
  lab$files <- lapply(stats::setNames(file.path(lab$home, changed_files), changed_files), describe_file)
}

## What others may have changed of the lender's program.
lender_state <- function(lab) {
  read <- function(name) suppressWarnings(readLines(file.path("/proc", lab$facts$PID, name)))
  stat <- strsplit(sub(".*[)] ", "", read("stat")), " ")[[1L]]
  list(limit = grep("pending signals", read("limits"), value = TRUE), nice = stat[17L], policy = stat[39L],
       cores = grep("^Cpus_allowed:", read("status"), value = TRUE), oom = read("oom_score_adj"))
}

lender_log <- function(lab) suppressWarnings(tryCatch(readLines(file.path(lab$home, "log")), error = function(e) character()))

has_attribute <- function(lab, path) identical(system2(lab$lender_program, c("attributes", path), stdout = TRUE), "user.escaped")

## ---- what is seen of attempts from outside ----

## The processes of an attempt that is held. Its children may have the same command line.
attempt_processes <- function(lab, name) lab$held[[name]]

## Named by attempt: the processes of all attempts.
all_attempt_processes <- function(lab) {
  pids <- grep("^[0-9]+$", list.files("/proc"), value = TRUE)
  commands <- lapply(pids, function(pid) {
    bytes <- suppressWarnings(tryCatch(readBin(file.path("/proc", pid, "cmdline"), "raw", 4096L), error = function(e) raw()))
    if (length(bytes) == 0L) return(character())
    bytes[bytes == as.raw(0L)] <- as.raw(10L)
    strsplit(rawToChar(bytes), "\n", fixed = TRUE)[[1L]]
  })
  is_ours <- vapply(commands, function(command) length(command) == 3L && identical(command[c(1L, 3L)], c(lab$program, lab$token)), NA)
  split(as.integer(pids[is_ours]), vapply(commands[is_ours], `[`, "", 2L))
}

## The most memory that each process has had.
peak_mib <- function(pids) {
  vapply(pids, function(pid) {
    lines <- suppressWarnings(tryCatch(readLines(file.path("/proc", pid, "status")), error = function(e) character()))
    line <- grep("^VmHWM:", lines, value = TRUE)
    if (length(line) == 1L) as.numeric(gsub("[^0-9]", "", line)) / 1024 else 0
  }, 0)
}

data_limit_mib <- function(pid) {
  line <- grep("^Max data size", readLines(file.path("/proc", pid, "limits")), value = TRUE)
  as.numeric(sub("^Max data size +([0-9]+) .*", "\\1", line)) / 2^20
}

cgroups_of <- function(lab) Sys.glob(file.path("/sys/fs/cgroup", c("", "*"), lab$token))

## ---- the worker ----

start_lent_worker <- function(lab, board, mode, libraries, memory = NULL) {
  remove_group(lab$group)
  lab$group <- new_group(lab$uid)
  write_in(lab$dir, key = readLines(key_file(board, "carol")), known_hosts = readLines(known_hosts_file(board)))
  give(lab, file.path(lab$dir, c("key", "known_hosts")))
  flags <- list(cluster = "alice/friends", workers = 2L, sandbox = mode, host = sprintf("127.0.0.1:%d", board$port),
                ssh_args = sprintf("-i %s -o IdentitiesOnly=yes -o UserKnownHostsFile=%s", file.path(lab$dir, "key"), file.path(lab$dir, "known_hosts")))
  flags <- c(flags, memory = memory)
  if (mode != "none") flags <- c(flags, list(read = lab$read, write = lab$drop))
  command <- as_user(lab, c(file.path(R.home("bin"), "Rscript"), "-e", "future.p2p::worker", sprintf("--%s=%s", names(flags), unlist(flags))))
  descriptor <- sprintf("exec 9< '%s'; exec \"$@\"", file.path(lab$home, "descriptor"))
  env <- c(HOME = lab$home, TMPDIR = lab$tmp, SSH_AUTH_SOCK = file.path(lab$home, "agent"), R_P2P_LAB = board$dir,
           R_USER_CONFIG_DIR = file.path(lab$home, ".config"), R_USER_DATA_DIR = file.path(lab$home, ".local"),
           R_LIBS = paste(c(libraries, file.path(lab$home, "library")), collapse = ":"), R_LIBS_USER = file.path(lab$home, "library"),
           AWS_SECRET_ACCESS_KEY = lab$secrets[["read_environment"]])
  lab$worker <- start_child(board, paste("worker", mode), c("sh", "-c", descriptor, "sh", lab$group$command, command), env = env, pty = TRUE)
  wait_for_line(lab$worker, "joined cluster 'alice/friends'")
  lab$facts$SUPERVISOR <- lab$worker$px$get_pid()
  lab$facts$TERMINAL <- Sys.readlink(file.path("/proc", lab$facts$SUPERVISOR, "fd", "0"))
  give(lab, lab$facts$TERMINAL)
  lab$supervisor_group <- sub("^0::", "/sys/fs/cgroup", grep("^0::", readLines(file.path("/proc", lab$facts$SUPERVISOR, "cgroup")), value = TRUE))
  lab$has_cgroup <- isTRUE(basename(lab$supervisor_group) == "supervisor")
}
