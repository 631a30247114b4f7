## Many futures of each kind in one session: memory, files, sockets, threads and handles of client, supervisor and evaluator do not grow.
## 500 futures; with P2P_SOAK=5000 (`make soak`) more, and a table.
lab <- local_lab(c("alice", "bob"))
lab$sandbox <- "landlock" # in which the process that futures see is the one that this session sees
members <- start_cluster(lab, "alice/friends", "bob", workers = c(alice = 1L))
plan_as(lab, "bob")
withr::defer(future::plan(future::sequential))

library(future)

count <- as.integer(Sys.getenv("P2P_SOAK", "500"))

level_of <- function(pid) {
  status <- readLines(file.path("/proc", pid, "status"))
  number <- function(key) as.numeric(gsub("[^0-9]", "", grep(paste0("^", key, ":"), status, value = TRUE)))
  fds <- Sys.readlink(list.files(file.path("/proc", pid, "fd"), full.names = TRUE))
  fds <- fds[nzchar(fds)] # one was that of the listing itself
  c(mib = number("VmRSS") / 1024, files = length(fds), sockets = sum(grepl("^socket:", fds)), threads = number("Threads"))
}

## Handles whose finalizer has not run, in this session or, in a future, in the evaluator.
live_handles <- function() {
  gc()
  .Call(asNamespace("future.p2p")$ffi_handles_live)
}

immediate <- function(i) structure(class = c("immediateCondition", "condition"), list(message = paste(i), call = NULL))

## Uses the ith future. Returns TRUE on success. (Expectations would themselves use up memory.)
kinds <- list(
  value = function(i) identical(value(future(i)), i),
  error = function(i) identical(tryCatch(value(future(stop("number ", i))), error = conditionMessage), paste("number", i)),
  warning = function(i) identical(tryCatch(value(future(warning("careful"))), warning = conditionMessage), "careful"),
  output = function(i) identical(capture.output(value(future(cat(i, "\n")))), paste0(i, " ")),
  progress = function(i) {
    seen <- 0L
    withCallingHandlers(value(future(for (k in 1:10) signalCondition(immediate(k)))), immediateCondition = function(cond) seen <<- seen + 1L)
    seen == 10L
  },
  large = function(i) {
    x <- numeric(2e4) + i
    identical(value(future(rev(x))), x)
  },
  polled = function(i) {
    f <- future(i)
    while (!resolved(f)) Sys.sleep(0.001)
    identical(value(f), i)
  },
  never_asked = function(i) inherits(future(i), "P2PFuture"),
  canceled = function(i) {
    f <- cancel(future(Sys.sleep(60)))
    inherits(tryCatch(value(f), error = identity), "FutureInterruptError")
  },
  again = function(i) {
    f <- future(i)
    value(f)
    identical(value(reset(f)), i)
  }
)

run <- function(n) {
  for (i in seq_len(n)) {
    kind <- names(kinds)[1L + i %% length(kinds)]
    if (!isTRUE(kinds[[kind]](i))) stop(sprintf("Future %d, of kind '%s', did not end as it should.", i, kind))
  }
}

test_that("memory, files, sockets, threads and handles do not grow", {
  skip_if_not(dir.exists("/proc/self/fd"))
  run(100L)
  evaluator <- value(future(Sys.getpid()))
  pids <- c(client = Sys.getpid(), supervisor = members$workers[[1L]]$px$get_pid(), evaluator = evaluator)
  look <- function() {
    handles <- c(client = live_handles(), supervisor = NA, evaluator = value(future(live_handles())))
    gc()
    rbind(vapply(pids, level_of, numeric(4L)), handles = handles)
  }
  levels <- list(look())
  for (quarter in 1:4) {
    run(count %/% 4L)
    levels[[quarter + 1L]] <- look()
  }
  expect_equal(value(future(Sys.getpid())), evaluator)
  for (level in levels[-1L]) expect_equal(level[-1L, ], levels[[1L]][-1L, ])
  growth <- levels[[5L]]["mib", ] - levels[[2L]]["mib", ]
  for (who in names(pids)) expect_lt(growth[[who]], 8, label = sprintf("the growth of the %s's memory in MiB", who))
  if (count > 500L) {
    names(levels) <- count %/% 4L * 0:4
    for (who in names(pids)) {
      cat(sprintf("\n%s after so many futures:\n", who))
      print(round(vapply(levels, function(level) level[, who], numeric(5L)), 1L))
    }
  }
})

test_that("nothing is left", {
  plan(sequential)
  expect_nothing_left(lab)
})
