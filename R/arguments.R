## Names of arguments and flags. R matches the names of arguments partially: worker(ni = 2) would set `nice`.

## Called first by an exported function `name`. Raises an error if the caller used an argument by a part of its name, or if the function was
## called by `Rscript -e` with flags that have no effect.
check_arguments <- function(name) {
  parent <- sys.parent()
  known <- names(formals(sys.function(parent)))
  check_names(names_in_call(sys.call(parent), parent.frame(2L)), known, paste0(name, "()"))
  p2p_option("debug")
  if (!interactive() && !in_cli()) check_flags_are_read(name, commandArgs())
}

## Raises an error about an argument, which is a flag on the command line, or about an option, whose name starts with "future.".
argument_stop <- function(name, ...) usage_stop(describe_setting(name), ...)

describe_setting <- function(name) {
  if (!startsWith(name, "future.")) return(if (in_cli()) paste("Flag", as_flag(name)) else sprintf("Argument '%s'", name))
  variable <- paste0("R_", toupper(gsub(".", "_", name, fixed = TRUE)))
  if (identical(Sys.getenv(variable), as.character(getOption(name)))) paste("Environment variable", variable) else sprintf("Option '%s'", name)
}

## What to blame for a wrong value: the argument, or, if it is NULL, its option.
setting_name <- function(value, name) if (is.null(value)) paste0("future.p2p.", name) else name

## One of `choices`. The default of an argument may be all of them, of which it is the first.
check_choice <- function(value, name, choices) {
  if (identical(value, choices)) return(choices[1L])
  if (is.character(value) && length(value) == 1L && value %in% choices) return(value)
  wrong <- if (is.character(value) && length(value) == 1L) paste0(", not \"", value, "\"")
  argument_stop(name, " must be ", paste0('"', choices, '"', collapse = " or "), wrong, ".")
}

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

## A question that names the most similar of `known`, or a sentence that lists all of them. `quote`: what surrounds a name.
did_you_mean <- function(name, known, quote) {
  if (length(known) == 0L) return("None are accepted.")
  similar <- known[startsWith(known, name)]
  if (length(similar) == 0L) {
    distance <- utils::adist(name, known, ignore.case = TRUE)[1L, ]
    similar <- known[distance == min(distance) & distance <= max(1, nchar(name) %/% 3L)]
  }
  if (length(similar) > 0L) return(paste0("Did you mean ", paste0(quote, similar, quote, collapse = " or "), "?"))
  paste0("Known are ", paste0(quote, known, quote, collapse = ", "), ".")
}

## `Rscript -e 'future.p2p::worker()' --cluster=alice/friends` calls the function without the flags, unless the code reads them. `command`: the
## whole command line.
check_flags_are_read <- function(name, command) {
  at <- match("--args", command)
  if (is.na(at) || at == length(command)) return(invisible())
  used <- unlist(lapply(rscript_code(command), all.names))
  spellings <- c(name, names(early_names)[early_names == name])
  if (!any(spellings %in% used) || any(flag_readers %in% used)) return(invisible())
  flags <- paste(shell_words(command[-seq_len(at)]), collapse = " ")
  usage_stop(sprintf("%s() does not read the command line: '%s' would have no effect. Give the name of the function without parentheses: %s",
                     name, flags, paste("Rscript -e", paste0("future.p2p::", name), flags)))
}

## Functions that read the command line: commandArgs(), and those of packages that parse it.
flag_readers <- c("commandArgs", "cmdArgs", "docopt", "getopt", "parse_args", "parse_args2")

## The expressions after each -e of Rscript. Empty if R cannot parse them.
rscript_code <- function(command) {
  tryCatch(as.list(parse(text = rscript_texts(command), keep.source = FALSE)), error = function(ex) list())
}

## What stands after each -e.
rscript_texts <- function(command) {
  command <- command[cumsum(command == "--args") == 0L]
  gsub("~+~", " ", command[which(command == "-e") + 1L], fixed = TRUE) # as Rscript writes blanks
}

## Words as typed in a shell.
shell_words <- function(words) ifelse(grepl("^[A-Za-z0-9_.,:/@%+=-]+$", words), words, shQuote(words))

check_workdir <- function(workdir) {
  if (is.null(workdir)) return(NULL)
  if (!is.character(workdir) || length(workdir) != 1L || is.na(workdir) || !dir.exists(workdir)) argument_stop("workdir", " must be a folder that exists.")
  normalizePath(workdir)
}

check_number <- function(value, name, from, to, whole = FALSE) {
  if (is.character(value) && length(value) == 1L) value <- suppressWarnings(as.numeric(value))
  is_valid <- is.numeric(value) && length(value) == 1L && !is.na(value) && value >= from && value <= to
  if (!is_valid || (whole && is.finite(value) && value != round(value))) {
    range <- if (is.finite(to)) sprintf("from %s to %s", from, format(to, scientific = FALSE)) else paste("of at least", from)
    argument_stop(name, " must be a ", if (whole) "whole ", "number ", range, ".")
  }
  value
}

## The number of bytes of `"2 GiB"`.
check_memory <- function(memory) {
  bytes <- if (is.character(memory) && length(memory) == 1L) parse_bytes(memory) else memory
  if (!is.numeric(bytes) || length(bytes) != 1L || is.na(bytes) || bytes < 2^20) {
    argument_stop("memory", " must be a number of bytes, or a string such as \"2 GiB\", and at least 1 MiB.")
  }
  bytes
}

parse_bytes <- function(text) {
  parts <- regmatches(text, regexec("^ *([0-9.]+|Inf) *([KkMGT]?i?)(B?) *$", text))[[1L]]
  if (length(parts) == 0L) return(NA_real_)
  power <- match(substr(toupper(parts[3L]), 1L, 1L), c("", "K", "M", "G", "T")) - 1
  suppressWarnings(as.numeric(parts[2L])) * (if (grepl("i", parts[3L]) || !nzchar(parts[4L])) 1024 else 1000)^power
}
