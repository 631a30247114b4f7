## worker(dashboard = TRUE): a page in a process beside the worker, which ends with it.
testthat::skip_if_not_installed("httpuv")
testthat::skip_if_not_installed("later", "1.4.0")

address_of <- function(worker, nth = 1L) {
  sub(".*(http://127.*)$", "\\1", wait_for_line(worker, "^Dashboard of 'alice/friends': http://127[.]0[.]0[.]1:[0-9]+/[0-9a-f]{40}/$", nth))
}

has_page <- function(url) {
  port <- as.integer(sub("^http://[^:]*:([0-9]+)/.*$", "\\1", url))
  con <- tryCatch(suppressWarnings(socketConnection("127.0.0.1", port, open = "r+b", blocking = TRUE, timeout = 20)), error = function(ex) NULL)
  if (is.null(con)) return(FALSE)
  on.exit(close(con))
  writeLines(c(sprintf("GET %s HTTP/1.1", sub("^http://[^/]*", "", url)), sprintf("Host: 127.0.0.1:%d", port), "Connection: close", ""), con, sep = "\r\n")
  startsWith(paste(suppressWarnings(readLines(con, n = 1L)), collapse = ""), "HTTP/1.1 200")
}

## The ids of the processes that serve the page of a worker.
pages_of <- function(worker) {
  words <- function(pid) suppressWarnings(readLines(file.path("/proc", pid, "cmdline"), warn = FALSE, skipNul = TRUE))
  Filter(function(pid) any(grepl("dashboard_of_worker", words(pid), fixed = TRUE)), children_of(worker$px$get_pid()))
}

test_that("the page opens while the worker runs, shows its futures, and is gone after each way of ending", {
  lab <- local_lab(c("alice", "bob"))
  start_board(lab)
  start_host(lab, "alice/friends", "bob")
  shared <- file.path(lab$dir, "shared")
  dir.create(shared)
  for (signal in c(tools::SIGINT, tools::SIGTERM, tools::SIGKILL)) {
    worker <- start_worker(lab, "alice", "alice/friends", dashboard = TRUE, env = c(TMPDIR = shared))
    url <- address_of(worker)
    expect_true(has_page(url))
    expect_false(has_page(sub("[0-9a-f]{40}", strrep("0", 40L), url)))
    beside <- pages_of(worker)
    expect_length(beside, 1L)
    if (signal == tools::SIGINT && nzchar(chromium_program())) {
      browser <- local_browser()
      show_page(browser, url)
      wait_for_page(browser, text_of("workers"), "alice@.*\n(.*\n)*.*ready")
      plan_as(lab, "bob", retries = 0)
      gate <- file.path(lab$dir, "gate")
      f <- future::future({ while (!file.exists(gate)) Sys.sleep(0.02); 1 })
      wait_for_page(browser, text_of("workers"), "1 of 1\\s+bob")
      file.create(gate)
      expect_identical(future::value(f), 1)
      future::plan(future::sequential)
      wait_for_page(browser, text_of("contributions"), "to bob")
    }
    signal_process(worker, signal)
    status <- wait_for_exit(worker)
    expect_false(isTRUE(worker$killed))
    if (signal != tools::SIGKILL) expect_identical(status, 0L)
    wait_until(function() !dir.exists(file.path("/proc", beside)))
    expect_false(has_page(url))
    token <- sub(".*/([0-9a-f]{40})/$", "\\1", url)
    expect_identical(sum(grepl(token, process_lines(worker))), 1L)
    expect_no_match(process_lines(worker), "Warning: the dashboard has ended")
  }
  worker <- start_worker(lab, "alice", "alice/friends", duration = 1, env = c(TMPDIR = shared)) # removes what the killed one has left
  expect_identical(wait_for_exit(worker), 0L)
  expect_no_match(process_lines(worker), "ashboard")
  expect_identical(list.files(shared, recursive = TRUE, all.files = TRUE, include.dirs = TRUE), character())
  expect_nothing_left(lab)
})

test_that("a dashboard that ends does not end the worker, and the log of JSON has no token", {
  lab <- local_lab(c("alice", "bob"))
  start_board(lab)
  start_host(lab, "alice/friends", "bob")
  policy <- file.path(lab$dir, "worker.dcf")
  writeLines("dashboard: TRUE", policy)
  worker <- start_worker(lab, "alice", "alice/friends", json_log = TRUE, wait = FALSE, env = c(R_FUTURE_P2P_WORKER_FILE = policy))
  url <- address_of(worker)
  wait_for_line(worker, "\"event\": ?\"dashboard\"")
  expect_true(has_page(url))
  tools::pskill(pages_of(worker), tools::SIGKILL)
  wait_for_line(worker, "\"level\": ?\"warn\".*the dashboard has ended")
  plan_as(lab, "bob", retries = 0)
  expect_identical(future::value(future::future(2)), 2)
  future::plan(future::sequential)
  expect_identical(sum(grepl(sub(".*/([0-9a-f]{40})/$", "\\1", url), process_lines(worker))), 1L)
  expect_nothing_left(lab)
})
