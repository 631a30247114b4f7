## The web server of a dashboard: one static page and a WebSocket on 127.0.0.1. Without the token, nobody gets anything.

PAGES_MAX <- 16L

## Files of the page, which is at `/TOKEN/`.
page_files <- list(
  list(path = "/", file = "index.html", type = "text/html; charset=utf-8"),
  list(path = "/style.css", file = "style.css", type = "text/css; charset=utf-8"),
  list(path = "/page.js", file = "page.js", type = "text/javascript; charset=utf-8"),
  list(path = "/timeline.js", file = "timeline.js", type = "text/javascript; charset=utf-8"),
  list(path = "/icon.svg", file = "icon.svg", type = "image/svg+xml")
)

## `port`: 0 for any. httpuv uses R's random numbers for a name of its own.
start_server <- function(dash, port) {
  dash$files <- lapply(page_files, function(entry) {
    file <- system.file("dashboard", entry$file, package = "future.p2p", mustWork = TRUE)
    c(entry, list(body = readBin(file, "raw", file.size(file))))
  })
  app <- list(
    onHeaders = function(req) if (!is_websocket(req)) refusal(dash, req),
    call = function(req) answer(dash, req),
    onWSOpen = function(ws) open_page(dash, ws)
  )
  ports <- if (port > 0L) port else free_port_candidates()
  for (port in ports) {
    dash$port <- port
    dash$server <- tryCatch(keep_seed(httpuv::startServer("127.0.0.1", dash$port, app, quiet = TRUE)), error = function(ex) NULL)
    if (!is.null(dash$server)) return(invisible())
  }
  p2p_stop(sprintf("Port %d of this computer cannot be used: another program has it, or it needs privileges.", dash$port), "system")
}

## Random ones among those that nobody registers. Each is tried.
free_port_candidates <- function() {
  49152L + strtoi(substring(.Call(ffi_token_new), seq(1L, 37L, 4L), seq(4L, 40L, 4L)), 16L) %% 16384L
}

keep_seed <- function(expr) {
  seed <- globalenv()[[".Random.seed"]]
  on.exit(if (is.null(seed)) rm(list = intersect(".Random.seed", ls(globalenv(), all.names = TRUE)), envir = globalenv())
          else assign(".Random.seed", seed, envir = globalenv()))
  expr
}

page_url <- function(dash) sprintf("http://127.0.0.1:%d/%s/", dash$port, dash$token)

is_websocket <- function(req) identical(tolower(req$HTTP_UPGRADE), "websocket") && identical(req$REQUEST_METHOD, "GET") && !has_body(req)

has_body <- function(req) !is.null(req$HTTP_TRANSFER_ENCODING) || !c(req$HTTP_CONTENT_LENGTH, "0")[1L] %in% "0"

## A response, or NULL if the request may be answered. The headers alone decide, so that no body is read.
refusal <- function(dash, req) {
  if (!is_from_us(dash, req) || !has_token(dash, req)) return(text_response(403L, "Forbidden"))
  if (!identical(req$REQUEST_METHOD, "GET") || has_body(req)) return(text_response(405L, "Method Not Allowed"))
  NULL
}

has_token <- function(dash, req) .Call(ffi_token_is, dash$token, substr(as_text(req$PATH_INFO), 2L, 41L))

as_text <- function(x) if (is.character(x) && length(x) == 1L && !is.na(x)) x else ""

## Whether our own page, or somebody who opens its address, asks. The name of the host tells of DNS rebinding: another site whose name leads to
## this computer.
is_from_us <- function(dash, req) {
  host <- as_text(req$HTTP_HOST)
  is_opened <- identical(req$HTTP_SEC_FETCH_MODE, "navigate") || c(req$HTTP_SEC_FETCH_SITE, "none")[1L] %in% c("none", "same-origin")
  is_opened && host %in% paste0(c("127.0.0.1", "localhost"), ":", dash$port) &&
    (is.null(req$HTTP_ORIGIN) || identical(req$HTTP_ORIGIN, paste0("http://", host)))
}

answer <- function(dash, req) {
  refused <- refusal(dash, req)
  if (!is.null(refused)) return(refused)
  path <- substring(req$PATH_INFO, 42L)
  for (entry in dash$files) if (identical(path, entry$path)) return(list(status = 200L, headers = page_headers(dash, entry$type), body = entry$body))
  text_response(404L, "Not Found")
}

text_response <- function(status, text) {
  list(status = status, headers = list("Content-Type" = "text/plain", "X-Content-Type-Options" = "nosniff", "Cache-Control" = "no-store"), body = paste0(text, "\n"))
}

## The page may load only our files and open only our WebSocket, and no other page may frame it. Not all browsers take 'self' for a WebSocket.
page_headers <- function(dash, type) {
  sockets <- paste(sprintf("ws://%s:%d", c("127.0.0.1", "localhost"), dash$port), collapse = " ")
  list(
    "Content-Type" = type, "Cache-Control" = "no-store", "X-Content-Type-Options" = "nosniff", "X-Frame-Options" = "DENY", "Referrer-Policy" = "no-referrer",
    "Cross-Origin-Opener-Policy" = "same-origin", "Cross-Origin-Resource-Policy" = "same-origin",
    "Content-Security-Policy" = paste0(
      "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self' ", sockets,
      "; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'")
  )
}

## A WebSocket. A browser always names the origin of the page that opens it.
open_page <- function(dash, ws) {
  req <- ws$request
  is_allowed <- is_websocket(req) && !is.null(req$HTTP_ORIGIN) && is.null(refusal(dash, req)) && identical(substring(req$PATH_INFO, 42L), "/ws")
  if (!is_allowed || length(dash$pages) >= PAGES_MAX) return(ws$close(1008L))
  page <- list2env(list(ws = ws, is_visible = FALSE, seen = list()), parent = emptyenv())
  dash$pages <- c(dash$pages, page)
  ws$onMessage(function(is_binary, message) if (!is_binary) hear_page(dash, page, message))
  ws$onClose(function() dash$pages <- Filter(function(other) !identical(other, page), dash$pages))
}

## A page only says whether somebody sees it.
hear_page <- function(dash, page, message) {
  if (!message %in% c("visible", "hidden")) return(invisible())
  page$is_visible <- message == "visible"
  if (page$is_visible) schedule_update(dash, 0)
}

send_page <- function(dash, page, problem) {
  news <- model_news(dash$model, page$seen)
  page$seen <- news$seen
  page$ws$send(.Call(ffi_json, c(list(cluster = dash$cluster, problem = problem), news$content)))
}
