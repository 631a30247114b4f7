run <- function(f, ...) {
  status <- NULL
  output <- capture.output(messages <- capture.output(status <- run_cli(f, c(...)), type = "message"))
  list(status = status, said = paste(messages, collapse = "\n"), printed = output)
}

test_that("flags become arguments, '-' stands for '_', and users are split at commas", {
  flags <- parse_flags(host_cluster, c("--cluster=alice/friends", "--users=bob,carol", "--ssh-args=-p 22"))
  expect_equal(flags, list(cluster = "alice/friends", users = c("bob", "carol"), ssh_args = "-p 22"))
})

test_that("only arguments with default TRUE or FALSE are switches", {
  expect_equal(parse_flags(serve, c("--quiet", "--verbose=FALSE")), list(quiet = "TRUE", verbose = "FALSE"))
  expect_error(parse_flags(serve, "--port"), "--name=value", class = "p2p_error_usage")
  expect_match(run(serve, "--users=x", "--quiet", "--verbose")$said, "[Aa]t most one")
  expect_equal(run(serve, "--users=x", "--quiet=perhaps")$status, 2L)
})

test_that("--help lists all flags and exits with status 0", {
  result <- run(worker, "--help")
  expect_equal(result$status, 0L)
  for (flag in names(formals(worker))) expect_match(paste(result$printed, collapse = "\n"), paste0("--", flag, "="), fixed = TRUE)
})

test_that("--version prints the version", {
  expect_equal(run(serve, "--version")$printed, format(utils::packageVersion("future.p2p")))
})

test_that("unknown flags, words that are not flags and repeated flags exit with status 2 and a message", {
  for (args in list("--nonsense=1", "bob", "--cluster", c("--cluster=a/b", "--cluster=a/b"))) {
    result <- do.call(run, c(list(worker), as.list(args)))
    expect_equal(result$status, 2L)
    expect_match(result$said, "--help", fixed = TRUE)
    expect_match(result$said, "flag|Flag")
  }
})

test_that("invalid values exit with status 2 and name the argument", {
  expect_equal(run(worker, "--workers=none")$status, 2L)
  expect_match(run(worker, "--workers=0")$said, "'workers'")
  expect_match(run(worker, "--duration=-1")$said, "'duration'")
  expect_match(run(host_cluster, "--users=bob")$said, "'cluster'")
  expect_match(run(host_cluster, "--cluster=alice/friends")$said, "'users'")
  expect_match(run(serve)$said, "'users'")
})

test_that("a failure exits with status 1 and the error message", {
  failing <- cli_function(function() p2p_stop("The board is on fire.", "network"), "failing", "Fails.")
  result <- run(failing)
  expect_equal(result$status, 1L)
  expect_match(result$said, "The board is on fire.", fixed = TRUE)
})

test_that("Rscript -e NAME runs the function; other code prints it", {
  rscript <- function(expression, ...) {
    suppressWarnings(system2(file.path(R.home("bin"), "Rscript"), c("-e", shQuote(expression), ...), stdout = TRUE, stderr = TRUE))
  }
  expect_equal(rscript("future.p2p::worker", "--version"), format(utils::packageVersion("future.p2p")))
  expect_equal(attr(rscript("future.p2p::worker", "--bogus=1"), "status"), 2L)
  expect_match(paste(rscript("print(future.p2p::worker)", "--version"), collapse = "\n"), "^function")
})
