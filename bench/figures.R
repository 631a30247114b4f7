## Draws results.json: figures/bars.png has each bar's value as a part of its limit, figures/rounds.png all rounds of each measurement.
##
##   Rscript bench/figures.R bench/results.json docs/figures

arguments <- commandArgs(trailingOnly = TRUE)
results <- jsonlite::read_json(arguments[1L], simplifyVector = FALSE)
folder <- arguments[2L]
dir.create(folder, showWarnings = FALSE)

colours <- c(met = "#1b7837", missed = "#b2182b")
type <- if (capabilities("cairo")) "cairo" else getOption("bitmapType")
subtitle <- sprintf("%s, %d cores, R %s; %s, %s%s%s", results$machine$processor, results$machine$cores, results$machine$r,
                    substr(results$date, 1L, 10L), substr(results$commit, 1L, 9L), if (results$has_changes) " with changes" else "",
                    if (results$quick) "; A QUICK TRIAL: no figures to quote" else "")

## One bar a row: `part` is 1 at the limit, and less where the bar is met with room to spare.
bar_rows <- function() {
  rows <- lapply(results$measurements, function(measurement) lapply(measurement$bars, function(bar) {
    part <- if (bar$kind == "at most") bar$value / bar$limit else bar$limit / bar$value
    data.frame(label = paste0(measurement$title, ": ", bar$text), value = format(signif(bar$value, 3L)), part = part, met = isTRUE(bar$met))
  }))
  do.call(rbind, do.call(c, rows))
}

draw_bars <- function(file) {
  rows <- bar_rows()
  rows <- rows[rev(seq_len(nrow(rows))), ]
  parts <- pmin(pmax(rows$part, 0.02), 50) # of zero, and of what is far beyond
  grDevices::png(file, width = 1500, height = 150 + 34 * nrow(rows), res = 110, type = type)
  on.exit(grDevices::dev.off())
  graphics::par(mar = c(4, 40, 3, 5), cex.axis = 0.7, cex.lab = 0.8)
  colour <- colours[ifelse(rows$met, "met", "missed")]
  graphics::plot(parts, seq_along(parts), log = "x", xlim = range(parts, 0.1, 5), yaxt = "n", pch = ifelse(rows$met, 19L, 4L), col = colour,
                 ylab = "", xlab = "part of the limit (log scale); left of the line: met; right: the value")
  graphics::abline(v = 1, lty = 2L)
  graphics::segments(1, seq_along(parts), parts, seq_along(parts), col = colour, lwd = 3)
  graphics::axis(2L, seq_along(parts), rows$label, las = 1L, tick = FALSE)
  graphics::axis(4L, seq_along(parts), rows$value, las = 1L, tick = FALSE)
  graphics::mtext(subtitle, side = 3L, line = 1, adj = 1, cex = 0.8)
}

draw_rounds <- function(file) {
  n_columns <- 3L
  n <- length(results$measurements)
  grDevices::png(file, width = 1800, height = 60 + 300 * ceiling(n / n_columns), res = 110, type = type)
  on.exit(grDevices::dev.off())
  graphics::par(mfrow = c(ceiling(n / n_columns), n_columns), mar = c(3, 11, 3, 1), oma = c(0, 0, 2, 0))
  for (measurement in results$measurements) draw_measurement(measurement)
  graphics::mtext(subtitle, outer = TRUE, cex = 0.7)
}

## All rounds as points, and the median as a line. From zero, so that lengths can be compared.
draw_measurement <- function(measurement) {
  rounds <- lapply(measurement$rounds, unlist)
  names <- names(rounds)
  at <- rev(seq_along(names))
  title <- paste(strwrap(sprintf("%s [%s]", measurement$title, measurement$unit), 62L), collapse = "\n")
  graphics::plot(NULL, xlim = c(min(0, unlist(rounds)), max(unlist(rounds))), ylim = c(0.5, length(names) + 0.5), yaxt = "n", xlab = "", ylab = "",
                 main = title, cex.main = 0.8)
  for (i in seq_along(names)) {
    is_ours <- startsWith(names[i], "future.p2p")
    graphics::points(rounds[[i]], rep(at[i], length(rounds[[i]])), pch = 1L, col = if (is_ours) "#2166ac" else "#777777", cex = 0.7)
    middle <- stats::median(rounds[[i]])
    graphics::segments(middle, at[i] - 0.3, middle, at[i] + 0.3, lwd = 3, col = if (is_ours) "#2166ac" else "#333333")
  }
  graphics::axis(2L, at, names, las = 1L, tick = FALSE, cex.axis = 0.8)
}

draw_bars(file.path(folder, "bars.png"))
draw_rounds(file.path(folder, "rounds.png"))
cat(sprintf("%s\n", file.path(folder, c("bars.png", "rounds.png"))), sep = "")
