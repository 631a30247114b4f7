## Files by which the system starts a worker. No system is asked to start one.

test_that("a unit of systemd has the command, is valid and has limits", {
  withr::local_envvar(XDG_CONFIG_HOME = withr::local_tempdir())
  withr::local_options(future.p2p.service_system = "systemd")
  expect_message(path <- install_service("worker", cluster = "alice/friends", hours = c("22:00-24:00", "00:00-07:00"), nice = 19, on_battery = FALSE,
                                         ssh_args = c("-i", "~/.ssh/my key"), name = "night"), "systemctl --user enable --now future.p2p-night.service")
  expect_identical(path, file.path(Sys.getenv("XDG_CONFIG_HOME"), "systemd", "user", "future.p2p-night.service"))
  unit <- readLines(path)
  expect_true(sprintf("ExecStart=\"%s\" \"-e\" \"future.p2p::worker\" \"--cluster=alice/friends\" \"--hours=22:00-24:00,00:00-07:00\" \"--nice=19\" \"--on-battery=FALSE\" \"--ssh-args=-i '~/.ssh/my key'\"",
                      file.path(R.home("bin"), "Rscript")) %in% unit)
  expect_true("NoNewPrivileges=yes" %in% unit)
  if (nzchar(Sys.which("systemd-analyze"))) {
    withr::local_envvar(XDG_RUNTIME_DIR = withr::local_tempdir())
    analyze <- function(...) run_process("systemd-analyze", c(..., path), error_on_status = FALSE, timeout = 60)
    expect_identical(analyze("verify", "--user")$stderr, "")
    security <- analyze("security", "--user", "--offline=true", "--threshold=39", "--no-pager")
    skip_if(grepl("unrecognized option", security$stderr), "systemd-analyze is too old")
    expect_identical(security$status, 0L, info = tail(strsplit(security$stdout, "\n")[[1L]], 1L))
  }
  expect_message(uninstall_service("worker", name = "night"), "Removed")
  expect_false(file.exists(path))
  expect_error(uninstall_service("worker", name = "night"), "There is no service 'night'", class = "p2p_error_invalid")
})

test_that("words of a unit mean themselves", {
  expect_identical(unit_word("a b"), "\"a b\"")
  expect_identical(unit_word("50% of $HOME \"x\" \\"), "\"50%% of $$HOME \\\"x\\\" \\\\\"")
  expect_identical(unit_environment("R_LIBS=/a$b"), "\"R_LIBS=/a$b\"")
  unit <- systemd_unit("worker", "worker", service_command("worker", list()), harden = FALSE)
  expect_false(any(grepl("^Protect|^Private|^SystemCall", unit)))
})

test_that("what cannot be written is refused", {
  expect_error(install_service("worker", "alice/friends"), "must have names", class = "p2p_error_usage")
  expect_error(install_service("worker", clutser = "alice/friends"), "Did you mean 'cluster'", class = "p2p_error_usage")
  expect_error(install_service("worker", read = sum), "Argument 'read' cannot be written", class = "p2p_error_usage")
  expect_error(install_service("worker", cluster = "a\nExecStartPre=b"), "control characters", class = "p2p_error_usage")
  expect_error(install_service("worker", name = "../x"), "'name' must consist of", class = "p2p_error_usage")
  expect_error(install_service("cron"), "'what' must be", class = "p2p_error_usage")
})

test_that("launchd and the Windows Task Scheduler get the same command", {
  withr::local_envvar(HOME = withr::local_tempdir(), WSL_DISTRO_NAME = "Debian")
  withr::local_options(future.p2p.service_system = "launchd")
  expect_message(path <- install_service("serve", users = "a<b&c.txt"), "launchctl load -w")
  plist <- readLines(path)
  expect_true(all(c("    <string>future.p2p::serve</string>", "    <string>--users=a&lt;b&amp;c.txt</string>") %in% plist))
  expect_match(path, "/Library/LaunchAgents/future.p2p-serve.plist", fixed = TRUE)
  withr::local_options(future.p2p.service_system = "wsl")
  expect_message(install_service("worker", cluster = "alice/friends"),
                 "schtasks.exe /Create /SC ONLOGON /TN future.p2p-worker /TR \"wsl.exe -d Debian --exec .*Rscript -e future.p2p::worker --cluster=alice/friends\"")
})
