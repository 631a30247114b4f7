## Makes the attempts of attempts.R in each mode, as root and as another account, and ordinary work. Each attempt counts once for each mode and
## account: it passes if what is seen from outside is what the documents say.
source("tests/testthat/helper-cluster.R")
source("tests/testthat/helper-accounts.R")
source("tests/testthat/helper-groups.R")
source("tests/escapes/attempts.R")
source("tests/escapes/lab.R")
library(future)

args <- commandArgs(trailingOnly = TRUE)
programs <- c(attempt = file.path(args[1L], "attempt"), lender = file.path(args[1L], "lender"))
modes <- if (length(args) > 1L) args[-1L] else c("namespaces", "landlock", "none")
other_user <- 23457L

## ---- what the futures evaluate ----

## The environment of attempts has the facts, `run_program`, `read_bytes` and `attempts`, a list of name, code and held.
make_attempts <- function() {
  use_facts(facts)
  out <- list()
  for (attempt in attempts[!vapply(attempts, `[[`, NA, "held")]) {
    value <- tryCatch(suppressWarnings(if (is.null(attempt$code)) run_program(attempt$name) else eval(attempt$code, globalenv())),
                      error = function(e) NULL)
    out[[attempt$name]] <- paste(as.character(value), collapse = "\n")
  }
  for (attempt in attempts[vapply(attempts, `[[`, NA, "held")]) {
    run_program(attempt$name, wait = FALSE)
    end <- Sys.time() + 60
    while (!file.exists(file.path(DROP, attempt$name)) && !attempt$name %in% c("load_module", "load_kernel") && Sys.time() < end) Sys.sleep(0.01)
  }
  file.create(file.path(DROP, "ready"))
  while (!file.exists(file.path(DROP, "release"))) Sys.sleep(0.01)
  while (inherits(try(run_program("kill_sibling"), silent = TRUE), "try-error")) Sys.sleep(0.01) # until the account can start processes again
  out
}

use_facts <- function(facts) {
  for (name in names(facts)) {
    assign(name, facts[[name]], globalenv())
    do.call(Sys.setenv, stats::setNames(list(facts[[name]]), paste0("P2P_ESCAPE_", name)))
  }
}

make_apart <- function() {
  use_facts(facts)
  run_program(name, wait = FALSE)
  while (!file.exists(file.path(DROP, "release"))) Sys.sleep(0.01)
}

run_program <- function(name, wait = TRUE) {
  if (wait) return(system2(PROGRAM, c(name, TOKEN), stdout = TRUE, stderr = FALSE, timeout = 20))
  system2(PROGRAM, c(name, TOKEN), stdout = FALSE, stderr = FALSE, wait = FALSE)
}

read_bytes <- function(pid, name) {
  bytes <- readBin(file.path("/proc", pid, name), "raw", 1e5)
  rawToChar(bytes[bytes != as.raw(0L)])
}

be_sibling <- function() {
  writeLines(secret, "data")
  writeLines(c(Sys.getpid(), getwd()), file.path(drop, "sibling.new"))
  file.rename(file.path(drop, "sibling.new"), file.path(drop, "sibling"))
  while (!file.exists(file.path(drop, "end_sibling"))) Sys.sleep(0.02)
  file.exists("data")
}

## ---- a mode, for an account ----

## Made by a future. `task`: the future, whose error is raised.
wait_for_file <- function(lab, name, task, timeout = 120) {
  deadline <- Sys.time() + timeout
  while (!file.exists(file.path(lab$drop, name))) {
    if (resolved(task)) value(task)
    if (Sys.time() > deadline) stop("no file ", name, " from a future; there are ", toString(dir(lab$drop)), "; the worker says: ",
                                    paste(process_lines(lab$worker), collapse = "\n"))
    Sys.sleep(0.02)
  }
}

run_attempts <- function(lab) {
  in_future <- function(code, globals) future(code, substitute = FALSE, globals = globals, packages = character(), stdout = NA, conditions = NULL)
  sibling <- in_future(body(be_sibling), list(secret = lab$secrets[["read_sibling"]], drop = lab$drop))
  wait_for_file(lab, "sibling", sibling)
  lines <- readLines(file.path(lab$drop, "sibling"))
  lab$facts[c("SIBLING", "SCRATCH_OF_SIBLING", "PROGRAM", "MARK")] <- list(lines[1L], lines[2L], lab$program, random_word("mark"))
  lab$attempts <- attempts[!names(attempts) %in% c("secret", if (is.null(lab$setuid)) "run_setuid", if (!lab$has_cgroup) "leave_group")]
  common <- list(facts = Filter(Negate(is.null), lab$facts), use_facts = use_facts, run_program = run_program)
  seen_apart <- vapply(if (lab$has_cgroup) apart else character(), function(name) {
    run_apart(lab, name, in_future(body(make_apart), c(common, name = name)))
  }, NA)
  early <- lab$attempts[!names(lab$attempts) %in% c(last, names(seen_apart))]
  first <- lapply(early, `[`, c("name", "code", "held"))
  main <- in_future(body(make_attempts), c(common, list(attempts = first, read_bytes = read_bytes)))
  wait_for_file(lab, "reads_terminal", main)
  lab$worker$px$write_input(paste0(lab$secrets[["read_terminal"]], "\n"))
  wait_for_file(lab, "ready", main)
  lab$held <- all_attempt_processes(lab)
  lab$limit_mib <- data_limit_mib(lab$held$memory_private[1L])
  is_change <- vapply(early, function(attempt) is.function(attempt$witness), NA)
  seen <- vapply(early[is_change], function(attempt) attempt$witness(lab), NA)
  file.create(file.path(lab$drop, "release"))
  output <- value(main)
  file.create(file.path(lab$drop, "end_sibling"))
  lab$sibling_value <- tryCatch(value(sibling), error = identity)
  log <- lender_log(lab)
  for (attempt in early[!is_change]) {
    seen[[attempt$name]] <- if (attempt$witness == "log") attempt$note %in% log
      else grepl(lab$secrets[[attempt$name]], output[[attempt$name]], fixed = TRUE)
  }
  seen[["kill_sibling"]] <- attempts$kill_sibling$witness(lab)
  c(seen, seen_apart)
}

## `task` makes the attempt alone: at the limits of its control group, all of its processes are killed.
run_apart <- function(lab, name, task) {
  deadline <- Sys.time() + 60
  while (!file.exists(file.path(lab$drop, name)) && !resolved(task) && Sys.time() < deadline) Sys.sleep(0.02)
  lab$held <- all_attempt_processes(lab)
  is_held <- length(lab$held[[name]]) > 0L
  if (is_held) lab$limit_mib <- data_limit_mib(lab$held[[name]][1L])
  seen <- is_held && attempts[[name]]$witness(lab)
  file.create(file.path(lab$drop, "release"))
  try(value(task), silent = TRUE)
  file.remove(intersect(file.path(lab$drop, c("release", name)), list.files(lab$drop, full.names = TRUE)))
  seen
}

## The daemons that are there once the evaluator has ended, and whether the supervisor still works.
run_last <- function(lab) {
  program <- list(run_program = run_program, PROGRAM = lab$program, TOKEN = lab$token)
  daemons <- grep("^daemon_", last, value = TRUE)
  value(future(for (name in daemons) run_program(name), globals = c(list(daemons = daemons), program), packages = character()))
  started <- names(all_attempt_processes(lab))
  if (!all(daemons %in% started)) stop("daemons do not start: ", paste(setdiff(daemons, started), collapse = ", "))
  try(value(future(run_program("end_supervisor"), globals = program, packages = character())), silent = TRUE)
  wait_for_end(lab$worker$px, 1)
  lab$supervisor_lives <- lab$worker$px$is_alive() && identical(tryCatch(value(future(1 + 1)), error = identity), 2)
  plan(sequential)
  if (lab$supervisor_lives) stop_process(lab$worker)
  deadline <- Sys.time() + 3
  while (length(lab$daemons <- names(all_attempt_processes(lab))) > 0L && Sys.time() < deadline) Sys.sleep(0.1)
  vapply(attempts[setdiff(last, "kill_sibling")], function(attempt) attempt$witness(lab), NA)
}

run_ordinary <- function(lab) {
  env <- list(ordinary = ordinary, DROP = lab$drop, WITHOUT_SANDBOX = lab$mode == "none")
  work <- value(future(vapply(ordinary, function(code) tryCatch(format(eval(code)), error = conditionMessage), ""), globals = env))
  ends <- function(code) tryCatch(value(code), error = conditionMessage)
  x <- as.numeric(seq_len(13e6))
  canceled <- future(Sys.sleep(60))
  cancel(canceled)
  expect <- function(actual, pattern) if (grepl(pattern, actual)) "TRUE" else actual
  c(work, globals = expect(ends(future(sum(x))), paste0("^", sum(x), "$")),
    error = expect(ends(future(stop("oops"))), "oops"),
    cancel = if (inherits(tryCatch(value(canceled), error = identity), "FutureInterruptError")) "TRUE" else "was not canceled",
    quit = expect(ends(future(quit(save = "no", status = 7L))), "exit status 7"),
    crash = expect(ends(future(tools::pskill(Sys.getpid(), 9L))), "SIGKILL"), after = expect(ends(future(1 + 1)), "^2$"))
}

run_mode <- function(lab, board, mode, libraries) {
  lab$mode <- mode
  start_lent_worker(lab, board, mode, libraries, memory = "32 MiB")
  plan_as(board, "bob", retries = 0)
  seen <- run_attempts(lab)
  seen <- c(seen, run_last(lab))
  start_lent_worker(lab, board, mode, libraries)
  plan_as(board, "bob", retries = 0)
  work <- run_ordinary(lab)
  plan(sequential)
  stop_process(lab$worker)
  list(seen = seen, work = work)
}

## ---- counting ----

passed <- failed <- skipped <- 0L

## "open" or "stopped": what the documents say.
expected <- function(lab, attempt) {
  promise <- if (lab$mode == "none") "open" else attempt[[lab$mode]]
  if (is.function(promise)) promise <- promise(lab)
  always <- if (is.function(attempt$always)) attempt$always(lab) else attempt$always
  if (always) promise <- "stopped"
  promise
}

count <- function(lab, seen) {
  who <- sprintf("%s, %s", lab$mode, if (lab$is_root) "root" else "user")
  for (name in names(seen)) {
    attempt <- attempts[[name]]
    is_open <- seen[[name]]
    promise <- expected(lab, attempt)
    if (is.na(is_open)) {
      skipped <<- skipped + 1L
      cat(sprintf("skipped: %s (%s): this account cannot see from outside whether it succeeded\n", name, who))
    } else if (identical(is_open, promise == "open")) {
      passed <<- passed + 1L
    } else if (lab$mode == "none" && promise == "open" && !is.null(attempt$needs) && !has_capability(lab, attempt$needs)) {
      passed <<- passed + 1L # the kernel refuses it to this account
    } else if (lab$mode == "none" && promise == "open" && attempt$refusable) {
      skipped <<- skipped + 1L
      cat(sprintf("skipped: %s (%s): this machine refuses it without a sandbox, too\n", name, who))
    } else {
      failed <<- failed + 1L
      cat(sprintf("FAILED: %s (%s): it is %s, expected %s\n", name, who, if (is_open) "open" else "stopped", promise))
    }
  }
}

count_work <- function(lab, work) {
  for (name in names(work)) {
    if (identical(work[[name]], "TRUE")) {
      passed <<- passed + 1L
    } else {
      failed <<- failed + 1L
      cat(sprintf("FAILED: ordinary work %s (%s, %s): %s\n", name, lab$mode, if (lab$is_root) "root" else "user", work[[name]]))
    }
  }
}

show_table <- function(results) {
  cat("\nWhat is open (blank: stopped):\n")
  for (name in names(attempts)) {
    open <- vapply(results, function(seen) isTRUE(seen[name][[1L]]), NA)
    cat(sprintf("  %-30s %s\n", name, paste(formatC(ifelse(open, "open", ""), width = -18L), collapse = "")))
  }
  for (who in names(results)) cat(sprintf("%s: %d of %d attempts stopped\n", who, sum(!results[[who]], na.rm = TRUE), length(results[[who]])))
}

## ---- all ----

parent <- tempfile("p2p-escapes-", "/tmp")
dir.create(parent)
Sys.chmod(parent, "0755", use_umask = FALSE)
board <- new_lab()
results <- list()
before <- list(host = Sys.info()[["nodename"]], has_cron = dir.exists("/etc/cron.d"))

clean_up <- function(lab) {
  lab$lender$signal(15L)
  wait_for_end(lab$lender, 2)
  lapply(unlist(all_attempt_processes(lab)), tools::pskill, 9L)
  if (!is.null(lab$worker)) lab$worker$px$kill_tree()
  plan(sequential)
  if (!lab$is_root) return(invisible())
  unlink(file.path("/etc/cron.d", lab$token))
  if (!before$has_cron) unlink("/etc/cron.d", recursive = TRUE)
  suppressWarnings(file.remove(cgroups_of(lab)))
  remove_group(lab$group)
  try(cat("\n", file = "/sys/class/net/lo/ifalias"), silent = TRUE)
}

## A failure of a mode is one failure; the others still run.
run_account <- function(uid, mode) {
  lab <- new_account(parent, uid, programs)
  who <- paste(mode, if (lab$is_root) "root" else "user")
  began <- Sys.time()
  result <- tryCatch(run_mode(lab, board, mode, libraries_for(uid, file.path(parent, "library"), c("future.p2p", "data.table"))), error = function(ex) {
    failed <<- failed + 1L
    cat(sprintf("FAILED: %s: %s\n", who, conditionMessage(ex)))
  }, finally = clean_up(lab))
  if (is.null(result)) return(invisible())
  count(lab, result$seen)
  count_work(lab, result$work)
  results[[who]] <<- result$seen
  cat(sprintf("%s: %.1f s\n", who, as.numeric(difftime(Sys.time(), began, units = "secs"))))
}

run_all <- function() {
  start_board(board)
  start_host(board, "alice/friends", c("bob", "carol"))
  for (mode in modes) {
    if (mode != "none" && !has_sandbox(mode)) {
      skipped <<- skipped + length(attempts)
      cat(sprintf("skipped: %s: this machine does not offer it\n", mode))
      next
    }
    run_account(NULL, mode)
    if (is_root() && nzchar(Sys.which("setpriv"))) run_account(other_user, mode)
  }
  show_table(results)
}

tryCatch(run_all(), error = function(ex) {
  failed <<- failed + 1L
  cat("FAILED:", conditionMessage(ex), "\n")
})
plan(sequential)
close_lab(board)
invisible(system2("rm", c("-rf", shQuote(parent)))) # unlink() leaves sockets
cat(sprintf("escapes: %d passed, %d failed, %d skipped\n", passed, failed, skipped))
quit(save = "no", status = failed > 0L)
