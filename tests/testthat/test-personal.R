lab <- local_lab("alice")
start_board(lab)
withr::defer(future::plan(future::sequential))

library(future)

start_personal_worker <- function(...) {
  process <- start_process(lab, "worker", c(board_args(lab, "alice"), list(...)), "personal worker")
  wait_for_line(process, "Joined alice/personal")
  process
}

plan_personal <- function() {
  args <- board_args(lab, "alice")
  plan(future.p2p::cluster, host = args$host, ssh_args = args$ssh_args)
}

test_that("a personal cluster needs no host: worker first", {
  worker <- start_personal_worker()
  plan_personal()
  expect_false(value(future(Sys.getpid())) == Sys.getpid())
  plan(sequential)
  expect_equal(stop_process(worker), 0L)
})

test_that("a personal cluster needs no host: client first, which says once that it waits", {
  plan_personal()
  expect_equal(nbrOfWorkers(), 1L)
  f <- future(Sys.getpid())
  said <- character()
  got <- NULL
  worker <- NULL
  withCallingHandlers({
    for (i in 1:3) resolved(f)
    worker <- start_personal_worker()
    got <- value(f)
  }, message = function(m) {
    said <<- c(said, conditionMessage(m))
    invokeRestart("muffleMessage")
  })
  expect_false(got == Sys.getpid())
  expect_equal(sum(grepl("No worker on cluster 'alice/personal' yet", said)), 1L)
  plan(sequential)
})

test_that("who I am and which cluster is mine", {
  args <- board_args(lab, "alice")
  expect_equal(pico_username(host = args$host, ssh_args = args$ssh_args), "alice")
  expect_equal(p2p_cluster_name(host = args$host, ssh_args = args$ssh_args), "alice/personal")
  withr::local_options(future.p2p.cluster = "alice/friends")
  expect_equal(p2p_cluster_name(), "alice/friends")
})

test_that("duration ends a worker with status 0, after the future that runs", {
  worker <- start_personal_worker(duration = 3)
  expect_equal(wait_for_exit(worker, 30), 0L)
})

test_that("nothing is left", {
  expect_nothing_left(lab)
})
