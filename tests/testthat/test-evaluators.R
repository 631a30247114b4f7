## Where futures run, and what they find there: working directory, temporary files, libraries, and what earlier futures have left.
lab <- local_lab()
start_cluster(lab, "alice/friends", c("bob", "carol"), workers = c())
withr::defer(future::plan(future::sequential))

library(future)

## A worker of carol whose temporary folder is `tmp`, which is not removed with its process.
start_in <- function(tmp, ..., env = character()) {
  dir.create(tmp, showWarnings = FALSE)
  start_worker(lab, "carol", "alice/friends", ..., env = c(TMPDIR = tmp, env))
}

files_in <- function(dir) list.files(dir, all.files = TRUE, no.. = TRUE, recursive = TRUE, include.dirs = TRUE)

test_that("each evaluator runs in a folder of its own, which is empty for each future and removed at the end", {
  tmp <- file.path(lab$dir, "scratch")
  worker <- start_in(tmp)
  plan_as(lab, "bob")
  first <- value(future({
    x <- list(pid = Sys.getpid(), wd = getwd(), files = list.files(all.files = TRUE, no.. = TRUE), mode = format(file.mode(".")),
              tmpdir = Sys.getenv("TMPDIR"), tempdir = tempdir(), file = tempfile())
    writeLines("x", "x")
    writeLines("x", x$file)
    dir.create("_targets/a/b", recursive = TRUE)
    writeLines("x", "_targets/a/b/c")
    file.symlink(x$tempdir, "link")
    Sys.chmod("_targets/a", "0500")
    x
  }))
  expect_true(startsWith(first$wd, normalizePath(tmp)) && startsWith(first$tempdir, normalizePath(tmp)))
  expect_identical(dirname(first$tempdir), first$tmpdir)
  expect_identical(first$files, character())
  expect_identical(first$mode, "700")
  again <- function() {
    value(future(list(pid = Sys.getpid(), wd = getwd(), files = list.files(all.files = TRUE, no.. = TRUE), kept = file.exists(first$file)),
                 globals = list(first = first)))
  }
  same <- list(pid = first$pid, wd = first$wd, files = character(), kept = TRUE) # as with multisession, temporary files are kept
  expect_equal(again(), same)
  for (code in expression(setwd("/"), unlink(getwd(), recursive = TRUE), { unlink(getwd(), recursive = TRUE); file.symlink("/", getwd()) },
                          { unlink(getwd(), recursive = TRUE); writeLines("x", getwd()) })) {
    try(value(future(eval(code), globals = list(code = code))), silent = TRUE)
    expect_equal(again(), same)
  }
  expect_equal(value(future({ unlink(getwd(), recursive = TRUE); 7 })), 7) # with multisession, a FutureLaunchError
  expect_equal(stop_process(worker), 0L)
  expect_identical(files_in(tmp), character())
  plan(sequential)
})

test_that("futures run in the folder of worker(workdir = ), whose files are kept", {
  tmp <- file.path(lab$dir, "scratch")
  workdir <- file.path(normalizePath(lab$dir), "work")
  dir.create(workdir)
  worker <- start_in(tmp, workdir = workdir)
  plan_as(lab, "bob")
  expect_identical(value(future({ writeLines("x", "x"); setwd("/"); Sys.getpid() })), value(future(Sys.getpid())))
  expect_equal(value(future(list(getwd(), list.files(), startsWith(tempdir(), tmp)), globals = list(tmp = normalizePath(tmp)))),
               list(workdir, "x", TRUE))
  expect_equal(stop_process(worker), 0L)
  expect_identical(files_in(workdir), "x")
  expect_identical(files_in(tmp), character())
  late <- start_worker(lab, "carol", "alice/friends", workdir = file.path(workdir, "x"), wait = FALSE)
  expect_equal(wait_for_exit(late), 2L)
  expect_match(paste(process_lines(late), collapse = "\n"), "workdir'? must be a folder that exists")
  plan(sequential)
})

test_that("the next worker removes what one that was killed has left", {
  tmp <- file.path(lab$dir, "scratch")
  worker <- start_in(tmp)
  plan_as(lab, "bob")
  folder <- value(future({ writeLines("x", tempfile()); getwd() }))
  others <- lab_processes(lab)
  signal_process(worker, tools::SIGKILL)
  wait_for_exit(worker)
  wait_until(function() length(setdiff(lab_processes(lab), Sys.getpid())) < length(others)) # its evaluators have ended
  plan(sequential)
  expect_true(dir.exists(folder))
  worker <- start_in(tmp)
  expect_false(dir.exists(dirname(folder)))
  expect_equal(stop_process(worker), 0L)
  expect_false(any(grepl("evaluators", files_in(tmp))))
})

## The number of evaluators that are ready: their standard error leads to /dev/null then.
count_ready <- function() {
  sum(vapply(lab_processes(lab), function(pid) {
    command <- tryCatch(suppressWarnings(readLines(file.path("/proc", pid, "cmdline"), warn = FALSE, skipNul = TRUE)), error = function(ex) "")
    any(grepl("future.p2p:::evaluator", command)) && identical(Sys.readlink(file.path("/proc", pid, "fd/2")), "/dev/null")
  }, NA))
}

test_that("temporary folders that were removed are made again", {
  skip_if_not(dir.exists("/proc/self"))
  tmp <- file.path(lab$dir, "cleaned")
  worker <- start_in(tmp)
  plan_as(lab, "bob")
  try_all <- function() {
    value(future({ writeLines("x", tempfile()); writeLines("x", "x"); list(getwd(), file.exists(Sys.getenv("TMPDIR")), Sys.getpid()) }))
  }
  first <- try_all()
  value(future(unlink(tempdir(), recursive = TRUE)))
  expect_equal(try_all(), first)
  wait_until(function() count_ready() == 2L)
  unlink(list.files(tmp, full.names = TRUE), recursive = TRUE) # as a program that cleans /tmp
  expect_equal(try_all(), first)
  try(value(future(quit("no"))), silent = TRUE)
  expect_true(try_all()[[2L]]) # by the spare evaluator, whose folders were removed
  wait_until(function() count_ready() == 2L)
  unlink(list.files(tmp, full.names = TRUE), recursive = TRUE)
  try(value(future(quit("no"))), silent = TRUE)
  expect_true(try_all()[[2L]]) # by one that was started afterwards
  plan(sequential)
  expect_equal(stop_process(worker), 0L)
  expect_identical(files_in(tmp), character())
})

test_that("a fork that quits leaves its evaluator in order", {
  worker <- start_worker(lab, "carol", "alice/friends")
  plan_as(lab, "bob")
  pid <- value(future(Sys.getpid()))
  value(future(suppressWarnings(parallel::mccollect(parallel::mcparallel(quit("no"))))))
  expect_identical(value(future({ writeLines("x", tempfile()); Sys.getpid() })), pid) # the fork has removed the temporary folder
  plan(sequential)
  expect_equal(stop_process(worker), 0L)
})

test_that("evaluators start although the worker's own folder was removed", {
  removed <- file.path(lab$dir, "removed")
  dir.create(removed)
  worker <- withr::with_dir(removed, start_worker(lab, "carol", "alice/friends"))
  plan_as(lab, "bob")
  value(future(1))
  unlink(removed, recursive = TRUE)
  for (i in 1:3) expect_error(value(future(quit("no"))), "exit status 0 while evaluating")
  expect_equal(value(future(6 * 7)), 42)
  plan(sequential)
  expect_equal(stop_process(worker), 0L)
})

test_that("evaluators have the libraries and the environment of the worker, whatever its startup files say", {
  dirs <- file.path(normalizePath(lab$dir), c("lib", "other-lib", "other-tmp"))
  for (dir in dirs) dir.create(dir)
  environ <- file.path(lab$dir, "Renviron")
  profile <- file.path(lab$dir, "Rprofile")
  writeLines(c(paste0("R_LIBS=", dirs[2L]), paste0("R_LIBS_USER=", dirs[2L]), paste0("TMPDIR=", dirs[3L]),
               "R_PARALLELLY_AVAILABLECORES_FALLBACK=7", "R_P2P_SETTING=kept"), environ)
  libraries <- c(dirs[1L], .libPaths())
  writeLines(sprintf(".libPaths(%s)", paste(deparse(libraries), collapse = "")), profile)
  worker <- start_worker(lab, "carol", "alice/friends", env = c(R_ENVIRON_USER = environ, R_PROFILE_USER = profile))
  plan_as(lab, "bob")
  seen <- value(future(list(libraries = .libPaths(), env = Sys.getenv(c("TMPDIR", "FUTURE_P2P_WORKER", "R_PARALLELLY_AVAILABLECORES_FALLBACK", "R_P2P_SETTING")))))
  expect_identical(seen$libraries, libraries)
  expect_match(seen$env[["TMPDIR"]], "evaluators/[0-9]+/tmp$")
  expect_match(seen$env[["FUTURE_P2P_WORKER"]], paste0(":", worker$px$get_pid(), "$"))
  expect_identical(unname(seen$env[3:4]), c("1", "kept"))
  plan(sequential)
  expect_equal(stop_process(worker), 0L)
  expect_identical(files_in(dirs[3L]), character())
})

test_that("an evaluator starts R without its shell script only where it would find the same environment", {
  script <- file.path(R.home("bin"), "R")
  expect_identical(r_program(libraries = ""), script)
  expect_identical(r_program(home = "/elsewhere"), script)
  expect_identical(r_program(arch = "/other"), script)
  skip_if(r_program() == script, "R's shell script has set nothing that tells it apart")
  args <- replace(evaluator_argv()[-1L], length(evaluator_argv()) - 1L, "writeLines(paste(names(Sys.getenv()),Sys.getenv()))")
  environment_of <- function(program) {
    lines <- system2("env", c("-i", shQuote(evaluator_env()), program, shQuote(args)), stdout = TRUE)
    grep("^(LD_LIBRARY_PATH|OLDPWD|PWD|R_SESSION_TMPDIR|SED|SHLVL|_) ", lines, value = TRUE, invert = TRUE)
  }
  expect_identical(environment_of(r_program()), environment_of(script))
  expect_true("R_PROFILE_USER " %in% environment_of(r_program()))
})

test_that("what programs print is dropped, also if nobody reads the output of the worker", {
  worker <- start_worker(lab, "carol", "alice/friends")
  plan_as(lab, "bob")
  print_much <- "head -c 300000 /dev/zero | tr '\\0' x"
  f <- future({ system(command); system(paste("{", command, "; } >&2")); message("shown"); "done" }, globals = list(command = print_much))
  setTimeLimit(elapsed = 30)
  expect_message(expect_identical(value(f), "done"), "shown")
  setTimeLimit()
  plan(sequential)
  expect_equal(stop_process(worker), 0L)
  expect_no_match(paste(process_lines(worker), collapse = "\n"), "xxx|shown")
})

## A future that leaves traces of each kind, and one that looks for them.
leave_traces <- function() {
  value(future({
    Sys.setenv(TZ = "Asia/Tokyo", SECRET = "x")
    attach(list(nrow = function(x) "masked"), name = "traces", warn.conflicts = FALSE)
    assign("trace", 1, envir = globalenv())
    options(trace = 1, digits = 3, future.plan = "multicore", mc.cores = 7)
    plan(multicore)
    RNGkind("Wichmann-Hill")
    setwd("/")
    library(splines)
    writeLines("x", file.path(tempdir(), "trace"))
    setTimeLimit(elapsed = 1000)
    NULL
  }, seed = TRUE))
}
find_traces <- function() {
  value(future(list(TZ = Sys.getenv("TZ"), SECRET = Sys.getenv("SECRET"), nrow = get("nrow")(1), search = "traces" %in% search(),
                    object = exists("trace"), option = getOption("trace"), package = "package:splines" %in% search(),
                    digits = getOption("digits"), cores = getOption("mc.cores"), rng = RNGkind()[1L], seed = exists(".Random.seed"),
                    namespace = "splines" %in% loadedNamespaces(), file = file.exists(file.path(tempdir(), "trace")))))
}

test_that("within one session, evaluators keep what those of multisession keep; the next session finds nothing of it", {
  worker <- start_worker(lab, "carol", "alice/friends")
  plan(multisession, workers = I(1L))
  clean <- find_traces()
  leave_traces()
  kept <- find_traces()
  plan(sequential)
  plan_as(lab, "bob")
  expect_equal(find_traces(), clean)
  before <- value(future(class(plan())))
  leave_traces()
  expect_equal(find_traces(), kept)
  expect_identical(value(future(class(plan()))), before)
  expect_equal(kept$digits, 7L) # not the future's
  pid <- value(future(Sys.getpid()))
  plan(sequential)
  wait_until(function() !tools::pskill(pid, 0L))
  plan_as(lab, "bob")
  expect_equal(find_traces(), clean)
  plan(sequential)
  expect_equal(stop_process(worker), 0L)
})

test_that("nothing is left", {
  plan(sequential)
  unlink(file.path(lab$dir, "scratch"), recursive = TRUE)
  expect_nothing_left(lab)
})
