## How fast a link seals and opens its records, beside what `openssl speed` measures for the same cipher and size, in turn on the same machine:
## the best of ROUNDS (5). The cipher named first is the one that a worker here prefers. Fails if a link seals less than 80 % as fast as openssl.
## Run by `make bench`.

program <- commandArgs(TRUE)[1L]
rounds <- as.integer(Sys.getenv("ROUNDS", "5"))
openssl_names <- c(aes256gcm = "aes-256-gcm", chacha20poly1305 = "chacha20-poly1305")

## MB/s of `openssl speed`, whose last line ends with thousands of bytes per second: "AES-256-GCM 3176708.65k".
openssl_speed <- function(cipher) {
  lines <- system2("openssl", c("speed", "-evp", openssl_names[[cipher]], "-bytes", "65545", "-seconds", "1"), stdout = TRUE, stderr = FALSE)
  as.numeric(sub(".* ([0-9.]+)k$", "\\1", lines[length(lines)])) / 1000
}

ours <- function() {
  table <- utils::read.table(text = system2(program, stdout = TRUE), col.names = c("cipher", "seal", "open"))
  stopifnot(nrow(table) >= 2L)
  table
}

best <- ours()
best$openssl <- NA_real_
for (round in seq_len(rounds)) {
  table <- ours()
  stopifnot(identical(table$cipher, best$cipher))
  for (column in c("seal", "open")) best[[column]] <- pmax(best[[column]], table[[column]])
  for (cipher in intersect(best$cipher, names(openssl_names))) {
    row <- best$cipher == cipher
    best$openssl[row] <- max(best$openssl[row], openssl_speed(cipher), na.rm = TRUE)
  }
}

cat(sprintf("Records of 64 KiB, MB/s, best of %d\n  %-18s %8s %8s %14s %14s\n", rounds, "", "sealed", "opened", "openssl speed", "sealed / that"))
cat(sprintf("  %-18s %8.0f %8.0f %14.0f %14.2f\n", best$cipher, best$seal, best$open, best$openssl, best$seal / best$openssl), sep = "")
slow <- best$cipher[!is.na(best$openssl) & best$seal < 0.8 * best$openssl]
if (length(slow) > 0L) stop("less than 80 % of openssl speed: ", paste(slow, collapse = ", "))
