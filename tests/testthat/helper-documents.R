## Tries the commands of a document, in its order, as its users: README.md or a vignette. Those that are tried have a prompt, one a line:
##
##   {alice}$ Rscript -e future.p2p::worker            in the shell of alice
##   [bob]> f <- future(1 + 2)                         in the R session of bob, which goes on from block to block
##   #> [1] 3                                          what the command before it prints, among other lines; "..." is any text
##
## A command for the shell that ends in \ goes on in the next line.
## A block begins with ```sh or ```r. In the document, programs that serve (host_cluster, worker, ...) go on while others are tried.

## The commands of a document: user, kind ("sh" or "r"), text, line, and expected, a list of lines.
read_commands <- function(file) {
  lines <- readLines(file, encoding = "UTF-8")
  form <- "^(\\{([a-z]+)\\}\\$|\\[([a-z]+)\\]>) (.*)$"
  in_block <- cumsum(grepl("^```", lines)) %% 2L == 1L
  commands <- list()
  for (i in which(in_block)) {
    if (grepl(form, lines[i])) {
      user <- sub(form, "\\2\\3", lines[i])
      kind <- if (startsWith(lines[i], "{")) "sh" else "r"
      text <- sub(form, "\\4", lines[i])
      last <- i
      while (kind == "sh" && endsWith(text, "\\")) {
        last <- last + 1L
        text <- paste0(sub("\\\\$", "", text), trimws(lines[last]))
      }
      commands <- c(commands, list(list(user = user, kind = kind, text = text, line = i, expected = character())))
    } else if (startsWith(lines[i], "#> ") && length(commands)) {
      n <- length(commands)
      commands[[n]]$expected <- c(commands[[n]]$expected, substring(lines[i], 4L))
    }
  }
  commands
}

## What a program that goes on says when it is ready.
ready_lines <- c(serve = "board on ", host_cluster = "hosting cluster '", worker = "joined cluster '", invite = "^There, run ")

## The program that goes on, if the command starts one, or "".
program_of <- function(command) {
  form <- sprintf("^((bwrap .*)?Rscript -e )?future[.]p2p::(%s)\\b.*", paste(names(ready_lines), collapse = "|"))
  if (grepl(form, command$text) && !grepl("--(pause|resume|status|drain=|withdraw|file)|file =|worker_control", command$text)) sub(form, "\\3", command$text) else ""
}

bwrap_works <- function() nzchar(Sys.which("bwrap")) && system2("bwrap", "--unshare-all --ro-bind / / true", stdout = FALSE, stderr = FALSE) == 0L

## The environment of the machine of `user`.
document_machine <- function(lab, user) {
  run <- file.path(lab$dir, paste0("run-", user))
  dir.create(run, FALSE, mode = "0700")
  hosts <- file.path(lab$dir, paste0("hosts-", user))
  if (!file.exists(hosts) && user %in% lab$users) file.copy(known_hosts_file(lab), hosts)
  args <- sprintf("-i %s -o IdentitiesOnly=yes -o UserKnownHostsFile=%s", key_file(lab, user), hosts)
  c(machine_of(lab, user), XDG_RUNTIME_DIR = run, R_ENVIRON_USER = file.path(lab$dir, paste0(user, ".Renviron")), R_FUTURE_P2P_SSH_ARGS = args,
    if (user %in% lab$users && !is.null(lab$port)) c(R_FUTURE_P2P_HOST = sprintf("127.0.0.1:%d", lab$port)), PATH = paste(R.home("bin"), Sys.getenv("PATH"), sep = ":"), lab$variables)
}

## What the document names, as it is here: the code of the last invitation, folders below /data, the board and its users.
as_here <- function(lab, text) {
  serves <- grepl("::serve ", text)
  text[serves] <- paste(gsub(" --(port|mailbox-port|relay-port)=[0-9]+", "", text[serves]), "--port=0 --address=127.0.0.1")
  text <- gsub("lab.example.org:2222", sprintf("127.0.0.1:%d", c(lab$port, 0L)[1L]), text, fixed = TRUE)
  text <- gsub("=users.txt", paste0("=", file.path(lab$dir, "users.txt")), text, fixed = TRUE)
  if (!is.null(lab$invited)) text <- sub("future[.]p2p::join [0-9]+-[a-z]+-[a-z]+( --mailbox=[^ ]+)?", paste("future.p2p::join", lab$invited), text)
  if (any(startsWith(text, "bwrap "))) {
    shared <- c("--bind", lab$dir, lab$dir, rbind("--ro-bind-try", .libPaths(), .libPaths()))
    text <- sub("Rscript", paste(c(shared, "Rscript"), collapse = " "), gsub("--(ro-)?bind ~[^ ]* ~[^ ]* ", "", text))
  }
  gsub("/data/", paste0(lab$dir, "/data/"), text, fixed = TRUE)
}

## A regular expression for an expected line.
expected_form <- function(line) {
  parts <- strsplit(paste0(trimws(line), " "), "...", fixed = TRUE)[[1L]]
  trimws(paste(paste0("\\Q", parts, "\\E"), collapse = ".*"))
}

expect_printed <- function(said, expected, where) {
  for (line in expected) {
    form <- gsub(" \\E", "\\E", expected_form(line), fixed = TRUE)
    testthat::expect_true(any(grepl(form, said, perl = TRUE)), info = sprintf("%s: '%s' is not in:\n%s", where, line, paste(said, collapse = "\n")))
  }
}

## From now on, the users of the lab meet on this board.
meet_on <- function(lab, board) {
  lab$port <- as.integer(sub(".*:", "", wait_for_line(board, "board on 127[.]0[.]0[.]1:[0-9]+$")))
  writeLines(wait_for_line(board, "^\\[127[.]0[.]0[.]1\\]:[0-9]+ ssh-ed25519 AAAA"), known_hosts_file(lab))
  file.copy(known_hosts_file(lab), file.path(lab$dir, paste0("hosts-", lab$users)), overwrite = TRUE)
}

## Starts a command in a folder of the user, with "yes" for its question.
start_command <- function(lab, command, name) {
  yes <- file.path(lab$dir, "yes")
  if (!file.exists(yes)) writeLines("yes", yes)
  folder <- file.path(lab$dir, paste0("home-", command$user))
  dir.create(folder, FALSE)
  text <- as_here(lab, command$text)
  script <- tempfile("command-", lab$dir)
  writeLines(text, script)
  line <- if (command$kind == "sh") paste("exec", text) else paste("exec Rscript", script)
  start_child(lab, name, c("sh", "-c", sprintf("cd '%s' && %s", folder, line)), stdin = yes, env = document_machine(lab, command$user))
}

try_document <- function(lab, file) {
  commands <- read_commands(file)
  testthat::expect_gt(length(commands), 0L)
  for (folder in c("genomes", "results")) dir.create(file.path(lab$dir, "data", folder), FALSE, TRUE)
  waiting <- list() # for the end of the program that goes on: invite
  session <- list() # lines of R that one user types, until another does something
  for (i in seq_along(commands)) {
    command <- commands[[i]]
    where <- sprintf("%s:%d", basename(file), command$line)
    program <- program_of(command)
    if (startsWith(command$text, "bwrap ") && !bwrap_works()) next
    if (command$kind == "r" && !nzchar(program)) {
      session[[command$user]] <- c(session[[command$user]], list(command))
      more <- i < length(commands) && commands[[i + 1L]]$kind == "r" && !nzchar(program_of(commands[[i + 1L]])) && commands[[i + 1L]]$user == command$user
      if (!more) try_session(lab, session[[command$user]], where)
      next
    }
    process <- start_command(lab, command, where)
    if (nzchar(program)) {
      line <- wait_for_line(process, ready_lines[[program]])
      if (program == "serve") meet_on(lab, process)
      if (program == "invite") lab$invited <- sub("^There, run Rscript -e future.p2p::join ", "", line)
      if (length(command$expected)) expect_printed(process_lines(process), command$expected, where)
      if (program == "invite") waiting <- list(process)
    } else {
      status <- wait_for_exit(process, 120)
      warned <- status %in% 1L && any(grepl("^[0-9]+ warnings?[.]$", process_lines(process))) # doctor()
      testthat::expect_true(status %in% 0L || warned, info = paste(c(where, process_lines(process)), collapse = "\n"))
      expect_printed(process_lines(process), command$expected, where)
      if (grepl("::join", command$text)) for (process in waiting) testthat::expect_identical(wait_for_exit(process), 0L, info = where)
    }
  }
}

## All that a user has typed into R so far, in one session: what was typed before is typed again.
try_session <- function(lab, typed, where) {
  text <- vapply(typed, function(command) command$text, "")
  process <- start_command(lab, list(user = typed[[1L]]$user, kind = "r", text = text), where)
  status <- wait_for_exit(process, 120)
  said <- process_lines(process)
  testthat::expect_identical(status, 0L, info = paste(c(where, said), collapse = "\n"))
  expect_printed(said, unlist(lapply(typed, function(command) command$expected)), where)
}
