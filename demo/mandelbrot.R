## The Mandelbrot set in tiles, each a future. Set the plan first, for example
##   plan(future.p2p::cluster, cluster = "alice/friends")
## Writes mandelbrot.png in the current directory.

library(future)

size <- 800L        # pixels, both ways
tiles_a_side <- 4L
side <- size %/% tiles_a_side
most <- 500L         # iterations

## How many iterations until each point of the tile leaves the circle of radius 2 (at most `most`).
mandelbrot_tile <- function(row, column, side, size, most) {
  re <- -2.2 + 3 * ((column - 1L) * side + seq_len(side) - 0.5) / size
  im <- 1.5 - 3 * ((row - 1L) * side + seq_len(side) - 0.5) / size
  c0 <- complex(real = rep(re, each = side), imaginary = rep(im, times = side))
  z <- c0
  count <- integer(length(c0))
  inside <- seq_along(c0)
  for (step in seq_len(most)) {
    inside <- inside[Mod(z[inside]) <= 2]
    if (length(inside) == 0L) break
    count[inside] <- step
    z[inside] <- z[inside]^2 + c0[inside]
  }
  matrix(count, nrow = side)
}

places <- expand.grid(column = seq_len(tiles_a_side), row = seq_len(tiles_a_side))
futures <- lapply(seq_len(nrow(places)), function(i) {
  row <- places$row[i]
  column <- places$column[i]
  future({
    started <- proc.time()[["elapsed"]]
    tile <- mandelbrot_tile(row, column, side, size, most)
    list(tile = tile, seconds = proc.time()[["elapsed"]] - started, pid = Sys.getpid())
  }, label = sprintf("tile-%d-%d", row, column))
})

picture <- matrix(0L, nrow = size, ncol = size)
resolved_by <- character(0L)
for (i in seq_along(futures)) {
  answer <- value(futures[[i]])
  rows <- (places$row[i] - 1L) * side + seq_len(side)
  columns <- (places$column[i] - 1L) * side + seq_len(side)
  picture[rows, columns] <- answer$tile
  who <- futures[[i]][["worker"]]                      # user@host:pid of the worker
  if (is.null(who)) who <- sprintf("this session's process %d", answer$pid)
  resolved_by[i] <- who
  cat(sprintf("tile %2d of %d: %s in %.2f s\n", i, length(futures), who, answer$seconds))
}

shades <- grDevices::colorRampPalette(c("#0b1026", "#27509b", "#8fd3f4", "#fff3c4", "#f7a541", "#7a2e1d", "#0b1026"))(120L)
shade <- 1L + (picture %% length(shades))
shade[picture == most] <- 1L # inside: never left the circle
grDevices::png("mandelbrot.png", width = size, height = size)
graphics::par(mar = c(0, 0, 0, 0))
graphics::plot.new()
graphics::plot.window(c(0, 1), c(0, 1), xaxs = "i", yaxs = "i")
graphics::rasterImage(matrix(shades[shade], nrow = size), 0, 0, 1, 1)
invisible(grDevices::dev.off())
cat(sprintf("mandelbrot.png: %d x %d pixels, put together from %d tiles of %d workers (%s)\n", size, size, length(futures),
            length(unique(resolved_by)), paste(sort(unique(resolved_by)), collapse = ", ")))
