key <- "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFakefakefakefakefakefakefakefakefakefakefak"

test_that("users are a file, strings, or files of public keys", {
  file <- tempfile()
  on.exit(unlink(file))
  writeLines(c(key, "# a comment"), file)
  expect_equal(users_text(list(alice = file)), paste("alice", key))
  expect_equal(users_text(c(alice = key)), paste("alice", key))
  expect_equal(users_text(list(alice = c(key, file), bob = key)), paste(c(paste("alice", key), paste("alice", key), paste("bob", key)), collapse = "\n"))
  expect_equal(users_file(file), normalizePath(file))
  expect_null(users_file(c(alice = file)))
})

test_that("what is neither gets a sentence", {
  expect_error(users_file("/no/such/file"), "/no/such/file", class = "p2p_error_usage")
  expect_error(users_text(list(alice = "/no/such/file")), "/no/such/file", class = "p2p_error_usage")
  expect_error(users_text(list(key)), "names", class = "p2p_error_usage")
})
