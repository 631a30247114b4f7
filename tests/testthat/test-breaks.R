## Links that break in the middle of a global or of a result, and what happens while they stand still there: a proxy passes on so many bytes and no
## more. Neither side can listen, so that the link goes through it.
skip_unless_lab()
testthat::skip_if_not(Sys.info()[["sysname"]] == "Linux", "the processes are kept from listening in a way of Linux")
lab <- local_lab()
board <- start_board(lab)
start_host(lab, "alice/friends", c("bob", "carol"))
proxy <- start_breaker(lab, as.integer(sub(".*relay on port ([0-9]+).*", "\\1", wait_for_line(board, "relay on port"))))
relay <- paste0("tcp:127.0.0.1:", proxy$port)
quiet <- no_listening(lab)
worker <- start_worker(lab, "alice", "alice/friends", env = c(R_FUTURE_P2P_RELAY = relay, quiet), sandbox = "none") # whose process ids futures see

## `patient`: future() waits for as long as its global goes out.
start_client <- function(..., patient = FALSE) {
  session <- start_asked(lab, "bob", ..., options = list(future.p2p.relay = relay), env = quiet)
  if (patient) ask(session, "{ unlockBinding('SLOW_LINK', s <- asNamespace('future.p2p')); assign('SLOW_LINK', 1, s) }")
  ask(session, "library(future); k <- 0; new <- function(n = 2e6) { k <<- k + 1; as.numeric(seq_len(n)) + k }")
  expect_in_order(session)
  session
}
session <- start_client()

## What goes out or comes back in each case, and how the value is checked. `x` is new for each future; a function in a list keeps it from being a part.
cases <- list(
  part = list(way = "up", make = "x <- new(); f <- future(rev(x)[1:3])", check = "identical(value(f), rev(x)[1:3])"),
  "second part" = list(way = "up", make = "x <- new(); y <- new(); f <- future(c(sum(x), rev(y)[1:3]))", check = "identical(value(f), c(sum(x), rev(y)[1:3]))"),
  object = list(way = "up", make = "x <- list(new(), sum); f <- future(x[[2L]](x[[1L]]))", check = "identical(value(f), sum(x[[1L]]))"),
  result = list(way = "down", make = "x <- k <- k + 1; f <- future(as.numeric(seq_len(1e6)) + x)", check = "identical(value(f), as.numeric(seq_len(1e6)) + x)")
)

## Bytes that one future of this case takes in its direction.
bytes_of <- function(case) {
  at <- match(case$way, c("up", "down"))
  before <- count_bytes(proxy)[at]
  ask(session, case$make)
  testthat::expect_identical(ask(session, case$check), "= TRUE")
  count_bytes(proxy)[at] - before
}

## Begins a future of this case, of which so many bytes pass.
begin <- function(case, bytes, action) {
  tell_breaker(proxy, case$way, format(bytes, scientific = FALSE), action)
  tell(session, paste(case$make, "; 0"))
  hear_breaker(proxy, if (action == "break") "broken" else "held")
}

for (name in names(cases)) {
  test_that(sprintf("a link that breaks in the middle of a future (%s) costs no slot and no value", name), {
    case <- cases[[name]]
    all <- bytes_of(case) # of a result, each byte counts twice: down to us is what the relay passes on to both
    for (bytes in c(100, 50000, round(all / 2), all - 4000)) {
      warned <- length(warnings_of(session))
      begin(case, bytes, "break")
      expect_match(answer_of(session), "^=", label = paste(name, "after", bytes))
      expect_identical(ask(session, case$check), "= TRUE", label = paste(name, "after", bytes))
      again <- length(warnings_of(session)) - warned
      if (case$way == "up" && bytes < all / 4) expect_identical(again, 0L) else expect_lte(again, 1L) # the system takes some megabytes at once
      expect_in_order(session)
    }
  })
}

reset_client <- function(...) {
  end_session(session)
  session <<- start_client(...)
}

test_that("without retries, a link that breaks in the middle of a result is an error, and reset() gives the value; of a global, it is none", {
  reset_client(retries = 0)
  begin(cases$result, round(bytes_of(cases$result) / 2), "break")
  answer_of(session)
  expect_match(ask(session, cases$result$check), "^! FutureInterruptError .*was lost[.] The link to worker '.*' was lost .*retries = 1")
  expect_identical(ask(session, "f <- reset(f); identical(value(f), as.numeric(seq_len(1e6)) + x)"), "= TRUE")
  for (name in c("part", "object")) {
    begin(cases[[name]], 1e6, "break")
    expect_match(answer_of(session), "^=")
    expect_identical(ask(session, cases[[name]]$check), "= TRUE")
  }
  expect_identical(warnings_of(session), character())
  expect_in_order(session)
})

evaluator <- function() as.integer(sub("= ", "", ask(session, "value(future(Sys.getpid()))")))

test_that("an evaluator that is killed while it reads is replaced, and its future runs on the next one", {
  for (name in c("part", "second part", "object")) {
    pid <- evaluator()
    begin(cases[[name]], 1e6 + 16e6 * (name == "second part"), "hold")
    tools::pskill(pid, tools::SIGKILL)
    wait_for_line(worker, "an evaluator ended with signal 9", nth = match(name, c("part", "second part", "object")))
    tell_breaker(proxy, "go")
    expect_match(answer_of(session), "^=")
    wait_until(function() identical(ask(session, ".Call(future.p2p:::ffi_task_starts, f[['task']])"), "= 2"))
    expect_identical(ask(session, cases[[name]]$check), "= TRUE")
    expect_in_order(session)
  }
  expect_identical(warnings_of(session), character()) # it had not begun
})

test_that("after Ctrl-C while a global goes out, its future is canceled, the slot is free again, and the next future is right", {
  reset_client(patient = TRUE)
  endless <- list(way = "up", make = "x <- new(); y <- new(); future({ list(x, y); repeat Sys.sleep(1) })")
  for (bytes in c(100, 5e6, 17e6)) {
    pid <- evaluator()
    begin(endless, bytes, "hold")
    signal_process(session, tools::SIGINT)
    expect_identical(answer_of(session), "! interrupted")
    expect_identical(ask(session, "6 * 7"), "= 42")
    tell_breaker(proxy, "go")
    expect_in_order(session)
    expect_identical(evaluator(), pid)
    expect_identical(ask(session, "identical(value(future(rev(x)[1:3])), rev(x)[1:3])"), "= TRUE")
    expect_in_order(session)
  }
})

test_that("a lazy future whose launch was interrupted is interrupted, and reset() gives its value", {
  ask(session, "x <- new(); f <- future(rev(x)[1:3], lazy = TRUE)")
  tell_breaker(proxy, "up", 1000000, "hold")
  tell(session, "resolved(f)")
  hear_breaker(proxy, "held")
  signal_process(session, tools::SIGINT)
  expect_identical(answer_of(session), "! interrupted")
  tell_breaker(proxy, "go")
  expect_match(ask(session, "value(f)"), "^! FutureInterruptError")
  expect_identical(ask(session, "f <- reset(f); identical(value(f), rev(x)[1:3])"), "= TRUE")
  expect_in_order(session)
})

test_that("after Ctrl-C while a result arrives, value() gives it, from this link or after it has broken", {
  for (action in c("go", "break")) {
    begin(cases$result, round(bytes_of(cases$result) / 2), "hold")
    expect_match(answer_of(session), "^=")
    expect_identical(ask(session, ".Call(future.p2p:::ffi_task_state, f[['task']])"), "= arriving")
    tell(session, "cat('reads', k, '\\n'); value(f)")
    wait_for_line(session, "^reads", nth = match(action, c("go", "break")))
    signal_process(session, tools::SIGINT)
    expect_identical(answer_of(session), "! interrupted")
    tell_breaker(proxy, action)
    if (action == "break") hear_breaker(proxy, "broken")
    expect_identical(ask(session, cases$result$check), "= TRUE")
    expect_in_order(session)
  }
})

test_that("a client that is killed while its global goes out leaves a worker in order", {
  pid <- evaluator()
  begin(cases$part, 5e6, "hold")
  signal_process(session, tools::SIGKILL)
  wait_for_exit(session)
  unlink(list.files(session$tmp, full.names = TRUE), recursive = TRUE) # it could not
  tell_breaker(proxy, "go")
  wait_until(function() !dir.exists(file.path("/proc", pid)))
  session <<- start_client()
  expect_identical(ask(session, paste0(cases$part$make, "; ", cases$part$check)), "= TRUE")
  expect_in_order(session)
})

test_that("nothing is left", {
  end_session(session)
  close(proxy$px$get_input_connection())
  wait_for_exit(proxy)
  expect_nothing_left(lab)
})
