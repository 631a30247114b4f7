## The files of keys, for the tests of the functions that change them.

keys_call <- function(entry, ...) do.call(.Call, list(get(paste0("ffi_keys_", entry), asNamespace("future.p2p")), ...))

## Makes this device the owner of the cluster of `place`, as host_cluster() does. `lines`: of the file of members. Returns the cluster's secret.
own_cluster <- function(place, lines = character()) {
  device <- keys_call("device", place)
  secret <- paste0(paste(sample(c(LETTERS, letters, 0:9), 42L, TRUE), collapse = ""), "A")
  board <- utils::URLencode(paste(c(place$account, place$board), collapse = "@"), reserved = TRUE)
  owner <- strsplit(place$cluster, "/", fixed = TRUE)[[1L]]
  folder <- file.path(place$folder, board, owner[1L], owner[2L])
  old <- Sys.umask("077")
  on.exit(Sys.umask(old))
  dir.create(folder, recursive = TRUE)
  writeLines(c("future.p2p membership 1", paste0("cluster=", place$cluster), paste0("owner=", device$key), "epoch=1", paste0("secret=", secret),
               paste0("user=", owner[1L]), paste0("certificate=", strrep("A", 86L))), file.path(folder, "membership"))
  writeLines(c("future.p2p members 1", "epoch=1", lines), file.path(folder, "members"))
  secret
}
