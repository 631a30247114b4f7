## Each spelling that early documents showed works, and names the new one.
lab <- local_lab()
start_board(lab)
withr::defer(future::plan(future::sequential))

library(future)

spelled <- function(early, new) sprintf("^'Rscript -e future[.]p2p::%s' is now 'Rscript -e future[.]p2p::%s'[.]$", early, new)

rscript <- function(expression, ...) {
  suppressWarnings(system2(file.path(R.home("bin"), "Rscript"), c("-e", shQuote(expression), ...), stdout = TRUE, stderr = TRUE))
}

test_that("a cluster is hosted by future.p2p::host-cluster, and gets workers by pico_p2p_worker, on the command line", {
  host <- start_process(lab, "host-cluster", c(list(users = "bob,carol", cluster = "alice/friends"), board_args(lab, "alice")))
  wait_for_line(host, spelled("host-cluster", "host_cluster"))
  wait_for_line(host, "hosting cluster 'alice/friends'")
  second <- start_process(lab, "pico_p2p_cluster", c(list(users = "bob", cluster = "alice/p2p"), board_args(lab, "alice")))
  worker <- start_process(lab, "pico_p2p_worker", c(list(cluster = "alice/friends"), board_args(lab, "bob")))
  wait_for_line(worker, spelled("pico_p2p_worker", "worker"))
  wait_for_line(worker, "joined cluster 'alice/friends'")
  wait_for_line(second, spelled("pico_p2p_cluster", "host_cluster"))
  expect_match(wait_for_line(second, "hosting cluster"), "alice/p2p")
})

test_that("pico_p2p is a plan", {
  args <- board_args(lab, "carol")
  plan_early <- function() plan(future.p2p::pico_p2p, cluster = "alice/friends", host = args$host, ssh_args = args$ssh_args)
  expect_message(plan_early(), "plan(future.p2p::pico_p2p, ...) is now plan(future.p2p::cluster, ...).", fixed = TRUE)
  expect_s3_class(plan("backend"), "P2PFutureBackend")
  expect_false(value(future(Sys.getpid())) == Sys.getpid())
  plan(sequential)
  expect_no_message(plan_early())
  expect_equal(value(future(42)), 42)
  plan(sequential)
  expect_error(suppressWarnings(plan(future.p2p::pico_p2p, clust = "alice/friends")), "Did you mean 'cluster'?", fixed = TRUE, class = "p2p_error_usage")
})

test_that("the functions have the arguments of the new ones", {
  args <- board_args(lab, "bob")
  expect_message(pico_p2p_worker("alice/friends", host = args$host, ssh_args = args$ssh_args, duration = 0),
                 "future.p2p::pico_p2p_worker() is now future.p2p::worker().", fixed = TRUE)
  args <- board_args(lab, "alice")
  expect_message(pico_p2p_cluster(cluster = "alice/other", users = c("bob", "carol"), host = args$host, ssh_args = args$ssh_args, duration = 0),
                 "future.p2p::pico_p2p_cluster() is now future.p2p::host_cluster().", fixed = TRUE)
  expect_error(pico_p2p_worker("alice/friends", ni = 2), "Did you mean 'nice'?", fixed = TRUE, class = "p2p_error_usage")
})

test_that("the command lines have the help and the errors of the new ones", {
  help <- function(name) grep("is now", rscript(paste0("future.p2p::", name), "--help"), invert = TRUE, value = TRUE)
  expect_identical(help("pico_p2p_worker"), help("worker"))
  expect_identical(help("pico_p2p_cluster"), help("host_cluster"))
  expect_identical(help("host-cluster"), help("host_cluster"))
  expect_identical(attr(rscript("future.p2p::host-cluster", "--user=bob"), "status"), 2L)
  unread <- rscript("future.p2p::pico_p2p_worker()", "--cluster=alice/friends")
  expect_match(paste(unread, collapse = " "), "'--cluster=alice/friends' would have no effect.*Rscript -e future[.]p2p::worker --cluster")
})

test_that("future.p2p::host is a hint elsewhere, and does not disturb", {
  expect_s3_class(future.p2p::host, "p2p_hint")
  expect_output(print(future.p2p::host), "To host a cluster, use future.p2p::host_cluster()", fixed = TRUE)
  expect_error(future.p2p::host - 1, "To host a cluster", class = "p2p_error_usage")
  expect_true("host" %in% getNamespaceExports("future.p2p"))
  expect_identical(rscript("library(future.p2p); print(exists(\"host\")); print(\"host\" %in% ls(\"package:future.p2p\"))", "--cluster=a/b"),
                   c("[1] FALSE", "[1] FALSE"))
  expect_match(rscript("print(nchar(future.p2p::host) > 0L)", "--users=bob"), "TRUE")
  expect_false(called_as_difference(c("R", "-e", "future.p2p::host_cluster", "--args", "-e", "future.p2p::host-cluster")))
  expect_true(called_as_difference(c("R", "--no-echo", "-e", "future.p2p::host~+~-~+~cluster", "--args", "--users=bob")))
})

test_that("nothing is left", {
  expect_nothing_left(lab)
})
