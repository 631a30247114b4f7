test_that("environment variables become options when the package is loaded, unless the option is set", {
  code <- "options(future.p2p.relay = 'tcp:mine:1'); loadNamespace('future.p2p'); cat(getOption('future.p2p.host'), getOption('future.p2p.relay'), getOption('future.p2p.debug'))"
  out <- system2(file.path(R.home("bin"), "Rscript"), c("-e", shQuote(code)), stdout = TRUE,
                 env = c("R_FUTURE_P2P_HOST=board.example.org:22", "R_FUTURE_P2P_RELAY=tcp:other:2", "R_FUTURE_P2P_DEBUG=true"))
  expect_equal(out[length(out)], "board.example.org:22 tcp:mine:1 TRUE")
})

test_that("an argument takes precedence over its option", {
  old <- options(future.p2p.host = "a")
  on.exit(options(old))
  expect_equal(string_or_option(NULL, "host"), "a")
  expect_equal(string_or_option("b", "host"), "b")
  expect_error(string_or_option(c("a", "b"), "host"), class = "p2p_error_usage")
  expect_error(string_or_option(NA_character_, "host"), class = "p2p_error_usage")
})

test_that("ssh_args in one string are split at blanks outside of quotes, and nothing is expanded", {
  expect_equal(ssh_args_or_option("-i '/my keys/id' -p 22"), c("-i", "/my keys/id", "-p", "22"))
  expect_equal(ssh_args_or_option("-o \"User=$HOME `id`\""), c("-o", "User=$HOME `id`"))
  expect_equal(ssh_args_or_option(c("-i", "/my keys/id")), c("-i", "/my keys/id"))
  expect_equal(ssh_args_or_option(NULL), character(0L))
  expect_equal(ssh_args_or_option(""), character(0L))
})

test_that("empty variables are ignored, an empty relay means no relay, and an unknown value of R_FUTURE_P2P_DEBUG is a warning", {
  withr::local_options(future.p2p.host = NULL, future.p2p.relay = NULL, future.p2p.debug = NULL)
  withr::local_envvar(R_FUTURE_P2P_HOST = "", R_FUTURE_P2P_RELAY = "", R_FUTURE_P2P_DEBUG = "1")
  set_options_from_environment()
  expect_null(getOption("future.p2p.host"))
  expect_identical(getOption("future.p2p.relay"), "")
  expect_true(is_debug())
  for (value in c("0", "no", "FALSE")) expect_false(flag_from_environment("debug", value))
  expect_warning(expect_false(flag_from_environment("debug", "verbose")), "R_FUTURE_P2P_DEBUG")
})

test_that("an error about an option names it, or its environment variable", {
  for (name in option_names) {
    withr::local_options(structure(list(list(1)), names = paste0("future.p2p.", name)))
    expect_error(p2p_option(name), sprintf("^Option 'future.p2p.%s' must be ", name), class = "p2p_error_usage")
    withr::local_options(structure(list(NULL), names = paste0("future.p2p.", name)))
  }
  withr::with_options(list(future.p2p.key = "x"), expect_error(board_config(NULL, NULL, NULL), "Option 'future.p2p.key' must be TRUE or FALSE"))
  withr::with_options(list(future.p2p.debug = "x"), {
    expect_error(board_config(NULL, NULL, NULL), "Option 'future.p2p.debug' must be TRUE or FALSE")
    expect_error(serve(), "Option 'future.p2p.debug' must be TRUE or FALSE")
  })
  withr::with_options(list(future.p2p.key_file = "/no/such"), expect_error(use_key_file(list()), "Option 'future.p2p.key_file': there is no file '/no/such'"))
  withr::with_options(list(future.p2p.cluster = "x"), expect_error(p2p_cluster_name(), "Option 'future.p2p.cluster' must have the form owner/name"))
  withr::with_options(list(future.p2p.pass_env = "P2P_UNSET"), expect_error(check_pass_env(NULL), "Option 'future.p2p.pass_env': there is no"))
  withr::with_options(list(future.p2p.ssh_args = "'x"), expect_error(ssh_args_or_option(NULL), "Option 'future.p2p.ssh_args' has a quote"))
  withr::local_envvar(R_FUTURE_P2P_RESULTS = "zz")
  withr::local_options(future.p2p.results = NULL)
  set_options_from_environment()
  expect_error(P2PFutureBackend("alice/friends", "127.0.0.1:1"), "^Environment variable R_FUTURE_P2P_RESULTS must be \"any\" or \"data\", not \"zz\"[.]$")
})

test_that("a quote in ssh_args that is not closed is an error without a warning", {
  expect_no_warning(expect_error(ssh_args_or_option("'unclosed"), "^Argument 'ssh_args' has a quote that is not closed: 'unclosed$", class = "p2p_error_usage"))
  expect_no_warning(expect_error(ssh_args_or_option("-p 22 \"-i x"), "not closed", class = "p2p_error_usage"))
})
