## Makes the pictures of the dashboard, of a performance report, contributions and status in docs/figures and man/figures, from a cluster on this
## machine: Rscript tools/run-screenshots.R
## The package must be installed, and Chromium. As root, workers get host names of their own (unshare).
library(future)
for (file in list.files("tests/testthat", "^helper-", full.names = TRUE)) source(file)
lab <- new_lab(c("alice", "bob", "carol"))
browser <- NULL

## Each user counts contributions in an account of their own; bob's is that of this session.
account_of <- function(user) c(R_USER_DATA_DIR = if (user == "bob") lab_data_dir(lab) else file.path(lab$dir, paste0("data-", user)))

## A worker on a machine that seems to have the name `host`.
start_named <- function(user, host, slots) {
  flags <- c(list(cluster = "alice/friends", workers = slots), board_args(lab, user), sandbox_flags(lab))
  command <- c(file.path(R.home("bin"), "Rscript"), "-e", "future.p2p::worker", sprintf("--%s=%s", names(flags), unlist(flags)))
  can_name <- Sys.info()[["effective_user"]] == "root" && nzchar(Sys.which("unshare"))
  if (can_name) command <- c("unshare", "--uts", "sh", "-c", 'hostname "$0"; exec "$@"', host, command)
  process <- start_child(lab, paste("worker of", user), command, env = account_of(user))
  wait_for_line(process, "joined cluster")
  process
}

run_for <- function(seconds) {
  until <- proc.time()[["elapsed"]] + seconds
  while ((left <- until - proc.time()[["elapsed"]]) > 0) later::run_now(min(left, 0.2))
}

take <- function(name, ...) {
  set_screen(browser, ...)
  run_for(1.5)
  take_screenshot(browser, file.path("docs/figures", paste0("dashboard-", name, ".png")))
}

## The page at `url`, `width` pixels wide and as high as it is.
take_page <- function(url, file, width, most = 1000) {
  show_page(browser, url)
  set_screen(browser, width, 100L)
  run_for(1)
  height <- as.integer(look_at_page(browser, "String(document.documentElement.scrollHeight)"))
  set_screen(browser, width, min(height, most))
  run_for(0.5)
  take_screenshot(browser, file)
}

## What a terminal shows: an R prompt with a command, and what that prints.
take_text <- function(command, printed, file) {
  lines <- gsub("<", "&lt;", gsub("&", "&amp;", c(paste(">", command), printed), fixed = TRUE), fixed = TRUE)
  page <- file.path(lab$dir, "text.html")
  writeLines(c("<!DOCTYPE html><meta charset='utf-8'><style>body{margin:0}pre{margin:0;padding:12px 14px;font:13px/1.5 'DejaVu Sans Mono',monospace;color:#1b2129;background:#f5f6f8}</style>",
               paste0("<pre>", lines[1L]), lines[-1L], "</pre>"), page)
  take_page(paste0("file://", page), file, 28L + as.integer(ceiling(7.83 * max(nchar(c(command, printed))) + 16)))
}

make_pictures <- function() {
  options(width = 120, future.journal = TRUE)
  board <- start_board(lab)
  start_host(lab, "alice/friends", c("bob", "carol"))
  start_named("alice", "attic", 3L)
  carol <- start_named("carol", "desk", 2L)
  start_named("bob", "laptop", 2L)
  args <- board_args(lab, "carol")
  start_r(lab, "carol", env = account_of("carol"), code = c( # another user
    sprintf("future::plan(future.p2p::cluster, cluster = 'alice/friends', host = '%s', ssh_args = '%s', workers = 2)", args$host, args$ssh_args),
    "for (i in 1:40) future::value(lapply(1:2, function(j) future::future(Sys.sleep(3 + 2 * j))))"
  ))
  plan_as(lab, "bob")
  dash <- future.p2p::dashboard()
  browser <<- new_browser()
  show_page(browser, sub("^.*: ", "", utils::capture.output(print(dash))))
  run_for(8)
  f <- future({ Sys.sleep(9); numeric(2e5) }, label = "first look")
  run_for(4)
  choose_bar <- function(state) look_at_page(browser, sprintf("document.querySelector('#timeline .f-%s').dispatchEvent(new Event('click', {bubbles: true}))", state))
  choose_bar("running")
  take("running", 1180, 560)
  while (!resolved(f)) run_for(0.2)
  value(f)
  run_for(1.5)
  choose_bar("done")
  take("ended", 1180, 560)
  seconds <- c(3, 7, 4, 2, 9, 5, 3, 6, 2, 4, 8, 3)
  fs <- list()
  for (i in seq_along(seconds)) {
    fs[[i]] <- future({ Sys.sleep(seconds[i]); numeric(2e5) }, globals = list(i = i, seconds = seconds), label = sprintf("fold %d", i))
    run_for(0.7)
  }
  fs[[length(fs) + 1L]] <- future({ Sys.sleep(3); stop("no convergence") }, label = "bootstrap 1")
  for (i in 2:5) {
    fs[[length(fs) + 1L]] <- future({ Sys.sleep(40); i }, globals = list(i = i), label = sprintf("bootstrap %d", i))
    run_for(1)
  }
  for (f in fs) if (resolved(f)) try(value(f), silent = TRUE)
  take("light", 1180, 1020)
  take("dark", 1180, 1020, "dark")
  set_screen(browser, 1180, 720)
  run_for(1)
  take_screenshot(browser, "man/figures/dashboard.png")
  shown <- utils::capture.output(print(future.p2p::status()))
  signal_process(carol, tools::SIGKILL) # what unshare has become
  take("worker-lost", 1180, 760)
  take("phone", 390, 844, is_mobile = TRUE)
  stop_process(board)
  run_for(3)
  start_process(lab, "serve", list(port = lab$port, address = "127.0.0.1", users = file.path(lab$dir, "users.txt"), host_key = file.path(lab$dir, "host_key")), "board")
  wait_for_page(browser, text_of("events"), "Connected to the message board again")
  take("reconnected", 1180, 1560)
  close(dash) # the page tries again
  take("connection-lost", 1180, 460)
  report <- future.p2p::performance_report(file.path(lab$dir, "report.html"))
  take_page(paste0("file://", report), "man/figures/report.png", 900L, most = 760)
  take_text("future.p2p::status()", shown, "man/figures/status.png")
  plan(sequential)
  given <- future.p2p::contributions()
  take_text("future.p2p::contributions()", utils::capture.output(print(given)), "man/figures/contributions.png")
  grDevices::png("man/figures/contributions-plot.png", 760, 240, res = 96)
  plot(given)
  grDevices::dev.off()
}

dir.create("docs/figures", showWarnings = FALSE)
tryCatch(make_pictures(), finally = {
  if (!is.null(browser)) close_browser(browser)
  close_lab(lab)
})
