## Many futures in one session: client, supervisor and evaluator keep their level of files, threads and memory. 500 futures;
## P2P_SOAK=5000 for more.
lab <- local_lab(c("alice", "bob"))
members <- start_cluster(lab, "alice/friends", "bob", workers = c(alice = 1L))
plan_as(lab, "bob")
withr::defer(future::plan(future::sequential))

library(future)

level_of <- function(pid) {
  status <- readLines(file.path("/proc", pid, "status"))
  number <- function(key) as.numeric(gsub("[^0-9]", "", grep(paste0("^", key, ":"), status, value = TRUE)))
  list(files = length(list.files(file.path("/proc", pid, "fd"))), threads = number("Threads"), mib = number("VmRSS") / 1024)
}

run <- function(n) for (i in seq_len(n)) if (value(future(i)) != i) stop("another value")

test_that("files, threads and memory keep their level", {
  testthat::skip_if_not(dir.exists("/proc/self/fd"))
  count <- as.integer(Sys.getenv("P2P_SOAK", "500"))
  run(100)
  evaluator <- value(future(Sys.getpid()))
  pids <- c(client = Sys.getpid(), supervisor = members$workers[[1L]]$px$get_pid(), evaluator = evaluator)
  gc()
  before <- lapply(pids, level_of)
  run(count)
  expect_equal(value(future(Sys.getpid())), evaluator)
  gc()
  after <- lapply(pids, level_of)
  for (who in names(pids)) {
    expect_lte(after[[who]]$files, before[[who]]$files + 1)
    expect_lte(after[[who]]$threads, before[[who]]$threads)
    expect_lt(after[[who]]$mib - before[[who]]$mib, 30)
  }
  if (count > 500L) print(rbind(before = unlist(before), after = unlist(after)))
})

test_that("nothing is left", {
  plan(sequential)
  expect_nothing_left(lab)
})
