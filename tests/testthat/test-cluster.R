## The main use: futures of bob on workers of alice and carol.
lab <- local_lab()
members <- start_cluster(lab, "alice/friends", c("bob", "carol"), workers = c(alice = 1L, carol = 1L))
plan_as(lab, "bob")
withr::defer(future::plan(future::sequential))

library(future)

test_that("a future runs on a friend's machine, in another process", {
  f <- future(Sys.getpid())
  pid <- value(f)
  expect_false(pid == Sys.getpid())
  expect_match(f[["worker"]], "^(alice|carol)@[^:]+:[0-9]+$")
  supervisors <- vapply(members$workers, function(worker) worker$px$get_pid(), 0L)
  expect_true(sub(".*:", "", f[["worker"]]) %in% supervisors)
  expect_false(pid %in% supervisors)
})

test_that("with two workers, two futures run at the same time", {
  expect_equal(nbrOfWorkers(), 2L)
  expect_equal(nbrOfFreeWorkers(), 2L)
  dir.create(file.path(lab$dir, "both"))
  fs <- lapply(1:2, function(i) future({
    file.create(file.path(dir, i))
    deadline <- Sys.time() + 30
    while (length(list.files(dir)) < 2L && Sys.time() < deadline) Sys.sleep(0.05)
    length(list.files(dir))
  }, globals = list(dir = file.path(lab$dir, "both"), i = i)))
  expect_equal(nbrOfFreeWorkers(), 0L)
  expect_equal(unlist(value(fs)), c(2L, 2L))
  expect_setequal(sub("@.*", "", vapply(fs, function(f) f[["worker"]], "")), c("alice", "carol"))
})

test_that("globals, packages, value, visibility, output, warnings, messages and errors work as with any future", {
  a <- 41
  expect_equal(value(future(a + 1)), 42)
  expect_true(value(future("package:splines" %in% search(), packages = "splines")))
  expect_output(value(future(cat("said over there\n"))), "said over there")
  expect_warning(value(future(warning("careful"))), "careful")
  expect_message(value(future(message("hello"))), "hello")
  expect_error(value(future(stop("broken"))), "broken")
  expect_false(withVisible(value(future(invisible(1))))$visible)
})

test_that("large globals and values arrive complete", {
  x <- as.numeric(seq_len(3e6))
  x[1L] <- 0.5
  expect_identical(value(future(rev(x))), rev(x))
})

test_that("conditions of class immediateCondition arrive while the future runs", {
  gate <- file.path(lab$dir, "gate")
  f <- future({
    signalCondition(structure(class = c("immediateCondition", "condition"), list(message = "half way", call = NULL)))
    deadline <- Sys.time() + 30
    while (!file.exists(gate) && Sys.time() < deadline) Sys.sleep(0.05)
    file.exists(gate)
  })
  arrived <- NULL
  ## The future ends only after its condition has arrived: the handler opens the gate.
  done <- withCallingHandlers(value(f), immediateCondition = function(cond) {
    arrived <<- conditionMessage(cond)
    file.create(gate)
  })
  expect_true(done)
  expect_equal(arrived, "half way")
})

test_that("the random number generator is not used, and not seeded", {
  orchestrate <- function() {
    plan_as(lab, "bob")
    f <- future(1, seed = NULL)
    while (!resolved(f)) Sys.sleep(0.01)
    value(f)
    value(reset(f))
    g <- cancel(future(Sys.sleep(60)))
    try(value(g), silent = TRUE)
    nbrOfWorkers()
    capture.output(print(plan()), print(f))
    plan(sequential)
  }
  withr::defer(plan_as(lab, "bob"))
  withr::with_preserve_seed({
    set.seed(42)
    before <- .Random.seed
    orchestrate()
    expect_identical(.Random.seed, before)
    rm(".Random.seed", envir = globalenv())
    orchestrate()
    expect_false(exists(".Random.seed", envir = globalenv(), inherits = FALSE))
  })
})

test_that("random numbers without a seed are an error if requested; with a seed they are those of other plans", {
  withr::local_options(future.rng.onMisuse = "error")
  expect_error(value(future(stats::rnorm(1))), class = "RngFutureError")
  draw <- function() value(future(stats::rnorm(3), seed = 42L))
  here <- draw()
  old <- plan(sequential)
  withr::defer(plan(old))
  expect_identical(here, draw())
})

test_that("a dead evaluator raises an interrupt error that names worker and signal, and is replaced", {
  f <- future(tools::pskill(Sys.getpid(), 9L))
  expect_warning(ex <- tryCatch(value(f), error = identity), "evaluated twice.*SIGKILL", class = "FutureWarning")
  expect_s3_class(ex, "FutureInterruptError")
  expect_match(conditionMessage(ex), "(alice|carol)@")
  expect_match(conditionMessage(ex), "SIGKILL")
  expect_equal(unlist(value(lapply(1:4, function(i) future(i)))), 1:4)
  f <- reset(f)
  expect_equal(f[["state"]], "created")
})

test_that("quit() in user code raises an error with the exit status", {
  expect_error(value(future(quit(save = "no", status = 7L))), "exit status 7", class = "FutureInterruptError")
  expect_equal(value(future(1 + 2)), 3)
})

test_that("cancel() interrupts the evaluation and frees the slot; the evaluator survives", {
  fs <- lapply(1:2, function(i) future({ Sys.sleep(60); i }))
  expect_equal(nbrOfFreeWorkers(), 0L)
  cancel(fs[[1L]])
  expect_error(value(fs[[1L]]), class = "FutureInterruptError")
  expect_error(value(fs[[1L]]), class = "FutureInterruptError")
  cancel(fs[[2L]])
  expect_error(value(fs[[2L]]), class = "FutureInterruptError")
  began <- proc.time()[["elapsed"]]
  expect_equal(unlist(value(lapply(1:2, function(i) future(i * 2)))), c(2, 4))
  expect_lt(proc.time()[["elapsed"]] - began, 30)
})

test_that("cancel(interrupt = FALSE) does not stop the future, and its value arrives", {
  f <- future(7)
  cancel(f, interrupt = FALSE)
  expect_equal(value(f), 7)
})

test_that("nested futures run sequentially on the worker, with one core", {
  inner <- value(future(list(class(future::plan())[2L], future::nbrOfWorkers(), parallelly::availableCores()[[1L]])))
  expect_equal(inner[[1L]], "sequential")
  expect_equal(inner[[2L]], 1L, ignore_attr = TRUE)
  expect_equal(inner[[3L]], 1L)
})

test_that("an evaluator has no variables of SSH or this package, and no objects of earlier futures", {
  expect_length(value(future(grep("^(SSH_|R_FUTURE_P2P_)", names(Sys.getenv()), value = TRUE))), 0L)
  for (i in 1:2) value(future(assign("left_over", 1, envir = globalenv())))
  expect_false(any(unlist(value(lapply(1:2, function(i) future(exists("left_over", envir = globalenv())))))))
})

test_that("print(plan()) shows the cluster and its workers", {
  out <- paste(capture.output(print(plan())), collapse = "\n")
  expect_match(out, "P2PFutureBackend: cluster alice/friends, joined as bob\nSlots: 2 on 2 workers: 2 free\nFutures: 0 running, 0 waiting\n", fixed = TRUE)
  for (name in names(members$workers)) {
    pid <- members$workers[[name]]$px$get_pid()
    expect_match(out, sprintf("%s@[^ ]+:%d +1 +0 +0 +0 +(direct +)?ready", name, pid))
  }
  expect_match(out, " direct +ready")
})

test_that("as.data.frame(plan('backend')) has all about the workers", {
  workers <- as.data.frame(plan("backend"))
  expect_identical(sub("@.*", "", sort(workers$worker)), c("alice", "carol"))
  expect_identical(workers$state, c("ready", "ready"))
  expect_identical(workers$r, rep(as.character(getRversion()), 2L))
  expect_identical(workers$platform, rep(gsub("[^A-Za-z0-9._-]", "-", R.version$platform), 2L))
  expect_true(all(workers$memory > 2^20 & workers$cores >= 1L))
  expect_match(workers$link[1L], "^direct 127[.]0[.]0[.]1:[0-9]+$")
})

test_that("print(plan()) shows both sizes of maxSizeOfObjects", {
  old <- plan_as(lab, "bob", maxSizeOfObjects = c(2^20, 2^21))
  on.exit(plan(old))
  for (i in 1:2) {
    out <- paste(capture.output(print(plan())), collapse = "\n")
    expect_match(out, "Limits: globals 1 MiB, values 2 MiB")
  }
  expect_equal(value(future(1)), 1)
})

test_that("workers = n limits the futures of a client", {
  old <- plan_as(lab, "bob", workers = 1L)
  on.exit(plan_as(lab, "bob"))
  expect_equal(nbrOfWorkers(), 1L)
  expect_equal(value(future(1)), 1)
})

test_that("an old plan can be made the current one again", {
  old <- plan(sequential)
  expect_output(print(old[[1L]]), "not joined to its cluster")
  plan(old)
  expect_equal(nbrOfWorkers(), 2L)
  expect_equal(value(future(1 + 2)), 3)
})

test_that("two clients share a worker fairly, with one slot and with two", {
  args <- board_args(lab, "carol")
  start_host(lab, "alice/shared", c("bob", "carol"))
  for (slots in 1:2) {
    shared <- start_worker(lab, "alice", "alice/shared", workers = slots)
    plan_as(lab, "bob", "alice/shared")
    value(future(1)) # bob has the slots of the worker when carol joins
    code <- sprintf("library(future); plan(future.p2p::cluster, cluster = 'alice/shared', host = '%s', ssh_args = '%s'); cat(sum(unlist(value(lapply(1:12, function(i) future({ Sys.sleep(0.3); i }, label = 'hers'))))))",
                    args$host, args$ssh_args)
    other <- processx::process$new(file.path(R.home("bin"), "Rscript"), c("-e", code), stdout = "|", stderr = "2>&1",
                                   env = lab_environment(lab, tempdir()))
    mine <- list()
    for (i in 1:200) {
      if (!other$is_alive()) break
      mine <- c(Filter(Negate(resolved), mine), list(future({ Sys.sleep(0.3); 1 }, label = 'his')))
    }
    value(mine)
    wait_for_end(other, 30)
    expect_equal(other$get_exit_status(), 0L)
    expect_match(paste(other$read_all_output_lines(), collapse = "\n"), "78$")
    plan(sequential)
    stop_process(shared)
    began <- grep("started", process_lines(shared), value = TRUE)
    hers <- grepl("'hers", began)
    expect_equal(sum(hers), 12L)
    between <- began[min(which(hers)):max(which(hers))]
    ## On a busy machine, a session may be late with its next future, and the other one gets the slot once more.
    expect_true(sum(grepl("'his", between)) %in% 6:24, label = paste("bob's share,", sum(grepl("'his", between)), "beside 12,"))
    expect_lte(max(rle(grepl("'hers", between))$lengths), 3L + slots)
  }
  plan_as(lab, "bob")
})

## A library whose listen() fails, as with some firewalls.
no_listen_library <- function() {
  source <- file.path(lab$dir, "no-listen.c")
  writeLines(c("#include <errno.h>", "int listen(int fd, int backlog) { (void) fd; (void) backlog; errno = EACCES; return -1; }"), source)
  shared <- sub("[.]c$", ".so", source)
  status <- system2(Sys.which("cc"), c("-shared", "-fPIC", "-o", shared, source), stdout = FALSE, stderr = FALSE)
  if (status == 0L) shared
}

test_that("links use the relay if neither side can listen, and print(plan()) shows it", {
  skip_on_os(c("mac", "solaris"))
  skip_if(!nzchar(Sys.which("cc")), "there is no C compiler")
  no_listen <- c(LD_PRELOAD = no_listen_library())
  args <- board_args(lab, "carol")
  start_host(lab, "alice/no-listen", c("bob", "carol"))
  start_worker(lab, "alice", "alice/no-listen", env = no_listen)
  code <- sprintf("library(future); plan(future.p2p::cluster, cluster = 'alice/no-listen', host = '%s', ssh_args = '%s'); x <- runif(1e5); cat('identical:', identical(value(future(rev(x))), rev(x)), '\n'); print(plan()); plan(sequential)",
                  args$host, args$ssh_args)
  said <- run_process(file.path(R.home("bin"), "Rscript"), c("-e", code), stderr_to_stdout = TRUE, timeout = 60,
                        env = lab_environment(lab, tempdir(), no_listen))$stdout
  expect_match(said, "identical: TRUE")
  expect_match(said, "alice@[^ ]+ +1 +0 +0 +0 +relay +ready")
})

test_that("the log of a worker shows links and futures, and no code", {
  for (worker in members$workers) {
    wait_for_line(worker, "linked to client 'bob@")
    wait_for_line(worker, "finished in")
    said <- paste(process_lines(worker), collapse = "\n")
    expect_no_match(said, "[0-9]+-[0-9a-f]{32}")
  }
})

test_that("plan(sequential) cancels running futures", {
  pidfile <- file.path(lab$dir, "running")
  f <- future({ writeLines(as.character(Sys.getpid()), pidfile); Sys.sleep(60) })
  while (.Call(ffi_task_state, f[["task"]]) == "waiting") Sys.sleep(0.01)
  plan(sequential)
  for (worker in members$workers) wait_for_line(worker, "bob@.* left")
  plan_as(lab, "bob")
  expect_equal(unlist(value(lapply(1:2, function(i) future(i)))), 1:2)
})

test_that("nothing is left, and each process ends with status 0", {
  plan(sequential)
  expect_nothing_left(lab)
  for (process in c(members$workers, members["host"], members["board"])) expect_equal(process$px$get_exit_status(), 0L)
})
