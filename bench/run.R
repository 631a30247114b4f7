## Runs the benchmarks one after another, each in an R session of its own, and writes what they recorded to bench/results.json, with the
## machine, the date and the commit. Then it draws the figures (figures.R), and lists all bars. Run by `make bench`, or:
##
##   Rscript bench/run.R build/bench            all of them; the folder has the programs in C
##   Rscript bench/run.R build/bench data idle  some of them
##
## With P2P_BENCH_QUICK=1, small sizes and few rounds: whether they work, not how fast. What is not complete goes to build/bench/results.json.

arguments <- commandArgs(trailingOnly = TRUE)
programs <- arguments[1L]
topics <- c("roundtrip", "many", "data", "large", "stream", "first", "cipher", "idle", "transfer", "delay")
chosen <- if (length(arguments) > 1L) arguments[-1L] else topics
stopifnot(dir.exists(programs), chosen %in% topics)
is_quick <- nzchar(Sys.getenv("P2P_BENCH_QUICK"))
is_complete <- !is_quick && identical(chosen, topics)

first_match <- function(pattern, file) if (file.exists(file)) sub(".*: *", "", grep(pattern, readLines(file), value = TRUE)[1L])
load_average <- function() if (file.exists("/proc/loadavg")) scan("/proc/loadavg", n = 3L, quiet = TRUE)
git <- function(...) suppressWarnings(tryCatch(system2("git", c(...), stdout = TRUE, stderr = FALSE), error = function(ex) NULL))

machine <- function() {
  list(system = paste(Sys.info()[c("sysname", "release", "machine")], collapse = " "), processor = first_match("^model name", "/proc/cpuinfo"),
       cores = parallel::detectCores(), memory_kb = as.numeric(sub(" kB", "", first_match("^MemTotal", "/proc/meminfo"))),
       r = as.character(getRversion()), packages = lapply(stats::setNames(nm = c("future", "future.apply", "future.mirai", "mirai", "future.p2p")),
                                                          function(package) as.character(utils::packageVersion(package))))
}

## What a topic recorded; "failed" if it ended with an error.
run_topic <- function(topic) {
  folder <- tempfile("bench-")
  dir.create(folder)
  on.exit(unlink(folder, recursive = TRUE))
  argument <- switch(topic, cipher = file.path(programs, "cipher"), delay = programs)
  status <- system2(file.path(R.home("bin"), "Rscript"), c(sprintf("bench/%s.R", topic), argument), env = paste0("P2P_BENCH_RESULTS=", folder))
  if (status != 0L) cat(sprintf("\n%s failed\n", topic))
  measurements <- lapply(sort(list.files(folder, full.names = TRUE)), readRDS)
  list(failed = if (status != 0L) topic, measurements = lapply(measurements, function(measurement) c(list(topic = topic), measurement)))
}

changes <- git("status", "--porcelain", "--untracked-files=no")
results <- list(date = format(Sys.time(), "%Y-%m-%dT%H:%M:%SZ", tz = "UTC"), commit = git("rev-parse", "HEAD"), has_changes = length(changes) > 0L,
                complete = is_complete, quick = is_quick, machine = machine(), load_before = load_average())
runs <- lapply(chosen, run_topic)
results$load_after <- load_average()
results$failed <- I(as.character(unlist(lapply(runs, function(run) run$failed))))
results$measurements <- do.call(c, lapply(runs, function(run) run$measurements))
file <- file.path(if (is_complete) "bench" else programs, "results.json")
jsonlite::write_json(results, file, auto_unbox = TRUE, pretty = TRUE, digits = 6, null = "null", na = "null")

cat(sprintf("\nBars, of %s%s\n", results$commit, if (results$has_changes) " with changes" else ""))
for (measurement in results$measurements) {
  for (bar in measurement$bars) {
    cat(sprintf("  %-7s %s: %s: %s\n", if (isTRUE(bar$met)) "met" else "NOT MET", measurement$title, bar$text, format(signif(bar$value, 3L))))
  }
}
for (topic in results$failed) cat(sprintf("  NOT MEASURED: %s\n", topic))
cat(sprintf("%s\n", file))
status <- system2(file.path(R.home("bin"), "Rscript"), c("bench/figures.R", file, if (is_complete) "docs/figures" else programs))
quit(status = as.integer(status != 0L || length(results$failed) > 0L))
