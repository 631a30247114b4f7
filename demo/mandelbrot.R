## Computes the Mandelbrot set in tiles, one future each, and writes mandelbrot.png to the working directory. Set a plan first:
##   plan(future.p2p::cluster, cluster = "alice/friends")

library(future)

size <- 960L          # width and height in pixels
tiles_per_side <- 6L
side <- size %/% tiles_per_side
max_iterations <- 600L

## The number of iterations after which each point of a tile has left the circle of radius 2, at most `max_iterations`.
mandelbrot_tile <- function(row, column, side, size, max_iterations) {
  re <- -2.2 + 3 * ((column - 1L) * side + seq_len(side) - 0.5) / size
  im <- 1.5 - 3 * ((row - 1L) * side + seq_len(side) - 0.5) / size
  c0 <- complex(real = rep(re, each = side), imaginary = rep(im, times = side))
  z <- c0
  count <- integer(length(c0))
  inside <- seq_along(c0)
  for (step in seq_len(max_iterations)) {
    inside <- inside[Mod(z[inside]) <= 2]
    if (length(inside) == 0L) break
    count[inside] <- step
    z[inside] <- z[inside]^2 + c0[inside]
  }
  matrix(count, nrow = side)
}

tiles <- expand.grid(column = seq_len(tiles_per_side), row = seq_len(tiles_per_side))
futures <- lapply(seq_len(nrow(tiles)), function(i) {
  row <- tiles$row[i]
  column <- tiles$column[i]
  future({
    started <- proc.time()[["elapsed"]]
    tile <- mandelbrot_tile(row, column, side, size, max_iterations)
    list(tile = tile, seconds = proc.time()[["elapsed"]] - started, pid = Sys.getpid())
  }, label = sprintf("tile-%d-%d", row, column))
})

picture <- matrix(0L, nrow = size, ncol = size)
workers <- character(0L)
for (i in seq_along(futures)) {
  result <- value(futures[[i]])
  rows <- (tiles$row[i] - 1L) * side + seq_len(side)
  columns <- (tiles$column[i] - 1L) * side + seq_len(side)
  picture[rows, columns] <- result$tile
  worker <- futures[[i]][["worker"]] # user@host:pid
  if (is.null(worker)) worker <- sprintf("process %d", result$pid)
  workers[i] <- worker
  cat(sprintf("tile %2d of %d: %s in %.2f s\n", i, length(futures), worker, result$seconds))
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
cat(sprintf("mandelbrot.png: %d x %d pixels, from %d tiles computed by %d workers (%s)\n", size, size, length(futures),
            length(unique(workers)), paste(sort(unique(workers)), collapse = ", ")))
