## How benchmarks report: record() prints a table and says which bars are met. With P2P_BENCH_RESULTS, a folder, it also leaves there a file
## for run.R, which makes results.json of them.

## A bar: `column` takes at most `limit` times as long as `against`, or is at least `limit` times as fast. The value is the median of the ratios of
## all rounds. Without `against`, it is the `statistic` of the column itself, in the unit of the measurement.
at_most <- function(limit, against = NULL, column = "future.p2p", statistic = "median", what = NULL) {
  list(kind = "at most", limit = limit, against = against, column = column, statistic = statistic, what = what)
}
at_least <- function(limit, against = NULL, column = "future.p2p", statistic = "median", what = NULL) {
  utils::modifyList(at_most(limit, against, column, statistic, what), list(kind = "at least"), keep.null = TRUE)
}

judge <- function(bar, times, unit) {
  ours <- times[, bar$column]
  values <- if (is.null(bar$against)) ours else if (bar$kind == "at most") ours / times[, bar$against] else times[, bar$against] / ours
  bar$value <- match.fun(bar$statistic)(values)
  bar$met <- if (bar$kind == "at most") bar$value <= bar$limit else bar$value >= bar$limit
  if (bar$statistic == "median") bar$statistic <- NULL
  bar$text <- paste(c(bar$what, if (bar$column != "future.p2p") paste0(bar$column, ":"), bar$kind, format(bar$limit, digits = 3L),
                      if (is.null(bar$against)) unit else if (bar$kind == "at most") paste("x", bar$against) else paste("x as fast as", bar$against)),
                    collapse = " ")
  Filter(Negate(is.null), bar)
}

## `times`: a matrix with a row per round and a column per backend. `against`: the columns to which the table shows ratios.
record <- function(id, title, times, unit = "ms", against = character(), bars = list()) {
  bars <- lapply(bars, judge, times, unit)
  show_table(title, times, unit, against)
  for (bar in bars) cat(sprintf("  %s: %s, %s\n", bar$text, format(signif(bar$value, 3L)), if (isTRUE(bar$met)) "met" else "NOT MET"))
  keep(list(id = id, title = title, unit = unit, rounds = lapply(as.data.frame(signif(times, 6L), optional = TRUE), I), # I(): an array in JSON
            median = as.list(apply(times, 2L, stats::median)), minimum = as.list(apply(times, 2L, min)), bars = bars))
}

show_table <- function(title, times, unit, against) {
  medians <- apply(times, 2L, stats::median)
  heads <- if (length(against) > 0L) sprintf("%17s", paste("  x", against))
  number <- function(x) formatC(format(signif(x, 4L), trim = TRUE), width = 10L)
  cat(sprintf("\n%s (%s; %d rounds)\n  %-22s %10s %10s %10s%s\n", title, unit, nrow(times), "", "median", "minimum", "90 %",
              paste(heads, collapse = "")))
  for (name in colnames(times)) {
    ratios <- vapply(against, function(other) sprintf("%.3f", stats::median(times[, name] / times[, other])), "")
    cat(sprintf("  %-22s %s %s %s%s\n", name, number(medians[[name]]), number(min(times[, name])), number(stats::quantile(times[, name], 0.9)),
                paste(sprintf("%*s", nchar(heads), ratios), collapse = "")))
  }
}

keep <- local({
  number <- 0L
  function(measurement) {
    number <<- number + 1L
    folder <- Sys.getenv("P2P_BENCH_RESULTS")
    if (nzchar(folder)) saveRDS(measurement, file.path(folder, sprintf("%02d.rds", number)))
    invisible(measurement)
  }
})
