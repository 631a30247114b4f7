## Workers, clusters and boards that the system starts: a unit of systemd, a property list of launchd, or a command for Windows.

#' Let the system run a worker, a cluster or a board
#'
#' `install_service()` writes a file by which the system starts `worker()`, `host_cluster()` or `serve()` when you log in, and again after a failure:
#' a user unit of systemd on Linux, or a property list of launchd on macOS. In WSL without systemd, it prints the command that makes a task of the
#' Windows Task Scheduler. `uninstall_service()` stops the service and removes its file.
#'
#' The service runs as you, also on a machine where you are not root. So that it starts with the machine, and goes on when you log out:
#' `loginctl enable-linger`. It has no SSH agent, unless your system starts one for services: its SSH key needs to be a file without a passphrase, or
#' name one by `ssh_args = "-i ~/.ssh/id_lend"`.
#'
#' What a unit may do is limited (`systemd-analyze security` says 3.9 or less): no privileges, also for what it starts, no changes of the system's files,
#' clock and kernel, a `/tmp` of its own, and the usual system calls only. systemd does this by a user namespace. If your system does not allow
#' these, the service does not start (status 218/CAPABILITIES): use `harden = FALSE`, with which futures still have their sandbox.
#'
#' macOS and WSL were not tested by us.
#'
#' @param what (character) `"worker"`, `"host_cluster"` or `"serve"`.
#' @param ... Arguments of that function, by name, as `cluster = "alice/friends", hours = "22:00-07:00"`. They are written into the file.
#' @param name (character) Name of the service, to tell several apart: letters, digits, `-` and `_`.
#' @param enable (logical) If `TRUE`, also start it, now and at each login.
#' @param harden (logical) If `FALSE`, a unit of systemd has no limits of its own.
#'
#' @return The path of the file, invisibly; `NULL` where there is none. Errors have class `p2p_error`.
#'
#' @examplesIf file.exists("/run/systemd/system")
#' ## Not into your own folder of services
#' old <- Sys.getenv("XDG_CONFIG_HOME", NA)
#' Sys.setenv(XDG_CONFIG_HOME = file.path(tempdir(), "config"))
#'
#' file <- install_service("worker", cluster = "alice/friends", nice = 19, name = "example")
#' grep("^ExecStart", readLines(file), value = TRUE)
#' uninstall_service("worker", name = "example")
#'
#' if (is.na(old)) Sys.unsetenv("XDG_CONFIG_HOME") else Sys.setenv(XDG_CONFIG_HOME = old)
#' @seealso [worker()], [worker_control()]
#' @export
install_service <- function(what = c("worker", "host_cluster", "serve"), ..., name = what, enable = FALSE, harden = TRUE) {
  what <- check_choice(what, "what", service_kinds)
  name <- check_service_name(name)
  enable <- check_flag(enable, "enable")
  harden <- check_flag(harden, "harden")
  command <- service_command(what, list(...))
  system <- service_system()
  if (system == "wsl") {
    message("Run this in a terminal of Windows, so that the service starts when you log in:\n  ", task_command(name, command))
    return(invisible())
  }
  path <- service_path(system, name)
  dir.create(dirname(path), showWarnings = FALSE, recursive = TRUE)
  writeLines(if (system == "systemd") systemd_unit(what, name, command, harden) else launchd_plist(name, command), path)
  if (enable) for (line in enable_lines(system, name, path)) run_or_stop(line)
  message(sprintf("Wrote '%s'.", path), if (!enable) paste0(" To start it:\n", paste0("  ", vapply(enable_lines(system, name, path), join_words, ""), collapse = "\n")))
  invisible(path)
}

#' @rdname install_service
#' @export
uninstall_service <- function(what = c("worker", "host_cluster", "serve"), name = what) {
  check_arguments("uninstall_service")
  what <- check_choice(what, "what", service_kinds)
  name <- check_service_name(name)
  system <- service_system()
  if (system == "wsl") {
    message("Run this in a terminal of Windows:\n  schtasks.exe /Delete /F /TN ", service_label(name))
    return(invisible())
  }
  path <- service_path(system, name)
  if (!file.exists(path)) p2p_stop(sprintf("There is no service '%s': no file '%s'.", name, path), "invalid")
  stop_line <- if (system == "systemd") c("systemctl", "--user", "disable", "--now", basename(path)) else c("launchctl", "unload", "-w", path)
  if (nzchar(Sys.which(stop_line[1L]))) run_quietly(stop_line)
  unlink(path)
  if (system == "systemd" && nzchar(Sys.which("systemctl"))) run_quietly(c("systemctl", "--user", "daemon-reload"))
  message(sprintf("Removed '%s'.", path))
  invisible(path)
}

service_kinds <- c("worker", "host_cluster", "serve")

check_service_name <- function(name) {
  if (identical(name, service_kinds)) name <- name[1L]
  name <- one_string(name, "name")
  if (!grepl("^[A-Za-z0-9_-]{1,64}$", name)) argument_stop("name", " must consist of letters, digits, '-' and '_'.")
  name
}

service_label <- function(name) paste0("future.p2p-", name)

## "systemd", "launchd" or "wsl". Raises an error on other systems. Only tests set the option.
service_system <- function() {
  if (!is.null(p2p_option("service_system"))) return(p2p_option("service_system"))
  if (Sys.info()[["sysname"]] == "Darwin") return("launchd")
  if (dir.exists("/run/systemd/system")) return("systemd")
  if (nzchar(Sys.getenv("WSL_DISTRO_NAME"))) return("wsl")
  if (nzchar(Sys.which("systemctl"))) return("systemd")
  p2p_stop("This system has neither systemd nor launchd: start the command from the tool that it has, such as cron (@reboot).", "invalid")
}

service_path <- function(system, name) {
  if (system == "launchd") return(path.expand(file.path("~/Library/LaunchAgents", paste0(service_label(name), ".plist"))))
  config <- Sys.getenv("XDG_CONFIG_HOME", path.expand("~/.config"))
  file.path(config, "systemd", "user", paste0(service_label(name), ".service"))
}

## The words of `Rscript -e future.p2p::worker --cluster=alice/friends`. Arguments are checked as on the command line.
service_command <- function(what, args) {
  f <- get(what, envir = asNamespace("future.p2p"))
  if (length(args) > 0L && (is.null(names(args)) || !all(nzchar(names(args))))) usage_stop("Arguments of ", what, "() must have names.")
  check_names(names(args), names(formals(f)), paste0(what, "()"))
  is_text <- vapply(args, function(x) is.atomic(x) && length(x) > 0L && !anyNA(x), NA)
  if (!all(is_text)) usage_stop("Argument '", names(args)[!is_text][1L], "' cannot be written into a service.")
  values <- mapply(format_argument, args, names(args))
  if (any(grepl("[[:cntrl:]]", values))) usage_stop("Argument '", names(args)[grepl("[[:cntrl:]]", values)][1L], "' has control characters.")
  c(file.path(R.home("bin"), "Rscript"), "-e", paste0("future.p2p::", what), if (length(args) > 0L) paste0(as_flag(names(args)), "=", unname(values)))
}

format_argument <- function(x, name) {
  if (name == "ssh_args" && length(x) > 1L) return(join_words(x))
  paste(if (is.numeric(x)) format(x, digits = 15, scientific = FALSE, trim = TRUE) else as.character(x), collapse = ",")
}

join_words <- function(words) paste(shell_words(words), collapse = " ")

## A word of a unit: systemd expands '%' and '$', and reads backslashes and quotes.
unit_word <- function(word) {
  word <- gsub("%", "%%", gsub("$", "$$", gsub("([\\\\\"])", "\\\\\\1", word), fixed = TRUE), fixed = TRUE)
  paste0('"', word, '"')
}

unit_limits <- c(
  "NoNewPrivileges=yes", "CapabilityBoundingSet=", "PrivateUsers=yes", "PrivateMounts=yes", "PrivateTmp=yes", "ProtectSystem=full", "ProtectClock=yes",
  "ProtectHostname=yes", "ProtectKernelModules=yes", "RestrictRealtime=yes", "RestrictSUIDSGID=yes", "LockPersonality=yes", "KeyringMode=private",
  "RestrictAddressFamilies=AF_UNIX AF_INET AF_INET6 AF_NETLINK", "SystemCallArchitectures=native", "SystemCallErrorNumber=EPERM",
  ## Beyond the usual calls: those by which the sandboxes of futures are made.
  "SystemCallFilter=@system-service @mount unshare seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self"
)

systemd_unit <- function(what, name, command, harden) {
  c("[Unit]",
    sprintf("Description=future.p2p: %s", if (name == what) what else paste0(what, " (", name, ")")),
    "", "[Service]", "Type=exec",
    paste("ExecStart=", paste(vapply(command, unit_word, ""), collapse = " "), sep = ""),
    paste0("Environment=", unit_environment(paste0("R_LIBS=", paste(.libPaths(), collapse = ":")))),
    "Restart=on-failure", "RestartSec=60", "KillMode=mixed", "UMask=0077",
    "# A control group for each evaluator: see section 'Memory of several processes' of help(worker).", "Delegate=yes",
    if (harden) unit_limits,
    "", "[Install]", "WantedBy=default.target")
}

## '$' is not special here.
unit_environment <- function(assignment) gsub("$$", "$", unit_word(assignment), fixed = TRUE)

xml_text <- function(text) gsub(">", "&gt;", gsub("<", "&lt;", gsub("&", "&amp;", text, fixed = TRUE), fixed = TRUE), fixed = TRUE)

launchd_plist <- function(name, command) {
  c('<?xml version="1.0" encoding="UTF-8"?>',
    '<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">',
    '<plist version="1.0">', "<dict>",
    sprintf("  <key>Label</key><string>%s</string>", service_label(name)),
    "  <key>ProgramArguments</key>", "  <array>", sprintf("    <string>%s</string>", xml_text(command)), "  </array>",
    "  <key>EnvironmentVariables</key>", sprintf("  <dict><key>R_LIBS</key><string>%s</string></dict>", xml_text(paste(.libPaths(), collapse = ":"))),
    "  <key>RunAtLoad</key><true/>",
    "  <key>KeepAlive</key><dict><key>SuccessfulExit</key><false/></dict>",
    "  <key>ThrottleInterval</key><integer>60</integer>",
    "  <key>Umask</key><integer>63</integer>",
    "</dict>", "</plist>")
}

## In a command line of Windows, a quote within quotes has a backslash.
task_command <- function(name, command) {
  run <- paste("wsl.exe -d", Sys.getenv("WSL_DISTRO_NAME"), "--exec", join_words(command))
  sprintf("schtasks.exe /Create /SC ONLOGON /TN %s /TR \"%s\"", service_label(name), gsub('"', '\\"', run, fixed = TRUE))
}

enable_lines <- function(system, name, path) {
  if (system == "launchd") return(list(c("launchctl", "load", "-w", path)))
  list(c("systemctl", "--user", "daemon-reload"), c("systemctl", "--user", "enable", "--now", basename(path)))
}

## Runs a program without a shell's special characters. Returns its exit status; its output is an attribute.
run_quietly <- function(words) {
  output <- suppressWarnings(system2(words[1L], shQuote(words[-1L]), stdout = TRUE, stderr = TRUE))
  status <- attr(output, "status")
  structure(if (is.null(status)) 0L else status, output = paste(output, collapse = " "))
}

run_or_stop <- function(words) {
  status <- run_quietly(words)
  if (status != 0L) p2p_stop(sprintf("'%s' failed: %s", join_words(words), attr(status, "output")), "system")
}
