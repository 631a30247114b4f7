## The dashboard of a worker: an R process of its own, a client that takes no slot, so that the process that starts evaluators answers no web
## browser. src/worker/companion.h says how it ends with the worker.

## `look(cluster)` is called after lines of the log: it starts the dashboard once the worker has joined, and then shows its address, once. Where it
## cannot be started, the worker goes on.
new_worker_dashboard <- function(config, log) {
  handle <- NULL
  has_started <- FALSE
  start <- function(cluster) {
    folder <- file.path(config$scratch, "dashboard") # removed with those of evaluators
    dir.create(folder, showWarnings = FALSE, mode = "0700")
    program <- list(argv = worker_dashboard_argv(folder), input = worker_dashboard_input(cluster, config))
    tryCatch(.Call(ffi_companion_new, program, log), p2p_error = function(ex) {
      notice("Warning: there is no dashboard: ", conditionMessage(ex))
      NULL
    })
  }
  look <- function(cluster) {
    if (!has_started && nzchar(cluster)) {
      has_started <<- TRUE
      handle <<- start(cluster)
    }
    address <- if (!is.null(handle)) .Call(ffi_companion_take, handle)
    if (is.null(address)) return(invisible())
    clear_line()
    cat(address, "\n", sep = "")
    flush(stdout())
  }
  list(look = look, close = function() if (!is.null(handle)) .Call(ffi_handle_close, handle))
}

worker_dashboard_argv <- function(folder) {
  c("env", paste0("TMPDIR=", folder), paste0("R_LIBS=", paste(.libPaths(), collapse = .Platform$path.sep)), r_program(),
    "--no-echo", "--no-save", "--no-restore", "--no-environ", "--no-site-file", "--no-init-file", "-e", "future.p2p:::dashboard_of_worker()")
}

## What it needs to join as the worker has. Its command line, which other users can see, has none of it.
worker_dashboard_input <- function(cluster, config) {
  set <- options()[intersect(paste0("future.p2p.", option_names), names(options()))]
  rawToChar(serialize(list(cluster = cluster, host = config$host, ssh_args = config$ssh_args, options = set), NULL, ascii = TRUE))
}

## Runs in that process.
dashboard_of_worker <- function() {
  given <- unserialize(file("stdin", "rb")) # before the lifeline is watched, which reads from it, too
  .Call(ffi_companion_begin)
  tryCatch({
    options(given$options)
    dash <- dashboard(given$cluster, given$host, given$ssh_args)
    with_terminate({
      print(dash)
      flush(stdout())
      serve_pages()
    })
  }, error = function(ex) {
    message(gsub("\n", " ", conditionMessage(ex)))
    quit(save = "no", status = 1L, runLast = FALSE)
  })
}
