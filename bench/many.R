## 10,000 tiny futures in one session, on two workers, in batches; the peers have smaller batches, since only the time per future counts. The memory
## of the client, this session, must be level. Run by `make bench`, or alone.

source("bench/common.R")
source("bench/processes.R")

rounds <- rounds_or(20L, 5L)
batch <- full_or_quick(500L, 50L)
batches <- c(sequential = batch, multisession = batch %/% 5L, future.mirai = batch %/% 20L, future.p2p = batch)

futures_of <- function(n) {
  force(n)
  function() stopifnot(identical(unlist(value(lapply(seq_len(n), function(i) future(i)))), seq_len(n)))
}

with_plans(function(stacks, lab) {
  resident <- numeric()
  between <- function(name) {
    drain(lab)
    if (name == "future.p2p") {
      gc()
      resident <<- c(resident, resident_mb(Sys.getpid()))
    }
    switch_to(stacks[[name]])
  }
  times <- measure_tasks(lapply(batches, futures_of), rounds, between)
  record("many", sprintf("%s tiny futures in one session, two workers: each", format(rounds * batch, big.mark = ",")),
         sweep(times, 2L, batches, "/"), against = names(plans)[1:3], bars = list(at_most(3.5)))
  between("future.p2p")
  plan(sequential, .cleanup = FALSE)
  base <- 1L + rounds %/% 5L # what R takes at first does not count
  record("many_memory", "The same: the client's memory, above that after a fifth of them",
         cbind(future.p2p = resident[-seq_len(base)] - resident[base]), unit = "MB", bars = list(at_most(8, statistic = "max")))
})
