#' Watch a cluster in the browser
#'
#' `dashboard()` serves a web page on this computer that shows a cluster while it works: workers and their slots, a timeline of futures on each worker, what
#' waits and why, how much was sent, links, and who has contributed how much.
#'
#' If this R session has joined the cluster by `plan()`, the page shows the futures of this session. Otherwise it shows who uses which worker; then
#' the session joins as a client that takes no slot.
#'
#' In an R session, the dashboard is in the background: it answers the browser while R is idle, and goes on while R waits for futures, as in
#' `value()`. So open the page before. While R computes something else, the page says that R is busy. In a script that is not interactive, R is idle
#' only in [later::run_now()] and the like. The page connects again by itself whenever it can. A page that is not visible costs nothing.
#'
#' Contributions are what [contributions()] says about this cluster: what all programs of this account have received and given. Below it are the
#' slots that each user lends, to all, as far as the page has seen it.
#'
#' The package httpuv is needed, which comes with shiny.
#'
#' \if{html}{\figure{dashboard.png}{options: width="100\%" alt="The page: slots, a timeline of futures on three workers, and a table of workers"}}
#'
#' @param cluster,host,ssh_args As for [cluster()]. If all are `NULL` and this session has joined a cluster by `plan()`, that cluster.
#' @param port (integer) The port of the page, 0 for any.
#'
#' @section Who can see it:
#' The page is served on 127.0.0.1 only, so other computers cannot open it. Its address has a random token of 160 bits: without it, other users of this computer see
#' nothing, so treat the address as a password. Requests with the name of another host or from another web page are refused, the page loads nothing from
#' elsewhere, and it cannot change anything. To see it from another computer, use SSH: `ssh -L 8765:127.0.0.1:8765 desk`, with `port = 8765`.
#'
#' @section Command line:
#' ```sh
#' Rscript -e future.p2p::dashboard --cluster=alice/friends
#' ```
#' It runs until Ctrl-C, and shows all workers of the cluster, but no futures. `worker(dashboard = TRUE)` serves the same page, see [worker()].
#'
#' @return An object of class `p2p_dashboard`. Printing it shows the address of the page. `close()` ends the dashboard. Errors have class `p2p_error`.
#'
#' @examplesIf requireNamespace("httpuv", quietly = TRUE) && requireNamespace("later", quietly = TRUE)
#' library(future)
#' demo <- demo_cluster()
#' plan(future.p2p::cluster)
#'
#' d <- dashboard()
#' d # open its address in a browser
#' fs <- lapply(1:6, function(i) future({ Sys.sleep(0.1); i }, label = paste("step", i)))
#' unlist(value(fs))
#'
#' close(d)
#' close(demo)
#' @seealso [status()], [performance_report()]
#' @export
dashboard <- function(cluster = NULL, host = NULL, ssh_args = NULL, port = 0L) {
  check_arguments("dashboard")
  check_not_on_worker("dashboard")
  port <- as.integer(check_number(port, "port", 0, 65535, whole = TRUE))
  check_can_serve()
  dash <- new_dashboard(open_view(cluster, host, ssh_args), list(cluster = cluster, host = host, ssh_args = ssh_args))
  is_served <- FALSE
  on.exit(if (!is_served) close(dash))
  start_server(dash, port)
  dashboards$add(dash)
  is_served <- TRUE
  if (!in_cli()) return(dash)
  on.exit(close(dash))
  with_terminate({
    print(dash)
    flush(stdout())
    message("Only this computer can open it. The address has a token: keep it to yourself. Ctrl-C ends the dashboard.")
    serve_pages()
  })
}

## Until a signal ends it.
serve_pages <- function() {
  repeat {
    later::run_now(1)
    if (.Call(ffi_terminate_take)) interrupt_r(is_terminated = TRUE)
  }
}

check_can_serve <- function() {
  if (requireNamespace("httpuv", quietly = TRUE) && requireNamespace("later", quietly = TRUE) && can_watch()) return(invisible())
  usage_stop("The dashboard needs the packages httpuv and later (>= 1.4.0): install.packages(c(\"httpuv\", \"later\")).")
}

## The dashboards of this session. Clients and futures tell them of changes; without dashboards, that costs nothing.
dashboards <- local({
  all <- list()
  list(
    add = function(dash) all <<- c(all, dash),
    remove = function(dash) all <<- Filter(function(other) !identical(other, dash), all),
    any = function() length(all) > 0L,
    each = function(f, ...) for (dash in all) if (dash$pid == Sys.getpid()) f(dash, ...)
  )
})

new_dashboard <- function(view, meant) {
  dash <- list2env(list(
    view = view, meant = meant, token = .Call(ffi_token_new), pid = Sys.getpid(), pages = list(), server = NULL, cluster = NULL,
    cancel_timer = NULL, due = Inf, sent_at = -Inf, listening = NULL,
    model = new_model()
  ), parent = emptyenv())
  dash$listener <- function() update_soon(dash)
  class(dash) <- "p2p_dashboard"
  dash$cluster <- client_status(view$client)$cluster
  reg.finalizer(dash, close.p2p_dashboard, onexit = TRUE)
  dash
}

#' @export
print.p2p_dashboard <- function(x, ...) {
  cat(sprintf("Dashboard of '%s': %s\n", x$cluster, if (is.null(x$server)) "closed" else page_url(x)))
  invisible(x)
}

#' @export
format.p2p_dashboard <- function(x, ...) sprintf("<dashboard of '%s'>", x$cluster) # without the token

#' @export
close.p2p_dashboard <- function(con, ...) {
  if (con$pid != Sys.getpid()) return(invisible())
  dashboards$remove(con)
  if (!is.null(con$cancel_timer)) con$cancel_timer()
  listen(con, NULL)
  if (!is.null(con$server)) con$server$stop()
  con$server <- NULL
  con$pages <- list()
  if (!is.null(con$view)) con$view$close()
  con$view <- NULL
  invisible()
}

## The view of a dashboard, or NULL while the session is not on the cluster. A session that joins the cluster by plan() is preferred.
current_view <- function(dash) {
  backend <- joined_backend()
  if (!is.null(backend) && do.call(is_meant, c(list(backend), dash$meant))) {
    if (!identical(dash$view$backend[["reg"]], backend[["reg"]])) {
      if (!is.null(dash$view)) dash$view$close()
      dash$view <- open_view(dash$meant$cluster, dash$meant$host, dash$meant$ssh_args)
      dash$model <- new_model(dash$model)
    }
  } else if (!is.null(dash$view$backend)) {
    dash$view <- NULL
  }
  dash$view
}

## Listens to this client, or, with NULL, to none.
listen <- function(dash, client) {
  if (identical(dash$listening, client)) return(invisible())
  if (!is.null(dash$listening)) stop_listening(dash$listening, dash$listener)
  dash$listening <- client
  if (!is.null(client)) start_listening(client, dash$listener)
}

## Pages are updated at most twice a second, and at least every few seconds, so that they know that R answers.
update_seconds <- 0.5
ask_every_seconds <- 5

update_soon <- function(dash) schedule_update(dash, max(0, dash$sent_at + update_seconds - now()))

schedule_update <- function(dash, seconds) {
  if (now() + seconds >= dash$due) return(invisible())
  if (!is.null(dash$cancel_timer)) dash$cancel_timer()
  dash$due <- now() + seconds
  dash$cancel_timer <- later::later(function() update_pages(dash), seconds, later::global_loop())
}

## Sends what has changed to the pages that somebody sees.
update_pages <- function(dash) {
  if (!is.null(dash$cancel_timer)) dash$cancel_timer()
  dash$cancel_timer <- NULL
  dash$due <- Inf
  if (is.null(dash$server)) return(invisible())
  pages <- Filter(function(page) page$is_visible, dash$pages)
  if (length(pages) == 0L) {
    listen(dash, NULL)
    forget_tasks(dash$model)
    return(invisible())
  }
  view <- tryCatch(current_view(dash), p2p_error = function(ex) NULL)
  listen(dash, view$client)
  problem <- tryCatch({
    look_for_pages(dash$model, view)
    NULL
  }, error = conditionMessage)
  for (page in pages) send_page(dash, page, problem)
  dash$sent_at <- now()
  schedule_update(dash, if (is.null(view)) ask_every_seconds else next_look(dash$model) - now())
}

## Called while R waits for a client: the event loop does not run then.
update_while_waiting <- function(dash, has_changed) {
  if (length(dash$pages) == 0L) return(invisible())
  since <- now() - dash$sent_at
  if (since >= update_seconds && (has_changed || dash$due <= now() || dash$due == Inf)) update_pages(dash)
}

dashboard <- cli_function(dashboard, "dashboard", "Serves a web page on this computer that shows a cluster while it works.", is_service = TRUE)
