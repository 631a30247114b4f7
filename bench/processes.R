## What Linux says of processes: memory, CPU time and wake-ups.

status_of <- function(pid) readLines(file.path("/proc", pid, "status"))
status_number <- function(lines, field) as.numeric(gsub("[^0-9]", "", grep(paste0("^", field, ":"), lines, value = TRUE)))

## Resident MB, CPU seconds, and the number of wake-ups of each thread of a process.
process_usage <- function(pid) {
  threads <- list.files(file.path("/proc", pid, "task"), full.names = TRUE)
  wakeups <- vapply(threads, function(thread) status_number(readLines(file.path(thread, "status")), "voluntary_ctxt_switches"), 0)
  names(wakeups) <- ifelse(basename(threads) == pid, "R", basename(threads))
  list(mb = status_number(status_of(pid), "VmRSS") / 1024, cpu = cpu_ms(as.integer(pid)) / 1000, wakeups = wakeups)
}

## The wake-ups in between, of R's thread and of the others.
wakeups_between <- function(before, after) {
  same <- intersect(names(before$wakeups), names(after$wakeups))
  n <- after$wakeups[same] - before$wakeups[same]
  c(R = sum(n[names(n) == "R"]), others = sum(n[names(n) != "R"]))
}

## The children of a process, their children, and so on.
descendants <- function(pid) {
  files <- Sys.glob(file.path("/proc", pid, "task", "*", "children"))
  children <- unlist(lapply(files, function(file) scan(file, 0L, quiet = TRUE)))
  as.integer(c(children, unlist(lapply(children, descendants))))
}

## Resident memory of the largest of these processes in MB (1e6 bytes), and the most since forget_peaks(). Processes end.
memory_of <- function(pids, field) {
  of_one <- function(pid) tryCatch(status_number(suppressWarnings(status_of(pid)), field), error = function(ex) 0)
  max(0, unlist(lapply(pids, of_one))) * 1024 / 1e6
}
resident_mb <- function(pids) memory_of(pids, "VmRSS")
peak_mb <- function(pids) memory_of(pids, "VmHWM")

## Only root may do this with a process that holds keys. Returns whether it worked.
forget_peaks <- function(pids) {
  all(vapply(pids, function(pid) tryCatch({
    writeLines("5", file.path("/proc", pid, "clear_refs"))
    TRUE
  }, error = function(ex) FALSE, warning = function(ex) FALSE), TRUE))
}
