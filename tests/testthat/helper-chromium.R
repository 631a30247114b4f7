## A headless Chromium, driven by the DevTools protocol over its standard input and output: one JSON message a line.
##
##   browser <- local_browser()
##   show_page(browser, url)
##   wait_for_page(browser, "document.title", "^alice/friends")

chromium_program <- function() {
  c(Filter(nzchar, Sys.which(c("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"))), "")[[1L]]
}

new_browser <- function() {
  dir <- tempfile("chromium-")
  dir.create(dir)
  ## Chromium reads descriptor 3 and writes 4, and ends messages by NUL, which R's strings cannot have.
  script <- 'stdbuf -o0 tr "\\n" "\\000" | "$@" 3<&0 4>&1 >/dev/null 2>"$LOG" | stdbuf -o0 tr "\\000" "\\n"'
  flags <- c("--headless", "--disable-gpu", "--hide-scrollbars", "--remote-debugging-pipe", paste0("--user-data-dir=", dir),
             if (Sys.info()[["effective_user"]] == "root") "--no-sandbox")
  px <- processx::process$new("sh", c("-c", script, "sh", chromium_program(), flags), stdin = "|", stdout = "|", stderr = NULL, cleanup_tree = TRUE,
                              env = c("current", LOG = file.path(dir, "log"), TMPDIR = dir))
  list2env(list(px = px, dir = dir, last_id = 0L, session = NULL), parent = emptyenv())
}

## Asks it to end, since a process of it that is killed late may have made its folder again; kills what does not end.
close_browser <- function(browser) {
  browser$session <- NULL
  try(browse(browser, "Browser.close", timeout = 5), silent = TRUE)
  try(close(browser$px$get_input_connection()), silent = TRUE) # for which the pipeline waits
  deadline <- proc.time()[["elapsed"]] + 5
  while (browser$px$is_alive() && proc.time()[["elapsed"]] < deadline) browser$px$poll_io(50)
  browser$px$kill_tree()
  for (i in 1:50) {
    unlink(browser$dir, recursive = TRUE)
    Sys.sleep(0.1)
    if (!dir.exists(browser$dir)) break
  }
}

local_browser <- function(env = parent.frame()) {
  if (!nzchar(chromium_program())) testthat::skip("Chromium is not installed")
  browser <- new_browser()
  withr::defer(close_browser(browser), envir = env)
  browser
}

json_string <- function(text) paste0('"', gsub("\n", "\\n", gsub('(["\\\\])', "\\\\\\1", text), fixed = TRUE), '"')

## Sends a command and returns the line with its answer. Meanwhile the event loop of the package later runs, in which R serves pages.
browse <- function(browser, method, params = "{}", timeout = 60) {
  browser$last_id <- browser$last_id + 1L
  session <- if (!is.null(browser$session)) paste0(',"sessionId":', json_string(browser$session)) else ""
  text <- charToRaw(sprintf('{"id":%d,"method":"%s","params":%s%s}\n', browser$last_id, method, params, session))
  while (length(text) > 0L) text <- browser$px$write_input(text)
  deadline <- proc.time()[["elapsed"]] + timeout
  while (proc.time()[["elapsed"]] < deadline && browser$px$is_alive()) {
    later::run_now(0)
    browser$px$poll_io(20)
    found <- grep(sprintf('^[{]"id":%d[,}]', browser$last_id), browser$px$read_output_lines(), value = TRUE)
    if (length(found) > 0L) return(found[1L])
  }
  stop(method, " was not answered. Chromium said:\n", paste(readLines(file.path(browser$dir, "log"), warn = FALSE), collapse = "\n"), call. = FALSE)
}

show_page <- function(browser, url) {
  browser$session <- NULL
  target <- sub('.*"targetId":"([^"]*)".*', "\\1", browse(browser, "Target.createTarget", sprintf('{"url":%s}', json_string(url))))
  attached <- browse(browser, "Target.attachToTarget", sprintf('{"targetId":"%s","flatten":true}', target))
  browser$session <- sub('.*"sessionId":"([^"]*)".*', "\\1", attached)
}

## The value of JavaScript code, as text.
look_at_page <- function(browser, code) {
  reply <- browse(browser, "Runtime.evaluate", sprintf('{"expression":%s,"returnByValue":true}', json_string(sprintf("encodeURIComponent(%s)", code))))
  if (grepl('"exceptionDetails"', reply, fixed = TRUE)) stop(code, " failed: ", reply, call. = FALSE)
  utils::URLdecode(sub('.*"value":"([^"]*)".*', "\\1", reply))
}

## "" while the page is not there yet.
text_of <- function(id) sprintf("(document.getElementById('%s') || {innerText: ''}).innerText", id)

## Waits until the value of `code` matches, and expects that within `timeout` seconds.
wait_for_page <- function(browser, code, pattern, timeout = 60) {
  deadline <- proc.time()[["elapsed"]] + timeout
  repeat {
    value <- look_at_page(browser, code)
    if (grepl(pattern, value) || proc.time()[["elapsed"]] > deadline) break
    later::run_now(0.1)
  }
  testthat::expect_match(value, pattern)
}

## `media`: "light" or "dark".
set_screen <- function(browser, width, height, media = "light", scale = 1, is_mobile = FALSE) {
  browse(browser, "Emulation.setDeviceMetricsOverride",
         sprintf('{"width":%d,"height":%d,"deviceScaleFactor":%g,"mobile":%s}', width, height, scale, if (is_mobile) "true" else "false"))
  browse(browser, "Emulation.setEmulatedMedia", sprintf('{"features":[{"name":"prefers-color-scheme","value":"%s"}]}', media))
}

## A PNG, by the program base64.
take_screenshot <- function(browser, file) {
  coded <- tempfile()
  on.exit(unlink(coded))
  writeLines(sub('.*"data":"([^"]*)".*', "\\1", browse(browser, "Page.captureScreenshot")), coded)
  system2("base64", c("-d", coded), stdout = file)
  file
}
