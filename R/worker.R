#' Add this machine to a cluster
#'
#' Joins the cluster and resolves futures of its members, up to `workers` at a time. Each runs in a child process. It runs until you
#' interrupt it (Ctrl-C or SIGTERM), or until `duration` or `idle` has passed.
#'
#' A child process evaluates futures of one session only, and is replaced when the session ends or has had no future for 10 minutes. It has
#' two private folders below the temporary folder of the worker. Futures start in the first one, which is emptied after each future. The
#' second one holds their temporary files, which later futures of the session can still read. Both are removed when the process ends or, if
#' the worker was killed, when the next worker starts. With `workdir`, futures start in that folder instead, which is not emptied. What
#' programs that a future runs print is dropped, as with [future::multisession].
#'
#' Anyone with access to the cluster can run any R code on this machine. On a shared cluster, that code runs in a sandbox.
#'
#' @inheritParams cluster
#' @param duration (numeric) Seconds after which the worker leaves. `Inf` means never.
#' @param workers (integer) Number of futures that are resolved at the same time, from 1 to 1024.
#' @param memory (numeric or character) Memory that one future may allocate, in bytes or as `"2 GiB"` (also KiB, MiB, TiB, and kB, MB, GB,
#'   TB). Each evaluator, and each process that it starts, may allocate this much beyond the memory of R itself with the future package
#'   loaded. The heap, anonymous mappings and thread stacks count (`RLIMIT_DATA` on Linux); mapped files do not. Other systems use
#'   `RLIMIT_AS` as far as they support it. An allocation beyond the limit fails with R's own error, whose message then names the limit.
#'   `Inf` means no limit. See section 'Memory of several processes'.
#' @param time (numeric) Seconds that the evaluation of one future may take. It is then interrupted, and killed 5 seconds later. Its value
#'   is a FutureInterruptError. `Inf` means no limit.
#' @param nice (integer) Niceness of the evaluators, from 0 to 19. Higher values leave more CPU time to other programs and, on Linux with an I/O
#'   scheduler that has priorities, more of the disk.
#' @param idle (numeric) Seconds without a future after which the worker leaves. `Inf` means that it stays.
#' @param drain (logical) If `TRUE`, an interrupted worker first finishes its running futures. `--drain` on the command line.
#' @param workdir (character) The folder in which futures run. `NULL` means a private folder of each child process, which is emptied
#'   after each future and removed at the end.
#' @param sandbox (character) What confines futures: `"namespaces"` or `"landlock"` (Linux), `"seatbelt"` (macOS, not tested by us), `"none"`,
#'   or `"auto"`, the first sandbox that works on this machine. See the sections below. The default is `"auto"`, and `"none"` on your
#'   personal cluster, whose futures are your own.
#' @param net (logical) If `TRUE`, futures in a sandbox may use the network as your programs can: the internet, but also your local
#'   network and the services of this machine.
#' @param read,write (character) Files and folders that futures in a sandbox may read, or read, change and delete, besides those listed
#'   below. Futures find them by their full paths, since they have a home folder of their own. On the command line, separated by commas.
#' @param pass_env (character) Names of environment variables that futures see besides the usual ones, such as `"https_proxy"`. `NULL` means
#'   option `future.p2p.pass_env`, or else none. On the command line and in `R_FUTURE_P2P_PASS_ENV`, separated by commas.
#' @param hours (character) The time in which the worker lends, as `"22:00-07:00"`, also several. Local time, as the clock on the wall shows it,
#'   also when it is changed. `NULL` means at any time. On the command line, separated by commas.
#' @param max_load (numeric) The load by other programs (processes that run or wait for a core, on average over a minute) above which the worker
#'   rests. Each running future counts as one process of the worker's own. `Inf` means any load.
#' @param users (character) The users to lend to. `NULL` means all members. On the command line, separated by commas.
#' @param share (integer) Slots that one user may have at a time. `Inf` means all.
#' @param on_battery (logical) If `FALSE`, the worker rests while this machine is on battery (Linux).
#' @param when_idle (numeric) Seconds for which nobody must have used this machine, or else the worker rests; 0 means that it does not matter. See
#'   section 'Policy'.
#' @param when_busy (character) What happens to running futures when the worker rests or is paused: `"finish"`, or `"pause"`: they stand still (Linux).
#' @param cache (numeric or character) How much each child process keeps of large globals (64 KiB or more: vectors, data frames, lists of
#'   them) for later futures of the same session, which then need not be sent again; in bytes, or as `"1 GiB"`. It counts towards `memory`, of
#'   which it is at most a quarter. `0` turns it off. `NULL` means option `future.p2p.cache`, or else 1 GiB, but with all child processes at most a
#'   quarter of the memory of the machine. With several slots, the worker itself keeps as much, for each session, while futures that share the globals
#'   run: so they are sent to it once.
#' @param tags (character) Words by which futures can choose this worker, such as `"bioc"`: those with `resources = list(tags = "bioc")` go only to workers
#'   that have it, see [resources]. Up to 16, of letters, digits, `.`, `_` and `-`. `NULL` means none. On the command line, separated by commas.
#' @param gpus (integer) How many GPUs of this machine futures can get, at most, by `resources = list(gpu = 1)`; 0 means none. `NULL` means all, or, in a
#'   sandbox, none. See section 'GPUs'.
#' @param quiet (logical) If `TRUE`, show only warnings, errors, what Ctrl-C asks, and the line "joined cluster ...", for which other programs wait. The
#'   default is option `future.p2p.quiet`. `--quiet` on the command line.
#' @param json_log (logical) If `TRUE`, write each line of the log as a JSON object; see section 'Log'. The default is option `future.p2p.json_log`.
#'   `--json-log` on the command line.
#'
#' @param dashboard (logical) If `TRUE`, serve the page of [dashboard()], see section 'Dashboard'. `--dashboard` on the command line.
#'
#' @section Dashboard:
#' With `dashboard = TRUE`, the worker starts an R process of its own that shows the cluster as [dashboard()] does, without futures, and ends with the
#' worker, however that ends. So the process that starts futures answers no browser; the other one is a client of this account, which takes no slot. The address of the page is written to standard output, as it has
#' a secret token: only this account should be able to read that output. In a sandbox, futures cannot reach the page without `net = TRUE`, nor know its token.
#'
#' @section Log:
#' The log goes to standard error. At a terminal, a line below it shows what the worker lends, as "alice/friends: 2 of 4 slots busy for bob and carol; 412 futures,
#' 3 h 12 min lent", and whether it rests, is paused or drains. It is drawn again when something happens, and taken away at the end. Elsewhere,
#' with `quiet` or `json_log`, with option `future.p2p.progress = FALSE`, and if `NO_COLOR` is set or `TERM` is `dumb`, there is no such line.
#'
#' With `json_log`, each line is an object with `time` (UTC), `level` (`"debug"`, `"info"`, `"notice"`, `"warn"` or `"fatal"`), `program`, `cluster` (if it was named),
#' `message` and, where they apply, `event` and, of a failure, `error` (its class, without `p2p_error_`) and `reason`. Events of a worker are `"joined"`, `"lending"`, `"resting"`, `"policy"` (its file has
#' changed), `"linked"` and `"left"` (of clients), `"started"` and `"ended"` (of futures), `"draining"`, `"leaving"` and `"failed"`; those of
#' [host_cluster()] are `"hosting"`, `"device"`, `"arrived"`, `"left"` and `"failed"`.
#'
#' @section Policy:
#' `hours`, `max_load`, `users`, `share`, `on_battery`, `when_idle` and `when_busy` are your policy. Outside of it, the worker *rests*: it starts no new
#' futures, and those that run are finished. It stays on the cluster and says so: clients read "resting until 22:00" while they wait.
#'
#' The file `worker.dcf` in `tools::R_user_dir("future.p2p", "config")` (or option `future.p2p.worker_file`) has settings for all your workers on this
#' machine, and also `memory`, `time`, `nice`, `tags`, `gpus` and `dashboard`:
#'
#' ```
#' hours: 22:00-07:00, 12:00-13:00
#' users: alice, bob
#' on_battery: FALSE
#' nice: 19
#' ```
#'
#' Arguments and flags go before the file. When the file changes, running workers read it again: the policy applies at once; the others
#' apply when the worker is started again. If the file has a mistake, `worker()` stops at its start, and later keeps the policy that it has.
#'
#' With `when_busy = "pause"`, the processes of running futures are stopped (SIGSTOP) while the worker rests, or was paused by [worker_control()]. They keep
#' their memory, their time limit stands still, and their clients read "paused by its owner". A canceled future goes on until it has ended. What a
#' future has started in a session of its own, such as a daemon, goes on, too.
#'
#' Whether somebody uses the machine (`when_idle`) is asked of `xprintidle`, if it is installed and there is a display, or else of systemd-logind, to which
#' desktops and terminals report it. Without either, the machine counts as used for as long as other programs had a load of more than 0.5. No program
#' tells when that, the load or the supply of power change: while the policy depends on one of them, the worker looks every 10 seconds. Without a
#' key of the cluster, users are who they say they are.
#'
#' @section GPUs:
#' The worker asks the drivers of NVIDIA (by their library NVML) and AMD (by the files of Linux) at its start which GPUs there are. If they do not answer
#' within 10 seconds, it lends none. It lends those of one vendor, NVIDIA's if it has both, and only those that `CUDA_VISIBLE_DEVICES` or
#' `ROCR_VISIBLE_DEVICES` of its own environment names, if set. Since CUDA counts GPUs in an order of its own, name them by the ids that `nvidia-smi -L` shows, or
#' set `CUDA_DEVICE_ORDER=PCI_BUS_ID`.
#'
#' A future that requests GPUs gets them for itself; what it may know of them is in [resources]. On a worker that lends GPUs, and with `gpus = 0`, all other
#' futures see none: these variables are empty. With `pass_env = "CUDA_VISIBLE_DEVICES"`, they see what you see. If no GPU was found, the variables are as you
#' have set them. A GPU that is split (MIG) counts as one, and CUDA uses its first part. Programs of your own are not kept from GPUs that are lent.
#'
#' In a sandbox, futures reach no device file of a GPU, unless they were given it. The driver behind these files is large and not made to keep
#' hostile programs in: with `gpus`, you trust it as you trust the kernel. That is why a worker with a sandbox lends GPUs only if you say how many. A future that was given
#' a GPU of NVIDIA can then use `/dev/nvidia0` (or that of its number), `/dev/nvidiactl` and `/dev/nvidia-uvm`, which must exist when the worker starts. GPUs of AMD
#' cannot be used in a sandbox. Libraries outside of `/usr` need `read`. We have tried this with libraries that stand for those of the drivers, not with
#' GPUs.
#'
#' @section What futures never see:
#' Of the environment of the worker, futures see the variables of the locale and of R, `HOME`, `PATH`, `TZ`, `USER`, those that say how
#' many threads or which GPUs to use, and `pass_env`, but no others, such as access keys. While `worker()` runs, other processes of the same
#' user, as futures are, cannot read its memory, environment and open files, nor trace it (Linux). It and its futures write no core
#' files. When an evaluator ends, all processes that its futures have started are killed, also daemons (Linux; a future without a sandbox
#' could prevent that by killing its parent process). This also holds without a sandbox. It does not hold against futures of a worker that root started without a sandbox.
#'
#' @section Sandbox:
#' Without a sandbox, futures can do whatever your account can: read your SSH keys, delete your files, and use your network. In a sandbox,
#' the Linux kernel confines each child process and all that it starts, from before R starts:
#'
#' * Files: futures can read R, its packages, the programs and libraries of the system (`/usr` and the like) and a few public files of
#'   `/etc`. They can write to their private folders, which are also their home and temporary folders, and to `workdir`. Nothing
#'   else can be read, listed, changed or deleted, except for `read` and `write`.
#' * Network: none, also not to this machine, unless `net = TRUE`.
#' * Processes: futures can neither read the memory, the environment or the files of other processes, nor trace them. They are killed with
#'   all processes that they have started. On an account with privileges, such as root, they have none of these.
#' * Others: they cannot make set-user-id programs, and cannot change the priority or the cores of other processes.
#' * Kernel: they cannot make namespaces or mounts, and cannot use bpf, io_uring, keyrings, performance counters, shared memory
#'   of System V, and other rarely used parts.
#'
#' | | `"namespaces"` | `"landlock"` |
#' | --- | --- | --- |
#' | how | a file system, processes and a network of their own | rules and a filter of system calls |
#' | needs | Linux 5.12, user namespaces | Linux 5.13, Landlock |
#' | works in Docker, and on Ubuntu since 24.04 | usually not | yes |
#' | that a file exists, its size and its times | hidden | visible, to whoever knows its name |
#' | names and arguments of running processes, open connections of this machine | hidden | visible |
#' | signals to your other programs | no | no (before Linux 6.12: yes, except to the worker) |
#' | `/tmp` | its own, in memory | not available; `tempfile()` works |
#' | `Sys.chmod()`, `Sys.setFileTime()` | work | fail |
#' | `parallel::makeCluster()` without `net = TRUE` | works | fails; `parallel::mclapply()` works |
#'
#' What no sandbox does: futures can use all cores, all memory and all space on the disk of the temporary folder, within the limits of
#' `worker()`. The account may have 4,096 processes, root any number. A fault in the kernel may break any sandbox.
#'
#' Both need a processor of type x86_64 or aarch64. If no sandbox works, `worker()` stops with an error, unless `sandbox = "none"`.
#'
#' @section Sandbox of macOS:
#' `"seatbelt"` starts each child process by `sandbox-exec`, with rules that are meant to allow the same files, network and processes as above.
#' They were written from manual pages and were never tried on macOS by us: R may not work in it, and it may not stop all that it should.
#' `worker()` only checks, by `R --version`, that macOS accepts the rules and that R can be loaded.
#'
#' It does not hide the arguments and environment variables with which programs of your account were started, also this worker. So start
#' the worker from a shell that has no secrets in its environment. Futures can find out whether a file of a given name exists, and what they
#' start in a session of its own, such as daemons, outlives them. `docs/sandbox.md` in the sources has the list.
#'
#' @section Memory of several processes:
#' By itself, `memory` limits what each process allocates, but not how much several of them have together, what they share, or files in
#' memory (`/tmp` and `/dev/shm` of sandbox `"namespaces"`, each up to a tenth of the memory of the machine).
#'
#' Linux limits all of that where the worker has a control group (cgroup v2) for itself, such as one of systemd (251 or later):
#'
#' ```sh
#' systemd-run --user --scope --property=Delegate=yes Rscript -e future.p2p::worker --memory=2GiB
#' ```
#'
#' A service of systemd needs the line `Delegate=yes`. `worker()` then gives each evaluator a control group. When its processes together
#' need more than `memory`, 16 MiB and what R itself has, Linux kills all of them, and the value of the future is a FutureInterruptError
#' that says so. They get no swap, and may be 4,096. When an evaluator ends, all that is in its control group is killed (Linux 5.14). Futures in a
#' sandbox cannot leave their control group or change its limits; without a sandbox, futures can.
#'
#' The worker must be the only process of its control group, which must be able to limit memory. Otherwise all is as without one; with
#' `R_FUTURE_P2P_DEBUG=true`, the worker says why.
#'
#' @section How a worker ends:
#' After `duration`, and when [worker_control()] says so, the worker takes no new futures, finishes those that are running, and leaves.
#'
#' Ctrl-C stops it at once if nothing is running. If futures are running, it says whose, and only a second Ctrl-C within 10 seconds stops
#' it. Running futures are then lost: clients run them again on another worker, and those with `plan(..., retries = 0)` get a
#' FutureInterruptError. SIGTERM, SIGHUP (the terminal was closed), and a SIGINT that does not come from a terminal stop it without asking.
#'
#' With `drain = TRUE`, the first Ctrl-C or signal lets the running futures finish, as after `duration`. The second one stops it at once.
#'
#' At its end, the worker says which futures were lost, how many it has done, and the total time that futures ran, also for each user; see
#' [contributions()] for those of all workers. A reader of its output that ends, or a closed standard file, does not end it.
#'
#' @section Command line:
#' ```sh
#' Rscript -e future.p2p::worker --cluster=alice/friends --workers=2
#' Rscript -e future.p2p::worker alice/friends --workers 2
#' Rscript -e future.p2p::worker --help
#' ```
#' Flags have the names of the arguments, as `--name=value` or `--name value`; a word `owner/name` is the cluster. There are no parentheses
#' after the name of the function: `Rscript -e 'future.p2p::worker()'` with flags is an error, unless the code reads them with
#' `commandArgs()`. The exit status is 0 after `duration`, `idle`, Ctrl-C, SIGTERM or SIGHUP, also if futures were lost; 1 after a failure,
#' whose message is written to standard error; and 2 for wrong flags.
#'
#' @return `NULL`, invisibly, after `duration` or `idle` seconds. Errors have class `p2p_error`.
#'
#' @examples
#' demo <- demo_cluster(workers = 0) # a message board and a cluster, without a worker
#'
#' ## For a second; without `duration`, until Ctrl-C
#' worker("alice/friends", workers = 2, duration = 1, sandbox = "none")
#'
#' close(demo)
#' @seealso [cluster], [host_cluster()], [worker_control()]
#' @export
worker <- function(cluster = NULL, host = NULL, ssh_args = NULL, duration = Inf, workers = 1L, memory = Inf, time = Inf,
                   nice = 0L, idle = Inf, drain = FALSE, workdir = NULL, sandbox = c("auto", "namespaces", "landlock", "seatbelt", "none"),
                   net = FALSE, read = character(), write = character(), pass_env = NULL, hours = NULL, max_load = Inf, users = NULL,
                   share = Inf, on_battery = TRUE, when_idle = 0, when_busy = c("finish", "pause"), cache = NULL, tags = NULL,
                   gpus = NULL, quiet = FALSE, json_log = FALSE, dashboard = FALSE) {
  check_arguments("worker")
  check_not_on_worker("worker")
  workers <- check_number(workers, "workers", 1, 1024, whole = TRUE)
  duration <- check_number(duration, "duration", 0, Inf)
  format <- log_format(flag_or_option(quiet, "quiet", missing(quiet)), flag_or_option(json_log, "json_log", missing(json_log)))
  given <- intersect(worker_settings, names(match.call()))
  arguments <- check_settings(mget(worker_settings))
  policy_file <- worker_file()
  settings <- merge_settings(arguments, given, policy_file)
  idle <- check_number(idle, "idle", 1, Inf)
  drain <- check_flag(drain, "drain")
  workdir <- check_workdir(workdir)
  pass_env <- check_pass_env(pass_env)
  cache <- check_cache(cache, workers, settings$memory)
  if (settings$dashboard) check_can_serve()
  config <- board_config(cluster, host, ssh_args)
  if (!is.null(config$cluster)) .Call(ffi_cluster_check, config$cluster)
  sandbox <- new_sandbox(if (missing(sandbox)) default_sandbox(config$cluster) else sandbox, net, read, write, workdir)
  lent <- lend_gpus(settings$gpus, sandbox)
  config <- c(config, lending_config(settings, workers, cache, sandbox, workdir, pass_env, lent), policy_config(settings),
              list(policy_file = policy_file, idle_argv = idle_program(), control_folder = with_log(control_folder(), format)))
  on.exit(suppressWarnings(file.remove(as.character(config$control_folder)))) # unless another worker uses it
  with_log({
    use_key_file(config)
    say_keyless()
    message(paste(c(describe_sandbox(sandbox, pass_env), lent$about, describe_policy(settings)), collapse = "\n"))
    with_terminate(run_worker(config, duration, idle, drain, new_policy_reader(arguments, given, policy_file), settings$dashboard))
  }, format, list(program = "worker", cluster = config$cluster))
  invisible()
}

## What ffi_worker_new() needs besides the board and the policy, from checked arguments. `lent`: see lend_gpus(); none if it is left out.
lending_config <- function(settings, workers, cache, sandbox, workdir = NULL, pass_env = character(), lent = list(hides = FALSE)) {
  config <- c(machine_config(), workers = as.integer(workers), packages = paste(.libPaths(), collapse = "\n"), account = account_name(), cache_mib = floor(cache / 2^20))
  config$tags <- if (length(settings$tags) > 0L) paste(settings$tags, collapse = ";")
  config$memory <- if (is.finite(settings$memory)) settings$memory
  config$time <- if (is.finite(settings$time)) settings$time
  config$workdir <- workdir
  config$scratch <- file.path(tempdir(check = TRUE), "evaluators")
  config$evaluator_argv <- c(sandbox$command, evaluator_argv(settings$memory, settings$nice, is_scratch = is.null(workdir), cache))
  config$sandbox <- sandbox$level
  config$is_launched <- length(sandbox$command) > 0L
  config$is_kept <- config$is_launched && sandbox$level == "none"
  config$evaluator_env <- evaluator_env(pass_env, lent$hides)
  c(config, gpus_config(lent$lines))
}

## `reread(handle)` reads the file of the policy again.
run_worker <- function(config, duration, idle, drain, reread, has_dashboard) {
  log <- log_new()
  dashboard <- if (has_dashboard) new_worker_dashboard(config, log)
  recorder <- new_recorder()
  handle <- .Call(ffi_worker_new, c(config, list(recorder = recorder)), log)
  is_over <- FALSE
  on.exit(suspendInterrupts({
    report <- .Call(ffi_worker_report, handle)
    if (has_dashboard) dashboard$close()
    .Call(ffi_handle_close, handle)
    while (length(lines <- log_lines(log)) > 0L) show_log_lines(lines)
    rows <- contribution_rows(.Call(ffi_recorder_session, recorder))
    .Call(ffi_handle_close, recorder)
    if (is_over || has_lent(report)) message(describe_end(report, rows))
  }))
  take_news <- function() {
    news <- .Call(ffi_worker_news, handle) # of the file of the policy, of draining
    if (news[1L]) reread(handle)
    if (has_dashboard) dashboard$look(.Call(ffi_worker_report, handle)$cluster)
    news[2L]
  }
  draw <- line_of_worker(handle, config$workers)
  signal <- lend_until_signal(list(handle = handle, log = log, draw = draw), now() + duration, idle, drain, take_news)
  is_over <- TRUE
  if (signal == "" || drain) {
    say_finishing(.Call(ffi_worker_report, handle), again = signal != "")
    .Call(ffi_worker_drain, handle)
    signal <- signal_during(run_service(log, is_done = function() .Call(ffi_worker_is_done, handle), draw = draw))
  }
  if (signal != "") interrupt_r(is_reported = TRUE)
}

ask_seconds <- 10

## Returns the signal that ends the worker, as signal_during() does. At a terminal, a Ctrl-C that would lose futures must come twice.
## `take_news`: see lend().
lend_until_signal <- function(worker, end, idle, drain, take_news) {
  asked <- -Inf
  repeat {
    signal <- signal_during(lend(worker, end, idle, take_news))
    if (signal != "SIGINT" || drain || !is_at_terminal()) return(signal)
    report <- .Call(ffi_worker_report, worker$handle)
    if (length(report$users) == 0L || now() - asked <= ask_seconds) return(signal)
    notice(sprintf("%s would be lost. Press Ctrl-C again within %d s to stop. With %s, Ctrl-C finishes running futures first.",
                   describe_running(report), ask_seconds, if (in_cli()) "--drain" else "`drain = TRUE`"))
    asked <- now()
  }
}

## Evaluates futures of `worker`, list(handle, log, draw), until it has been idle for `idle` seconds, until `end`, or until `take_news()`, which is called after lines of the
## log were shown, is TRUE.
lend <- function(worker, end, idle, take_news) {
  while (!take_news()) {
    idle_until <- now() + idle - .Call(ffi_worker_idle, worker$handle)
    if (idle_until <= now()) message(sprintf("No future for %g s: leaving.", idle))
    if (min(idle_until, end) <= now()) return(invisible())
    run_service(worker$log, until = min(idle_until, end), is_done = take_news, draw = worker$draw)
  }
}

is_at_terminal <- function() interactive() || isatty(stdin())

## The account that futures run under, for the log. A user id without an entry in passwd, as in a container, has no name.
account_name <- function() {
  name <- Sys.info()[["user"]]
  if (name == "unknown") sprintf("user id %d", file.info(tempdir(check = TRUE))$uid) else name
}

## Names of environment variables that are set.
check_pass_env <- function(names) {
  setting <- setting_name(names, "pass_env")
  names <- if (is.null(names)) p2p_option("pass_env", character()) else check_strings(names, setting)
  names <- as.character(unlist(strsplit(names, ",", fixed = TRUE)))
  unset <- names[is.na(Sys.getenv(names, NA))]
  if (length(unset) > 0L) argument_stop(setting, ": there is no environment variable '", unset[1L], "'.")
  unique(names)
}

## R without the shell script that sets its environment, which takes a tenth of its start, where this process has that environment.
r_program <- function(arch = Sys.getenv("R_ARCH"), home = Sys.getenv("R_HOME"), libraries = Sys.getenv("LD_LIBRARY_PATH")) {
  program <- file.path(R.home("bin"), paste0("exec", arch), "R")
  has_environment <- home == R.home() && R.home("lib") %in% strsplit(libraries, ":", fixed = TRUE)[[1L]]
  if (has_environment && file.access(program, mode = 1L) == 0L) program else file.path(R.home("bin"), "R")
}

evaluator_argv <- function(memory = Inf, nice = 0, is_scratch = TRUE, cache = 0) {
  c(r_program(), "--no-echo", "--no-save", "--no-restore", "--no-environ", "--no-site-file", "--no-init-file", "-e",
    sprintf("future.p2p:::evaluator(memory=%s,nice=%d,is_scratch=%s,cache=%s)", format(memory, digits = 15), as.integer(nice), is_scratch,
            format(cache, digits = 15)))
}

## The environment of evaluators: variables of ours in which hardly anybody keeps secrets, and those named in `pass_env`; our library paths;
## and one core for nested parallelization. It has the variables of .Renviron files, which evaluators therefore do not read, nor do the R
## processes that futures start, as if R's shell script had seen the flags of evaluator_argv(). `hides_gpus`: futures see no GPUs, but for those that
## they are given.
evaluator_env <- function(pass_env = character(), hides_gpus = FALSE) {
  env <- Sys.getenv()
  is_passed <- names(env) %in% pass_env
  is_public <- grepl("^(((CUDA|HIP|ROCR)_VISIBLE_DEVICES|CUDA_DEVICE_ORDER|GPU_DEVICE_ORDINAL|HOME|LANG|LANGUAGE|LD_LIBRARY_PATH|LOGNAME|PATH|SHELL|TERM|TZ|USER)$|(BLIS|LC|MKL|OMP|OPENBLAS|R)_)", names(env))
  is_ours <- grepl("^(R_FUTURE_P2P_|R_FUTURE_PLAN$|R_LIBS|R_TESTS$)", names(env))
  is_hidden <- hides_gpus & names(env) %in% c(names(no_gpus), "HIP_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL")
  env <- env[is_passed | (is_public & !is_ours & !is_hidden)]
  if (hides_gpus) env <- c(env, no_gpus[setdiff(names(no_gpus), names(env))])
  env[["R_LIBS"]] <- paste(.libPaths(), collapse = .Platform$path.sep)
  env[["FUTURE_P2P_WORKER"]] <- sprintf("%s:%d", Sys.info()[["nodename"]], Sys.getpid())
  env[["R_PARALLELLY_AVAILABLECORES_FALLBACK"]] <- "1"
  env[c("R_ENVIRON", "R_ENVIRON_USER", "R_PROFILE", "R_PROFILE_USER")] <- ""
  paste0(names(env), "=", env)
}
worker <- cli_function(worker, "worker", "Adds this machine to a cluster, until Ctrl-C or for --duration seconds.", "users to lend to, separated by commas", is_service = TRUE,
                       command = worker_command, command_help = c("", "For workers that run on this machine, one of these alone:",
                       "    --status[=pid], --pause[=pid], --resume[=pid], --drain=pid, --drain=all"))
