key <- "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFakefakefakefakefakefakefakefakefakefakefak"

test_that("users are a file, strings, or files of public keys", {
  file <- tempfile()
  on.exit(unlink(file))
  writeLines(c(key, "# a comment"), file)
  expect_equal(key_lines(list(alice = file)), paste("alice", key))
  expect_equal(key_lines(c(alice = key)), paste("alice", key))
  expect_equal(key_lines(list(alice = c(key, file), bob = key)), paste(c(paste("alice", key), paste("alice", key), paste("bob", key)), collapse = "\n"))
  expect_equal(users_file(file), normalizePath(file))
  expect_null(users_file(c(alice = file)))
})

test_that("the path of a users file is absolute and keeps its symbolic links", {
  dir <- normalizePath(tempfile("users-"), mustWork = FALSE)
  dir.create(dir)
  old <- setwd(dir)
  on.exit({
    setwd(old)
    unlink(dir, recursive = TRUE)
  })
  writeLines("# nobody", "v1.txt")
  file.symlink("v1.txt", "users.txt")
  expect_identical(users_file("users.txt"), file.path(dir, "users.txt"))
  expect_identical(users_file(file.path(dir, "users.txt")), file.path(dir, "users.txt"))
})

test_that("anything else is an error", {
  expect_error(users_file("/no/such/file"), "/no/such/file", class = "p2p_error_usage")
  expect_error(key_lines(list(alice = "/no/such/file")), "/no/such/file", class = "p2p_error_usage")
  expect_error(key_lines(list(key)), "names", class = "p2p_error_usage")
})
