## The dashboard: who may see it, what it says, and what a browser shows.
testthat::skip_if_not_installed("httpuv")
testthat::skip_if_not_installed("later", "1.4.0")

pump <- function(seconds = 0.1) later::run_now(seconds)

## Waits until `condition()` is TRUE while R serves pages.
serve_until <- function(condition, timeout = 60) {
  deadline <- proc.time()[["elapsed"]] + timeout
  while (!condition() && proc.time()[["elapsed"]] < deadline) pump()
  testthat::expect_true(condition())
}

url_of <- function(dash) sub("^.*: ", "", utils::capture.output(print(dash)))

## Sends bytes to the dashboard and returns what comes back until the connection ends, or `enough` matches.
exchange <- function(port, lines, enough = "^$.") {
  con <- socketConnection("127.0.0.1", port, open = "r+b", blocking = FALSE)
  on.exit(close(con))
  writeLines(c(lines, ""), con, sep = "\r\n")
  got <- raw()
  deadline <- proc.time()[["elapsed"]] + 5
  while (proc.time()[["elapsed"]] < deadline) {
    pump(0.05)
    more <- tryCatch(readBin(con, "raw", 65536L), error = function(ex) NULL)
    got <- c(got, more)
    text <- rawToChar(got[got != 0])
    if (grepl(enough, text, useBytes = TRUE) || (length(got) > 0L && length(more) == 0L && !isIncomplete(con))) break
  }
  rawToChar(got[got != 0])
}

get_page <- function(dash, path = paste0("/", dash$token, "/"), host = sprintf("127.0.0.1:%d", dash$port), ..., method = "GET") {
  exchange(dash$port, c(paste(method, path, "HTTP/1.1"), paste("Host:", host), ..., "Connection: close"))
}

open_socket <- function(dash, path = paste0("/", dash$token, "/ws"), host = sprintf("127.0.0.1:%d", dash$port), origin = paste0("Origin: http://", host)) {
  exchange(dash$port, c(paste("GET", path, "HTTP/1.1"), paste("Host:", host), origin, "Connection: Upgrade", "Upgrade: websocket",
                        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13"), enough = "HTTP/1.1 101.*\r\n\r\n..")
}

test_that("tokens are random, differ, and do not use R's generator", {
  set.seed(1)
  before <- .Random.seed
  tokens <- vapply(1:50, function(i) .Call(ffi_token_new), "")
  expect_identical(.Random.seed, before)
  expect_match(tokens, "^[0-9a-f]{40}$")
  expect_identical(anyDuplicated(tokens), 0L)
  expect_true(.Call(ffi_token_is, tokens[1], tokens[1]))
  expect_false(.Call(ffi_token_is, tokens[1], tokens[2]))
  expect_false(.Call(ffi_token_is, tokens[1], substr(tokens[1], 1, 39)))
  expect_false(.Call(ffi_token_is, tokens[1], paste0(tokens[1], "0")))
  expect_false(.Call(ffi_token_is, tokens[1], ""))
  keep_seed(stats::runif(3))
  expect_identical(.Random.seed, before)
})

test_that("a request needs the token, our host and our origin", {
  dash <- list(token = .Call(ffi_token_new), port = 4711L)
  request <- function(path = paste0("/", dash$token, "/"), ..., HTTP_HOST = "127.0.0.1:4711", REQUEST_METHOD = "GET") {
    refused <- refusal(dash, list(PATH_INFO = path, HTTP_HOST = HTTP_HOST, REQUEST_METHOD = REQUEST_METHOD, ...))
    if (is.null(refused)) 200L else refused$status
  }
  expect_identical(request(), 200L)
  expect_identical(request(HTTP_HOST = "localhost:4711"), 200L)
  expect_identical(request(HTTP_ORIGIN = "http://127.0.0.1:4711"), 200L)
  expect_identical(request(HTTP_SEC_FETCH_SITE = "same-origin"), 200L)
  expect_identical(request(HTTP_SEC_FETCH_SITE = "cross-site", HTTP_SEC_FETCH_MODE = "navigate"), 200L)
  for (path in c("/", "", "/x/", paste0("/", .Call(ffi_token_new), "/"), paste0("/", substr(dash$token, 1, 39), "/"), toupper(paste0("/", dash$token)))) {
    expect_identical(request(path), if (identical(path, paste0("/", dash$token))) 200L else 403L)
  }
  for (host in list("127.0.0.1", "127.0.0.1:4712", "evil.example:4711", "127.0.0.1:4711.evil.example", "", NULL, "localhost:4711, evil.example")) {
    expect_identical(request(HTTP_HOST = host), 403L)
  }
  for (origin in c("http://evil.example", "null", "https://127.0.0.1:4711", "http://localhost:4711", "")) {
    expect_identical(request(HTTP_ORIGIN = origin), 403L)
  }
  expect_identical(request(HTTP_SEC_FETCH_SITE = "cross-site", HTTP_SEC_FETCH_MODE = "no-cors"), 403L)
  expect_identical(request(REQUEST_METHOD = "POST"), 405L)
  expect_identical(request(HTTP_CONTENT_LENGTH = "5"), 405L)
  expect_identical(request(HTTP_TRANSFER_ENCODING = "chunked"), 405L)
})

test_that("a ring keeps the newest rows, and gives each once", {
  ring <- new_ring(3L)
  expect_identical(ring_since(ring, 0), list())
  for (i in 1:5) ring_add(ring, i)
  expect_identical(ring_since(ring, 0), list(3L, 4L, 5L))
  expect_identical(ring_since(ring, 4), list(5L))
  expect_identical(ring_since(ring, 5), list())
})

test_that("the names of futures and workers are text in the JSON, whatever they are", {
  model <- new_model()
  item <- list(id = "1", label = clean_text("</script><script>alert(1)</script>\xff\033"), worker = "eve@<b>:1", sent = 5, received = NA, state = "done", submitted = 1, started = 2,
               arriving = NA_real_, ended = 4)
  note_item(model, item, "done")
  note_item(model, item, "error")
  expect_identical(model$totals, list(futures = 1, failed = 0, seconds = 2, sent = 5, received = 0))
  add_lent(model, "eve\xff", 2)
  add_lent(model, "eve\xff", 3)
  expect_identical(model_news(model, list())$content$lent, list(list(user = "eve<ff>", seconds = 5)))
  text <- .Call(ffi_json, model_news(model, list())$content)
  expect_match(text, '"label": "</script><script>alert(1)</script><ff>\\u001B"', fixed = TRUE)
  expect_match(text, '"kind": "bad"', fixed = TRUE)
  seen <- model_news(model, list())$seen
  expect_identical(model_news(model, seen)$content[c("ended", "loads", "events")], list(ended = list(), loads = list(), events = list()))
})

test_that("a worker that was lost or does not answer has no busy slots, and stays lost", {
  model <- new_model()
  model$misses <- list(a = 2, b = 0, c = 3, d = 2)
  workers <- data.frame(state = c("busy", "ready", "lost", "busy"), link = c("", "", "", "direct x"), busy = c(2L, 1L, 2L, 1L), stringsAsFactors = FALSE)
  marked <- mark_silent(workers, c("a", "b", "c", "d"), model)
  expect_identical(marked$state, c("silent", "ready", "lost", "busy"))
  expect_identical(marked$busy, c(0L, 1L, 0L, 1L))
})

test_that("contributions are summed by user and direction", {
  rows <- contribution_rows(list(
    side = c("given", "given", "received", "received"), user = c("bob", "bob", "carol", NA), machine = c("laptop", "desk", "attic", NA), cluster = "alice/friends", futures = c(3, 1, 2, 1),
    failed = c(1, 0, 0, 0), seconds = c(5, 1, 4, 9), bytes_in = 1:4, bytes_out = c(10, 10, 10, 10), since = c(20, 10, 30, 30), latest = c(40, 40, 40, 40)))
  items <- contribution_items(rows)
  expect_identical(vapply(items, function(item) paste(item$direction, item$user, item$machines), ""), c("received others others", "received carol attic", "given bob laptop, desk"))
  expect_identical(items[[3L]][c("futures", "seconds", "bytes", "since")], list(futures = 5, seconds = 6, bytes = 23, since = 10))
  expect_identical(contribution_items(rows[0L, ]), list())
  expect_null(contribution_items(NULL))
})

test_that("the page needs its token, and a browser shows what happens", {
  lab <- local_lab()
  started <- start_cluster(lab, workers = c(alice = 1L, carol = 1L))
  plan_as(lab, "bob")
  withr::defer(future::plan(future::sequential))
  set.seed(1)
  before <- .Random.seed
  dash <- future.p2p::dashboard()
  expect_identical(.Random.seed, before)
  withr::defer(close(dash))
  expect_match(url_of(dash), sprintf("^http://127.0.0.1:%d/[0-9a-f]{40}/$", dash$port))
  expect_no_match(format(dash), dash$token, fixed = TRUE)
  expect_error(future.p2p::dashboard(port = dash$port), "cannot be used", class = "p2p_error_system")

  page <- get_page(dash)
  expect_match(page, "^HTTP/1.1 200 OK\r\n")
  for (header in c("Content-Security-Policy: default-src 'none'; script-src 'self';", "frame-ancestors 'none'", "X-Frame-Options: DENY", "Referrer-Policy: no-referrer",
                   "X-Content-Type-Options: nosniff", "Cache-Control: no-store")) expect_match(page, header, fixed = TRUE)
  expect_no_match(page, "Access-Control")
  expect_no_match(page, dash$token, fixed = TRUE)
  for (file in c("style.css", "page.js", "timeline.js", "icon.svg")) expect_match(get_page(dash, paste0("/", dash$token, "/", file)), "^HTTP/1.1 200")
  expect_match(get_page(dash, paste0("/", dash$token, "/../DESCRIPTION")), "^HTTP/1.1 404")
  for (refused in list(get_page(dash, "/"), get_page(dash, host = "evil.example"), get_page(dash, paste0("/", dash$token, "/"), sprintf("127.0.0.1:%d", dash$port), "Origin: http://evil.example"))) {
    expect_match(refused, "^HTTP/1.1 403 Forbidden\r\n.*\r\n\r\nForbidden\n$")
  }
  expect_match(open_socket(dash, paste0("/", .Call(ffi_token_new), "/ws")), "\r\n\r\n\x88\x02\x03\xf0$", useBytes = TRUE) # closed: 1008
  expect_match(open_socket(dash, origin = "Origin: http://evil.example"), "\r\n\r\n\x88\x02\x03\xf0$", useBytes = TRUE)
  expect_match(open_socket(dash, origin = NULL), "\r\n\r\n\x88\x02\x03\xf0$", useBytes = TRUE)
  expect_length(dash$pages, 0L)

  browser <- local_browser()
  before <- .Random.seed # processx has used it
  show_page(browser, url_of(dash))
  wait_for_page(browser, text_of("cluster"), "^alice/friends$")
  wait_for_page(browser, text_of("live"), "^Live$")
  wait_for_page(browser, text_of("slots"), "of 2")
  wait_for_page(browser, text_of("workers"), "alice@[^\n]*\n(.*\n)*.*carol@|carol@[^\n]*\n(.*\n)*.*alice@")
  wait_for_page(browser, text_of("workers"), "ready")

  gate <- file.path(lab$dir, "gate")
  f <- future::future({ while (!file.exists(gate)) Sys.sleep(0.02); 1 }, label = "<img src=x onerror='document.title=1'>")
  wait_for_page(browser, text_of("futures"), "<img src=x onerror='document.title=1'>\n.*@.*\n*running")
  wait_for_page(browser, "document.querySelectorAll('#timeline .f-running').length", "^1$")
  wait_for_page(browser, text_of("running"), "^1$")
  expect_identical(look_at_page(browser, "document.images.length"), "0")
  file.create(gate)
  wait_for_page(browser, "document.querySelectorAll('#timeline .f-done').length", "^1$")
  expect_identical(future::value(f), 1)
  wait_for_page(browser, text_of("futures"), "No future is under way")
  wait_for_page(browser, text_of("done"), "^1$")
  wait_for_page(browser, text_of("lent"), "(alice|carol)")
  wait_for_page(browser, text_of("contributions"), "from (alice|carol)\n.*\n*.*1.*\n(.*\n)*to bob\n")
  wait_for_page(browser, text_of("contributions-count"), "^of this account, since .*20[0-9][0-9]")

  ## While R waits for a value, pages go on. The browser takes the message up later.
  unlink(gate)
  f <- future::future({ Sys.sleep(2); 2 }, label = "second")
  sent <- dash$sent_at
  expect_identical(future::value(f), 2)
  expect_gt(dash$sent_at, sent)
  f <- future::future({ Sys.sleep(2); 2 }, label = "one of several")
  sent <- dash$sent_at
  expect_identical(future::value(list(f)), list(2)) # asks resolved() again and again
  expect_gt(dash$sent_at, sent)
  expect_identical(future::value(future::future(stop("oops"), label = "third"), signal = FALSE)$message, "oops")
  wait_for_page(browser, "document.querySelectorAll('#timeline .f-failed').length", "^1$")
  wait_for_page(browser, text_of("events"), "Future third has ended with an error")

  ## The page loses its connection.
  looked <- look_at_page(browser, "heardAt")
  for (page in dash$pages) page$ws$close()
  wait_for_page(browser, sprintf("String(heardAt > %s)", looked), "true")
  wait_for_page(browser, text_of("live"), "^Live$")
  wait_for_page(browser, text_of("done"), "^3$")

  ## A bar can be chosen, and nothing is wider than a phone.
  look_at_page(browser, "document.querySelector('#timeline .f-failed').dispatchEvent(new Event('click', {bubbles: true}))")
  wait_for_page(browser, text_of("detail"), "^third: ended with an error, on .*@.*, for .*, after waiting ")
  for (width in c(320L, 390L, 768L, 1180L)) {
    set_screen(browser, width, 800L, is_mobile = width < 700L)
    expect_identical(look_at_page(browser, "String(document.documentElement.scrollWidth <= innerWidth)"), "true")
  }

  ## R computes something else for longer than it may be silent.
  look_at_page(browser, "(() => { window.said = ''; new MutationObserver(() => { window.said += $('live-text').textContent + '; '; }).observe($('live-text'), {childList: true}); return ''; })()")
  Sys.sleep(12)
  wait_for_page(browser, "window.said", "R is busy, last seen [0-9]+.* ago; .*Live; $")

  ## A worker dies.
  f <- future::future(Sys.sleep(60), label = "fourth")
  serve_until(function() !is.na(worker_of(f)))
  dead <- sub("@.*", "", worker_of(f))
  signal_process(started$workers[[dead]], tools::SIGKILL)
  wait_for_page(browser, text_of("events"), sprintf("%s@.* was lost", dead))
  wait_for_page(browser, text_of("workers"), "lost")
  wait_for_page(browser, text_of("slots"), "of 1")

  ## The session loses the message board, and leaves the cluster.
  future::plan(future::sequential)
  wait_for_page(browser, text_of("problem"), "left the cluster")
  plan_as(lab, "bob")
  wait_for_page(browser, "String(document.getElementById('problem').hidden)", "true")
  stop_process(started$board)
  wait_for_page(browser, text_of("problem"), "Disconnected from the message board")
  expect_identical(.Random.seed, before)
  expect_identical(look_at_page(browser, "document.title"), "alice/friends \u00b7 dashboard")

  close(dash)
  wait_for_page(browser, text_of("live"), "Connection lost")
  expect_output(print(dash), "closed")
})

test_that("on the command line, it shows all workers, and ends by Ctrl-C and SIGTERM", {
  lab <- local_lab(c("alice", "bob"))
  start_cluster(lab, workers = c(alice = 1L))
  for (signal in c(tools::SIGINT, tools::SIGTERM)) {
    process <- start_process(lab, "dashboard", c(list(cluster = "alice/friends"), board_args(lab, "bob")))
    url <- sub(".*(http://127.*)$", "\\1", wait_for_line(process, "^Dashboard of 'alice/friends': http://127.0.0.1:[0-9]+/[0-9a-f]{40}/$"))
    if (signal == tools::SIGINT && nzchar(chromium_program())) {
      browser <- local_browser()
      show_page(browser, url)
      wait_for_page(browser, text_of("workers"), "alice@.*\n(.*\n)*.*ready")
      wait_for_page(browser, text_of("who"), "all workers")
    }
    signal_process(process, signal)
    expect_identical(wait_for_exit(process), 0L)
    expect_false(isTRUE(process$killed))
    token <- sub(".*/([0-9a-f]{40})/$", "\\1", url)
    expect_identical(sum(grepl(token, process$lines)), 1L)
  }
  expect_nothing_left(lab)
})

test_that("a session with a dashboard ends, and unloads the package, without errors", {
  lab <- local_lab(c("alice", "bob"))
  start_cluster(lab, workers = c(alice = 1L))
  args <- board_args(lab, "bob")
  begin <- c(sprintf("future::plan(future.p2p::cluster, cluster = 'alice/friends', host = '%s', ssh_args = '%s')", args$host, args$ssh_args),
             "d <- future.p2p::dashboard()", "future.p2p:::listen(d, d$view$client)", "later::run_now(0.5)") # as for a page that somebody sees
  unload <- c("unloadNamespace('future.p2p')", "later::run_now(1)")
  for (code in list(c(begin, "cat('done\\n')"), c(begin, unload, "cat('done\\n')"))) {
    session <- start_r(lab, "session", code)
    wait_for_line(session, "^done$")
    expect_identical(wait_for_exit(session), 0L)
    expect_no_match(session$lines, "rror|exception")
  }
  expect_nothing_left(lab)
})
