## A Shiny app with 50 promises, shown in a headless Chromium.
testthat::skip_if_not_installed("shiny")
testthat::skip_if_not_installed("promises")
testthat::skip_if_not_installed("later", "1.4.0")
chromium <- Filter(nzchar, Sys.which(c("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")))
if (length(chromium) == 0L) testthat::skip("Chromium is not installed")
lab <- local_lab(c("alice", "bob"))

## Shiny sends the values when no output is pending any more. Then the page reports what it shows.
app <- '
  library(future)
  library(shiny)
  n <- 50
  ui <- fluidPage(
    lapply(seq_len(n), function(i) textOutput(paste0("out", i))),
    tags$script(HTML("$(document).on(\'shiny:idle\', function() {
      var texts = $(\'.shiny-text-output\').map(function() { return $(this).text(); }).get().filter(Boolean);
      Shiny.setInputValue(\'shown\', texts.join(\' \'));
    });"))
  )
  server <- function(input, output) {
    futures <- lapply(seq_len(n), function(i) future(if (i < n - 1) i else { while (!file.exists(gate)) Sys.sleep(0.02); i }))
    lapply(seq_len(n), function(i) output[[paste0("out", i)]] <- renderText(promises::then(futures[[i]], function(value) value^2)))
    cat("launched\n")
    observeEvent(input$shown, {
      shown <- strsplit(input$shown, " ")[[1]]
      cat("shown:", length(shown), "with sum", sum(as.numeric(shown)), "\n")
      if (length(shown) == n) stopApp()
    })
  }
  runApp(shinyApp(ui, server), launch.browser = FALSE)
'

## How often the main thread of a process fell asleep.
count_sleeps <- function(process) {
  lines <- readLines(sprintf("/proc/%1$d/task/%1$d/status", process$px$get_pid()))
  as.numeric(sub(".*:", "", grep("^voluntary_ctxt_switches", lines, value = TRUE)))
}

test_that("an app with 50 promises shows their values, and sleeps while it waits for the last ones", {
  start_cluster(lab, "alice/friends", "bob", workers = c(alice = 2L))
  args <- board_args(lab, "bob")
  gate <- file.path(lab$dir, "gate")
  session <- start_r(lab, "app", c(
    sprintf("gate <- '%s'", gate),
    sprintf("future::plan(future.p2p::cluster, cluster = 'alice/friends', host = '%s', ssh_args = '%s')", args$host, args$ssh_args),
    app
  ))
  url <- sub(".*(http://[0-9.:]+).*", "\\1", wait_for_line(session, "Listening on http://"))
  browser <- processx::process$new(chromium[[1L]], c(
    "--headless", "--disable-gpu", "--remote-debugging-port=0", paste0("--user-data-dir=", file.path(lab$dir, "chromium")),
    if (Sys.info()[["effective_user"]] == "root") "--no-sandbox", url
  ), cleanup_tree = TRUE)
  withr::defer(browser$kill_tree())
  wait_for_line(session, "^launched")
  if (file.exists("/proc/self/status")) { # when all promises but two are kept; polling would wake it 30 times
    wait_until(function() {
      before <- count_sleeps(session)
      Sys.sleep(3)
      count_sleeps(session) - before < 15
    })
  }
  file.create(gate)
  wait_for_line(session, "^shown: 50 with sum 42925")
  expect_identical(wait_for_exit(session), 0L)
})
