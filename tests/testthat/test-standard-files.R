## Programs whose standard files are closed, whose output nobody reads any more, or whose terminal is closed.
lab <- local_lab()
members <- start_cluster(lab, "alice/friends", c("bob", "carol"), workers = c())
withr::defer(future::plan(future::sequential))
library(future)

## A program with flags, as start_process() does it, by way of a shell script that ends in `"$@"`.
start_by_shell <- function(what, flags, script, user = "carol") {
  flags <- c(flags, board_args(lab, user))
  start_command(c("sh", "-c", script, "sh", file.path(R.home("bin"), "Rscript"), "-e", paste0("future.p2p::", what),
                  sprintf("--%s=%s", names(flags), unlist(flags))))
}

start_command <- function(command) start_child(lab, command[3L], command)

joined <- 0L
wait_for_member <- function(user = "carol") {
  wait_for_line(members$board, sprintf("'%s' joined 'alice/friends", user), nth = joined <<- joined + 1L)
}

test_that("programs whose standard files are closed end with status 0", {
  closed <- 'exec "$@" <&- >&- 2>&-'
  cluster <- list(cluster = "alice/friends", duration = 0.5)
  args <- board_args(lab, "bob")
  file <- file.path(lab$dir, "client.R")
  writeLines(sprintf("library(future); plan(future.p2p::cluster, cluster = 'alice/friends', host = '%s', ssh_args = '%s')", args$host, args$ssh_args), file)
  processes <- list(
    start_by_shell("worker", cluster, closed),
    start_by_shell("host_cluster", list(cluster = "alice/closed", users = "bob", duration = 0.5), closed, "alice"),
    start_by_shell("pico_username", list(), closed),
    start_command(c("sh", "-c", closed, "sh", file.path(R.home("bin"), "Rscript"), "-e", "future.p2p::serve", "--port=0", "--duration=0.1",
                    paste0("--users=", file.path(lab$dir, "users.txt")), paste0("--host-key=", file.path(lab$dir, "other_host_key")))),
    start_command(c("sh", "-c", closed, "sh", file.path(R.home("bin"), "Rscript"), file))
  )
  expect_equal(vapply(processes, wait_for_exit, 1L, timeout = 30), rep(0L, length(processes)))
  joined <<- 1L # the worker
})

test_that("a worker whose standard files are closed evaluates futures, and SIGTERM ends it", {
  worker <- start_by_shell("worker", list(cluster = "alice/friends"), 'exec "$@" <&- >&- 2>&-')
  wait_for_member()
  plan_as(lab, "bob")
  expect_equal(value(future({ cat("said\n"); 6 * 7 }, stdout = FALSE)), 42)
  plan(sequential)
  signal_process(worker, tools::SIGTERM)
  wait_for_exit(worker)
  expect_false(isTRUE(worker$killed))
  expect_length(list.files(worker$tmp), 0L)
})

test_that("a worker goes on when the reader of its log ends, without using the CPU", {
  script <- 'exec 4>&1; status=$( { { "$@" 2>&1; echo $? >&3; } | head -n 1 >&4; } 3>&1 ); echo "status $status"'
  worker <- start_by_shell("worker", list(cluster = "alice/friends"), script)
  wait_for_member()
  plan_as(lab, "bob")
  for (i in 1:3) expect_equal(value(future(i)), i) # it writes a line for each
  pid <- as.integer(sub(".*:", "", value(future(Sys.getenv("FUTURE_P2P_WORKER")))))
  cpu <- function() sum(as.numeric(strsplit(readLines(file.path("/proc", pid, "stat")), " ")[[1L]][14:15]))
  if (dir.exists("/proc/self")) {
    before <- cpu()
    Sys.sleep(1)
    expect_lt(cpu() - before, 30) # hundredths of a second
  }
  plan(sequential)
  tools::pskill(pid, tools::SIGTERM)
  expect_equal(wait_for_line(worker, "^status"), "status 0")
  wait_for_exit(worker)
})

test_that("SIGHUP ends host_cluster() and serve() with status 0, and they leave nothing", {
  host <- start_host(lab, "alice/hangup", "bob")
  other <- start_process(lab, "serve", list(port = 0, address = "127.0.0.1", users = file.path(lab$dir, "users.txt"),
                                            "host-key" = file.path(lab$dir, "other_host_key")), "other board")
  wait_for_line(other, "host key")
  for (process in list(host, other)) {
    signal_process(process, 1L)
    expect_equal(wait_for_exit(process), 0L)
    expect_length(list.files(process$tmp), 0L)
  }
})

test_that("SIGHUP does not end a worker that nohup started", {
  worker <- start_by_shell("worker", list(cluster = "alice/friends"), 'trap "" HUP; exec "$@"')
  wait_for_line(worker, "joined cluster")
  signal_process(worker, 1L)
  plan_as(lab, "bob")
  expect_equal(value(future(1)), 1)
  plan(sequential)
  expect_equal(stop_process(worker), 0L)
})

test_that("a worker whose terminal is closed stops and leaves nothing", {
  worker <- start_worker(lab, "carol", "alice/friends", pty = TRUE)
  close(worker$px$get_output_connection())
  worker$has_hung_up <- TRUE
  expect_equal(wait_for_exit(worker), 0L)
  expect_length(list.files(worker$tmp), 0L)
})

test_that("nothing is left", {
  expect_nothing_left(lab)
})
