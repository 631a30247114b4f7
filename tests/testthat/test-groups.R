## Workers whose evaluators have control groups: where a group is theirs, see helper-groups.R.
skip_unless_lab()
lab <- local_lab()
group <- new_group()
testthat::skip_if(is.null(group), "no control group with limits on memory can be made here")
withr::defer(remove_group(group))
start_cluster(lab, "alice/friends", c("bob", "carol"), workers = c())
withr::defer(future::plan(future::sequential))

library(future)

start_in_group <- function(sandbox) {
  flags <- c(list(cluster = "alice/friends", workers = 1L, sandbox = sandbox, memory = "200 MiB"), board_args(lab, "carol"))
  command <- c(file.path(R.home("bin"), "Rscript"), "-e", "future.p2p::worker", sprintf("--%s=%s", names(flags), unlist(flags)))
  worker <- start_child(lab, "worker in a group", c(group$command, command), env = c(R_FUTURE_P2P_DEBUG = "true"))
  wait_for_line(worker, "evaluators have control groups in '")
  wait_for_line(worker, "joined cluster 'alice/friends'", timeout = 60)
  worker
}

## Takes so many MiB in each of so many processes.
take <- function(mib, processes) {
  unlist(parallel::mclapply(seq_len(processes), function(i) sum(rep(1, mib * 2^17)), mc.cores = processes))
}

for (level in c(Filter(has_sandbox, future.p2p:::sandbox_levels), "none")) {
  test_that(paste("with sandbox", level, "all processes of a future share the memory limit"), {
    worker <- start_in_group(level)
    plan_as(lab, "bob")
    expect_equal(value(future(sum(rep(1, 180 * 2^17)))), 180 * 2^17)
    expect_error(value(future(sum(rep(1, 220 * 2^17)))), "cannot allocate.*memory limit of 200 MiB")
    expect_equal(value(future(take(60, 2), globals = list(take = take))), rep(60 * 2^17, 2))
    expect_error(value(future(take(120, 2), globals = list(take = take))),
                 "was killed at the memory limit of 200 MiB per future while evaluating.*all processes of a future together.*--memory")
    expect_equal(value(future(1 + 1)), 2)
    plan(sequential)
    expect_equal(stop_process(worker), 0L)
    expect_identical(remove_group(group), character())
    group <<- new_group()
  })
}

test_that("what a future leaves behind without its keeper ends with the evaluator", {
  testthat::skip_if_not(is.null(group$path) || file.exists(file.path(group$path, "cgroup.kill")), "needs Linux 5.14")
  worker <- start_in_group("none")
  plan_as(lab, "bob", retries = 0)
  f <- future({
    system(sprintf("P2P_DAEMON=%d setsid sleep 1000 > /dev/null 2>&1 &", supervisor))
    tools::pskill(as.integer(system("ps -o ppid= -p $PPID", intern = TRUE)), 9L)
    Sys.sleep(60)
  }, globals = list(supervisor = worker$px$get_pid()))
  expect_error(value(f), "SIGKILL")
  wait_until(function() length(processes_with(sprintf("P2P_DAEMON=%d", worker$px$get_pid()))) == 0L)
  plan(sequential)
  expect_equal(stop_process(worker), 0L)
})
