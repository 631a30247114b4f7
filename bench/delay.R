## A client that is 10 ms away, each way, from its two workers, from the board and from the mailbox server. Neither side can listen, so links
## go through the relay, on which each side has a way of 5 ms (delay.c). Run by `make bench`, or alone:
##
##   make build/bench/delay build/bench/no_listen.so && Rscript bench/delay.R build/bench

folder <- normalizePath(commandArgs(trailingOnly = TRUE)[1L])
no_listen <- c(LD_PRELOAD = file.path(folder, "no_listen.so"))
if (Sys.getenv("LD_PRELOAD") != no_listen) {
  quit(status = system2(file.path(R.home("bin"), "Rscript"), c("bench/delay.R", folder), env = paste0("LD_PRELOAD=", no_listen)))
}

source("bench/common.R")

## The ports that lead to these ones, each with a delay.
start_delay <- function(lab, ms, ports) {
  proxy <- start_child(lab, "delay", c(file.path(folder, "delay"), rbind(ms, ports)), stdin = "|")
  wait_for_line(proxy, "^[0-9]+$", length(ports))
  process_lines(proxy)
}

n_doubles <- full_or_quick(100, 10) * 1e6 / 8
x <- stats::runif(n_doubles)
n <- full_or_quick(300L, 60L)

lab <- new_lab(c("alice", "bob"))
tryCatch({
  Sys.setenv(LD_PRELOAD = "")
  said <- wait_for_line(start_board(lab), "mailbox on port [0-9]+, relay on port [0-9]+")
  ports <- start_delay(lab, c(10, 10, 5), c(lab$port, regmatches(said, gregexpr("(?<=on port )[0-9]+", said, perl = TRUE))[[1L]]))
  do.call(Sys.setenv, as.list(no_listen))
  host_key <- readLines(known_hosts_file(lab))
  writeLines(c(host_key, sub(lab$port, ports[1L], host_key, fixed = TRUE)), known_hosts_file(lab))
  relay <- paste0("tcp:127.0.0.1:", ports[3L])
  start_host(lab, "alice/friends", "bob")
  for (user in c("alice", "bob")) start_worker(lab, user, "alice/friends", env = c(R_FUTURE_P2P_RELAY = relay, no_listen))
  lab$port <- as.integer(ports[1L])
  options(future.p2p.relay = relay, future.p2p.mailbox = sprintf("ws://127.0.0.1:%s/v1", ports[2L]))
  first_value <- function() {
    suppressMessages({ # about the key that it gets at first
      plan_as(lab, "bob")
      one_future()
    })
  }
  away <- function(id, title, task, rounds, before = function(name) drain(lab)) {
    record(paste0("delay_", id), paste0("10 ms away: ", title), measure_tasks(list(future.p2p = task), rounds, before))
  }
  first_value() # enrols this device
  away("first_value", "plan() and the first value()", first_value, rounds_or(10L), function(name) {
    plan(sequential)
    drain(lab)
    Sys.sleep(2)
  })
  Sys.sleep(1)
  stopifnot(length(grep(" relay ", utils::capture.output(print(plan())))) >= 1L)
  away("warm", "value(future(1 + 2)), warm", one_future, rounds_or(50L, 10L))
  away("tiny_300", sprintf("%d tiny futures on two workers, future_lapply(future.chunk.size = 1)", n), function() {
    stopifnot(identical(unlist(future.apply::future_lapply(seq_len(n), function(i) i, future.chunk.size = 1)), seq_len(n)))
  }, rounds_or(5L))
  away("global", sprintf("a global of %g MB", n_doubles * 8 / 1e6), function() stopifnot(value(future(length(x))) == n_doubles), rounds_or(5L))
  zeros <- function() stopifnot(length(value(future(numeric(n_doubles)))) == n_doubles)
  away("result", sprintf("a result of %g MB: zeros", n_doubles * 8 / 1e6), zeros, rounds_or(5L))
}, finally = {
  plan(sequential)
  close_lab(lab)
})
