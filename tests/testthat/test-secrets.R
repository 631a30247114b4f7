## What futures of a worker without a sandbox cannot see: the secrets in its memory and environment.
skip_unless_lab()
lab <- local_lab()
start_cluster(lab, "alice/friends", c("bob", "carol"), workers = c())
withr::defer(future::plan(future::sequential))

library(future)

secrets <- c(AWS_SECRET_ACCESS_KEY = "secret", GITHUB_PAT = "secret", SSH_AUTH_SOCK = "/tmp/agent", DATABASE = "mine", TOKENS = "yours")

test_that("futures see public variables and those of pass_env, and worker() names these", {
  worker <- start_worker(lab, "carol", "alice/friends", sandbox = "none", pass_env = "DATABASE,TOKENS", env = c(secrets, LC_TIME = "C", OMP_NUM_THREADS = "3"))
  expect_match(grep("Futures run", process_lines(worker), value = TRUE), "network. They see the environment variables 'DATABASE', 'TOKENS'.", fixed = TRUE)
  plan_as(lab, "bob")
  names <- c(names(secrets), "LC_TIME", "OMP_NUM_THREADS", "HOME", "PATH")
  expect_identical(value(future(Sys.getenv(names, NA))), c(AWS_SECRET_ACCESS_KEY = NA, GITHUB_PAT = NA, SSH_AUTH_SOCK = NA, DATABASE = "mine", TOKENS = "yours",
                                                           LC_TIME = "C", OMP_NUM_THREADS = "3", Sys.getenv(c("HOME", "PATH"))))
  expect_identical(value(future(system("ulimit -Hc", intern = TRUE))), "0")
  plan(sequential)
  expect_equal(stop_process(worker), 0L)
})

test_that("pass_env is an option, and a variable that is not set is an error", {
  withr::local_envvar(DATABASE = "mine", EMPTY = "")
  withr::local_options(future.p2p.pass_env = "DATABASE,EMPTY")
  expect_identical(check_pass_env(NULL), c("DATABASE", "EMPTY"))
  expect_identical(check_pass_env("DATABASE"), "DATABASE")
  expect_identical(check_pass_env(character()), character())
  expect_error(check_pass_env(c("DATABASE", "DATABSE")), "Argument 'pass_env': there is no environment variable 'DATABSE'.", fixed = TRUE)
  expect_error(check_pass_env(1), "'pass_env' must be a character vector")
  expect_true(all(c("DATABASE=mine", "EMPTY=") %in% evaluator_env(c("DATABASE", "EMPTY"))))
  expect_false("DATABASE=mine" %in% evaluator_env())
})

## Root can read everything, so the worker belongs to another user.
test_that("a future without a sandbox cannot read the memory, environment and files of the supervisor", {
  testthat::skip_if_not(dir.exists("/proc/self"))
  is_root <- Sys.info()[["user"]] == "root"
  testthat::skip_if(is_root && !nzchar(Sys.which("setpriv")), "only setpriv can start it as another user")
  uid <- if (is_root) 12345L
  dir <- tempfile("p2p-", "/tmp")
  dir.create(dir)
  withr::defer(unlink(dir, recursive = TRUE))
  file.copy(c(key_file(lab, "carol"), known_hosts_file(lab)), dir)
  libraries <- paste(libraries_for(uid, file.path(dir, "library")), collapse = ":")
  if (is_root) run_process("chown", c("-R", "12345:12345", dir))
  args <- list(cluster = "alice/friends", host = sprintf("127.0.0.1:%d", lab$port), sandbox = "none",
               ssh_args = sprintf("-i %s/key-carol -o IdentitiesOnly=yes -o UserKnownHostsFile=%s/known_hosts", dir, dir))
  command <- as_account(uid, c(file.path(R.home("bin"), "Rscript"), "-e", "future.p2p::worker",
                               sprintf("--%s=%s", gsub("_", "-", names(args)), args)))
  worker <- start_child(lab, "worker of another user", command, env = c(TMPDIR = dir, HOME = dir, R_USER_CONFIG_DIR = dir, R_LIBS = libraries, secrets))
  wait_for_line(worker, "joined cluster 'alice/friends'")
  plan_as(lab, "bob")
  seen <- value(future({
    read <- function(name) tryCatch(suppressWarnings(length(readBin(file.path("/proc", supervisor, name), "raw", 1L))), error = function(ex) 0L)
    c(environ = read("environ"), maps = read("maps"), mem = read("mem"), fd = length(dir(file.path("/proc", supervisor, "fd"))), status = read("status"))
  }, globals = list(supervisor = worker$px$get_pid())))
  expect_identical(seen, c(environ = 0L, maps = 0L, mem = 0L, fd = 0L, status = 1L))
  plan(sequential)
  expect_equal(stop_process(worker), 0L)
})

test_that("nothing is left", {
  plan(sequential)
  expect_nothing_left(lab)
})
