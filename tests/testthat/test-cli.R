run <- function(f, ...) {
  status <- NULL
  output <- capture.output(messages <- capture.output(status <- run_cli(f, c(...)), type = "message"))
  list(status = status, said = paste(messages, collapse = "\n"), printed = output)
}

test_that("flags become arguments, '-' stands for '_', and users are split at commas", {
  flags <- parse_flags(host_cluster, c("--cluster=alice/friends", "--users=bob,carol", "--ssh-args=-p 22"))
  expect_equal(flags, list(cluster = "alice/friends", users = c("bob", "carol"), ssh_args = "-p 22"))
  expect_equal(parse_flags(worker, c("--cluster=alice/p2p", "--ssh_args=-J somehost")), list(cluster = "alice/p2p", ssh_args = "-J somehost"))
})

test_that("only arguments with default TRUE or FALSE are switches", {
  expect_equal(parse_flags(serve, c("--quiet", "--verbose=FALSE")), list(quiet = "TRUE", verbose = "FALSE"))
  expect_error(parse_flags(serve, "--port"), "--name=value", class = "p2p_error_usage")
  expect_match(run(serve, "--users=x", "--quiet", "--verbose")$said, "[Aa]t most one")
  expect_equal(run(serve, "--users=x", "--quiet=perhaps")$status, 2L)
})

test_that("--help lists all flags and exits with status 0", {
  result <- run(worker, "--help")
  expect_equal(result$status, 0L)
  for (flag in names(formals(worker))) expect_match(paste(result$printed, collapse = "\n"), paste0("--", gsub("_", "-", flag), "(=| )"))
})

test_that("each flag in --help has an explanation with its default", {
  for (f in list(worker, host_cluster, serve, pico_username, invite, join, members, approve, expel, forget_cluster, doctor, status)) {
    help <- run(f, "--help")
    expect_identical(help$status, 0L)
    lines <- grep("^  --[a-z-]+[= ]", help$printed, value = TRUE)
    expect_length(lines, length(formals(f)))
    expect_match(lines, "(=[.]{3})? +[a-zA-Z].* [(](default: .+|required)[)]$")
    expect_no_match(lines, " NA [(]")
    expect_equal(grepl("=[.]{3}", lines), !vapply(formals(f), is.logical, NA), ignore_attr = TRUE)
  }
})

test_that("--help shows the defaults that options set", {
  withr::local_options(future.p2p.host = "lab:2222", future.p2p.ssh_args = c("-J", "gate"), future.p2p.cluster = NULL)
  help <- run(worker, "--help")$printed
  expect_match(help, "--host=... .*[(]default: lab:2222[)]$", all = FALSE)
  expect_match(help, "--ssh-args=... .*[(]default: -J gate[)]$", all = FALSE)
  expect_match(help, "--cluster=... .*[(]default: your personal cluster[)]$", all = FALSE)
})

test_that("--name value is --name=value, and a word owner/name is the cluster", {
  expect_equal(parse_flags(worker, c("--cluster", "alice/friends", "--workers=2", "--ssh-args", "-p 22")),
               list(cluster = "alice/friends", workers = "2", ssh_args = "-p 22"))
  expect_equal(parse_flags(host_cluster, c("alice/friends", "--users", "bob,carol")), list(cluster = "alice/friends", users = c("bob", "carol")))
  expect_equal(parse_flags(serve, c("--quiet", "--port", "0")), list(quiet = "TRUE", port = "0"))
  expect_error(parse_flags(worker, c("--cluster", "--workers=2")), "--cluster has no value", class = "p2p_error_usage")
  expect_error(parse_flags(worker, c("alice/friends", "--cluster=bob/lab")), "twice", class = "p2p_error_usage")
  expect_error(parse_flags(serve, "alice/friends"), "not a flag", class = "p2p_error_usage")
})

test_that("an unknown flag is followed by the flag that was meant", {
  expect_match(run(worker, "--worker=2")$said, "Unknown flag --worker. Did you mean --workers?", fixed = TRUE)
  expect_match(run(worker, "--shh-args", "-p 22")$said, "Did you mean --ssh-args?", fixed = TRUE)
  expect_match(run(serve, "--quite")$said, "Did you mean --quiet?", fixed = TRUE)
  expect_match(run(serve, "--zzz=1")$said, "--users, --address", fixed = TRUE)
})

test_that("names of arguments are not matched partially", {
  expect_unknown <- function(expr, name, meant) {
    ex <- tryCatch(expr, error = identity)
    expect_s3_class(ex, "p2p_error_usage")
    expect_match(conditionMessage(ex), sprintf("no argument '%s'. Did you mean '%s'?", name, meant), fixed = TRUE)
  }
  expect_unknown(worker("alice/friends", ni = 2, duration = -1), "ni", "nice")
  expect_unknown(worker("alice/friends", mem = "2 GiB", duration = -1), "mem", "memory")
  expect_unknown(serve(use = "users.txt", port = -1), "use", "users")
  expect_unknown(host_cluster("alice/friends", user = "bob", duration = -1), "user", "users")
  expect_unknown(wormhole_send("text", time = 5, relay = 1), "time", "timeout")
  expect_unknown(wormhole_receive("7-guitar-wizard", time = 5, relay = 1), "time", "timeout")
  expect_unknown(pico_username(h = "127.0.0.1:1"), "h", "host")
  expect_unknown(p2p_cluster_name("alice/friends", h = "127.0.0.1:1"), "h", "host")
  wrapper <- function(...) worker("alice/friends", ..., duration = -1)
  expect_unknown(wrapper(ni = 2), "ni", "nice")
  expect_unknown(do.call(worker, list("alice/friends", ni = 2, duration = -1)), "ni", "nice")
  expect_error(wrapper(nice = 2), "'duration'", class = "p2p_error_usage")
  expect_unknown(suppressWarnings(future::plan(future.p2p::cluster, clust = "alice/friends", host = "127.0.0.1:1")), "clust", "cluster")
})

test_that("--version prints the version", {
  expect_equal(run(serve, "--version")$printed, format(utils::packageVersion("future.p2p")))
})

test_that("unknown flags, words that are not flags and repeated flags exit with status 2 and a message", {
  for (args in list("--nonsense=1", "bob", "--cluster", c("--cluster=a/b", "--cluster=a/b"))) {
    result <- do.call(run, c(list(worker), as.list(args)))
    expect_equal(result$status, 2L)
    expect_match(result$said, "--help", fixed = TRUE)
    expect_match(result$said, "flag|Flag")
  }
})

test_that("invalid values exit with status 2 and name the argument", {
  expect_equal(run(worker, "--workers=none")$status, 2L)
  expect_match(run(worker, "--workers=0")$said, "Flag --workers must be a whole number")
  expect_match(run(worker, "--duration=-1")$said, "Flag --duration must")
  expect_match(run(host_cluster, "--users=bob")$said, "Flag --cluster is missing.* --cluster=alice/friends")
  expect_match(run(host_cluster, "--cluster=alice/friends")$said, "Flag --users must .* --users=bob,carol")
  expect_match(run(serve)$said, "Flag --users is missing")
  expect_match(run(serve, "--users=x", "--login-time=0")$said, "no file 'x'|--login-time")
})

test_that("a failure exits with status 1 and the error message", {
  failing <- cli_function(function() p2p_stop("The board is on fire.", "network"), "failing", "Fails.")
  result <- run(failing)
  expect_equal(result$status, 1L)
  expect_match(result$said, "The board is on fire.", fixed = TRUE)
})

test_that("Ctrl-C is a failure, except for programs that run until they are stopped", {
  for (is_service in c(TRUE, FALSE)) {
    result <- run(cli_function(function() interrupt_r(), "stops", "Stops.", is_service = is_service))
    expect_equal(result$status, if (is_service) 0L else 130L)
    expect_match(result$said, "Stopped.", fixed = TRUE)
  }
  for (f in list(worker, host_cluster, serve)) expect_true(attr(f, "cli_is_service"))
  for (f in list(invite, join, pico_username, members)) expect_false(attr(f, "cli_is_service"))
})

test_that("calling future.p2p::cluster() says how it is used", {
  expect_error(cluster("alice/lab"), "Write: plan(future.p2p::cluster, cluster = \"alice/lab\").", fixed = TRUE, class = "p2p_error_usage")
  expect_error(pico_p2p(), "Write: plan(future.p2p::cluster, cluster = \"alice/friends\").", fixed = TRUE, class = "p2p_error_usage")
})

test_that("--help names the word that join() takes, and that expel() takes a user or a device", {
  expect_match(run(join, "--help")$printed[1L], "future.p2p::join [code] [--name=value ...]", fixed = TRUE)
  expect_match(run(expel, "--help")$printed, "Exactly one of", all = FALSE)
})

test_that("a URL at the start of a sentence is kept", {
  expect_identical(as_sentence("ws://127.0.0.1:1/v1: cannot connect"), "ws://127.0.0.1:1/v1: cannot connect.")
  expect_identical(as_sentence("client: gone"), "Client: gone.")
})

test_that("only commas separate users", {
  expect_identical(user_names("bob, carol,bob"), c("bob", "carol"))
  expect_error(host_cluster("alice/friends", "b o b", "127.0.0.1:1"), "b o b", class = "p2p_error_invalid")
})

test_that("Rscript -e NAME runs the function; other code prints it", {
  rscript <- function(expression, ...) {
    suppressWarnings(system2(file.path(R.home("bin"), "Rscript"), c("-e", shQuote(expression), ...), stdout = TRUE, stderr = TRUE))
  }
  expect_equal(rscript("future.p2p::worker", "--version"), format(utils::packageVersion("future.p2p")))
  expect_equal(attr(rscript("future.p2p::worker", "--bogus=1"), "status"), 2L)
  expect_match(paste(rscript("print(future.p2p::worker)", "--version"), collapse = "\n"), "^function")
  unread <- rscript("future.p2p::worker(host = '127.0.0.1:1')", "--cluster=alice/friends")
  expect_equal(attr(unread, "status"), 1L)
  expect_match(paste(unread, collapse = " "), "'--cluster=alice/friends' would have no effect.*: Rscript -e future[.]p2p::worker --cluster=alice/friends")
  for (command in list(c("future.p2p::cluster", "--cluster=alice/friends"), "future.p2p::cluster", "future.p2p::pico_p2p", c("future.p2p::wormhole('--version')", "--timeout=1"))) {
    ignored <- rscript(command[1L], command[-1L])
    expect_gt(attr(ignored, "status"), 0L)
    expect_match(paste(ignored, collapse = " "), "plan[(]future.p2p::cluster, cluster =|'--timeout=1' would have no effect")
  }
  expect_match(rscript("future.p2p::wormhole_send", "/no/such/file")[1L], "cannot read '/no/such/file'")
  expect_match(rscript("future.p2p::wormhole_receive", "--path=/no/such/x", "7-a-b")[1L], "'/no/such' does not exist")
  expect_identical(rscript("future.p2p::find_wormhole"), find_wormhole())
  expect_identical(cli_help(find_wormhole)[c(1L, 6L)], c("Usage: Rscript -e future.p2p::find_wormhole", "  --help, --version"))
  expect_match(run(find_wormhole, "--x=1")$said, "Unknown flag --x. None are accepted.", fixed = TRUE)
  expect_match(run(find_wormhole, "x")$said, "There are no flags.", fixed = TRUE)
  expect_match(system2(find_wormhole(), "--help", stdout = TRUE), "^  --text=TEXT ", all = FALSE)
  expect_equal(attr(rscript("library(future.p2p); worker", "--bogus=1"), "status"), 2L)
  expect_match(rscript("future.p2p::p2p_cluster_name", "--help")[1L], "^Usage")
  read <- rscript("future.p2p::worker(commandArgs(TRUE)[2], duration = -1)", "--nice=3", "alice/friends")
  expect_match(paste(read, collapse = " "), "'duration'")
})

test_that("flags that a call does not read are an error, and those of a script are not", {
  for (name in c("worker", "serve", "host_cluster", "wormhole_send")) {
    command <- function(code) c("R", "--no-echo", "-e", gsub(" ", "~+~", code), "--args", "--cluster=alice/friends")
    call <- paste0(name, "('a/b', users = c('b', 'c'))")
    for (code in c(call, paste0(c("future.p2p::", "future.p2p:::", "library(future.p2p); ", "x <- "), call),
                   sprintf(c("invisible(%s)", "try(%s, silent = TRUE)", "{ %s }", "suppressMessages(future.p2p::%s)", "if (TRUE) %s", "f <- function() %s; f()"), call),
                   sprintf("do.call(future.p2p::%s, list())", name), sprintf("%s(workers = parallel::detectCores())", name))) {
      expect_error(check_flags_are_read(name, command(code)), "'--cluster=alice/friends' would have no effect", class = "p2p_error_usage")
    }
    expect_no_error(check_flags_are_read(name, command(paste0(name, "(commandArgs(TRUE)[1])"))))
    expect_no_error(check_flags_are_read(name, command(paste0("args <- base::commandArgs(TRUE); try(", name, "(args))"))))
    expect_no_error(check_flags_are_read(name, command(paste0("x <- docopt::docopt(doc); ", name, "(x$cluster)"))))
    expect_no_error(check_flags_are_read(name, command("source('start.R')")))
    expect_no_error(check_flags_are_read(name, c("R", "--file=script.R", "--args", "--cluster=alice/friends")))
    expect_no_error(check_flags_are_read(name, c("R", "-e", paste0(name, "()"))))
  }
  expect_error(check_flags_are_read("worker", c("R", "-e", "worker()", "--args", "--ssh-args=-p 22")),
               "without parentheses: Rscript -e future.p2p::worker '--ssh-args=-p 22'", fixed = TRUE)
})

test_that("the name of a function at the end of other code is a command line", {
  called <- function(...) called_from_rscript(c("R", "--no-echo", as.vector(rbind("-e", c(...))), "--args", "-e", "worker"))
  for (code in c("future.p2p::worker", "worker", "library(future.p2p);~+~worker", "future.p2p:::worker")) expect_true(called(code))
  expect_true(called("library(future.p2p)", "worker"))
  for (code in c("print(worker)", "library(future.p2p)", "worker()", "1 +")) expect_false(called(code))
  expect_equal(called_name(c("R", "-e", "library(future.p2p);~+~pico_p2p", "--args", "x")), "pico_p2p")
})

test_that("advice fits what was typed", {
  expect_match(run(worker, "--DURATION=1")$said, "Unknown flag --DURATION. Did you mean --duration?", fixed = TRUE)
  expect_match(run(host_cluster, "--users=bob,", "carol")$said, "'carol' is not a flag.*commas without blanks[.]")
  nowhere <- "--host=127.0.0.1:1"
  expect_match(run(worker, nowhere, "--ssh_args=x")$said, "'x' is not supported in the SSH arguments. --ssh-args supports -i", fixed = TRUE)
  expect_error(pico_username("127.0.0.1:1", "x"), "`ssh_args` supports -i", fixed = TRUE)
  expect_equal(run(worker, nowhere, "--cluster=friends")$status, 2L)
  expect_error(host_cluster("alice/friends", "dianna;carol", "127.0.0.1:1"), 'as in `users = c("bob", "carol")`.', fixed = TRUE)
  expect_match(run(host_cluster, nowhere, "--cluster=alice/friends", "--users=dianna;carol")$said, "as in --users=bob,carol.", fixed = TRUE)
  expect_equal(show_size(1), "1 byte")
})

test_that("a future on a worker cannot use a board", {
  withr::local_envvar(FUTURE_P2P_WORKER = "vm:12")
  expect_error(worker(), "A future on a worker (vm:12) cannot use worker(). ", fixed = TRUE, class = "p2p_error_usage")
  expect_error(host_cluster("alice/friends", "bob"), "cannot use host_cluster()", fixed = TRUE, class = "p2p_error_usage")
  expect_error(serve(), "cannot use serve()", fixed = TRUE, class = "p2p_error_usage")
  expect_error(pico_username(), "cannot use pico_username()", fixed = TRUE, class = "p2p_error_usage")
  expect_error(p2p_cluster_name(), "cannot use p2p_cluster_name()", fixed = TRUE, class = "p2p_error_usage")
  expect_equal(p2p_cluster_name("alice/friends"), "alice/friends")
})
