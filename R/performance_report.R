#' A report on the futures of this session
#'
#' `performance_report()` writes an HTML page about the futures of [cluster()] whose values this session has collected while
#' `options(future.journal = TRUE)` was set: when each ran on which worker, how long it waited, and how much was sent. The page needs no other
#' file, and no script.
#'
#' The last 10,000 futures are kept. The times are those of this session; see the section Journals of [worker_of()].
#'
#' @param file (character) The file to write. An existing one is replaced.
#'
#' @return The path of the file, invisibly. It is an error of class `p2p_error` if there is nothing to report.
#'
#' @examples
#' library(future)
#' demo <- demo_cluster()
#' plan(future.p2p::cluster)
#'
#' old <- options(future.journal = TRUE)
#' unlist(value(lapply(1:4, function(i) future({ Sys.sleep(i / 20); i }))))
#' file <- performance_report(tempfile(fileext = ".html"))
#' if (interactive()) browseURL(file)
#'
#' options(old)
#' close(demo)
#' @seealso [status()], [worker_of()]
#' @export
performance_report <- function(file = "report.html") {
  check_arguments("performance_report")
  file <- one_string(file, "file")
  rows <- noted_futures()
  if (nrow(rows) == 0L) {
    usage_stop("There is nothing to report: no value of a future was collected while options(future.journal = TRUE) was set.")
  }
  writeLines(enc2utf8(report_page(rows)), file, useBytes = TRUE)
  invisible(normalizePath(file))
}

NOTED_MAX <- 10000L

## Records of futures, in a ring.
noted <- new.env(parent = emptyenv())
noted$rows <- list()
noted$count <- 0

note_future <- function(record) {
  noted$rows[[noted$count %% NOTED_MAX + 1]] <- record
  noted$count <- noted$count + 1
}

## A data frame, in the order of their start. Times are seconds since the first one was submitted.
noted_futures <- function() {
  rows <- do.call(rbind, lapply(noted$rows, as.data.frame, stringsAsFactors = FALSE))
  if (is.null(rows)) return(data.frame())
  times <- c("submitted", "started", "sent", "began", "finished", "arriving", "ended")
  rows[times] <- lapply(rows[times], `-`, min(rows$submitted))
  rows[order(rows$started), ]
}

report_page <- function(rows) {
  c("<!DOCTYPE html>", "<html lang=\"en\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" content=\"width=device-width\">",
    "<title>Performance report</title>", sprintf("<style>%s</style></head><body>", report_style), "<h1>Performance report</h1>",
    page_summary(rows), "<h2>Workers</h2>", report_workers(rows), "<h2>Timeline</h2>",
    "<p><span class=\"key eval\"></span> evaluation <span class=\"key move\"></span> transfer</p>", timeline(rows), "<h2>Longest waits</h2>", report_waits(rows), "</body></html>")
}

report_style <- paste(
  ":root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:60em;margin:2em auto;padding:0 1em}",
  "table{border-collapse:collapse}td,th{padding:.2em .8em .2em 0;text-align:right}td:first-child,th:first-child{text-align:left}",
  "svg{width:100%;height:auto}text{font-size:11px;fill:currentColor}.eval{fill:#2a78c2;background:#2a78c2}.move{fill:#c58a1b;background:#c58a1b}",
  ".key{display:inline-block;width:1em;height:1em;vertical-align:-.15em}", sep = "\n")

page_summary <- function(rows) {
  wall <- max(rows$ended)
  evaluation <- sum(rows$finished - rows$began)
  sprintf("<p>%s on %s in %s. Evaluation: %s in all, %.2f times the time that passed. Waiting for a slot: %s in all. Sent: %s; received: %s.</p>",
          count_of(nrow(rows), "future"), count_of(length(unique(rows$worker)), "worker"), format_seconds(wall), format_seconds(evaluation),
          if (wall > 0) evaluation / wall else 0, format_seconds(sum(rows$started - rows$submitted)), format_bytes(sum(rows$bytes_out)), format_bytes(sum(rows$bytes_in)))
}

report_workers <- function(rows) {
  cells <- lapply(split(rows, rows$worker), function(of) {
    c(of$worker[1L], nrow(of), format_seconds(sum(of$finished - of$began)), format_bytes(sum(of$bytes_out)), format_bytes(sum(of$bytes_in)))
  })
  html_table(c("worker", "futures", "evaluation", "sent", "received"), cells)
}

report_waits <- function(rows) {
  longest <- utils::head(rows[order(rows$submitted - rows$started), ], 10L)
  html_table(c("future", "waited", "then on"), lapply(seq_len(nrow(longest)), function(i) {
    c(longest$label[i], format_seconds(longest$started[i] - longest$submitted[i]), longest$worker[i])
  }))
}

html_table <- function(header, rows) {
  row <- function(cells, tag) sprintf("<tr>%s</tr>", paste0("<", tag, ">", html(cells), "</", tag, ">", collapse = ""))
  c("<table>", row(header, "th"), vapply(rows, row, "", "td"), "</table>")
}

html <- function(text) {
  text <- gsub("&", "&amp;", iconv(enc2utf8(as.character(text)), "UTF-8", "UTF-8", sub = "byte"), fixed = TRUE)
  text <- gsub("[[:cntrl:]]", " ", gsub(">", "&gt;", gsub("<", "&lt;", text, fixed = TRUE), fixed = TRUE))
  gsub("\"", "&quot;", text, fixed = TRUE)
}

## A drawing 1000 wide. Each worker has as many lanes as futures ran there at the same time.
timeline <- function(rows) {
  scale <- 1000 / max(rows$ended, 0.001)
  out <- character()
  y <- 0
  for (of in split(rows, rows$worker)) {
    lane <- lanes(of$started, of$ended)
    top <- y + 16 + 12 * (lane - 1)
    bar <- function(class, from, to, tip = "") {
      sprintf("<rect class=\"%s\" x=\"%.2f\" y=\"%.0f\" width=\"%.2f\" height=\"10\"><title>%s</title></rect>", class, from * scale, top, pmax(0.5, (to - from) * scale), html(tip))
    }
    tip <- sprintf("%s: %.3f s on %s, after waiting %.3f s", of$label, of$finished - of$began, of$worker, of$started - of$submitted)
    out <- c(out, sprintf("<text x=\"0\" y=\"%.0f\">%s</text>", y + 12, html(of$worker[1L])), bar("move", of$started, of$ended, tip), bar("eval", of$began, of$finished, tip))
    y <- y + 24 + 12 * max(lane)
  }
  c(sprintf("<svg viewBox=\"0 0 1000 %.0f\" role=\"img\">", y + 16), out, sprintf("<text x=\"0\" y=\"%.0f\">0 s</text>", y + 10),
    sprintf("<text x=\"1000\" y=\"%.0f\" text-anchor=\"end\">%s</text></svg>", y + 10, format_seconds(max(rows$ended))))
}

## The first lane that is free at each start, in increasing order.
lanes <- function(start, end) {
  free_at <- numeric()
  out <- integer(length(start))
  for (i in seq_along(start)) {
    lane <- c(which(free_at <= start[i]), length(free_at) + 1L)[1L]
    free_at[lane] <- end[i]
    out[i] <- lane
  }
  out
}
