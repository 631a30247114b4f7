## The conformance tests of the future framework (future.tests) on a cluster with two workers: bob's session, alice's and
## carol's workers. A test step counts once.
source("tests/testthat/helper-cluster.R")
options(device = function(...) grDevices::pdf(NULL)) # some of the tests plot; nothing of it is to be left

lab <- new_lab()
invisible(start_cluster(lab, "alice/demo", c("bob", "carol"), workers = c(alice = 1L, carol = 1L)))
args <- board_args(lab, "bob")
options(future.p2p.host = args$host, future.p2p.ssh_args = args$ssh_args) # future.tests wants a plan of one short line
results <- future.tests::check(plan = "future.p2p::cluster, cluster = 'alice/demo'", timeout = 120, exit_value = FALSE, session_info = FALSE)
future::plan(future::sequential)
close_lab(lab)

steps <- list()
collect <- function(x) {
  if (inherits(x, "TestResult")) steps[[length(steps) + 1L]] <<- x else if (is.list(x)) for (element in x) collect(element)
}
collect(results)
skipped <- vapply(steps, function(step) inherits(step$error, "TestSkipped") || inherits(step$skipped, "TestSkipped"), NA)
failed <- vapply(steps, function(step) inherits(step$error, "error"), NA) & !skipped
for (step in steps[failed]) print(step)
cat(sprintf("conformance: %d passed, %d failed, %d skipped\n", sum(!failed & !skipped), sum(failed), sum(skipped)))
quit(save = "no", status = as.integer(any(failed) || length(steps) == 0L))
