## Computes the Mandelbrot set in 24 parts, one future each, and writes mandelbrot.png to the working directory. Set a plan first:
##   plan(future.p2p::cluster, cluster = "alice/friends")

library(future)

size <- 1600L # width and height in pixels
n_parts <- 24L
max_iterations <- 1000L

## The number of iterations after which each point of some rows of pixels has left the circle of radius 2, at most `max_iterations`.
mandelbrot_rows <- function(rows, size, max_iterations) {
  re <- -2.2 + 3 * (seq_len(size) - 0.5) / size
  im <- 1.5 - 3 * (rows - 0.5) / size
  c0 <- complex(real = rep(re, each = length(rows)), imaginary = rep(im, times = size))
  z <- c0
  count <- integer(length(c0))
  inside <- seq_along(c0)
  for (step in seq_len(max_iterations)) {
    inside <- inside[Mod(z[inside]) <= 2]
    if (length(inside) == 0L) break
    count[inside] <- step
    z[inside] <- z[inside]^2 + c0[inside]
  }
  matrix(count, nrow = length(rows))
}

## Part 1 has rows 1, 25, 49, ...: all parts take about the same time, and much longer than it takes to create a future.
rows_of_part <- function(i) seq(i, size, by = n_parts)
futures <- lapply(seq_len(n_parts), function(i) {
  rows <- rows_of_part(i)
  future({
    started <- proc.time()[["elapsed"]]
    pixels <- mandelbrot_rows(rows, size, max_iterations)
    list(pixels = pixels, seconds = proc.time()[["elapsed"]] - started, pid = Sys.getpid())
  }, label = sprintf("part-%d", i))
})

picture <- matrix(0L, nrow = size, ncol = size)
workers <- character(0L)
for (i in seq_along(futures)) {
  result <- value(futures[[i]])
  picture[rows_of_part(i), ] <- result$pixels
  worker <- futures[[i]][["worker"]] # user@host:pid
  if (is.null(worker)) worker <- sprintf("process %d", result$pid)
  workers[i] <- worker
  cat(sprintf("part %2d of %d: %s in %.2f s\n", i, n_parts, worker, result$seconds))
}

shades <- grDevices::colorRampPalette(c("#0b1026", "#27509b", "#8fd3f4", "#fff3c4", "#f7a541", "#7a2e1d", "#0b1026"))(120L)
shade <- 1L + (picture %% length(shades))
shade[picture == max_iterations] <- 1L # points that never left the circle
grDevices::png("mandelbrot.png", width = size, height = size)
graphics::par(mar = c(0, 0, 0, 0))
graphics::plot.new()
graphics::plot.window(c(0, 1), c(0, 1), xaxs = "i", yaxs = "i")
graphics::rasterImage(matrix(shades[shade], nrow = size), 0, 0, 1, 1)
invisible(grDevices::dev.off())
cat(sprintf("mandelbrot.png: %d x %d pixels, from %d parts computed by %d workers (%s)\n", size, size, n_parts,
            length(unique(workers)), paste(sort(unique(workers)), collapse = ", ")))
