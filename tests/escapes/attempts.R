## The attempts, and what each mode promises about them.
##
## attempt(NAME, WITNESS, ...): by default a future runs the program `attempt NAME` (attempt.c). WITNESS says from outside whether it has
## succeeded: "secret", if the secret of this name is in what the future returns; "log", if the lender's program has noted this name or
## `note`; or a function of the lab, whose NA means that it cannot be seen here.
##   code       what the future evaluates instead
##   held       the attempt runs beside others until its witness was called
##   landlock   "stopped", or "open": the documents say so; or a function of the lab
##   namespaces likewise
##   always     TRUE if it is stopped without a sandbox, too, or a function of the lab
##   needs      the capability without which the kernel refuses it to the account
##   refusable  TRUE if some kernels and containers refuse it to all accounts
attempt <- function(name, witness, code = NULL, held = FALSE, landlock = "stopped", namespaces = "stopped", always = FALSE, needs = NULL,
                    refusable = FALSE, note = name) {
  list(name = name, witness = witness, code = code, held = held, landlock = landlock, namespaces = namespaces, always = always,
       needs = needs, refusable = refusable, note = note)
}

## ---- witnesses ----

is_in_file <- function(name) function(lab) any(grepl("escaped", suppressWarnings(readLines(file.path(lab$home, name))), fixed = TRUE))
exists_at <- function(path) function(lab) file.exists(path(lab))
has_descriptor <- function(name, pattern) function(lab) {
  fds <- Sys.glob(file.path("/proc", attempt_processes(lab, name), "fd", "*"))
  if (length(fds) == 0L) NA else any(grepl(pattern, Sys.readlink(fds), fixed = TRUE))
}
## More than the limit.
took_memory <- function(name) function(lab) sum(peak_mib(attempt_processes(lab, name))) > lab$limit_mib
## The system call reached the kernel, whatever it then said about its arguments.
was_answered <- function(name, call) function(lab) {
  pid <- attempt_processes(lab, name)
  answer <- if (length(pid) > 0L) suppressWarnings(system2(lab$lender_program, c("trace", pid[1L], call), stdout = TRUE, stderr = TRUE))
  if (length(answer) != 1L) return(NA)
  !answer %in% c("-1", "-13", "-38") # EPERM, EACCES, ENOSYS
}
has_own_users <- function(name) function(lab) {
  namespaces <- Sys.readlink(file.path("/proc", attempt_processes(lab, name), "ns", "user"))
  evaluator <- Sys.readlink(file.path("/proc", attempt_processes(lab, "listen_tcp"), "ns", "user"))
  if (length(namespaces) == 0L || !all(nzchar(c(namespaces, evaluator)))) NA else length(unique(c(namespaces, evaluator))) > 1L
}
can_connect <- function(lab) {
  con <- suppressWarnings(tryCatch(socketConnection("127.0.0.1", lab$facts$LISTEN, open = "r", blocking = TRUE, timeout = 1), error = function(e) NULL))
  if (is.null(con)) return(FALSE)
  on.exit(close(con))
  identical(suppressWarnings(readLines(con, 1L)), "escaped")
}
of_lender <- function(field) function(lab) lender_state(lab)[[field]] != lab$before[[field]]
describe_file <- function(path) vapply(file.info(path)[c("size", "mode", "mtime")], function(x) as.numeric(x), 0)
file_changed <- function(name) function(lab) {
  path <- file.path(lab$home, name)
  !file.exists(path) || !identical(describe_file(path), lab$files[[name]])
}
## The supervisor hides its memory from its own account, but not from root.
without_privileges <- function(lab) !lab$is_root
landlock_signals <- function(lab) if (lab$landlock < 6L) "open" else "stopped" # Linux 6.12

## Each evaluator and its children share a limit on memory and processes where the worker has a control group for them.
without_cgroup <- function(lab) if (lab$has_cgroup) "stopped" else "open"
has_cgroup <- function(lab) lab$has_cgroup
## The kernel does not count the processes of root.
root_without_cgroup <- function(lab) if (lab$is_root && !lab$has_cgroup) "open" else "stopped"

## ---- the table ----

attempts <- list(
  ## files of the lender
  attempt("read_key", "secret", quote(readLines(file.path(HOME, ".ssh", "id_ed25519")))),
  attempt("read_dot_file", "secret", quote(readLines(file.path(HOME, ".Renviron")))),
  attempt("list_home", "secret", quote(dir(HOME, all.files = TRUE))),
  attempt("find_file", "secret", quote(file.size(file.path(HOME, "size"))), landlock = "open"),
  attempt("read_by_link", "secret"),
  attempt("read_by_handle", "secret", needs = "dac_read_search", refusable = TRUE),
  attempt("leave_root", "secret", needs = "sys_chroot"),
  attempt("move_file", "secret"),
  attempt("write_profile", is_in_file(".Rprofile"), quote(cat("# escaped\n", file = file.path(HOME, ".Rprofile"), append = TRUE))),
  attempt("write_bashrc", is_in_file(".bashrc"), quote(cat("escaped\n", file = file.path(HOME, ".bashrc"), append = TRUE))),
  attempt("write_authorized_keys", is_in_file(".ssh/authorized_keys"),
          quote(cat("escaped\n", file = file.path(HOME, ".ssh", "authorized_keys"), append = TRUE))),
  attempt("write_service", is_in_file(".config/systemd/user/x.service"),
          quote(cat("escaped\n", file = file.path(HOME, ".config/systemd/user/x.service")))),
  attempt("write_crontab", exists_at(function(lab) file.path("/etc/cron.d", lab$token)),
          quote({ dir.create("/etc/cron.d"); cat("# escaped\n", file = file.path("/etc/cron.d", TOKEN)) }), needs = "dac_override"),
  attempt("write_library", is_in_file("library/innocent/DESCRIPTION"),
          quote(cat("Note: escaped\n", file = file.path(HOME, "library/innocent/DESCRIPTION"), append = TRUE))),
  attempt("remove_file", file_changed("removed"), quote(file.remove(file.path(HOME, "removed")))),
  attempt("change_mode", file_changed("mode")),
  attempt("change_times", file_changed("times")),
  attempt("cut_file", file_changed("cut")),
  attempt("change_attributes", function(lab) has_attribute(lab, file.path(lab$home, "attributes")), refusable = TRUE),
  attempt("watch_folder", "secret"),
  attempt("make_setuid", function(lab) any(bitwAnd(file.mode(Sys.glob(file.path(lab$drop, "setuid*"))), as.octmode("4000")) > 0L)),
  attempt("make_device", exists_at(function(lab) file.path(lab$drop, "device")), needs = "mknod", refusable = TRUE),
  attempt("run_setuid", "secret"),

  ## temporary files of others
  attempt("read_temporary", "secret", quote(readLines(file.path(TMP, "session", "data")))),
  attempt("write_temporary", function(lab) any(grepl("escaped", readLines(file.path(lab$tmp, "session", "written")))),
          quote(cat("escaped\n", file = file.path(TMP, "session", "written"), append = TRUE))),
  attempt("read_sibling", "secret", quote(readLines(file.path(SCRATCH_OF_SIBLING, "data")))),
  attempt("write_sibling", function(lab) file.exists(file.path(lab$facts$SCRATCH_OF_SIBLING, "escaped")),
          quote(cat("escaped\n", file = file.path(SCRATCH_OF_SIBLING, "escaped")))),
  attempt("read_shm_file", "secret", quote(readLines(file.path("/dev/shm", TOKEN)))),

  ## environment, processes
  attempt("read_environment", "secret", quote(Sys.getenv()), always = TRUE),
  attempt("read_supervisor_environment", "secret", quote(read_bytes(SUPERVISOR, "environ")), always = without_privileges),
  attempt("read_lender_environment", "secret", quote(read_bytes(PID, "environ"))),
  attempt("read_parents", "secret", always = without_privileges),
  attempt("read_stack", "secret", always = without_privileges),
  attempt("read_command", "secret", quote(read_bytes(PID, "cmdline")), landlock = "open"),
  attempt("read_maps", "secret", quote(readLines(file.path("/proc", PID, "maps")))),
  attempt("read_fd", "secret", quote(readLines(file.path("/proc", PID, "fd", DESCRIPTOR)))),
  attempt("read_cwd", "secret", quote(readLines(file.path("/proc", PID, "cwd", "data")))),
  attempt("read_root", "secret", quote(readLines(file.path("/proc", PID, "root", HOME, "key_by_proc")))),
  attempt("read_descriptors", "secret"),
  attempt("read_memory", "secret"),
  attempt("write_memory", "log", note = "by_mem"),
  attempt("trace_process", "secret", refusable = TRUE),
  attempt("read_vm", "secret", refusable = TRUE),
  attempt("write_vm", "log", note = "by_vm", refusable = TRUE),
  attempt("take_descriptor", "secret", refusable = TRUE),
  attempt("signal_process", "log", note = "signal 01", landlock = landlock_signals),
  attempt("signal_group", "log", note = "signal 02", landlock = landlock_signals),
  attempt("signal_thread", "log", note = "signal 03", landlock = landlock_signals),
  attempt("signal_queue", "log", note = "signal 05", landlock = landlock_signals),
  attempt("signal_pidfd", "log", note = "signal 06"),
  attempt("signal_by_file", "log", note = "signal 07"),
  attempt("limit_process", of_lender("limit")),
  attempt("slow_process", of_lender("nice")),
  attempt("pin_process", of_lender("cores")),
  attempt("schedule_process", of_lender("policy")),
  attempt("doom_process", of_lender("oom"), quote(cat("1000", file = file.path("/proc", PID, "oom_score_adj")))),

  ## sockets, terminal
  attempt("tcp4", "log"),
  attempt("tcp6", "log", refusable = TRUE),
  attempt("udp4", "log"),
  attempt("udp6", "log", refusable = TRUE),
  attempt("listen_tcp", can_connect, held = TRUE),
  attempt("agent", "secret"),
  attempt("unix_pair", "log"),
  attempt("abstract", "log"),
  attempt("netlink", "log", refusable = TRUE),
  attempt("packet", "secret", needs = "net_raw"),
  attempt("list_ports", "secret", quote(readLines("/proc/net/tcp")), landlock = "open"),
  attempt("ring_socket", has_descriptor("ring_socket", "io_uring"), held = TRUE, refusable = TRUE),
  attempt("write_to_terminal", function(lab) any(grepl(paste0("\033]0;", lab$facts$SHOWN), process_lines(lab$worker), fixed = TRUE))),
  attempt("read_terminal", "secret"),
  attempt("type_into_terminal", function(lab) lab$facts$TYPED %in% system2(lab$lender_program, c("input", lab$facts$TERMINAL), stdout = TRUE),
          needs = "sys_admin"),
  attempt("print_escapes", function(lab) any(grepl(paste0("\033]0;", lab$facts$PRINTED), process_lines(lab$worker), fixed = TRUE)),
          quote({ text <- paste0("\033]0;", PRINTED, "\a\n"); cat(text); message(text); warning(text); system(paste0("printf '%s' '", text, "' >&2")) }),
          always = TRUE),

  ## the kernel
  attempt("new_users", has_own_users("new_users"), held = TRUE, refusable = TRUE),
  attempt("clone_users", has_own_users("clone_users"), held = TRUE, refusable = TRUE),
  attempt("mount_home", "secret", refusable = TRUE),
  attempt("enter_namespace", "secret", needs = "sys_admin"),
  attempt("open_mount", has_descriptor("open_mount", "fscontext"), held = TRUE, needs = "sys_admin", refusable = TRUE),
  attempt("use_bpf", has_descriptor("use_bpf", "bpf-map"), held = TRUE, needs = "sys_admin", refusable = TRUE),
  attempt("use_perf", has_descriptor("use_perf", "perf_event"), held = TRUE, refusable = TRUE),
  attempt("use_userfaultfd", has_descriptor("use_userfaultfd", "userfaultfd"), held = TRUE, refusable = TRUE),
  attempt("use_fanotify", has_descriptor("use_fanotify", "fanotify"), held = TRUE, needs = "sys_admin", refusable = TRUE),
  attempt("use_secret_memory", has_descriptor("use_secret_memory", "secretmem"), held = TRUE, refusable = TRUE),
  attempt("load_module", was_answered("load_module", call_numbers[["init_module"]]), held = TRUE, needs = "sys_module", refusable = TRUE),
  attempt("load_kernel", was_answered("load_kernel", call_numbers[["kexec_load"]]), held = TRUE, needs = "sys_boot", refusable = TRUE),
  attempt("read_keyring", "secret", refusable = TRUE),
  attempt("read_shared_memory", "secret"),
  attempt("read_queue", "secret", refusable = TRUE),
  attempt("read_kernel_log", "secret", needs = "syslog", refusable = TRUE),
  attempt("set_clock", "log", note = "clock", needs = "sys_time"),
  attempt("set_host_name", function(lab) Sys.info()[["nodename"]] == lab$token, held = TRUE, needs = "sys_admin"),
  attempt("write_settings", function(lab) identical(readLines("/proc/sys/kernel/domainname"), lab$token),
          quote(cat(TOKEN, file = "/proc/sys/kernel/domainname")), needs = "sys_admin", refusable = TRUE),
  attempt("write_device_settings", function(lab) identical(readLines("/sys/class/net/lo/ifalias"), lab$token),
          quote(cat(TOKEN, file = "/sys/class/net/lo/ifalias")), needs = "net_admin", refusable = TRUE),
  attempt("make_cgroup", function(lab) length(cgroups_of(lab)) > 0L,
          quote(for (folder in c("", "unified", "pids")) dir.create(file.path("/sys/fs/cgroup", folder, TOKEN))), needs = "dac_override",
          refusable = TRUE),
  attempt("leave_group", function(lab) length(readLines(file.path(lab$supervisor_group, "cgroup.procs"))) > 1L, quote({
    path <- sub("^0::", "/sys/fs/cgroup", grep("^0::", readLines("/proc/self/cgroup"), value = TRUE))
    cat("0", file = file.path(dirname(path), "supervisor", "cgroup.procs"))
  })),

  ## more of the machine than is lent
  attempt("memory_private", took_memory("memory_private"), held = TRUE, always = TRUE),
  attempt("memory_shared", took_memory("memory_shared"), held = TRUE, landlock = without_cgroup, namespaces = without_cgroup, always = has_cgroup),
  attempt("memory_memfd", took_memory("memory_memfd"), held = TRUE, always = has_cgroup),
  attempt("memory_file", took_memory("memory_file"), held = TRUE, namespaces = without_cgroup, always = has_cgroup, refusable = TRUE),
  attempt("memory_children", took_memory("memory_children"), held = TRUE, landlock = without_cgroup, namespaces = without_cgroup, always = has_cgroup),
  attempt("many_descriptors", function(lab) length(Sys.glob(file.path("/proc", attempt_processes(lab, "many_descriptors"), "fd", "*"))) > 4500L,
          held = TRUE, refusable = TRUE),
  attempt("fill_disk", function(lab) any(file.size(file.path("/proc", attempt_processes(lab, "fill_disk"), "cwd", "large")) >= 2^30, na.rm = TRUE),
          held = TRUE, landlock = "open", namespaces = "open"),
  ## the last of them, since the account can then start no more
  attempt("fork_many", function(lab) length(attempt_processes(lab, "fork_many")) > 4200L, held = TRUE, landlock = root_without_cgroup,
          namespaces = root_without_cgroup, always = has_cgroup),

  ## after the other attempts
  attempt("kill_sibling", function(lab) inherits(lab$sibling_value, "error"), landlock = landlock_signals),
  attempt("daemon_session", function(lab) "daemon_session" %in% lab$daemons, always = TRUE),
  attempt("daemon_twice", function(lab) "daemon_twice" %in% lab$daemons, always = TRUE),
  attempt("daemon_group", function(lab) "daemon_group" %in% lab$daemons, always = TRUE),
  attempt("daemon_other_group", function(lab) "daemon_other_group" %in% lab$daemons, always = TRUE),
  attempt("end_supervisor", function(lab) !lab$supervisor_lives)
)
names(attempts) <- vapply(attempts, function(attempt) attempt$name, "")
apart <- c("memory_shared", "memory_memfd", "memory_file", "memory_children", "fork_many") # where there is a control group
last <- c("kill_sibling", "end_supervisor", grep("^daemon_", names(attempts), value = TRUE))

## ---- ordinary work: TRUE ----

ordinary <- expression(
  lm = round(coef(lm(mpg ~ wt, mtcars))[[2L]], 3) == -5.344,
  mclapply = identical(unlist(parallel::mclapply(1:4, function(i) i^2, mc.cores = 2L)), c(1, 4, 9, 16)),
  temporary_file = { file <- tempfile(); writeLines("x", file); file.exists(file) },
  home_file = WITHOUT_SANDBOX || { writeLines("x", "~/x"); dir.create("~/.cache/a", recursive = TRUE); file.exists("~/x") },
  work_file = { writeLines("x", "x"); file.rename("x", "y") && file.copy("y", "z") && file.remove("y", "z")[2L] },
  pdf = { pdf("a.pdf"); plot(1:3); dev.off(); file.size("a.pdf") > 0 },
  png = !capabilities("png") || { png("a.png"); plot(1:3); dev.off(); file.size("a.png") > 0 },
  system = identical(system("echo $((1 + 2)) | cat", intern = TRUE), "3"),
  system_timeout = suppressWarnings(system("sleep 20", timeout = 1)) == 124L,
  cores = parallel::detectCores() > 0L && future::availableCores() > 0L,
  niceness = identical(tools::psnice(value = 1L), tools::psnice(value = 2L) - 1L),
  data_table = !requireNamespace("data.table", quietly = TRUE) || identical(data.table::data.table(a = c(1, 1))[, sum(a)], 2),
  compiler = !nzchar(Sys.which("cc")) || {
    writeLines(c("#include <R.h>", "void twice(double *x) { *x = 2 * *x; }"), "twice.c")
    log <- system2(file.path(R.home("bin"), "R"), c("CMD", "SHLIB", "twice.c"), stdout = TRUE, stderr = TRUE)
    dyn.load(paste0("twice", .Platform$dynlib.ext))
    .C("twice", 2)[[1L]] == 4 || stop(paste(log, collapse = "\n"))
  },
  drop = { writeLines("x", file.path(DROP, "x")); file.remove(file.path(DROP, "x")) },
  time = nzchar(format(Sys.time(), "%Z")) && nchar(Sys.info()[["user"]]) > 0L
)
