## The sandbox of futures: how worker() chooses it, and what it says about it. src/shell/sandbox.c is the program that enters it.

## Those of an operating system: the first one that works is "auto". The rank is that of all, see p2p_machine_sandbox.
sandbox_levels <- function(system = Sys.info()[["sysname"]]) if (system == "Darwin") "seatbelt" else c("namespaces", "landlock")
sandbox_rank <- c("none", "seatbelt", "landlock", "namespaces")

## Returns list(level, net, read, write, command). `command`: what comes before the command of an evaluator; without a sandbox, on Linux, a
## keeper (src/proc/keeper.h). `probe` and `levels` are replaced in tests.
new_sandbox <- function(sandbox, net, read, write, workdir, probe = probe_sandbox, levels = sandbox_levels()) {
  sandbox <- check_choice(sandbox, "sandbox", c("auto", rev(sandbox_rank)))
  check_system(sandbox, levels)
  out <- list(level = sandbox, net = check_flag(net, "net"), read = check_paths(read, "read"), write = check_paths(write, "write"),
              command = character())
  if (sandbox == "none") {
    if (out$net || length(c(out$read, out$write)) > 0L) {
      usage_stop("Arguments 'net', 'read' and 'write' have no effect without a sandbox. Use them with ", sandbox_argument("auto"), ".")
    }
    if (Sys.info()[["sysname"]] == "Linux") out$command <- c(sandbox_program(), "none")
    return(out)
  }
  out$write <- c(out$write, workdir)
  problems <- character()
  for (level in if (sandbox == "auto") levels else sandbox) {
    out$level <- level
    out$command <- sandbox_command(out)
    problem <- probe(out$command)
    if (is.null(problem)) return(out)
    problems <- c(problems, sprintf("%s: %s", level, problem))
  }
  p2p_stop(paste0("No sandbox works here (", paste(problems, collapse = "; "), "). Without one, futures of others could read, change ",
                  "and delete whatever this account can, and use its network. If you trust all users of the cluster that far, use ",
                  sandbox_argument("none"), "."))
}

## A sandbox of another operating system is an error that names those of this one.
check_system <- function(sandbox, levels) {
  if (sandbox %in% c("auto", "none", levels)) return(invisible())
  argument_stop("sandbox", ": \"", sandbox, "\" is only for ", if (sandbox == "seatbelt") "macOS" else "Linux", ". Here, use \"auto\", ",
                paste0("\"", levels, "\"", collapse = ", "), " or \"none\".")
}

sandbox_argument <- function(level) sprintf(if (in_cli()) "--sandbox=%s" else "`sandbox = \"%s\"`", level)

## The least sandbox of workers, for plan(sandbox = ). NULL: any.
check_wanted_sandbox <- function(sandbox) {
  if (!is.null(sandbox) && check_choice(sandbox, "sandbox", sandbox_rank) != "none") sandbox
}

## Futures of a personal cluster are those of the owner of the machine.
default_sandbox <- function(cluster) if (is.null(cluster) || is_personal(cluster)) "none" else "auto"

## Absolute paths. Symbolic links are kept, so that futures may use either name.
check_paths <- function(paths, name) {
  if (!is.character(paths) || anyNA(paths)) argument_stop(name, " must be a character vector.")
  missing <- path.expand(paths)[!file.exists(paths)]
  if (length(missing) > 0L) argument_stop(name, ": there is no file or folder '", missing[1L], "'.")
  sub("(.)/+$", "\\1", absolute_path(paths))
}

sandbox_command <- function(sandbox) {
  read <- unique(c(r_paths(), sandbox$read))
  c(sandbox_program(), if (sandbox$net) "--net", paste0("--read=", read),
    if (length(sandbox$write) > 0L) paste0("--write=", sandbox$write), sandbox$level)
}

sandbox_program <- function() system.file("bin", "sandbox", package = "future.p2p")

## What R and its packages consist of. A package may be a link to a cache (renv).
r_paths <- function() {
  libraries <- c(.libPaths(), dirname(system.file(package = "future.p2p")))
  packages <- list.files(libraries, full.names = TRUE)
  linked <- normalizePath(packages[nzchar(Sys.readlink(packages))], mustWork = FALSE)
  prefix <- if (grepl("/lib(64)?/R$", R.home())) file.path(dirname(dirname(R.home())), c("bin", "etc", "lib", "lib64", "share"))
  paths <- c(R.home(), R.home("doc"), R.home("include"), R.home("share"), prefix, libraries, linked)
  unique(paths[file.exists(paths)])
}

## NULL if an evaluator can be started in this sandbox, or else why not.
probe_sandbox <- function(command) {
  folder <- tempfile("probe")
  dir.create(folder)
  on.exit(unlink(folder, recursive = TRUE))
  args <- c("--probe", command[-1L], file.path(R.home("bin"), "R"))
  output <- suppressWarnings(system2(command[1L], shQuote(args), stdout = TRUE, stderr = TRUE, timeout = 30,
                                     env = paste0("TMPDIR=", shQuote(file.path(folder, "tmp")))))
  if (is.null(attr(output, "status"))) return(NULL)
  text <- sub("^cannot set up the sandbox: ", "", paste(output, collapse = " "))
  if (nzchar(text)) text else paste("it ended with status", attr(output, "status"))
}

## What futures can reach, in one line.
describe_sandbox <- function(sandbox, pass_env = character()) {
  quote_all <- function(names) toString(quote_name(names))
  passed <- if (length(pass_env) > 0L) paste0(" They see the environment variables ", quote_all(pass_env), ".")
  if (sandbox$level == "none") {
    return(paste0("Futures run without a sandbox: they can read and change whatever this account can, and use its network.", passed))
  }
  quote_paths <- function(paths) if (length(paths) > 0L) paste(" and", quote_all(paths))
  seen <- if (sandbox$level == "seatbelt") " They can see the arguments and environment variables of other programs of this account."
  paste0("Futures run in a sandbox (", sandbox$level, "): they can read R, its packages and programs", quote_paths(sandbox$read),
         ", write to temporary folders of their own", quote_paths(sandbox$write), ", and use ", if (sandbox$net) "the" else "no",
         " network.", seen, passed)
}
