## Futures run on workers that have their packages. The worker of bob has a package that carol's worker and this session do not have.
lab <- local_lab()
start_board(lab)
start_host(lab, "alice/friends", c("bob", "carol"))
withr::defer(future::plan(future::sequential))

library(future)

## Installs a package with one function in a separate library.
install_tiny <- function(library, name = "p2ptiny") {
  source <- file.path(lab$dir, name)
  dir.create(file.path(source, "R"), recursive = TRUE)
  dir.create(library, showWarnings = FALSE)
  writeLines(c(paste("Package:", name), "Version: 0.1-2", "Title: Tiny", "Description: Tiny.", "License: GPL-3", "Author: Nobody",
               "Maintainer: Nobody <nobody@example.org>"), file.path(source, "DESCRIPTION"))
  writeLines("export(tiny)", file.path(source, "NAMESPACE"))
  writeLines("tiny <- function() 'tiny'", file.path(source, "R", "tiny.R"))
  run_process(file.path(R.home("bin"), "R"), c("CMD", "INSTALL", "--no-docs", "--no-test-load", paste0("--library=", library), source))
}

library_of_bob <- file.path(lab$dir, "library-bob")
install_tiny(library_of_bob)
r_libs <- paste(c(library_of_bob, .libPaths()), collapse = .Platform$path.sep)
bob <- start_worker(lab, "bob", "alice/friends", workers = 2L, env = c(R_LIBS = r_libs))
carol <- start_worker(lab, "carol", "alice/friends", workers = 2L)

## The process of the worker that a future reports.
ran_by <- function(values) sub(".*:", "", unlist(values))
pid_of <- function(worker) as.character(worker$px$get_pid())
futures_started <- function(worker) sum(grepl("future .* started", process_lines(worker)))

test_that("futures that need a package run on the worker that has it, others on both", {
  plan_as(lab, "alice")
  expect_equal(nbrOfWorkers(), 4L)
  ## Each ends when all four run, so they are on both workers.
  gate <- file.path(lab$dir, "gate")
  dir.create(gate)
  plain <- lapply(1:4, function(i) {
    future({
      file.create(file.path(gate, i))
      while (length(list.files(gate)) < 4L) Sys.sleep(0.02)
      Sys.getenv("FUTURE_P2P_WORKER")
    }, packages = c("stats", "utils"))
  })
  expect_setequal(ran_by(value(plain)), c(pid_of(bob), pid_of(carol)))
  fs <- lapply(1:20, function(i) {
    future(paste(tiny(), Sys.getenv("FUTURE_P2P_WORKER")), packages = "p2ptiny", globals = FALSE)
  })
  values <- unlist(value(fs))
  expect_match(values, "^tiny ")
  expect_identical(unique(ran_by(values)), pid_of(bob))
  expect_equal(nbrOfFreeWorkers(), 4L)
})

test_that("if no worker has a package, the error names the package and the workers, and nothing is sent", {
  started <- 24L # those of the test above; workers show lines together
  wait_until(function() futures_started(bob) + futures_started(carol) >= started)
  began <- proc.time()[["elapsed"]]
  f <- future(42, packages = c("p2ptiny", "p2pnobody"), label = "needy")
  ex <- tryCatch(value(f), error = identity)
  expect_lt(proc.time()[["elapsed"]] - began, 15)
  expect_s3_class(ex, "FutureError")
  expect_match(conditionMessage(ex), "needy")
  expect_match(conditionMessage(ex), sprintf("%s' lacks 'p2pnobody'", pid_of(bob)))
  expect_match(conditionMessage(ex), sprintf("%s' lacks 'p2pnobody', 'p2ptiny'", pid_of(carol)))
  expect_match(conditionMessage(ex), "owner of a worker to install")
  expect_true(resolved(f))
  expect_equal(nbrOfFreeWorkers(), 4L)
  expect_equal(value(future(1 + 2)), 3)
  wait_until(function() futures_started(bob) + futures_started(carol) > started)
  expect_equal(futures_started(bob) + futures_started(carol), started + 1L)
})

test_that("a package that is installed after a future failed is found by the next future", {
  f <- future(tiny(), packages = "p2plate", globals = FALSE)
  expect_error(value(f), sprintf("%s' lacks 'p2plate'", pid_of(bob)), class = "FutureError")
  install_tiny(library_of_bob, "p2plate")
  f <- future(paste(tiny(), Sys.getenv("FUTURE_P2P_WORKER")), packages = "p2plate", globals = FALSE)
  expect_identical(ran_by(value(f)), pid_of(bob))
})

test_that("an invalid package name is an error at once", {
  expect_error(value(future(42, packages = "no;name!")), "invalid names")
  expect_equal(nbrOfFreeWorkers(), 4L)
})

test_that("a future that times out waiting for its packages says which ones", {
  withr::local_options(future.wait.timeout = 1)
  plan(sequential) # plan() does nothing if the plan equals the current one
  plan_as(lab, "alice")
  gate <- file.path(lab$dir, "gate-of-bob")
  busy <- lapply(1:2, function(i) future(while (!file.exists(gate)) Sys.sleep(0.02), packages = "p2ptiny"))
  wait_until(function() all(vapply(busy, function(f) .Call(ffi_task_state, f[["task"]]), "") == "running"))
  ex <- tryCatch(value(future(1, packages = "p2ptiny")), error = identity)
  file.create(gate)
  expect_s3_class(ex, "FutureError")
  expect_match(conditionMessage(ex), "both slots of the workers of cluster 'alice/friends' that have its packages ('p2ptiny') are busy (2 for this session)", fixed = TRUE)
})

test_that("futures that wait for their packages do not block futures that another worker can run", {
  withr::local_options(future.wait.timeout = 30)
  plan(sequential)
  plan_as(lab, "alice")
  gate <- file.path(lab$dir, "second-gate-of-bob")
  needy <- lapply(1:4, function(i) future(while (!file.exists(gate)) Sys.sleep(0.02), packages = "p2ptiny")) # two run, two wait
  plain <- lapply(1:3, function(i) future(Sys.getenv("FUTURE_P2P_WORKER"))) # more than the slots of carol
  expect_identical(unique(ran_by(value(plain))), pid_of(carol))
  expect_false(any(vapply(needy, resolved, NA)))
  file.create(gate)
  value(needy)
})

test_that("only packages that do not come with R are requested", {
  expect_identical(needed_packages(list(packages = NULL)), character())
  expect_identical(needed_packages(list(packages = c("stats", "zoo", "utils", "mgcv", "zoo"))), c("mgcv", "zoo"))
  base <- rownames(utils::installed.packages(.Library, priority = "base"))
  expect_identical(setdiff(base, packages_of_r), character())
})

test_that("conditions that nobody handles are dropped beyond a limit, with a warning", {
  plan(sequential)
  plan_as(lab, "alice")
  f <- future({
    for (i in 1:5000) signalCondition(structure(class = c("immediateCondition", "condition"), list(message = "", call = NULL)))
    "done"
  })
  while (.Call(ffi_task_state, f[["task"]]) %in% c("waiting", "running")) Sys.sleep(0.05)
  taken <- 0L
  expect_warning(
    withCallingHandlers(expect_equal(value(f), "done"), immediateCondition = function(c) taken <<- taken + 1L),
    "904 of them were dropped", class = "FutureWarning"
  )
  expect_equal(taken, 4096L)
})

test_that("nothing is left", {
  plan(sequential)
  expect_nothing_left(lab)
})
