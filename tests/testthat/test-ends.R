## However a process ends, the network thread has stopped before C's exit handlers run: the exit status is R's own, and no process and no
## file is left. Each kind of end is run P2P_ENDS times with each program (100 with `make ends`, 2 otherwise).
lab <- local_lab()
start_cluster(lab, "alice/friends", c("bob", "carol"), workers = c(carol = 8L))

n_ends <- as.integer(Sys.getenv("P2P_ENDS", "2"))
at_once <- 5L # processes that run side by side

## A library that, when the process exits, says whether the network thread still runs. Loaded last, its exit handler runs first.
## NULL without a compiler.
exit_probe <- local({
  dir <- file.path(lab$dir, "probe")
  dir.create(dir)
  writeLines(c(
    "#include <stdio.h>", "#include <stdlib.h>", "#include <string.h>", "#include <unistd.h>",
    "static void look(void) {", # the thread closes its epoll descriptor when it stops
    "  for (int fd = 0; fd < 256; fd++) {",
    "    char path[64], target[64] = \"\";",
    "    snprintf(path, sizeof path, \"/proc/self/fd/%d\", fd);",
    "    if (readlink(path, target, sizeof target - 1) > 0 && strstr(target, \"eventpoll\") != NULL)",
    "      fputs(\"the network thread runs at exit\\n\", stderr);",
    "  }",
    "}",
    "__attribute__((constructor)) static void begin(void) { if (getenv(\"LOOK_LATE\") == NULL) atexit(look); }",
    "__attribute__((destructor)) static void end(void) { if (getenv(\"LOOK_LATE\") != NULL) look(); }",
    "void leave(int *status) { exit(*status); }"
  ), file.path(dir, "probe.c"))
  built <- run_process(file.path(R.home("bin"), "R"), c("CMD", "SHLIB", "probe.c"), wd = dir, error_on_status = FALSE)
  if (built$status == 0L) file.path(dir, paste0("probe", .Platform$dynlib.ext))
})
runs_at_exit <- function(process) any(process$lines == "the network thread runs at exit")
say_ready <- c(if (!is.null(exit_probe)) sprintf("dyn.load('%s')", exit_probe), "cat('ready\\n')")

arguments <- function(user, cluster) {
  args <- board_args(lab, user)
  sprintf("cluster = '%s', host = '%s', ssh_args = '%s'", cluster, args$host, args$ssh_args)
}

## Runs `call`, and `end` when the message `ready` has been shown. The function returns only by way of the restart `leave`.
until_ready <- function(call, ready, end) {
  c(sprintf("withRestarts(leave = function() NULL, withCallingHandlers(%s, message = function(m) {", call),
    sprintf("  if (grepl('%s', conditionMessage(m))) {", ready), say_ready, end, "  }", "}))")
}

## The code of a program, given what it does once it is at work.
programs <- list(
  plain = function(i, end, wait) c(say_ready, if (wait) "Sys.sleep(60)" else end),
  client = function(i, end, wait) {
    c("library(future)", sprintf("plan(future.p2p::cluster, %s)", arguments("bob", "alice/friends")),
      "stopifnot(value(future(6 * 7)) == 42)", say_ready, if (wait) "Sys.sleep(60)" else end)
  },
  worker = function(i, end, wait) {
    until_ready(sprintf("future.p2p::worker(%s)", arguments("alice", "alice/personal")), "joined cluster", end)
  },
  host_cluster = function(i, end, wait) {
    until_ready(sprintf("future.p2p::host_cluster(%s, users = 'bob')", arguments("alice", paste0("alice/ends-", i))), "hosting cluster", end)
  },
  serve = function(i, end, wait) {
    until_ready(sprintf("future.p2p::serve(0, users = '%s', address = '127.0.0.1', host_key = '%s')",
                        file.path(lab$dir, "users.txt"), file.path(lab$dir, "host_key")), "host key", end)
  }
)

ends <- list(
  error = list(code = "stop('broken')"),
  "quit()" = list(code = "quit(status = 3L)"),
  SIGINT = list(code = "", signal = tools::SIGINT),
  SIGTERM = list(code = "", signal = tools::SIGTERM),
  "end of file" = list(code = "", leave = TRUE)
)

start_program <- function(program, i, end) {
  leaves <- isTRUE(end$leave)
  code <- programs[[program]](i, if (leaves && program != "client" && program != "plain") "invokeRestart('leave')" else end$code,
                              wait = !is.null(end$signal))
  if (leaves) start_r(lab, program, code, stdin = TRUE) else start_r(lab, program, code)
}

## The exit statuses of `n` processes.
statuses_of <- function(program, end, n) {
  statuses <- integer()
  while (length(statuses) < n) {
    batch <- length(statuses) + seq_len(min(at_once, n - length(statuses)))
    processes <- lapply(batch, function(i) start_program(program, i, end))
    for (process in processes) {
      wait_for_line(process, "^ready")
      if (!is.null(end$signal)) signal_process(process, end$signal)
    }
    statuses <- c(statuses, vapply(processes, wait_for_exit, 1L))
    expect_false(any(vapply(processes, runs_at_exit, NA)), label = sprintf("'the network thread of %s runs at exit'", program))
    unexpected <- which(statuses[batch] != statuses[1L])
    for (at in unexpected) message(program, " ended with ", statuses[batch[at]], ":\n", paste(processes[[at]]$lines, collapse = "\n"))
  }
  statuses
}

## What R itself makes of such an end. SIGTERM ends programs as Ctrl-C does.
status_of_r <- function(program, name) {
  if (name == "SIGTERM" && program != "client") name <- "SIGINT"
  statuses_of("plain", ends[[name]], 1L)
}

only <- Sys.getenv("P2P_ENDS_OF", paste(setdiff(names(programs), "plain"), collapse = ","))
for (program in strsplit(only, ",")[[1L]]) for (name in names(ends)) {
  test_that(sprintf("a process with %s ends by %s with R's own exit status, and leaves nothing", program, name), {
    testthat::skip_if_not(dir.exists("/proc/self"))
    from <- length(lab$processes)
    statuses <- statuses_of(program, ends[[name]], n_ends)
    expect_equal(statuses, rep(status_of_r(program, name), n_ends))
    for (process in lab$processes[-seq_len(from)]) expect_length(processes_with(paste0("TMPDIR=", process$tmp)), 0L)
    ## SIGTERM kills a session that does not catch it, and R then leaves its temporary folder.
    left <- list.files(vapply(lab$processes[-seq_len(from)], function(process) process$tmp, ""), all.files = TRUE, no.. = TRUE)
    if (!(program == "client" && name == "SIGTERM")) expect_identical(left, character(0L))
    unlink(vapply(lab$processes[-seq_len(from)], function(process) process$tmp, ""), recursive = TRUE)
    lab$processes <- lab$processes[seq_len(from)]
  })
}

test_that("the network thread stops before library destructors run also if C code calls exit()", {
  if (is.null(exit_probe)) skip("there is no compiler")
  process <- start_r(lab, "exit() in C", programs$client(1L, ".C('leave', 4L)", FALSE), env = c(LOOK_LATE = "1"))
  expect_equal(wait_for_exit(process), 4L)
  expect_false(runs_at_exit(process))
  unlink(process$tmp, recursive = TRUE) # R has not removed its temporary folder
})

unreachable <- "try(future.p2p::wormhole_send('text', mailbox = 'ws://localhost:1/v1', relay = '', timeout = 1), silent = TRUE)"

## R code that forks, waits for the fork, which evaluates `code`, and writes its exit status.
fork_that <- function(code) {
  sprintf("{ job <- parallel::mcparallel(%s); repeat { stat <- suppressWarnings(try(readLines(file.path('/proc', job$pid, 'stat')), silent = TRUE));
    if (grepl(' [ZX] ', stat[1L])) break; Sys.sleep(0.01) }
    fields <- strsplit(stat, ' ')[[1L]]; writeLines(paste('fork ended with', fields[length(fields)])); suppressWarnings(parallel::mccollect(job)) }", code)
}

fork_ends <- c("quit('no')" = 0L, "quit('no', status = 3L)" = 3L * 256L, "tools::pskill(Sys.getpid()); Sys.sleep(60)" = 15L)

expect_forks_end <- function(code) {
  testthat::skip_if_not(dir.exists("/proc/self"))
  process <- start_r(lab, "fork", c(code, vapply(sprintf("{ %s }", names(fork_ends)), fork_that, ""),
                                    "writeLines(parallel::mccollect(parallel::mcparallel(stop('broken')))[[1L]])", "cat('all ended\n')"))
  wait_for_line(process, "^all ended", timeout = 60)
  expect_equal(wait_for_exit(process), 0L)
  expect_equal(grep("^fork ended", process$lines, value = TRUE), paste("fork ended with", fork_ends))
  expect_true(any(grepl("Error.*broken", process$lines)))
  unlink(process$tmp, recursive = TRUE)
}

client_code <- c("library(future)", sprintf("plan(future.p2p::cluster, %s)", arguments("bob", "alice/friends")))

test_that("a fork of a session that has used the network ends as it wants to", {
  expect_forks_end(unreachable)
})

test_that("a fork of a session that has a plan ends as it wants to", {
  expect_forks_end(c(client_code, "invisible(value(future(1)))"))
})

test_that("a fork of a session that has unloaded the package ends as it wants to, and so does the session", {
  expect_forks_end(c(unreachable, "unloadNamespace('future.p2p')", "invisible(gc())"))
})

test_that("a fork of an evaluator ends as it wants to, and the evaluator goes on", {
  plan_as(lab, "bob")
  for (end in names(fork_ends)) {
    f <- future::future({ suppressWarnings(parallel::mccollect(eval(parse(text = code)))); Sys.getpid() },
                globals = list(code = sprintf("parallel::mcparallel({ %s })", end)), seed = NULL)
    expect_true(is.integer(future::value(f)), label = end)
  }
  future::plan(future::sequential)
})

test_that("a fork that uses the plan of its session gets a sentence, and can have a plan of its own", {
  process <- start_r(lab, "fork with futures", c(
    client_code,
    "said <- function(expr) tryCatch(expr, error = function(ex) paste(class(ex)[1L], conditionMessage(ex)))",
    "f <- future(1)",
    "out <- parallel::mclapply(1:2, function(i) said(value(future(i))))", "writeLines(paste('mclapply', unlist(out)))",
    "writeLines(paste('value', parallel::mccollect(parallel::mcparallel(said(value(f))))[[1L]]))",
    "writeLines(paste('workers', parallel::mccollect(parallel::mcparallel(said(nbrOfWorkers())))[[1L]]))",
    "writeLines(paste('sequential', parallel::mccollect(parallel::mcparallel(said({ plan(sequential); value(future(6 * 7)) })))[[1L]]))",
    sprintf("writeLines(paste('new plan', parallel::mccollect(parallel::mcparallel(said({ plan(future.p2p::cluster, %s, workers = 1); x <- value(future(6 * 7)); plan(sequential); x })))[[1L]]))",
            arguments("bob", "alice/friends")),
    "writeLines(paste('session', value(f), value(future(2))))"))
  wait_for_line(process, "^session", timeout = 60)
  says <- function(what) grep(paste0("^", what, " "), process$lines, value = TRUE)
  expect_match(says("mclapply"), "^mclapply FutureLaunchError .*is a fork of the R session .*plan\\(future::sequential\\) in the fork")
  expect_length(says("mclapply"), 2L)
  expect_match(says("value"), "Error")
  expect_match(says("workers"), "is a fork of the R session")
  expect_equal(says("sequential"), "sequential 42")
  expect_equal(says("new plan"), "new plan 42")
  expect_equal(says("session"), "session 1 2")
  expect_equal(wait_for_exit(process), 0L)
})

test_that("R ends although a name is still being looked up", {
  testthat::skip_on_os(c("mac", "solaris"))
  dir <- file.path(lab$dir, "slow")
  dir.create(dir)
  writeLines(c(
    "#define _GNU_SOURCE", "#include <dlfcn.h>", "#include <netdb.h>", "#include <unistd.h>",
    "int getaddrinfo(const char *host, const char *port, const struct addrinfo *hints, struct addrinfo **out) {",
    "  int (*real)(const char *, const char *, const struct addrinfo *, struct addrinfo **) = dlsym(RTLD_NEXT, \"getaddrinfo\");",
    "  if (hints != NULL && hints->ai_flags & AI_NUMERICHOST) return real(host, port, hints, out);",
    "  sleep(60);", "  return EAI_FAIL;", "}"
  ), file.path(dir, "slow.c"))
  built <- run_process(file.path(R.home("bin"), "R"), c("CMD", "SHLIB", "slow.c"), wd = dir, error_on_status = FALSE)
  if (built$status != 0L) skip("there is no compiler")
  process <- start_r(lab, "slow name server", c(unreachable, "cat('ready\\n')", "quit(status = 3L)"), env = c(LD_PRELOAD = file.path(dir, "slow.so")))
  wait_for_line(process, "^ready")
  expect_equal(wait_for_exit(process), 3L)
})

test_that("a log and the program that writes to it can be closed in any order, and by gc() or at the end of R", {
  new <- c("log <- future.p2p:::log_new()", sprintf("host <- .Call(future.p2p:::ffi_host_new, c(future.p2p:::board_config(%s), users = 'bob'), log)",
                                                    arguments("alice", "alice/ends")))
  close <- function(name) sprintf(".Call(future.p2p:::ffi_handle_close, %s)", name)
  wait <- "Sys.sleep(1)" # it writes to the log
  orders <- list(c(new, close("log"), wait, close("host")), c(new, wait, close("host"), close("log")), c(new, close("log"), wait),
                 c(new, close("log"), wait, "rm(host, log)", "invisible(gc())"), c(new, wait, "rm(host, log)", "invisible(gc())"))
  processes <- lapply(orders, function(code) start_r(lab, "log", code, env = c(MALLOC_PERTURB_ = "165")))
  expect_equal(vapply(processes, wait_for_exit, 1L), rep(0L, length(orders)))
})

test_that("nothing is left", {
  expect_nothing_left(lab)
})
