## Tiny futures: warm round trips of value(future(1 + 2)), and 300 futures on two workers by future_lapply(). future.mirai gets a tenth of
## these, since only the time per future counts. Run by `make bench`, or alone: ROUNDS=500 Rscript bench/roundtrip.R

source("bench/common.R")
source("bench/two_processes.R")

n <- full_or_quick(300L, 60L)
counts <- c(sequential = n, multisession = n, future.mirai = n %/% 10L, future.p2p = n)

tiny_futures <- function(n) {
  force(n)
  function() stopifnot(identical(unlist(future.apply::future_lapply(seq_len(n), function(i) i, future.chunk.size = 1)), seq_len(n)))
}

with_plans(function(stacks, lab) {
  hand <- two_processes()
  tasks <- c(lapply(stacks, function(stack) one_future), list("by hand" = hand$value))
  times <- measure_tasks(tasks, rounds_or(200L, 20L), function(name) {
    drain(lab)
    switch_to(stacks[[if (name == "by hand") "sequential" else name]])
  })
  hand$close()
  record("warm", "value(future(1 + 2)), warm", times,
         against = names(plans)[1:3], bars = list(at_most(1.25, "sequential"), at_most(0.7, "future.mirai")))
  times <- measure_tasks(lapply(counts, tiny_futures), rounds_or(10L), function(name) {
    drain(lab)
    switch_to(stacks[[name]])
  })
  record("tiny_300", sprintf("%d tiny futures on two workers, future_lapply(future.chunk.size = 1): each", n), sweep(times, 2L, counts, "/"),
         against = names(plans)[1:3], bars = list(at_least(12, "multisession")))
})
