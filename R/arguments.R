## Names of arguments and flags. R matches the names of arguments partially: worker(ni = 2) would set `nice`.

## Called first by an exported function `name`. Raises an error if the caller used an argument by a part of its name, or if the function was
## called by `Rscript -e` with flags that nobody reads.
check_arguments <- function(name) {
  parent <- sys.parent()
  known <- names(formals(sys.function(parent)))
  check_names(names_in_call(sys.call(parent), parent.frame(2L)), known, paste0(name, "()"))
  if (!interactive() && !in_cli()) check_flags_are_read(name, commandArgs())
}

## Raises an error about an argument, which is a flag on the command line.
argument_stop <- function(name, ...) usage_stop(if (in_cli()) paste("Flag", as_flag(name)) else sprintf("Argument '%s'", name), ...)

## The names of the arguments of `call`, including those in `...`, which belongs to `frame`.
names_in_call <- function(call, frame) {
  args <- as.list(call)[-1L]
  is_dots <- vapply(seq_along(args), function(i) is.symbol(args[[i]]) && args[[i]] == "...", NA)
  given <- names(args)
  if (any(is_dots)) given <- c(given, names(eval(quote(substitute(list(...))), frame)))
  given[nzchar(given)]
}

check_names <- function(given, known, where) {
  for (name in setdiff(given, known)) usage_stop(where, " has no argument '", name, "'. ", did_you_mean(name, known, "'"))
}

## A question that names the most similar of `known`, or a sentence that lists all of them. `quotes`: what surrounds a name.
did_you_mean <- function(name, known, before, after = before) {
  if (length(known) == 0L) return("There are none.")
  similar <- known[startsWith(known, name)]
  if (length(similar) == 0L) {
    distance <- utils::adist(name, known, ignore.case = TRUE)[1L, ]
    similar <- known[distance == min(distance) & distance <= max(1, nchar(name) %/% 3L)]
  }
  if (length(similar) > 0L) return(paste0("Did you mean ", paste0(before, similar, after, collapse = " or "), "?"))
  paste0("Known are ", paste0(before, known, after, collapse = ", "), ".")
}

## `Rscript -e 'future.p2p::worker()' --cluster=alice/friends` calls the function without the flags. `command`: the whole command line.
check_flags_are_read <- function(name, command) {
  at <- match("--args", command)
  if (is.na(at) || at == length(command)) return(invisible())
  code <- gsub("~+~", " ", command[which(command[seq_len(at - 1L)] == "-e") + 1L], fixed = TRUE) # as Rscript writes blanks
  for (expr in tryCatch(as.list(parse(text = code, keep.source = FALSE)), error = function(ex) list())) {
    if (!is_constant_call(expr, name)) next
    usage_stop(sprintf("%s() was called without the flags '%s', which nobody reads. Leave out the parentheses, as in: %s",
                       name, paste(command[-seq_len(at)], collapse = " "), cli_example(name)))
  }
}

cli_example <- function(name) {
  flags <- switch(name, worker = "--cluster=alice/friends", host_cluster = "--cluster=alice/friends --users=bob,carol",
                  serve = "--users=users.txt", wormhole_send = "send FILE", wormhole_receive = "receive CODE", "...")
  sprintf("Rscript -e future.p2p::%s %s", sub("_(send|receive)$", "", name), flags)
}

## Whether `expr` calls the function with constants only. It cannot use the flags then.
is_constant_call <- function(expr, name) {
  spellings <- c(name, names(early_names)[early_names == name])
  if (!is.call(expr) || !deparse(expr[[1L]])[1L] %in% paste0(c("", "future.p2p::"), rep(spellings, each = 2L))) return(FALSE)
  all(unlist(lapply(as.list(expr)[-1L], all.names)) %in% c("c", "list", "(", "+", "-", "*", "/", "^"))
}
