## A future by hand, between two R processes and over two pipes: what future itself does, serializing, and two switches of processes. No backend that
## evaluates in another process can need much less. Sourced by roundtrip.R; the other process runs it with the pipes as its arguments.

read_bytes <- function(con, n) {
  bytes <- raw()
  while (length(bytes) < n) {
    more <- readBin(con, "raw", n - length(bytes))
    if (length(more) == 0L) quit(save = "no") # the end
    bytes <- c(bytes, more)
  }
  bytes
}

send_object <- function(object, con) {
  bytes <- serialize(object, NULL, xdr = FALSE)
  writeBin(c(writeBin(length(bytes), raw()), bytes), con)
}

receive_object <- function(con) unserialize(read_bytes(con, readBin(read_bytes(con, 4L), "integer")))

## list(value(), close()). value() resolves one future.
two_processes <- function() {
  pipes <- tempfile(c("to-", "from-"))
  stopifnot(system2("mkfifo", pipes) == 0L)
  system2(file.path(R.home("bin"), "Rscript"), c("bench/two_processes.R", pipes), wait = FALSE)
  to <- fifo(pipes[1L], "wb", blocking = TRUE)
  from <- fifo(pipes[2L], "rb", blocking = TRUE)
  get_data <- utils::getFromNamespace("getFutureData", "future")
  list(
    value = function() {
      send_object(get_data(future::future(1 + 2, lazy = TRUE)), to)
      stopifnot(receive_object(from)$value == 3)
    },
    close = function() {
      close(to)
      close(from)
      unlink(pipes)
    }
  )
}

if (sys.nframe() == 0L) {
  pipes <- commandArgs(trailingOnly = TRUE)
  from <- fifo(pipes[1L], "rb", blocking = TRUE)
  to <- fifo(pipes[2L], "wb", blocking = TRUE)
  evaluate <- utils::getFromNamespace("evalFuture", "future")
  repeat send_object(evaluate(receive_object(from)), to)
}
