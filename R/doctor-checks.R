## The checks of doctor(). Each returns a finding, or raises an error that is one.

## ---- what checks share ----

check_seconds <- 15

show_seconds <- function(seconds) sprintf("%.2f s", seconds)

## What checks find out for later ones: an environment.
new_facts <- function(cluster, host, ssh_args) {
  facts <- new.env(parent = emptyenv())
  facts$proxy_error <- tryCatch({
    use_proxy()
    NULL
  }, p2p_error = identity)
  facts$config <- if (is.null(facts$proxy_error)) board_config(cluster, host, ssh_args)
  if (!is.null(facts$config$cluster)) .Call(ffi_cluster_check, facts$config$cluster)
  facts
}

## The login on the board, once: list(user, seconds), or the error.
login_of <- function(facts) {
  if (!is.null(facts$login)) return(facts$login)
  began <- now()
  facts$login <- tryCatch(list(user = ask_board(facts$config, until = began + check_seconds), seconds = now() - began), p2p_error = identity)
  facts$login
}

## The reasons of errors by the step of the login that they end. All others end the first one, "board".
login_reasons <- list(
  known_hosts = c("unknown_host_key", "unknown_host_key_unseen", "changed_host_key", "revoked_host_key", "strict_host_key", "ssh_files"),
  `SSH key` = c("no_ssh_key", "keys_rejected", "too_many_keys", "key_exposed", "agent_timeout", "config_exposed"),
  account = c("no_account", "no_pico_account")
)
login_steps <- c("board", names(login_reasons))

## The finding of one step of the login: all steps before the one that failed went well.
login_finding <- function(facts, step, well) {
  login <- login_of(facts)
  if (!inherits(login, "error")) return(well(login))
  reason <- if (is.null(login$error)) "" else login$error$reason
  failed <- c(Filter(function(name) reason %in% login_reasons[[name]], names(login_reasons)), "board")[1L]
  if (failed == step) problem_of(login) else well(NULL)
}

## Mailbox server and relay: those of options, else those of the board, which tells them without an account.
services_of <- function(facts) {
  if (!is.null(facts$services)) return(facts$services)
  services <- list(mailbox = p2p_option("mailbox"), relay = p2p_option("relay"))
  if (is.null(services$mailbox) || is.null(services$relay)) {
    told <- if (is.null(facts$config$host)) public_services() else told_services(facts)
    for (name in names(told)) if (is.null(services[[name]])) services[[name]] <- told[[name]]
  }
  facts$services <- services
  services
}

told_services <- function(facts) {
  answer <- ask_board(facts$config, "services", until = now() + check_seconds)
  structure(strsplit(answer, " ", fixed = TRUE)[[1L]], names = c("mailbox", "relay"))
}

## What the mailbox depends on.
services_need <- function(facts) {
  is_told <- !is.null(facts$config$host) && (is.null(p2p_option("mailbox")) || is.null(p2p_option("relay")))
  c("proxy", if (is_told) "SSH key")
}

## Sends a few bytes from this process to itself, once for each `way`: "relay" or "direct". Returns list(code, route, failed, seconds); without a
## code, the mailbox server has failed.
loop_of <- function(facts, way) {
  if (!is.null(facts[[way]])) return(facts[[way]])
  services <- services_of(facts)
  facts[[way]] <- send_to_self(c(list(mailbox = services$mailbox, timeout_ms = 1000 * check_seconds),
                                 if (way == "relay") list(relay = services$relay, direct = FALSE)))
  facts[[way]]
}

send_to_self <- function(config) {
  folder <- tempfile("doctor-")
  dir.create(folder, mode = "0700")
  on.exit(unlink(folder, recursive = TRUE))
  handles <- list()
  on.exit(for (handle in handles) .Call(ffi_handle_close, handle), add = TRUE)
  began <- now()
  handles$sender <- .Call(ffi_transfer_new, c(config, name = "doctor"), as.raw(1:64))
  status <- wait_for_transfer(handles$sender, function(status) nzchar(status$code) && status$state != "mailbox")
  if (is.null(status$failed)) {
    mailbox_seconds <- now() - began
    handles$receiver <- .Call(ffi_transfer_new, c(config, code = status$code, path = folder, path_is_directory = TRUE), NULL)
    code <- status$code
    status <- wait_for_transfer(handles$receiver, function(status) status$state == "done")
    return(list(code = code, route = status$way, failed = status$failed, mailbox_seconds = mailbox_seconds, seconds = now() - began - mailbox_seconds))
  }
  list(failed = status$failed)
}

## The core limits how long this takes.
wait_for_transfer <- function(handle, is_enough) {
  seen <- 0
  repeat {
    seen <- .Call(ffi_transfer_wait, handle, seen, 250L)
    status <- .Call(ffi_transfer_status, handle)
    if (status$state == "failed" || is_enough(status)) return(status)
  }
}

## ---- the checks ----

check_versions <- function() {
  for (package in c("future.p2p", "future")) {
    loaded <- format(getNamespaceVersion(package))
    installed <- installed_version(package)
    if (loaded != installed) {
      return(finding("warning", sprintf("This session uses %s %s, but %s is installed.", package, loaded, installed), "Restart R."))
    }
  }
  all_well("R %s, future.p2p %s, future %s", getRversion(), installed_version("future.p2p"), installed_version("future"))
}

installed_version <- function(package) format(utils::packageVersion(package))

## A library that is older than at build time may lack what we use.
check_libraries <- function(found) {
  running <- ifelse(nzchar(found$running), found$running, found$built)
  older <- which(utils_version(running) < utils_version(found$built))
  if (length(older) > 0L) {
    i <- older[1L]
    return(finding("warning", sprintf("%s %s runs, but the package was built with %s.", found$name[i], running[i], found$built[i]), "Install future.p2p again on this machine."))
  }
  all_well("%s", toString(paste(found$name, number_of(running))))
}

libraries <- function() .Call(ffi_libraries)
number_of <- function(text) sub("^[^0-9]*([0-9][0-9.]*).*", "\\1", text)
utils_version <- function(text) numeric_version(sub("[.]$", "", number_of(text)))

check_proxy <- function(facts) {
  if (!is.null(facts$proxy_error)) {
    found <- problem_of(facts$proxy_error)
    found$next_step <- c(found$next_step, "Correct or unset https_proxy and http_proxy: 'http://host:port'.")[1L]
    return(found)
  }
  url <- first_of_env("https_proxy", "HTTPS_PROXY", "http_proxy")
  if (!nzchar(url)) return(all_well("none is set"))
  all_well("board, mailbox and relay are reached through %s%s", sub("/*$", "", sub("^([a-z]+://)?([^/]*@)?", "", url)), # without user and password
           if (nzchar(except <- first_of_env("no_proxy", "NO_PROXY"))) paste0(", but for ", except) else "")
}

check_agent <- function() {
  if (!nzchar(Sys.getenv("SSH_AUTH_SOCK"))) return(all_well("none (SSH_AUTH_SOCK is not set); keys are read from files"))
  if (!nzchar(Sys.which("ssh-add"))) return(all_well("not known: there is no program 'ssh-add'"))
  output <- suppressWarnings(system2("ssh-add", "-l", stdout = TRUE, stderr = TRUE, timeout = agent_seconds))
  status <- attr(output, "status")
  if (is.null(status)) return(all_well("it has %s", count_of(length(output), "key")))
  if (status == 1L) return(all_well("it has no keys; keys are read from files"))
  finding("warning", if (status == 124L) sprintf("The SSH agent does not answer within %d s.", agent_seconds) else "SSH_AUTH_SOCK is set, but no SSH agent answers there.",
          "Start the agent again, or unset SSH_AUTH_SOCK: keys in files without a passphrase need no agent.")
}

agent_seconds <- 5

check_board <- function(facts) {
  login_finding(facts, "board", function(login) {
    board <- .Call(ffi_keys_board, facts$config)
    if (is.null(login)) all_well("'%s' answers", board) else all_well("'%s' answers; the login took %s", board, show_seconds(login$seconds))
  })
}

check_known_hosts <- function(facts) login_finding(facts, "known_hosts", function(login) all_well("the host key of the board is the known one"))
check_key <- function(facts) login_finding(facts, "SSH key", function(login) all_well("the board accepts it"))
check_account <- function(facts) login_finding(facts, "account", function(login) all_well("you are '%s' on the board", login$user))

## Joins as plan() does, and leaves. Keeps the workers for check_members().
check_cluster <- function(facts) {
  began <- now()
  use_key_file(facts$config)
  client <- list2env(list(log = log_new(), board = other_board(.Call(ffi_keys_board, facts$config))), parent = emptyenv())
  client$handle <- .Call(ffi_client_new, facts$config, client$log)
  on.exit(.Call(ffi_handle_close, client$handle))
  wait_until_ready(client, began + check_seconds)
  facts$status <- client_status(client)
  facts$workers <- client_workers(client)
  if (!uses_keys()) {
    return(finding("warning", sprintf("'%s' can be joined, but this session uses no keys: whoever can write to the topic can pretend to be a member.", facts$status$cluster),
                   "Unset option future.p2p.key (R_FUTURE_P2P_KEY)."))
  }
  all_well("'%s' was joined in %s, and left", facts$status$cluster, show_seconds(now() - began))
}

check_members <- function(status, workers) {
  if (nrow(workers) == 0L) return(finding("warning", "There is no worker: futures would wait for one.", start_worker_hint(status)))
  if (status$incompatible > 0L) {
    return(finding("warning", sprintf("%s cannot run futures of this session: %s.", count_of(status$incompatible, "worker"), status$incompatible_why), "Use the same versions on both sides."))
  }
  versions <- unique(workers$r)
  text <- sprintf("%s: R %s, future %s", count_of(nrow(workers), "worker"), toString(versions), toString(unique(workers$future)))
  if (all(minor_version(versions) == minor_version(as.character(getRversion())))) return(all_well("%s", text))
  finding("warning", sprintf("%s; here it is R %s.", text, getRversion()), "Results may differ between versions of R, and packages may be missing. Use the same version of R on all members.")
}

minor_version <- function(versions) sub("^([0-9]+[.][0-9]+).*", "\\1", versions)

check_mailbox <- function(facts) {
  loop <- loop_of(facts, if (nzchar(services_of(facts)$relay)) "relay" else "direct")
  if (is.null(loop$code)) return(problem_of(loop$failed))
  all_well("%s answered in %s", services_of(facts)$mailbox, show_seconds(loop$mailbox_seconds))
}

check_relay <- function(facts) {
  relay <- services_of(facts)$relay
  if (!nzchar(relay)) return(all_well("none: option future.p2p.relay is empty, and all links must be direct"))
  loop <- loop_of(facts, "relay")
  if (!is.null(loop$failed)) return(finding("problem", sprintf("A connection to this machine itself through %s failed: %s.", relay, loop$failed$message),
                                            paste("Check the address of the relay, the network, and that the relay is running. Option `future.p2p.relay` (R_FUTURE_P2P_RELAY)",
                                                  "selects another one. Until then, links must be direct.")))
  all_well("this machine reached itself through %s in %s", relay, show_seconds(loop$seconds))
}

check_direct <- function(facts) {
  loop <- loop_of(facts, "direct")
  if (is.null(loop$failed)) return(all_well("this machine accepts connections (%s)", sub("^direct ", "", loop$route)))
  finding("warning", sprintf("This machine could not connect to itself directly: %s.", loop$failed$message),
          "Allow R to accept connections in the firewall of this machine, or let links go through the relay, which is slower.")
}

private_form <- "^(10[.]|192[.]168[.]|172[.](1[6-9]|2[0-9]|3[01])[.]|100[.](6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])[.]|169[.]254[.]|f[cd]|fe80:)"
local_form <- "^(127[.]|::1$)"

## `addresses`: of this machine. `seen`: the one from which its connections come, as the board sees it; "" if that is not known. What kind of NAT lies
## between, only servers outside could find out; we ask none.
check_address <- function(addresses, seen = "") {
  is_local <- grepl(local_form, addresses)
  is_public <- !grepl(private_form, addresses) & !is_local
  if (all(is_local)) return(finding("warning", "This machine has no address on a network.", "Connect it to a network, unless board and members run on this machine."))
  if (any(is_public)) {
    return(all_well("%s: other networks may reach this machine, if no firewall is between%s", toString(addresses[is_public]), describe_seen(addresses, seen)))
  }
  all_well("%s, not public: NAT, of a kind that is not known, is between this machine and the internet%s. Members in other networks are reached through the relay, or where they have a public address",
           toString(addresses[!is_local]), describe_seen(addresses, seen))
}

describe_seen <- function(addresses, seen) {
  if (!nzchar(seen) || grepl(local_form, seen)) return("") # the board runs here
  if (seen %in% addresses) return(sprintf("; there is no NAT on the way to the board, which sees %s", seen))
  sprintf("; the board sees %s", seen)
}

## A board of serve() says it. Those that cannot be reached are not asked again.
seen_address <- function(facts) {
  if (is.null(facts$config$host) || inherits(facts$login, "error")) return("")
  seen <- tryCatch(ask_board(facts$config, "client_address", until = now() + check_seconds), p2p_error = function(ex) "")
  sub("^::ffff:", "", seen)
}

local_addresses <- function() .Call(ffi_local_addresses)

## A machine whose clock was lost begins years ago. No other member's clock is believed.
check_clock <- function(time, built) {
  if (is.na(built) || time > built - 86400) return(all_well("%s", format(time, "%Y-%m-%d %H:%M:%S %Z")))
  finding("warning", sprintf("It is %s here, which is before this package was installed (%s).", format(time, "%Y-%m-%d %H:%M"), format(built, "%Y-%m-%d")),
          "Set the clock: times in members() and in logs are wrong.")
}

build_time <- function() {
  built <- strsplit(utils::packageDescription("future.p2p")$Built, "; *")[[1L]]
  suppressWarnings(as.POSIXct(built[3L], tz = "UTC", optional = TRUE))
}

check_sandbox <- function() {
  sandbox <- tryCatch(new_sandbox("auto", FALSE, character(), character(), NULL), p2p_error = identity)
  if (!inherits(sandbox, "error")) return(all_well("worker() confines futures by '%s'", sandbox$level))
  finding("warning", conditionMessage(sandbox), "This matters only if this machine lends slots to others.")
}

least_bytes <- c(disk = 1024^3, memory = 512 * 1024^2)

## `disk`, `memory`: bytes, NA if not known.
check_space <- function(disk, memory) {
  text <- toString(c(if (!is.na(disk)) sprintf("%s free in %s", show_size(disk), dirname(tempdir())), if (!is.na(memory)) sprintf("%s of memory available", show_size(memory))))
  if (isTRUE(disk < least_bytes[["disk"]])) return(finding("warning", text, "Make room, or set TMPDIR to a folder on another disk before R starts."))
  if (isTRUE(memory < least_bytes[["memory"]])) return(finding("warning", text, "Close other programs, or use fewer slots, as in worker(workers = 1)."))
  all_well("%s", text)
}

disk_free <- function() .Call(ffi_disk_free, tempdir(check = TRUE))

## What programs may get without swapping; NA if /proc does not tell.
memory_free <- function() {
  if (!file.exists("/proc/meminfo")) return(NA_real_)
  1024 * as.numeric(sub("^MemAvailable: *([0-9]+) kB$", "\\1", grep("^MemAvailable:", readLines("/proc/meminfo"), value = TRUE))[1L])
}

## `needs(facts)`: the names of the checks that must not have failed.
new_check <- function(run, needs = character()) list(run = run, needs = if (is.function(needs)) needs else function(facts) needs)

## In their order. Tests replace the functions that these call.
doctor_checks <- list(
  `R and packages` = new_check(function(facts) check_versions()),
  `C libraries` = new_check(function(facts) check_libraries(libraries())),
  proxy = new_check(function(facts) check_proxy(facts)),
  `SSH agent` = new_check(function(facts) check_agent()),
  board = new_check(function(facts) check_board(facts), "proxy"),
  known_hosts = new_check(function(facts) check_known_hosts(facts), "board"),
  `SSH key` = new_check(function(facts) check_key(facts), "known_hosts"),
  account = new_check(function(facts) check_account(facts), "SSH key"),
  cluster = new_check(function(facts) check_cluster(facts), "account"),
  members = new_check(function(facts) check_members(facts$status, facts$workers), "cluster"),
  mailbox = new_check(function(facts) check_mailbox(facts), services_need),
  relay = new_check(function(facts) check_relay(facts), "mailbox"),
  `direct link` = new_check(function(facts) check_direct(facts), "mailbox"),
  address = new_check(function(facts) check_address(local_addresses(), seen_address(facts))),
  clock = new_check(function(facts) check_clock(Sys.time(), build_time())),
  sandbox = new_check(function(facts) check_sandbox()),
  `disk and memory` = new_check(function(facts) check_space(disk_free(), memory_free()))
)
