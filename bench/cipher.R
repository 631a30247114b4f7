## How fast a link seals and opens its records, beside what `openssl speed` measures for the same cipher and size, in turn on the same machine.
## The cipher named first is the one that a worker here prefers. Run by `make bench`, or alone:
##
##   make build/bench/cipher && Rscript bench/cipher.R build/bench/cipher

source("bench/common.R")

program <- commandArgs(TRUE)[1L]
rounds <- rounds_or(5L, 1L)
openssl_names <- c(aes256gcm = "aes-256-gcm", chacha20poly1305 = "chacha20-poly1305")

## MB/s of `openssl speed`, whose last line ends with thousands of bytes per second: "AES-256-GCM 3176708.65k".
openssl_speed <- function(cipher) {
  if (!cipher %in% names(openssl_names)) return(NA_real_)
  lines <- system2("openssl", c("speed", "-evp", openssl_names[[cipher]], "-bytes", "65545", "-seconds", "1"), stdout = TRUE, stderr = FALSE)
  as.numeric(sub(".* ([0-9.]+)k$", "\\1", lines[length(lines)])) / 1000
}

one_round <- function(round) {
  table <- utils::read.table(text = system2(program, stdout = TRUE), col.names = c("cipher", "seal", "open"))
  stopifnot(nrow(table) >= 2L)
  cbind(table, openssl = vapply(table$cipher, openssl_speed, 0))
}

speeds <- do.call(rbind, lapply(seq_len(rounds), one_round))
for (cipher in unique(speeds$cipher)) {
  columns <- speeds[speeds$cipher == cipher, -1L]
  peer <- if (!anyNA(columns$openssl)) "openssl" else character()
  # 80 % of the speed is 1.25 times the time.
  times <- 1e5 / as.matrix(columns[c("seal", "open", peer)])
  record(paste0("cipher_", cipher), paste0("100 MB in records of 64 KiB, ", cipher), times, against = peer,
         bars = if (length(peer) > 0L) list(at_most(1.25, "openssl", "seal")))
}
