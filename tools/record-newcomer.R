## Records how a newcomer gets into a cluster, on a message board of this machine, with keys that are made for it: Rscript tools/record-newcomer.R
## Writes docs/newcomer.md: each command, what it prints and when, in seconds. The package must be installed.
for (file in list.files("tests/testthat", "^helper-", full.names = TRUE)) source(file)
lab <- new_lab("alice")
began <- Sys.time()
lines <- character() # of the record
running <- list() # list(process, user, seen) of those that are recorded

seconds <- function() as.numeric(difftime(Sys.time(), began, units = "secs"))
note <- function(user, text) {
  text <- gsub(lab$dir, "~/newcomer", text, fixed = TRUE)
  line <- sprintf("%5.1f  %-7s%s", seconds(), user, text)
  lines <<- c(lines, line)
  cat(line, "\n", sep = "")
}

## Records what has been printed since the last call.
take_lines <- function() {
  for (i in seq_along(running)) {
    new <- process_lines(running[[i]]$process)
    new <- new[seq_along(new) > running[[i]]$seen]
    for (text in new) note(running[[i]]$user, text)
    running[[i]]$seen <<- running[[i]]$seen + length(new)
  }
}

## Records until `is_over()`, for a minute at most.
record_until <- function(is_over) {
  deadline <- seconds() + 60
  repeat {
    processx::poll(lapply(running, function(entry) entry$process$px), 50)
    take_lines()
    if (is_over()) return(invisible())
    if (seconds() > deadline) stop("it takes longer than a minute")
  }
}

## Types a command. Returns list(user, text, process, began).
type <- function(user, text) {
  command <- list(user = user, kind = "sh", text = text)
  note(paste0(user, "$"), as_here(lab, text))
  at <- seconds()
  process <- start_command(lab, command, text)
  running <<- c(running, list(list(process = process, user = user, seen = 0L)))
  list(user = user, text = as_here(lab, text), process = process, began = at)
}

## Waits until a program says that it is ready.
until_ready <- function(typed, line) {
  record_until(function() any(grepl(line, typed$process$lines)))
  typed$needed <- seconds() - typed$began
  typed
}

until_end <- function(typed) {
  record_until(function() !is_open(typed$process))
  if (!identical(wait_for_exit(typed$process), 0L)) stop("'", typed$text, "' failed")
  typed$needed <- seconds() - typed$began
  typed
}

record <- function() {
  serve <- until_ready(type("alice", "Rscript -e future.p2p::serve --users=users.txt"), "^\\[127[.]0[.]0[.]1\\]:[0-9]+ ssh-ed25519 ")
  record_until(function() any(grepl("board on ", serve$process$lines)))
  meet_on(lab, serve$process)
  host <- until_ready(type("alice", "Rscript -e future.p2p::host_cluster alice/friends --users=users.txt"), "hosting cluster '")
  before <- lines

  began <<- Sys.time()
  lines <<- character()
  key <- until_end(type("dave", sprintf("ssh-keygen -q -t ed25519 -N '' -C dave -f %s", key_file(lab, "dave"))))
  sandbox <- if (has_sandbox("auto")) "" else " --sandbox=none"
  invite <- until_ready(type("alice", "Rscript -e future.p2p::invite alice/friends --user=dave"), "^There, run ")
  lab$invited <<- sub("^There, run Rscript -e future.p2p::join ", "", grep("^There, run ", invite$process$lines, value = TRUE))
  join <- until_end(type("dave", "Rscript -e future.p2p::join 7-crossover-clockwork"))
  invite <- until_end(invite)
  worker <- until_ready(type("alice", paste0("Rscript -e future.p2p::worker alice/friends", sandbox)), "joined cluster '")
  value <- until_end(type("dave", "Rscript -e 'library(future); plan(future.p2p::cluster); value(future(6 * 7))'"))
  if (!any(grepl("^\\[1\\] 42$", value$process$lines))) stop("the value is not there")
  list(before = before, lines = lines, commands = list(key, invite, join, worker, value), total = seconds())
}

write_record <- function(found, file) {
  row <- function(command, about) sprintf("| %s | `%s` | %s | %.1f |", command$user, gsub(lab$dir, "~/newcomer", command$text, fixed = TRUE), about, command$needed)
  about <- c("makes a key, if dave has none", "shows the code, and ends when dave has joined", "asks before it adds two lines to files of dave", "is ready", "has printed the value")
  writeLines(c(
    "# A newcomer's first minute", "",
    "This page was written by `Rscript tools/record-newcomer.R`, which does what it shows: two people on one machine, with keys that are made for it, and the message board of `serve()`.",
    "Between two machines, the network takes some more time, and people take time to type.", "",
    sprintf("**From nothing to a first value: %.1f seconds, and two commands for each.** Dave has neither an account on the message board, nor its host key, nor any settings of this package. Without an SSH key, he needs one command more.", found$total), "",
    "| who | command | which | seconds |", "| --- | --- | --- | --- |", mapply(row, found$commands, about), "",
    "The answer to the question of `join()` is `yes`. The numbers at the left are seconds since the first command.", "",
    "```text", found$lines, "```", "",
    "## Before", "", "Alice had started the message board and her cluster, once:", "", "```text", found$before, "```"
  ), file)
}

tryCatch({
  found <- record()
  write_record(found, "docs/newcomer.md")
}, finally = close_lab(lab))
