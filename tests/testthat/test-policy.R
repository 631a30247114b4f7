## What the owner of a worker allows: the file, the settings, and what clients read.
library(future)

write_file <- function(..., env = parent.frame()) {
  path <- withr::local_tempfile(fileext = ".dcf", .local_envir = env)
  writeLines(as.character(c(...)), path)
  path
}

default_settings <- function() check_settings(lapply(formals(worker)[worker_settings], eval))

settings_of <- function(...) {
  defaults <- default_settings()
  merge_settings(utils::modifyList(defaults, list(...), keep.null = TRUE), ...names(), write_file())
}

test_that("the file has settings, and arguments go before it", {
  path <- write_file("hours: 22:00-07:00, 12:00-13:30", "users: alice,bob", "share: 2", "max_load: 1.5", "when_idle: 600", "memory: 2 GiB",
                     "time: 60", "nice: 19", "on_battery: true")
  settings <- read_worker_file(path)
  expect_identical(settings$hours, c("22:00-07:00", "12:00-13:30"))
  expect_equal(settings[c("users", "share", "max_load", "when_idle", "memory", "time", "nice", "on_battery")],
               list(users = c("alice", "bob"), share = 2, max_load = 1.5, when_idle = 600, memory = 2^31, time = 60, nice = 19, on_battery = TRUE))
  defaults <- default_settings()
  defaults$share <- 5
  merged <- merge_settings(defaults, "share", path)
  expect_equal(merged$share, 5)
  expect_equal(merged$nice, 19)
  expect_equal(policy_config(merged), list(hours = c(1320L, 420L, 720L, 810L), max_load = 1.5, users = "alice;bob", share = 5, when_idle = 600,
                                           spares_battery = 0, pauses = 0))
  expect_identical(read_worker_file(file.path(tempdir(), "nonexistent")), list())
  expect_length(read_worker_file(write_file("")), 0L)
})

test_that("mistakes in the file name it and the key", {
  fails <- function(line, pattern) expect_error(read_worker_file(write_file(line)), pattern, class = "p2p_error_usage")
  fails("hours: 22-7", "^File '.*dcf': key 'hours' must have the form \"22:00-07:00\", not \"22-7\"[.]$")
  fails("hours: 24:00-07:00", "key 'hours' must")
  fails("user: bob", "there is no key 'user'. Did you mean 'users'[?]")
  fails("users: bob, ev il", "key 'users': \"ev il\" is not")
  fails("share: none", "key 'share' must be a whole number")
  fails("on_battery: sometimes", "key 'on_battery' must be TRUE or FALSE")
  fails("when_busy: stop", "key 'when_busy' must be")
  fails("max_load: 0", "key 'max_load' must")
  fails("nonsense", "does not consist of lines 'key: value'")
  fails(c("share: 1", "", "share: 2"), "empty lines")
})

test_that("settings of the command line are checked and described", {
  expect_equal(parse_flags(worker, c("--hours=22:00-24:00,00:00-07:00", "--users", "bob,carol", "--on-battery=FALSE")),
               list(hours = c("22:00-24:00", "00:00-07:00"), users = c("bob", "carol"), on_battery = "FALSE"))
  expect_error(worker(hours = "7pm-8pm"), "Argument 'hours' must", class = "p2p_error_usage")
  expect_error(worker(share = 0), "Argument 'share' must", class = "p2p_error_usage")
  expect_null(describe_policy(settings_of()))
  expect_match(describe_policy(settings_of(hours = "22:00-07:00", users = c("bob", "carol"), share = 1, max_load = 2)),
               "^Lending from 22:00 to 07:00, to bob and carol, at most 1 slot to a user, up to a load of 2 by other programs[.]$")
  expect_match(describe_policy(settings_of(when_idle = 600)), "when nobody has used this machine for 10 min")
})

test_that("a worker rests by its file, says so to those who wait, and lends again when the file changes", {
  lab <- local_lab(c("alice", "bob"))
  file <- file.path(lab$dir, "worker.dcf")
  soon <- format(Sys.time() + 7200, "%H:%M")
  late <- format(Sys.time() + 10800, "%H:%M")
  writeLines(sprintf("hours: %s-%s", soon, late), file)
  start_board(lab)
  start_host(lab, "alice/friends", "bob")
  worker <- start_worker(lab, "alice", "alice/friends", env = c(R_FUTURE_P2P_WORKER_FILE = file))
  wait_for_line(worker, sprintf("resting until %s: no new futures are started", soon))
  withr::local_options(future.p2p.report_after = 0.2)
  withr::defer(plan(sequential), priority = "first")
  plan_as(lab, "bob")
  said <- NULL
  f <- withCallingHandlers(future(42), p2p_waiting = function(m) {
    said <<- c(said, conditionMessage(m))
    invokeRestart("muffleMessage")
  })
  wait_until(function() any(grepl(paste("resting until", soon), utils::capture.output(print(plan("backend"))))))
  expect_equal(nbrOfFreeWorkers(), 0L)
  expect_false(resolved(f))
  why <- why_waiting(clients$of(plan("backend")), f)
  expect_match(describe_wait(why, client_status(clients$of(plan("backend"))), f),
               sprintf("^worker 'alice@.*' is resting until %s [(]its local time[)]$", soon))
  writeLines("hours: now", file)
  wait_for_line(worker, "The policy stays as it was. File '.*': key 'hours' must")
  writeLines("share: 1", file)
  wait_for_line(worker, "Lending at most 1 slot to a user")
  expect_equal(value(f), 42)
  plan(sequential)
  expect_nothing_left(lab)
})

test_that("workers are asked, paused, resumed and drained by other programs of their owner", {
  lab <- local_lab(c("alice", "bob"))
  withr::local_envvar(XDG_RUNTIME_DIR = lab$dir)
  expect_error(worker_control(), "No worker of this account", class = "p2p_error_closed")
  start_board(lab)
  start_host(lab, "alice/friends", "bob")
  first <- start_worker(lab, "alice", "alice/friends", 2L)
  second <- start_worker(lab, "alice", "alice/friends")
  expect_identical(file.mode(file.path(lab$dir, "future.p2p")), as.octmode("700"))
  both <- worker_control()
  pids <- c(first$px$get_pid(), second$px$get_pid())
  expect_setequal(both$pid, pids)
  expect_equal(both$slots[match(pids, both$pid)], c(2, 1))
  expect_identical(unique(both$state), "lending")
  expect_identical(unique(both$cluster), "alice/friends")

  command <- function(...) run_process(file.path(R.home("bin"), "Rscript"), c("-e", "future.p2p::worker", ...), error_on_status = FALSE,
                                         env = c("current", R_LIBS = paste(.libPaths(), collapse = .Platform$path.sep)))
  paused <- command("--pause")
  expect_identical(paused$status, 0L)
  expect_match(paused$stdout, "Worker [0-9]+ of cluster 'alice/friends': 0 of 2 slots busy; 0 futures done; paused by its owner")
  wait_for_line(first, "paused by its owner: no new futures are started")
  withr::defer(plan(sequential), priority = "first")
  plan_as(lab, "bob")
  f <- future(42)
  wait_until(function() {
    client <- clients$of(plan("backend"))
    grepl("^worker 'alice@.*' is paused by its owner$", describe_wait(why_waiting(client, f), client_status(client), f))
  })
  expect_identical(worker_control("resume", pids[1L])$state, "lending")
  expect_equal(value(f), 42)
  expect_identical(worker_control(pid = pids[2L])$state, "paused by its owner")
  expect_error(worker_control("pause", 1L), "No worker with process id 1 ", class = "p2p_error_closed")
  signal_process(second, tools::SIGKILL)
  wait_for_exit(second)
  expect_identical(worker_control()$pid, pids[1L])

  f <- future({ Sys.sleep(1); 43 })
  wait_until(function() worker_control()$running == 1)
  expect_match(worker_control("drain")$state, "draining")
  expect_equal(value(f), 43)
  expect_identical(wait_for_exit(first, 60), 0L)
  third <- start_worker(lab, "alice", "alice/friends")
  expect_length(list.files(file.path(lab$dir, "future.p2p")), 1L)
  wrong <- command("--pause", "--cluster=alice/friends")
  expect_identical(wrong$status, 2L)
  expect_match(wrong$stderr, "Flag --pause is about a running worker, and stands alone")
})

## "T": stopped.
process_state <- function(pid) sub("^.*[)] ([A-Z]) .*$", "\\1", readLines(file.path("/proc", pid, "stat")))

## A process and its descendants.
tree_of <- function(pid) c(pid, unlist(lapply(children_of(pid), tree_of)))

test_that("with when_busy = \"pause\", running futures stand still while the worker is paused, and end with it", {
  skip_if_not(file.exists("/proc/self/stat"), "this system has no /proc")
  lab <- local_lab(c("alice", "bob"))
  withr::local_envvar(XDG_RUNTIME_DIR = lab$dir)
  start_board(lab)
  start_host(lab, "alice/friends", "bob")
  withr::defer(plan(sequential), priority = "first")
  for (sandbox in c("none", "landlock", "namespaces")) {
    if (sandbox != "none" && !has_sandbox(sandbox)) next
    worker <- start_worker(lab, "alice", "alice/friends", when_busy = "pause", sandbox = sandbox)
    plan_as(lab, "bob", retries = 0)
    pid <- worker$px$get_pid()
    states <- function() vapply(tree_of(pid)[-1L], process_state, "")
    if (sandbox == "none") {
      f <- future({
        for (i in 1:20) Sys.sleep(0.1)
        44
      })
      wait_until(function() worker_control()$running == 1)
      expect_identical(worker_control("pause")$state, "paused by its owner")
      wait_until(function() "T" %in% states())
      Sys.sleep(3) # longer than the future takes
      expect_false(resolved(f))
      expect_identical(worker_control("resume")$state, "lending")
      expect_equal(value(f), 44)
    }
    f <- future(Sys.sleep(60))
    wait_until(function() worker_control()$running == 1)
    worker_control("pause")
    wait_until(function() "T" %in% states())
    tree <- tree_of(pid)
    signal_process(worker, tools::SIGKILL)
    wait_for_exit(worker)
    wait_until(function() !any(file.exists(file.path("/proc", tree))))
    expect_error(value(f), class = "FutureInterruptError")
    plan(sequential)
  }
})
