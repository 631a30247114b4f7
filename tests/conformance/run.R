## Runs the conformance tests of the future framework (future.tests) in a session of bob on the workers of alice and carol. Each test step
## counts once. A step that is skipped here but not with multisession is a failure.
source("tests/testthat/helper-cluster.R")
options(device = function(...) grDevices::pdf(NULL)) # some tests plot; they leave no file

check_steps <- function(plan) {
  results <- future.tests::check(plan = plan, timeout = 120, exit_value = FALSE, session_info = FALSE)
  future::plan(future::sequential)
  steps <- list()
  collect <- function(x) {
    if (inherits(x, "TestResult")) steps[[length(steps) + 1L]] <<- x else if (is.list(x)) for (element in x) collect(element)
  }
  collect(results)
  names(steps) <- vapply(steps, function(step) {
    args <- vapply(step$args, function(arg) paste(format(arg), collapse = ";"), "")
    sprintf("%s [%s]", step$test$title, paste0(names(args), "=", args, collapse = ", "))
  }, "")
  steps
}

is_skipped <- function(steps) {
  vapply(steps, function(step) inherits(step$error, "TestSkipped") || inherits(step$skipped, "TestSkipped"), NA)
}

lab <- new_lab()
lab$write <- tempdir() # a step reads a temporary file of this session in a future
invisible(start_cluster(lab, "alice/demo", c("bob", "carol"), workers = c(alice = 1L, carol = 1L)))
args <- board_args(lab, "bob")
options(future.p2p.host = args$host, future.p2p.ssh_args = args$ssh_args) # future.tests needs a plan of one line
steps <- check_steps("future.p2p::cluster, cluster = 'alice/demo'")
close_lab(lab)

skipped <- is_skipped(steps)
failed <- vapply(steps, function(step) inherits(step$error, "error"), NA) & !skipped
for (name in names(steps)[failed]) {
  cat(sprintf("FAILED: %s: %s\n", name, gsub("\\s+", " ", conditionMessage(steps[[name]]$error))))
  print(steps[[name]])
}
if (any(skipped)) {
  theirs <- check_steps("future::multisession, workers = 2")
  ours_alone <- skipped & !names(steps) %in% names(theirs)[is_skipped(theirs)]
  cat("Skipped:", paste0("  ", names(steps)[skipped], ifelse(ours_alone[skipped], ", but not with multisession", "")), sep = "\n")
  failed <- failed | ours_alone
  skipped <- skipped & !ours_alone
}
cat(sprintf("conformance: %d passed, %d failed, %d skipped\n", sum(!failed & !skipped), sum(failed), sum(skipped)))
quit(save = "no", status = as.integer(any(failed) || length(steps) == 0L))
