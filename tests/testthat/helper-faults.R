## What breaks links, sessions and objects at a chosen moment: a proxy, a session of its own for commands, and code in C.

## Compiles a file of C code that lies here, or `code`, into the folder of the lab. Returns the path of the library. Skips without a compiler.
compile_c <- function(lab, name, code = readLines(testthat::test_path(name))) {
  dir <- tempfile("c-", lab$dir)
  dir.create(dir)
  writeLines(code, file.path(dir, name))
  r <- function(...) run_process(file.path(R.home("bin"), "R"), c("CMD", ...), wd = dir, error_on_status = FALSE, stderr_to_stdout = TRUE)
  compiler <- strsplit(trimws(r("config", "CC")$stdout), " ", fixed = TRUE)[[1L]][1L]
  if (!nzchar(Sys.which(compiler))) testthat::skip("there is no C compiler")
  built <- r("SHLIB", name)
  if (built$status != 0L) stop(built$stdout)
  file.path(dir, sub("[.]c$", .Platform$dynlib.ext, name))
}

## ---- A proxy, see breaker.c ----

## Leads to a port of this machine. `proxy$port` is its own.
start_breaker <- function(lab, port) {
  code <- sprintf("dyn.load('%s'); invisible(.C('break_links', %dL))", compile_c(lab, "breaker.c"), port)
  proxy <- start_child(lab, "proxy", c("Rscript", "-e", code), stdin = "|")
  proxy$port <- as.integer(sub("port ", "", wait_for_line(proxy, "^port [0-9]+$")))
  proxy$said <- 1L # lines that were read
  proxy
}

tell_breaker <- function(proxy, ...) proxy$px$write_input(paste0(paste(...), "\n"))

## The next line of the proxy.
hear_breaker <- function(proxy, pattern) {
  line <- wait_for_line(proxy, "", nth = proxy$said + 1L)
  proxy$said <- proxy$said + 1L
  testthat::expect_match(line, pattern)
  line
}

## Bytes so far: c(up, down).
count_bytes <- function(proxy) {
  tell_breaker(proxy, "count")
  as.numeric(regmatches(line <- hear_breaker(proxy, "^up [0-9]+ down [0-9]+$"), gregexpr("[0-9]+", line))[[1L]])
}

## Keeps a process from listening, so that its links need a relay: an environment.
no_listening <- function(lab) {
  code <- "#include <errno.h>\nint listen(int fd, int backlog) { (void)fd; (void)backlog; errno = EACCES; return -1; }"
  c(LD_PRELOAD = compile_c(lab, "no_listen.c", code))
}

## ---- A session ----

## An R session with a plan of `user`, which evaluates a line of code at a time: ask(), or tell() and answer_of().
start_asked <- function(lab, user, cluster = "alice/friends", ..., options = list(), env = character()) {
  args <- c(list(cluster = cluster), board_args(lab, user), ...)
  file <- tempfile("asked", lab$dir, ".R")
  writeLines(c(
    sprintf("options(%s)", paste(names(options), vapply(options, deparse, ""), sep = " = ", collapse = ", ")), "library(future)",
    sprintf("plan(future.p2p::cluster, %s)", paste(names(args), vapply(args, deparse, ""), sep = " = ", collapse = ", ")),
    "input <- file('stdin', 'r')", "cat('= ready\\n')",
    "one_line <- function(x) gsub('\\n', ' ', paste(x, collapse = ' '))",
    "answer <- function(line) withCallingHandlers(one_line(format(eval(parse(text = line), globalenv()))), warning = function(w) {",
    "  cat('warned', one_line(conditionMessage(w)), '\\n')", "  invokeRestart('muffleWarning')", "})",
    "while (length(line <- readLines(input, 1L)) > 0L) cat(tryCatch(paste('=', answer(line)), interrupt = function(ex) '! interrupted',",
    "  error = function(ex) paste('!', paste(class(ex), collapse = ' '), '-', one_line(conditionMessage(ex)))), '\\n')"), file)
  session <- start_child(lab, paste("session of", user), c("Rscript", file), stdin = "|", env = env)
  session$asked <- 1L
  answer_of(session)
  session
}

## `code`: one line.
tell <- function(session, code) {
  session$px$write_input(paste0(code, "\n"))
  session$asked <- session$asked + 1L
}

## What the last line of code gave: "= value" or "! classes - message".
answer_of <- function(session, timeout = 60) trimws(wait_for_line(session, "^[=!] ", nth = session$asked, timeout = timeout))

ask <- function(session, code, timeout = 60) {
  tell(session, code)
  answer_of(session, timeout)
}

## The warnings of the session so far.
warnings_of <- function(session) sub("^warned ", "", grep("^warned ", process_lines(session), value = TRUE))

## Expects that futures run as before, on all slots.
expect_in_order <- function(session, slots = 1L) {
  testthat::expect_identical(ask(session, "value(future(6 * 7))"), "= 42")
  wait_until(function() identical(ask(session, "c(nbrOfWorkers(), nbrOfFreeWorkers())"), paste("=", slots, slots)))
}

end_session <- function(session) {
  close(session$px$get_input_connection())
  wait_for_exit(session)
}
