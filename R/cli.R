## `Rscript -e future.p2p::worker --cluster=alice/friends`: Rscript prints the value of the expression, which is a
## function. The print method of its class calls the function with the flags of the command line, unless R is
## interactive. Flags have the names of the arguments. check_arguments() raises an error if the function is called instead.

## `is_service`: it runs until it is stopped, so that Ctrl-C is no failure. `command`: a function of the flags that does something else for some of
## them, and then returns lines to print; `command_help`: lines of --help about it.
cli_function <- function(f, name, about, users = NULL, is_service = FALSE, command = NULL, command_help = NULL) {
  structure(f, class = c("p2p_cli", "function"), cli_name = name, cli_about = about, cli_users = users, cli_is_service = is_service,
            cli_command = command, cli_command_help = command_help)
}

#' @export
print.p2p_cli <- function(x, ..., args = commandArgs(trailingOnly = TRUE)) {
  if (interactive() || !called_from_rscript()) {
    print(unclass_cli(x))
    return(invisible(x))
  }
  early <- attr(x, "cli_early")
  run_program(if (is.null(early)) x else get(early_names[[early]]), args, early)
}

## Runs the command line, and ends R. `early`: the name that was used instead of the new one.
run_program <- function(f, args, early = NULL) quit(save = "no", status = run_cli(f, args, early), runLast = FALSE)

unclass_cli <- function(f) {
  attributes(f) <- attributes(f)["srcref"]
  f
}

## Whether R was called as `Rscript -e NAME`, where NAME is the name of a function. Other code may come before it, as library(future.p2p).
called_from_rscript <- function(command = commandArgs()) any(vapply(rscript_code(command), is_function_name, NA))

is_function_name <- function(expr) is.symbol(expr) || (is.call(expr) && length(expr) == 3L && as.character(expr[[1L]])[1L] %in% c("::", ":::"))

## NAME, without the package.
called_name <- function(command = commandArgs()) {
  last <- as.list(Filter(is_function_name, rscript_code(command))[[1L]])
  as.character(last[[length(last)]])
}

cli_state <- new.env(parent = emptyenv())

## Whether a command line is running. Advice is then given in its syntax.
in_cli <- function() isTRUE(cli_state$is_running)

## Runs a command line. Returns the exit status: that of the value, else 0; 1 (failed), 2 (wrong usage) or 130 (interrupted before it was done).
run_cli <- function(f, args, early = NULL) {
  cli_state$is_running <- TRUE
  cli_state$is_json <- FALSE
  on.exit(cli_state$is_running <- FALSE)
  if (!is.null(early)) name_new_spelling(early, attr(f, "cli_name"))
  if ("--help" %in% args) {
    cat(cli_help(f), sep = "\n")
    return(0L)
  }
  if ("--version" %in% args) {
    cat(format(utils::packageVersion("future.p2p")), "\n", sep = "")
    return(0L)
  }
  on_usage <- function(ex) {
    message("Error: ", conditionMessage(ex), "\nTry --help.")
    2L
  }
  command <- attr(f, "cli_command")
  tryCatch({
    value <- if (!is.null(command)) command(args)
    if (is.null(value)) value <- do.call(unclass_cli(f), parse_flags(f, args))
    if (is.character(value)) cat(value, sep = "\n") else if (is.data.frame(value)) print(value)
    c(attr(value, "exit_status"), 0L)[1L]
  }, interrupt = function(ex) {
    if (!isTRUE(ex$is_reported) && !cli_state$is_json) try(message("Stopped."), silent = TRUE) # its reader may have ended
    if (attr(f, "cli_is_service")) 0L else 130L
  }, p2p_error_usage = on_usage, p2p_error_invalid = on_usage, error = function(ex) {
    if (cli_state$is_json) write_json_line("fatal", conditionMessage(ex), "failed", ex$error) else message("Error: ", conditionMessage(ex))
    1L
  })
}

## The values of flags by the names of the arguments. `--name value` stands for `--name=value`, a word `owner/name` for the cluster, and a word
## such as 7-guitar-wizard for the code.
parse_flags <- function(f, args) {
  known <- names(formals(f))
  values <- list()
  while (length(args) > 0L) {
    flag <- read_flag(f, args)
    if (!flag$name %in% known) usage_stop("Unknown flag ", as_flag(flag$name), ". ", did_you_mean(as_flag(flag$name), as_flag(known), ""))
    if (flag$name %in% names(values)) usage_stop("Flag ", as_flag(flag$name), " was given twice.")
    values[[flag$name]] <- flag$value
    args <- args[-seq_len(flag$length)]
  }
  if (!is.null(values$users) && "cluster" %in% known) values$users <- strsplit(values$users, ",")[[1L]]
  for (name in intersect(c("hours", "read", "write"), names(values))) values[[name]] <- strsplit(values[[name]], ",")[[1L]]
  values
}

## The first flag of `args`: its name and value, and the number of elements of `args` that it occupies.
read_flag <- function(f, args) {
  arg <- args[[1L]]
  known <- names(formals(f))
  name <- gsub("-", "_", sub("^--([^=]*).*", "\\1", arg))
  if ("cluster" %in% known && grepl("^[^-/][^/]*/[^/]+$", arg)) return(list(name = "cluster", value = arg, length = 1L))
  if ("code" %in% known && grepl("^[0-9]+-", arg)) return(list(name = "code", value = arg, length = 1L))
  if (!grepl("^--[A-Za-z][A-Za-z_-]*(=|$)", arg)) {
    usage_stop("'", arg, "' is not a flag of the form --name=value. ", describe_flags(known))
  }
  if (grepl("=", arg)) return(list(name = name, value = sub("^[^=]*=", "", arg), length = 1L))
  if (is_switch(f, name)) return(list(name = name, value = "TRUE", length = 1L))
  if (name %in% known && (length(args) == 1L || startsWith(args[[2L]], "--"))) {
    usage_stop("Flag ", arg, " has no value. Flags have the form --name=value or --name value.")
  }
  list(name = name, value = args[2L], length = min(2L, length(args)))
}

## The flags, for the error about a word that is not one of them. It may be the rest of `--users=bob, carol`.
describe_flags <- function(known) {
  if (length(known) == 0L) return("There are no flags.")
  paste0("The flags are ", paste(as_flag(known), collapse = ", "), ".", if (any(c("users", "read") %in% known)) " Values are separated by commas without blanks.")
}

as_flag <- function(name) sprintf("--%s", gsub("_", "-", as.character(name)))

## `--quiet` stands for `--quiet=TRUE` if the default of the argument is TRUE or FALSE.
is_switch <- function(f, name) name %in% names(formals(f)) && is.logical(formals(f)[[name]])

cli_help <- function(f) {
  name <- attr(f, "cli_name")
  usage <- c(paste0("Usage: Rscript -e future.p2p::", name), if ("cluster" %in% names(formals(f))) "[owner/name]",
             if ("code" %in% names(formals(f))) "[code]", if (length(formals(f)) > 0L) "[--name=value ...]")
  c(paste(usage, collapse = " "), "", attr(f, "cli_about"), "", "Flags:", flag_lines(f), "  --help, --version", attr(f, "cli_command_help"), "",
    sprintf("For details, run in R: help(\"%s\", package = \"future.p2p\")", name))
}

flag_lines <- function(f) {
  arguments <- formals(f)
  names <- names(arguments)
  if (length(names) == 0L) return(character())
  help <- flag_help
  if (!is.null(attr(f, "cli_users"))) help[["users"]] <- attr(f, "cli_users")
  flags <- format(paste0(as_flag(names), ifelse(vapply(names, is_switch, NA, f = f), "", "=...")), width = 16L)
  paste0("  ", flags, "  ", help[names], vapply(names, function(name) describe_default(arguments[[name]], name), ""))
}

flag_help <- c(
  accounts_file = "users file of serve()",
  address = "address to listen on",
  bytes_per_second = "maximum rate of one connection, in bytes per second",
  cache = "large globals to keep for later futures, in bytes or as 1GiB",
  cluster = "cluster, as owner/name",
  code = "code of an invitation, such as 7-guitar-wizard",
  connections = "maximum number of connections",
  connections_per_key = "maximum number of connections per key",
  dashboard = "also serve a page about the cluster on this computer",
  device = "device, by its fingerprint",
  drain = "finish running futures before it stops",
  duration = "seconds after which it ends",
  enrol = "devices that get the key: auto or invite",
  file = "file of an invitation",
  forget = "remove the counts, of --cluster or all",
  hours = "local time to lend in, as 22:00-07:00, separated by commas",
  gpus = "GPUs of this machine that futures can get, at most",
  host = "message board, as name:port",
  host_key = "file of the private host key",
  idle = "seconds without futures after which it ends",
  json = "write JSON",
  json_log = "write each line of the log as JSON",
  key = "give the cluster a key",
  login_time = "seconds that a login may take",
  mailbox = "mailbox server, as ws://name:4000/v1",
  mailbox_port = "port of the mailbox server, 0 for any",
  max_load = "load by other programs from which on nothing new is lent",
  memory = "memory limit per future, in bytes or as 2GiB",
  net = "let futures use the network",
  nice = "niceness of futures, 0 to 19",
  on_battery = "lend also on battery",
  pass_env = "environment variables that futures see, separated by commas",
  port = "port of the board, 0 for any",
  quiet = "only show warnings, and what others wait for",
  read = "files and folders that futures may read, separated by commas",
  relay_port = "port of the relay, 0 for any",
  sandbox = "sandbox of futures: auto, namespaces, landlock, seatbelt (macOS) or none",
  share = "slots that one user may have at a time",
  ssh_args = "arguments for SSH, in one string",
  tags = "words by which futures choose this worker, separated by commas",
  time = "time limit per future in seconds",
  topics_per_user = "maximum number of topics per user",
  user = "user name on the message board",
  users = "users with access, separated by commas",
  users_file = "file of the users of host_cluster()",
  verbose = "also show connections",
  watch = "show it again every 2 seconds",
  when_busy = "running futures while nothing is lent: finish or pause",
  when_idle = "seconds for which nobody must have used this machine",
  withdraw = "withdraw the user's open invitations instead",
  workdir = "folder in which futures run",
  workers = "number of futures at the same time",
  write = "files and folders that futures may also change, separated by commas",
  yes = "add lines to files without asking"
)

## Defaults that are not values to type.
named_defaults <- c(accounts_file = "that of the board, if it runs here", address = "all addresses", cache = "1GiB", mailbox = "that of the board", cluster = "your personal cluster", code = "none", device = "none", enrol = "auto", file = "none", gpus = "all; none in a sandbox", hours = "any", host = "pipe.pico.sh",
                   host_key = "created in R's configuration folder", ssh_args = "none",
                   pass_env = "none", read = "none", sandbox = "auto; none on your personal cluster",
                   tags = "none", user = "none", users = "all", users_file = "that of the host, if it runs here", when_busy = "finish",
                   workdir = "a private one, emptied after each future", write = "none")

## The default of an argument, as typed in a shell.
describe_default <- function(x, name) {
  option <- if (is.null(x) && name %in% option_names) getOption(paste0("future.p2p.", name))
  if (!is.null(option)) return(sprintf(" (default: %s)", paste(option, collapse = " ")))
  if (identical(x, quote(expr = ))) return(" (required)")
  text <- if (name %in% names(named_defaults) && (is.null(x) || is.language(x))) named_defaults[[name]]
          else if (is.language(x)) paste(deparse(x), collapse = "") else format(x, scientific = FALSE)
  sprintf(" (default: %s)", text)
}
