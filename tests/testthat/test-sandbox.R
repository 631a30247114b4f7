## What futures can reach in the sandbox of a worker. tests/escapes has most attempts to get at what belongs to its lender, and ordinary work, in
## each sandbox; here are those that it lacks.
skip_unless_lab()
levels <- Filter(has_sandbox, future.p2p:::sandbox_levels())
testthat::skip_if(length(levels) == 0L, "no sandbox works here")
lab <- local_lab()
start_cluster(lab, "alice/friends", c("bob", "carol"), workers = c())
withr::defer(future::plan(future::sequential))

library(future)

## What belongs to the lender: files, a variable, and a listening socket.
home <- file.path(lab$dir, "home")
dir.create(file.path(home, ".ssh"), recursive = TRUE)
key <- file.path(home, ".ssh", "id_ed25519")
writeLines("secret", key)
readable <- file.path(lab$dir, "readable")
writable <- file.path(lab$dir, "writable")
for (dir in c(readable, writable)) {
  dir.create(dir)
  writeLines("data", file.path(dir, "data"))
}
secrets <- c(HOME = home, AWS_SECRET_ACCESS_KEY = "secret", SSH_AUTH_SOCK = file.path(lab$dir, "agent"))

## A worker of carol whose lender has these.
start_lender <- function(level, ..., workers = 2L) {
  start_worker(lab, "carol", "alice/friends", workers, sandbox = level, read = readable, write = writable, ..., env = secrets)
}

## "" if the attempt failed, else its value or, for TRUE and other values, "succeeded". They are evaluated in the future.
attempts <- expression(
  copy_key = if (file.copy(key, "key")) "copied",
  list_ssh = dir(dirname(key), all.files = TRUE, no.. = TRUE),
  write_readable = { writeLines("x", file.path(readable, "data")); "written" },
  write_library = { writeLines("x", file.path(.libPaths()[1L], "x")); "written" },
  environment = Sys.getenv(c("AWS_SECRET_ACCESS_KEY", "SSH_AUTH_SOCK"))[nzchar(Sys.getenv(c("AWS_SECRET_ACCESS_KEY", "SSH_AUTH_SOCK")))],
  memory_of_supervisor = { con <- file(file.path("/proc", supervisor, "mem"), "r+b", raw = TRUE); close(con); "opened" },
  files_of_supervisor = readLines(file.path("/proc", supervisor, "root", key)),
  signal_supervisor = if (tools::pskill(supervisor, tools::SIGCONT)) "sent",
  signal_parent = if (tools::pskill(as.integer(system("ps -o ppid= -p $PPID", intern = TRUE)), tools::SIGCONT)) "sent",
  connect_curl = if (system(sprintf("exec 3<> /dev/tcp/127.0.0.1/%d", port)) == 0L) "connected",
  write_elsewhere = { writeLines("x", file.path(dirname(home), "elsewhere")); NULL }, # may succeed in a /tmp of its own
  board_users = readLines(file.path(lab_dir, "users.txt"))
)
run_attempt <- function(code, env) {
  value <- tryCatch(suppressWarnings(eval(code, env)), error = function(ex) NULL)
  paste(as.character(value), collapse = " ")
}

## Ordinary work with what worker() opens: TRUE.
ordinary <- expression(
  core_files = identical(system("ulimit -Hc", intern = TRUE), "0"),
  readable = identical(readLines(file.path(readable, "data")), "data"),
  writable = { writeLines("x", file.path(writable, "x")); file.remove(file.path(writable, "x")) }
)

for (level in levels) test_that(paste("a future in sandbox", level, "reaches what worker() opens, and nothing else of the lender"), {
  worker <- start_lender(level)
  expect_match(grep("Futures run", process_lines(worker), value = TRUE), sprintf("in a sandbox [(]%s[)].*'%s'.*'%s', and use no network", level, readable, writable))
  plan_as(lab, "bob")
  env <- list(key = key, home = home, supervisor = worker$px$get_pid(), readable = readable, writable = writable, port = lab$port, lab_dir = lab$dir,
              attempts = attempts, ordinary = ordinary, run_attempt = run_attempt)
  result <- value(future(vapply(attempts, run_attempt, "", env = environment()), globals = env, packages = character()))
  expect_identical(result[nzchar(result)], result[0L])
  expect_identical(readLines(file.path(readable, "data")), "data")
  expect_false(file.exists(file.path(dirname(home), "elsewhere")))
  result <- value(future(vapply(ordinary, function(code) tryCatch(format(eval(code)), error = conditionMessage), ""), globals = env))
  expect_identical(result[result != "TRUE"], result[0L])
  ## A future that runs again after its crash, and each slot is free again.
  f <- future(tools::pskill(Sys.getpid(), 9L))
  expect_warning(expect_error(value(f), "signal 9 [(]SIGKILL[)]"), "evaluated twice")
  expect_equal(value(list(future(1), future(2))), list(1, 2))
  plan(sequential)
  expect_equal(stop_process(worker), 0L)
})

for (level in levels) test_that(paste("sandbox", level, "keeps memory limits, and opens the network if asked to"), {
  worker <- start_lender(level, net = TRUE, memory = "300 MiB", workers = 1L)
  expect_match(grep("Futures run", process_lines(worker), value = TRUE), "use the network")
  plan_as(lab, "bob")
  expect_match(value(future({
    con <- socketConnection("127.0.0.1", port, timeout = 30L, open = "r+", blocking = TRUE)
    on.exit(close(con))
    readLines(con, 1L)
  }, globals = list(port = lab$port))), "^SSH-2")
  expect_error(value(future(numeric(1e8))), "memory limit of 300 MiB")
  plan(sequential)
  expect_equal(stop_process(worker), 0L)
})

test_that("without a sandbox the attempts succeed, and worker() says what that means", {
  worker <- start_worker(lab, "carol", "alice/friends", sandbox = "none", env = secrets)
  expect_match(grep("Futures run", process_lines(worker), value = TRUE), "without a sandbox: they can read and change whatever this account can")
  plan_as(lab, "bob")
  result <- value(future(vapply(attempts[c("copy_key", "list_ssh", "environment", "connect_curl")], run_attempt, "", env = environment()),
                         globals = list(key = key, home = home, port = lab$port, attempts = attempts, run_attempt = run_attempt)))
  expect_identical(result[["copy_key"]], "copied")
  expect_identical(result[["list_ssh"]], "id_ed25519")
  expect_identical(result[["environment"]], "")
  plan(sequential)
  expect_equal(stop_process(worker), 0L)
})

for (level in levels) test_that(paste("sandbox", level, "works for a user without privileges"), {
  testthat::skip_if(file.access("/etc/shadow", 4L) != 0L || !nzchar(Sys.which("setpriv")), "only root can become another user")
  dir <- tempfile("p2p-", "/tmp")
  for (name in c("", "scratch", "scratch/tmp", "secret")) dir.create(file.path(dir, name))
  withr::defer(unlink(dir, recursive = TRUE))
  writeLines("secret", file.path(dir, "secret", "key"))
  run_process("chown", c("-R", "12345:12345", dir))
  code <- quote({
    no <- function(code) inherits(try(suppressWarnings(code), silent = TRUE), "try-error")
    try(suppressWarnings(writeLines("x", file.path(dir, "x"))), silent = TRUE)
    stopifnot(no(readLines(file.path(dir, "secret", "key"))), !"secret" %in% list.files(dir),
              !any(tools::pskill(supervisor, 0L)), no(socketConnection("127.0.0.1", port)), file.create(tempfile()),
              identical(parallel::mclapply(1:2, identity, mc.cores = 2L), list(1L, 2L)), system("exit 3") == 3L)
    cat("done")
  })
  code <- sprintf("dir <- '%s'; supervisor <- %d; port <- %d; %s", dir, Sys.getpid(), lab$port, paste(deparse(code), collapse = "\n"))
  command <- c(new_sandbox(level, FALSE, character(), character(), NULL)$command, file.path(R.home("bin"), "R"), "--no-echo", "--no-environ", "-e", code)
  command <- as_account(12345L, command)
  out <- run_process(command[1L], command[-1L], error_on_status = FALSE, wd = dir, timeout = 60,
                       env = c("current", TMPDIR = file.path(dir, "scratch", "tmp")))
  expect_identical(out[c("stdout", "stderr", "status")], list(stdout = "done", stderr = "", status = 0L))
  expect_false(file.exists(file.path(dir, "x")))
})

test_that("with plan(sandbox = ), futures only go to workers with as much of a sandbox, and wait for one", {
  testthat::skip_if_not("landlock" %in% levels)
  open <- start_worker(lab, "carol", "alice/friends", sandbox = "none")
  withr::local_options(future.p2p.report_after = 0.2)
  expect_error(plan_as(lab, "bob", sandbox = "auto"), "'sandbox' must be \"none\" or \"seatbelt\" or \"landlock\" or \"namespaces\", not \"auto\".", fixed = TRUE)
  plan(sequential)
  pattern <- "worker 'carol@[^ ]+' has sandbox 'none', and this session wants at least 'landlock'"
  expect_message(plan_as(lab, "bob", sandbox = "landlock", wait.timeout = 3), pattern)
  expect_identical(as.data.frame(plan("backend"))[c("state", "sandbox")], data.frame(state = "weak sandbox", sandbox = "none"))
  expect_match(capture.output(print(plan("backend"))), "weak sandbox +none$", all = FALSE)
  expect_message(expect_error(value(future(1)), pattern), pattern)
  plan(sequential)
  closed <- start_worker(lab, "carol", "alice/friends", sandbox = "landlock")
  plan_as(lab, "bob", sandbox = "landlock")
  pids <- unlist(value(lapply(1:4, function(i) future(Sys.getenv("FUTURE_P2P_WORKER")))))
  expect_match(pids, paste0(":", closed$px$get_pid(), "$"))
  table <- as.data.frame(plan("backend"))
  expect_identical(table$sandbox[order(table$state)], c("landlock", "none"))
  plan(sequential)
  for (worker in list(open, closed)) expect_equal(stop_process(worker), 0L)
})

test_that("a sandbox that does not work, and arguments without one, are errors with the next step", {
  expect_identical(default_sandbox(NULL), "none")
  expect_identical(default_sandbox("alice/personal"), "none")
  expect_identical(default_sandbox("alice/friends"), "auto")
  expect_error(new_sandbox("some", FALSE, character(), character(), NULL), "'sandbox' must be \"auto\" or")
  expect_error(new_sandbox("none", TRUE, character(), character(), NULL), "have no effect without a sandbox. Use them with `sandbox = \"auto\"`", fixed = TRUE)
  expect_error(new_sandbox("auto", FALSE, "/no/such/folder", character(), NULL), "'read': there is no file or folder '/no/such/folder'", fixed = TRUE)
  refuse <- function(command) "it is refused"
  expect_error(new_sandbox("auto", FALSE, character(), character(), NULL, probe = refuse),
               "No sandbox works here (namespaces: it is refused; landlock: it is refused). Without one, futures of others could read", fixed = TRUE)
  expect_identical(new_sandbox("auto", FALSE, character(), character(), NULL, probe = function(command) if ("namespaces" %in% command) "no")$level, "landlock")
  expect_error(new_sandbox("landlock", FALSE, character(), character(), NULL, probe = refuse), "use `sandbox = \"none\"`.", fixed = TRUE)
  expect_error(new_sandbox("seatbelt", FALSE, character(), character(), NULL, levels = sandbox_levels("Linux")),
               "'sandbox': \"seatbelt\" is only for macOS. Here, use \"auto\", \"namespaces\", \"landlock\" or \"none\".", fixed = TRUE)
})

test_that("on macOS, seatbelt is the sandbox, and says what it leaves open", {
  macos <- function(...) new_sandbox(..., net = FALSE, write = character(), workdir = NULL, levels = sandbox_levels("Darwin"))
  auto <- macos("auto", read = readable, probe = function(command) NULL)
  expect_identical(auto$level, "seatbelt")
  expect_identical(auto$command[length(auto$command)], "seatbelt")
  expect_true(all(paste0("--read=", c(R.home(), readable)) %in% auto$command))
  expect_match(describe_sandbox(auto), "in a sandbox (seatbelt)", fixed = TRUE)
  expect_match(describe_sandbox(auto), "no network. They can see the arguments and environment variables of other programs of this account.", fixed = TRUE)
  expect_error(macos("landlock", read = character()), "\"landlock\" is only for Linux. Here, use \"auto\", \"seatbelt\" or \"none\".", fixed = TRUE)
  ## The program itself, here: "auto" ends with the sentence.
  testthat::skip_on_os("mac")
  expect_error(macos("auto", read = character()), "No sandbox works here (seatbelt: only macOS offers Seatbelt). Without one, futures", fixed = TRUE)
})

test_that("nothing is left", {
  plan(sequential)
  expect_nothing_left(lab)
})
