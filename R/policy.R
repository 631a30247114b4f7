## The policy of worker(): when, to whom and how much it lends. Settings come from arguments, or else from a file, which is read again when it
## changes. src/worker/policy.h decides by them.

## Arguments of worker() that the file may have, too. The others of `worker_settings` hold from the start of an evaluator on.
policy_settings <- c("hours", "max_load", "users", "share", "on_battery", "when_idle", "when_busy")
worker_settings <- c(policy_settings, "memory", "time", "nice", "tags", "gpus", "dashboard")

worker_file <- function() {
  path <- p2p_option("worker_file")
  if (!is.null(path)) return(absolute_path(path))
  dir.create(config_folder(), showWarnings = FALSE, recursive = TRUE, mode = "0700") # to be watched
  file.path(config_folder(), "worker.dcf")
}

## `settings`: all of `worker_settings`, as the arguments have them, of which those named in `given` go before the file.
merge_settings <- function(settings, given, path) {
  from_file <- read_worker_file(path)
  given_or_file <- c(settings[given], from_file[setdiff(names(from_file), given)])
  settings[names(given_or_file)] <- given_or_file
  check_settings(settings)
}

## The settings of the file, as checked arguments; an empty list if there is none. Raises an error that names the file.
read_worker_file <- function(path) {
  if (!file.exists(path)) return(list())
  wrong <- function(...) usage_stop("File '", path, "': ", ...)
  table <- tryCatch(read.dcf(path), error = function(ex) wrong("it does not consist of lines 'key: value'."))
  if (nrow(table) > 1L) wrong("it has empty lines between its keys.")
  unknown <- setdiff(colnames(table), worker_settings)
  if (length(unknown) > 0L) wrong("there is no key '", unknown[1L], "'. ", did_you_mean(unknown[1L], worker_settings, "'"))
  settings <- lapply(as.list(table[1L[nrow(table) > 0L], , drop = TRUE]), trimws)
  if (nrow(table) > 0L) names(settings) <- colnames(table)
  is_flag <- names(settings) %in% c("on_battery", "dashboard")
  settings[is_flag] <- lapply(settings[is_flag], as.logical)
  tryCatch(check_settings(settings), p2p_error = function(ex) {
    wrong(sub("^(Argument|Flag|Key) ['-]*([a-z_-]+)'?", "key '\\2'", conditionMessage(ex)))
  })
}

check_settings <- function(settings) {
  check <- list(
    hours = check_hours, users = check_policy_users, memory = check_memory, tags = check_tags, gpus = check_gpus,
    max_load = function(x) check_number(x, "max_load", 0.01, Inf), share = function(x) check_number(x, "share", 1, Inf, whole = TRUE),
    on_battery = check_on_battery, dashboard = function(x) check_flag(x, "dashboard"), when_busy = check_when_busy, when_idle = function(x) check_number(x, "when_idle", 0, 1e9),
    time = function(x) check_number(x, "time", 0.001, Inf), nice = function(x) check_number(x, "nice", 0, 19, whole = TRUE)
  )
  for (name in intersect(names(settings), names(check))) settings[name] <- list(check[[name]](settings[[name]]))
  settings
}

split_commas <- function(values) trimws(as.character(unlist(strsplit(values, ",", fixed = TRUE))))

## "22:00-07:00", several, also in one string with commas.
check_hours <- function(hours) {
  if (is.null(hours)) return(NULL)
  hours <- split_commas(check_strings(hours, "hours"))
  time <- "([01][0-9]|2[0-3]):[0-5][0-9]"
  wrong <- !grepl(sprintf("^%s-(%s|24:00)$", time, time), hours)
  if (any(wrong)) argument_stop("hours", " must have the form \"22:00-07:00\", not \"", hours[wrong][1L], "\".")
  if (length(hours) > 16L) argument_stop("hours", " may be 16 at most.")
  hours
}

## Minutes of the day: from, to, from, to, ...
minutes_of <- function(hours) {
  parts <- as.integer(unlist(strsplit(as.character(hours), "[:-]")))
  as.integer(60L * parts[c(TRUE, FALSE)] + parts[c(FALSE, TRUE)])
}

check_policy_users <- function(users) {
  if (is.null(users)) return(NULL)
  users <- unique(split_commas(check_strings(users, "users")))
  wrong <- !grepl("^[A-Za-z0-9_][A-Za-z0-9._-]{0,62}$", users)
  if (any(wrong)) argument_stop("users", ": \"", users[wrong][1L], "\" is not the name of a user.")
  if (sum(nchar(users) + 1L) > 4096L) argument_stop("users", " has too many names.")
  users
}

busy_actions <- c("finish", "pause")

check_when_busy <- function(when_busy) {
  when_busy <- check_choice(when_busy, "when_busy", busy_actions)
  if (when_busy == "pause" && !file.exists("/proc/self/stat")) argument_stop("when_busy", " must be \"finish\" on this system.")
  when_busy
}

power_supplies <- "/sys/class/power_supply"

check_on_battery <- function(on_battery) {
  on_battery <- check_flag(on_battery, "on_battery")
  if (!on_battery && !dir.exists(power_supplies)) argument_stop("on_battery", " must be TRUE on this system, which does not say whether it is on battery.")
  on_battery
}

## For ffi_worker_new() and ffi_worker_set_policy().
policy_config <- function(settings) {
  list(hours = minutes_of(settings$hours), max_load = if (is.finite(settings$max_load)) settings$max_load,
       users = if (length(settings$users) > 0L) paste(settings$users, collapse = ";"),
       share = if (is.finite(settings$share)) min(settings$share, 1024), when_idle = settings$when_idle, spares_battery = as.numeric(!settings$on_battery),
       pauses = as.numeric(settings$when_busy == "pause"))
}

## The program that says since when nobody has used the machine: with a display, xprintidle if it is installed; else logind's, where it runs. NULL:
## there is none.
idle_program <- function() {
  program <- Sys.which(c("xprintidle", "loginctl"))
  if (nzchar(Sys.getenv("DISPLAY")) && nzchar(program[[1L]])) return(program[[1L]])
  if (dir.exists("/run/systemd/seats") && nzchar(program[[2L]])) c(program[[2L]], "show-session", "--property=IdleHint", "--property=IdleSinceHint")
}

## "Lending from 22:00 to 07:00, to bob and carol." NULL: without a policy.
describe_policy <- function(settings) {
  rules <- c(
    if (length(settings$hours) > 0L) join_names(sprintf("from %s", sub("-", " to ", settings$hours))),
    if (length(settings$users) > 0L) paste("to", join_names(settings$users)),
    if (is.finite(settings$share)) sprintf("at most %s to a user", count_of(settings$share, "slot")),
    if (is.finite(settings$max_load)) sprintf("up to a load of %g by other programs", settings$max_load),
    if (settings$when_idle > 0) sprintf("when nobody has used this machine for %s%s", format_seconds(settings$when_idle),
                                        if (is.null(idle_program())) " (which its load must tell)" else ""),
    if (!settings$on_battery) "not on battery"
  )
  about <- if (length(rules) > 0L) sprintf("Lending %s.", paste(rules, collapse = ", "))
  if (settings$when_busy == "pause") paste(c(about, "While it lends nothing, running futures stand still."), collapse = " ") else about
}

## A function that reads the file again. `settings`: the arguments of worker(), see merge_settings().
new_policy_reader <- function(settings, given, path) {
  function(handle) {
    merged <- tryCatch(merge_settings(settings, given, path), p2p_error = identity)
    if (inherits(merged, "error")) return(message("The policy stays as it was. ", conditionMessage(merged)))
    .Call(ffi_worker_set_policy, handle, policy_config(merged))
    message(c(describe_policy(merged), "Lending to all, at any time.")[1L])
  }
}
