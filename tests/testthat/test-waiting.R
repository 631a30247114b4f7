## R sleeps while it waits, until there is something to do or a signal arrives in any thread.
library(future)

lab <- local_lab(c("alice", "bob"))
start_cluster(lab, "alice/friends", "bob", workers = c(alice = 1L))
withr::defer(plan(sequential), priority = "first")

## Alice's session uses the only slot until the file `gate` exists.
use_slot <- function(gate) {
  args <- board_args(lab, "alice")
  begun <- tempfile("begun", lab$dir)
  session <- start_r(lab, "a session of alice", sprintf(paste(
    "library(future); plan(future.p2p::cluster, cluster = 'alice/friends', host = '%s', ssh_args = '%s');",
    "value(future({ file.create('%s'); until <- Sys.time() + 60; while (!file.exists('%s') && Sys.time() < until) Sys.sleep(0.02) }))"
  ), args$host, args$ssh_args, begun, gate))
  wait_until(function() file.exists(begun))
  session
}

## The client knows for whom the worker is busy.
wait_for_load <- function() {
  backend <- plan("backend")
  wait_until(function() any(grepl("busy for alice", utils::capture.output(print(backend)))))
}

## Evaluates `expr` and returns its messages about waiting. `on_message` is called after the first one.
waiting_messages <- function(expr, on_message = function() NULL) {
  said <- character()
  withCallingHandlers(expr, p2p_waiting = function(m) {
    said <<- c(said, conditionMessage(m))
    if (length(said) == 1L) on_message()
    invokeRestart("muffleMessage")
  })
  said
}

test_that("a future that waits for the slots of somebody else says so once, in print(plan()) and when its time is over", {
  withr::local_options(future.p2p.report_after = 0.5)
  gate <- file.path(lab$dir, "gate-1")
  session <- use_slot(gate)
  args <- board_args(lab, "bob")
  ssh_args <- paste(args$ssh_args, strrep("-o IdentitiesOnly=yes ", 5))
  plan(future.p2p::cluster, cluster = "alice/friends", host = args$host, ssh_args = ssh_args, wait.timeout = 30)
  f <- future(42)
  wait_for_load()
  expect_equal(nbrOfWorkers(), 1L)
  expect_equal(nbrOfFreeWorkers(), 0L)
  printed <- utils::capture.output(print(plan()))
  expect_lte(length(printed), 15L)
  expect_true(all(nchar(printed) <= 80L))
  expect_identical(printed[1L], "p2p_cluster:")
  expect_match(printed[2:4], "^- (args: function|tweaked: TRUE|call: plan)")
  printed <- paste(printed, collapse = "\n")
  expect_match(printed, "Slots: 1 on 1 worker: busy 1 for alice, 0 free", fixed = TRUE)
  expect_match(printed, "Futures: 0 running, 1 waiting: the only slot of cluster 'alice/friends' is busy\n  (for alice)", fixed = TRUE)
  expect_match(printed, "alice@[^ ]+ +1 +0 +1 +0 +(direct|relay) +busy for alice")
  workers <- as.data.frame(plan("backend"))
  expect_identical(workers[c("state", "slots", "ours", "others", "queue", "users")],
                   data.frame(state = "busy for alice", slots = 1L, ours = 0L, others = 1L, queue = 0L, users = "alice"))

  busy <- "the only slot of cluster 'alice/friends' is busy (for alice). Start a worker with: Rscript -e future.p2p::worker --cluster=alice/friends --host=127.0.0.1:"
  said <- waiting_messages(value <- value(f), on_message = function() file.create(gate))
  expect_length(said, 1L)
  expect_match(said, "^Future \\(<unnamed>\\) has been waiting for [0-9]+ s: ")
  expect_match(said, busy, fixed = TRUE)
  expect_equal(value, 42)
  wait_for_exit(session)
})

test_that("future() itself reports what it waits for, and says so when its time is over", {
  withr::local_options(future.p2p.report_after = 0.5, future.wait.timeout = 30)
  gate <- file.path(lab$dir, "gate-2")
  session <- use_slot(gate)
  plan(sequential)
  plan_as(lab, "bob")
  f <- future(1)
  wait_for_load()
  said <- waiting_messages(withr::with_options(list(future.wait.timeout = 2), ex <- tryCatch(value(future(2, label = "second")), error = identity)))
  busy <- "the only slot of cluster 'alice/friends' is busy (for alice). Start a worker with: Rscript -e future.p2p::worker"
  expect_length(said, 1L)
  expect_match(said, paste0("s: ", busy), fixed = TRUE)
  expect_s3_class(ex, "FutureError")
  expect_match(conditionMessage(ex), paste0("Future (second) was not started within 2 s ('future.wait.timeout'): ", busy), fixed = TRUE)
  client <- clients$of(plan("backend"))
  client$reported <- NULL # the same message comes at most once a minute
  said <- waiting_messages(for (i in 1:3) resolved(f))
  expect_length(said, 1L)
  file.create(gate)
  expect_equal(value(f), 1)
  wait_for_exit(session)
})

test_that("waiting for other futures of the session is not reported", {
  withr::local_options(future.p2p.report_after = 0.3)
  plan_as(lab, "bob")
  value(future(0)) # the link is open
  said <- waiting_messages({
    f <- future(Sys.sleep(1))
    g <- future(2)
    expect_equal(value(g), 2)
  })
  expect_identical(said, character())
})

test_that("each reason to wait is a sentence with a next step", {
  status <- list(cluster = "alice/friends", user = "bob", running = 1L, incompatible_why = "worker 'x' has R 3.6.3")
  say <- function(reason, packages = NULL, slots = 3L, ours = 0L, others = 0L, users = "") {
    why <- list(reason = reason, worker = "carol@desk:1", users = users, slots = slots, ours = ours, others = others, missing = "'dplyr'")
    paste0(future.p2p:::describe_wait(why, status, list(packages = packages)), ". ", future.p2p:::next_step(why, status))
  }
  start <- "Start a worker with: Rscript -e future.p2p::worker --cluster=alice/friends"
  expect_identical(say("no_worker"), paste("there is no worker on cluster 'alice/friends'.", start))
  expect_identical(future.p2p:::start_worker_hint(c(status, board = "host.example:2222")), paste0(start, " --host=host.example:2222"))
  expect_identical(say("incompatible"), paste("no worker of cluster 'alice/friends' can run it (worker 'x' has R 3.6.3).", start))
  expect_identical(say("busy", ours = 1L, others = 2L, users = "bob;carol"),
                   paste("all 3 slots of cluster 'alice/friends' are busy (1 for this session, 2 for carol and other sessions of yours).", start))
  expect_identical(say("busy", packages = "dplyr", slots = 1L, others = 1L, users = "carol"),
                   paste("the only slot of the workers of cluster 'alice/friends' that have its packages ('dplyr') is busy (for carol).", start))
  expect_identical(say("busy", others = 2L, users = "carol"), paste("no slot of cluster 'alice/friends' is free.", start))
  expect_match(say("busy", slots = 2L, others = 2L, users = "carol"), "^both slots of cluster 'alice/friends' are busy [(]2 for carol[)]")
  expect_identical(say("packages", c("dplyr", "readr")), paste("no worker of cluster 'alice/friends' has its packages: 'carol@desk:1' lacks 'dplyr'.", start))
  expect_match(say("reply", letters[1:4]), "has its packages [(]'a', 'b', 'c', 'd'[)]")
  expect_match(say("reply", sprintf("p%02d", 1:36)), "packages ('p01', 'p02', 'p03' and 33 more).", fixed = TRUE)
  expect_match(say("limit"), "^this session already runs 1 future, as many as plan[(]workers = [)] allows[.] Argument 'workers'")
  expect_match(say("connecting"), "^the link to worker 'carol@desk:1' is not open yet[.] If this takes longer")
  expect_match(say("reply", "dplyr"), "^worker 'carol@desk:1' has not replied yet whether it has its packages [(]'dplyr'[)][.] If")
  expect_match(say("unreachable"), "^no link to worker 'carol@desk:1' could be opened[.] Check")
  expect_match(say("disconnected"), "^this session is disconnected from the message board[.] Check the network")
})

test_that("print(plan()) shows the most relevant of many workers in 80 columns", {
  n <- 20L
  workers <- data.frame(
    worker = sprintf("user%02d@%s:%d", 1:n, strrep("a", 100), 1:n), state = rep(c("lost", "linked", "no link", "incompatible"), 5),
    users = rep(c("", "bob;carol;dave;erin;frank", "", ""), 5), link = "direct 192.0.2.7:40001", r = "4.2.2", future = "1.70.0", platform = "",
    slots = 4L, ours = c(rep(0L, 17), 2L, 0L, 0L), others = rep(c(0L, 4L, 1L, 0L), 5), queue = 3L, cores = 4L, memory = 2^33,
    sandbox = "landlock"
  )
  workers$others[18L] <- 1L
  lines <- future.p2p:::workers_lines(workers, "bob", 7L)
  expect_length(lines, 7L)
  expect_true(all(nchar(future.p2p:::shorten(lines, 80L)) <= 80L))
  expect_match(lines[2L], "^user18@a+[.]{3} +4 +2 +1 +3 +direct +ready +landlock$")
  expect_match(lines[3L], "busy for carol, dave and others landlock$")
  expect_match(lines[7L], "... and 15 more, see as.data.frame(plan(\"backend\"))", fixed = TRUE)
  expect_length(future.p2p:::workers_lines(workers[1:5, ], "bob", 7L), 6L)
})

test_that("the line about futures in print(plan()) leaves room for the workers, whatever it says", {
  lines <- future.p2p:::wrap_futures(paste("Futures: 0 running, 1 waiting:", strrep("many words ", 100)))
  expect_length(lines, 4L)
  expect_true(all(nchar(lines) <= 80L))
  expect_match(lines[4L], " [.]{3}$")
  expect_identical(future.p2p:::wrap_futures("Futures: 0 running, 0 waiting"), "Futures: 0 running, 0 waiting")
})

test_that("a session that waits for a value sleeps", {
  skip_if_not(file.exists("/proc/self/status"), "this system does not tell how often a thread woke up")
  plan_as(lab, "bob")
  count_wakes <- function() {
    lines <- readLines(file.path("/proc/self/task", Sys.getpid(), "status"))
    as.numeric(sub(".*:", "", grep("^voluntary_ctxt_switches", lines, value = TRUE)))
  }
  expect_equal(value(future(1 + 1)), 2)
  f <- future(Sys.sleep(2))
  before <- count_wakes()
  value(f)
  expect_lt(count_wakes() - before, 20)
})

test_that("a time limit of R ends the wait for a value", {
  plan_as(lab, "bob")
  f <- future(Sys.sleep(60))
  began <- proc.time()[["elapsed"]]
  expect_error({
    setTimeLimit(elapsed = 1, transient = TRUE)
    value(f)
  }, "time limit")
  setTimeLimit()
  expect_lt(proc.time()[["elapsed"]] - began, 30)
  cancel(f)
})

## Sends signal `number` to another thread of an Rscript whose main thread waits in run_service() for 20 s.
signal_another_thread <- function(number) {
  dir <- withr::local_tempdir()
  writeLines(c(
    "#include <pthread.h>", "#include <signal.h>", "#include <unistd.h>", "static int number;",
    "static void *take(void *unused) { usleep(500000); pthread_kill(pthread_self(), number); pause(); return unused; }",
    "void begin(int *n) { pthread_t thread; number = *n; pthread_create(&thread, NULL, take, NULL); pthread_detach(thread); }"
  ), file.path(dir, "thread.c"))
  built <- run_process(file.path(R.home("bin"), "R"), c("CMD", "SHLIB", "thread.c"), wd = dir, error_on_status = FALSE)
  if (built$status != 0L) skip("there is no compiler")
  code <- sprintf("ns <- asNamespace('future.p2p'); log <- ns$log_new(); invisible(.Call(ns$ffi_terminate_catch)); dyn.load('thread%s'); invisible(.C('begin', %dL));
                  tryCatch(ns$run_service(log, proc.time()[[3L]] + 20), interrupt = function(ex) cat('interrupt'))",
                  .Platform$dynlib.ext, number)
  began <- proc.time()[["elapsed"]]
  env <- c("current", R_LIBS = paste(.libPaths(), collapse = .Platform$path.sep))
  out <- run_process(file.path(R.home("bin"), "Rscript"), c("-e", code), wd = dir, env = env, timeout = 60)
  expect_identical(out$stdout, "interrupt")
  expect_lt(proc.time()[["elapsed"]] - began, 15)
}

test_that("Ctrl-C and SIGTERM end a wait although another thread of R receives them", {
  skip_unless_lab()
  signal_another_thread(tools::SIGINT)
  signal_another_thread(tools::SIGTERM)
})

test_that("lines that arrive together are shown in one message, in their order, up to a fatal one", {
  line <- function(level, text) list(level = level, text = text, error = NULL)
  queue <- list(line("info", "one"), NULL, line("info", "two"), line("debug", "hidden"), line("warn", "three"),
                list(level = "fatal", text = "four", error = list(message = "four")), line("info", "five"))
  waits <- 0L
  ## Copies of the functions that read from this queue.
  ns <- asNamespace("future.p2p")
  copies <- new.env(parent = ns)
  for (name in c("run_service", "log_lines")) copies[[name]] <- `environment<-`(ns[[name]], copies)
  copies$log_next <- function(log, timeout = 0) {
    if (timeout > 0) waits <<- waits + 1L
    line <- queue[[1L]]
    queue <<- queue[-1L]
    line
  }
  copies$core_stop <- function(error) stop(error$message)
  messages <- character()
  began <- proc.time()[["elapsed"]]
  ex <- tryCatch(withCallingHandlers(copies$run_service(NULL, until = began + 20, level = "info"), message = function(m) {
    messages <<- c(messages, conditionMessage(m))
    invokeRestart("muffleMessage")
  }), error = identity)
  expect_identical(conditionMessage(ex), "four")
  expect_identical(gsub("[-0-9]{10} [:0-9]{8} ", "", messages), c("one\n", "two\nWarning: three\n"))
  expect_identical(waits, 2L)
  expect_gte(proc.time()[["elapsed"]] - began, 0.09) # between them
  expect_identical(queue[[1L]]$text, "five")
})

test_that("labels that a terminal would obey are shown without what it would obey", {
  withr::local_options(future.p2p.report_after = 0.2)
  gate <- file.path(lab$dir, "gate-labels")
  session <- use_slot(gate)
  plan_as(lab, "bob", wait.timeout = 1)
  label <- "red\u001b[31m\u202e\n\r\u009b2J"
  f <- future(1, label = label)
  said <- waiting_messages(error <- tryCatch(value(f), FutureError = conditionMessage))
  expect_match(said[1L], "Future (red?[31m????2J) has been waiting for", fixed = TRUE)
  expect_match(error, "Future (red?[31m????2J) was not started within 1 s", fixed = TRUE)
  f <- future(1, label = label)
  shown <- status()
  expect_identical(attr(shown, "futures")$label, label)
  expect_match(paste(utils::capture.output(print(shown)), collapse = "\n"), "red?[31m????2J", fixed = TRUE)
  cancel(f)
  file.create(gate)
  expect_identical(wait_for_exit(session), 0L)
  expect_identical(safe_text(c("a\tb", NA, "\u009f", "\u00fc")), c("a?b", "NA", "?", "\u00fc"))
})
