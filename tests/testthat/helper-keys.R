## Devices and the files of their keys, for the tests of what they know and of the functions that change it.

## A variable of the environment that makes a process one of the machine of `user`, which is a device of its own.
machine_of <- function(lab, user) c(R_USER_CONFIG_DIR = file.path(lab$dir, paste0("machine-", user)))

## Where that machine has the files of a cluster.
place_of <- function(lab, user, account = user, cluster = "alice/friends") {
  folder <- file.path(machine_of(lab, user), "R", "future.p2p", "keys")
  list(folder = folder, board = sprintf("127.0.0.1:%d", lab$port), cluster = cluster, account = account)
}

said_by <- function(expr) paste(testthat::capture_messages(expr), collapse = "")

## Calls an entry of src/r/ffi_keys.c.
keys_call <- function(entry, ...) .Call(get(paste0("ffi_keys_", entry), asNamespace("future.p2p")), ...)

## Makes this device the owner of the cluster of `place`, as host_cluster() does. `lines`: of the file of members.
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
}
