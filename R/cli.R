## `Rscript -e future.p2p::worker --cluster=alice/friends`: Rscript prints the value of the expression, a
## function; its class has a print method that, where R is not interactive, calls the function with what the
## command line says. Flags mirror the arguments' names.

cli_function <- function(f, name, about) {
  structure(f, class = c("p2p_cli", "function"), cli_name = name, cli_about = about)
}

#' @export
print.p2p_cli <- function(x, ..., args = commandArgs(trailingOnly = TRUE)) {
  if (interactive() || !called_from_rscript()) {
    print(unclass_cli(x))
    return(invisible(x))
  }
  quit(save = "no", status = run_cli(x, args), runLast = FALSE)
}

unclass_cli <- function(f) {
  attributes(f) <- attributes(f)["srcref"]
  f
}

## Rscript -e EXPR: the expression is nothing but the function's name.
called_from_rscript <- function() {
  all <- commandArgs()
  any(grepl("^(future[.]p2p::)?[a-z_]+$", all[which(all == "-e") + 1L]))
}

## The exit status: 0, 1 (failed), 2 (usage).
run_cli <- function(f, args) {
  if ("--help" %in% args) {
    cat(cli_help(f), sep = "\n")
    return(0L)
  }
  if ("--version" %in% args) {
    cat(format(utils::packageVersion("future.p2p")), "\n", sep = "")
    return(0L)
  }
  tryCatch({
    value <- do.call(unclass_cli(f), parse_flags(f, args))
    if (is.character(value)) cat(value, sep = "\n")
    0L
  }, interrupt = function(ex) {
    message("Interrupted: left.")
    0L
  }, p2p_error_usage = function(ex) {
    message(conditionMessage(ex), "\nTry --help.")
    2L
  }, error = function(ex) {
    message("Error: ", conditionMessage(ex))
    1L
  })
}

parse_flags <- function(f, args) {
  known <- names(formals(f))
  values <- list()
  for (arg in args) {
    if (is_switch(f, arg)) arg <- paste0(arg, "=TRUE")
    if (!grepl("^--[a-z][a-z_-]*=", arg)) {
      usage_stop("'", arg, "' is not a flag of the form --name=value. Known: ", paste0("--", known, collapse = ", "), ".")
    }
    name <- gsub("-", "_", sub("^--([^=]*)=.*", "\\1", arg))
    if (!name %in% known) usage_stop("Unknown flag --", name, ". Known: ", paste0("--", known, collapse = ", "), ".")
    if (name %in% names(values)) usage_stop("Flag --", name, " is given twice.")
    values[[name]] <- sub("^[^=]*=", "", arg)
  }
  if (!is.null(values$users) && "cluster" %in% known) values$users <- strsplit(values$users, ",")[[1L]]
  values
}

## `--quiet` for `--quiet=TRUE`, where the argument's default is TRUE or FALSE.
is_switch <- function(f, arg) {
  name <- gsub("-", "_", sub("^--", "", arg))
  grepl("^--[a-z][a-z_-]*$", arg) && name %in% names(formals(f)) && is.logical(formals(f)[[name]])
}

cli_help <- function(f) {
  flags <- paste0("--", names(formals(f)), "=...")
  c(sprintf("Usage: Rscript -e future.p2p::%s [--name=value ...]", attr(f, "cli_name")), "", attr(f, "cli_about"), "",
    "Flags:", paste0("  ", format(flags, width = 16L), " ", vapply(formals(f), describe_default, "")),
    "  --help, --version", "",
    sprintf("In R: help(\"%s\", package = \"future.p2p\")", attr(f, "cli_name")))
}

## Of an argument, as one types it in a shell.
describe_default <- function(x) {
  if (identical(x, quote(expr = ))) return("required")
  if (is.null(x)) return("optional")
  paste("default:", if (is.language(x)) paste(deparse(x), collapse = "") else format(x, scientific = FALSE))
}
