## Makes the pictures of the dashboard in docs/figures and man/figures, from a cluster on this machine: Rscript tools/run-screenshots.R
## The package must be installed, and Chromium. As root, workers get host names of their own (unshare).
library(future)
for (file in list.files("tests/testthat", "^helper-", full.names = TRUE)) source(file)
lab <- new_lab(c("alice", "bob", "carol", "dave"))
browser <- NULL

## A worker on a machine that seems to have the name `host`.
start_named <- function(user, host, slots) {
  flags <- c(list(cluster = "alice/friends", workers = slots), board_args(lab, user), sandbox_flags(lab))
  command <- c(file.path(R.home("bin"), "Rscript"), "-e", "future.p2p::worker", sprintf("--%s=%s", names(flags), unlist(flags)))
  can_name <- Sys.info()[["effective_user"]] == "root" && nzchar(Sys.which("unshare"))
  if (can_name) command <- c("unshare", "--uts", "sh", "-c", 'hostname "$0"; exec "$@"', host, command)
  process <- start_child(lab, paste("worker of", user), command)
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

make_pictures <- function() {
  start_board(lab)
  start_host(lab, "alice/friends", c("bob", "carol", "dave"))
  start_named("alice", "attic", 3L)
  carol <- start_named("carol", "desk", 2L)
  start_named("dave", "laptop", 2L)
  args <- board_args(lab, "carol")
  start_r(lab, "carol", c( # another user
    sprintf("future::plan(future.p2p::cluster, cluster = 'alice/friends', host = '%s', ssh_args = '%s', workers = 2)", args$host, args$ssh_args),
    "for (i in 1:40) future::value(lapply(1:2, function(j) future::future(Sys.sleep(3 + 2 * j))))"
  ))
  plan_as(lab, "bob")
  dash <- future.p2p::dashboard()
  browser <<- new_browser()
  show_page(browser, sub("^.*: ", "", utils::capture.output(print(dash))))
  run_for(8)
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
  signal_process(carol, tools::SIGKILL) # what unshare has become
  take("worker-lost", 1180, 760)
  take("phone", 390, 844, is_mobile = TRUE)
  close(dash) # the page tries again
  take("connection-lost", 1180, 460)
  plan(sequential)
}

dir.create("docs/figures", showWarnings = FALSE)
tryCatch(make_pictures(), finally = {
  if (!is.null(browser)) close_browser(browser)
  close_lab(lab)
})
