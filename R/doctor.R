#' What is wrong, and what to do about it
#'
#' Checks, one after the other, what this package needs on this machine: versions, SSH key and message board, access to a cluster, mailbox
#' server, relay, and more. Each check is shown as a line with `ok`, `warning` or `problem` and, if there is something to do, the next step. A check
#' that needs one that failed is `skipped`.
#'
#' It logs in to the board, joins the cluster as `plan()` does, and leaves it. It submits no future, lends no slot, and sends a few bytes
#' to itself through mailbox server and relay. As with `plan()`, a device that joins the cluster for the first time gets its key from the host. Each
#' check has a time limit: all of them together take a few seconds and, if nothing answers, at most two and a half minutes.
#'
#' | check | is about |
#' | --- | --- |
#' | `R and packages`, `C libraries` | versions that are loaded, and those that are installed or were used to build the package |
#' | `proxy` | the HTTP proxy of the environment |
#' | `SSH agent` | whether the agent of `SSH_AUTH_SOCK` answers |
#' | `board`, `known_hosts`, `SSH key`, `account` | the login on the message board, step by step |
#' | `cluster`, `members` | access to the cluster; its workers, and their versions |
#' | `mailbox`, `relay`, `direct link` | a connection of this machine to itself, through the relay and without it |
#' | `address` | whether other networks may reach this machine |
#' | `clock`, `sandbox`, `disk and memory` | this machine |
#'
#' @inheritParams cluster
#' @param json (logical) If `TRUE`, show nothing and return all as JSON. `--json` on the command line.
#'
#' @section Command line:
#' ```sh
#' Rscript -e future.p2p::doctor --cluster=alice/friends
#' Rscript -e future.p2p::doctor --cluster=alice/friends --json
#' ```
#' The exit status is 0 if all is well, 1 after warnings, and 2 after problems or for wrong flags.
#'
#' @return A data frame, invisibly, with a row for each check and the columns `check`, `state` (`"ok"`, `"warning"`, `"problem"` or
#'   `"skipped"`), `text` and `next_step` (`NA` if there is nothing to do). With `json = TRUE`, a string.
#'
#' @examples
#' demo <- demo_cluster()
#' found <- doctor()
#' found[found$state != "ok", ]
#' close(demo)
#' @seealso [pico_username()], [members()]
#' @export
doctor <- function(cluster = NULL, host = NULL, ssh_args = NULL, json = FALSE) {
  check_arguments("doctor")
  check_not_on_worker("doctor")
  json <- check_flag(json, "json")
  facts <- new_facts(cluster, host, ssh_args)
  doctor_state$is_running <- TRUE
  on.exit(doctor_state$is_running <- FALSE)
  out <- run_checks(facts, if (json) function(name, finding) NULL else show_finding)
  if (json) return(structure(report_json(out, facts), exit_status = attr(out, "exit_status")))
  cat(report_summary(out), sep = "\n")
  invisible(out)
}

## While doctor() runs, no advice names it.
doctor_state <- new.env(parent = emptyenv())

## The next step after errors that have many causes.
doctor_hint <- function(cli, cluster = NULL) {
  if (isTRUE(doctor_state$is_running)) return(NULL)
  call <- if (is.null(cluster)) sprintf(if (cli) "'Rscript -e future.p2p::%s'" else "`future.p2p::%s()`", "doctor") else cluster_call("doctor", cli, cluster)
  sprintf("%s checks each step.", call)
}

## ---- findings ----

finding <- function(state, text, next_step = NULL) list(state = state, text = text, next_step = next_step)
all_well <- function(...) finding("ok", sprintf(...))

## The finding of an error of the core, or of an R condition.
problem_of <- function(error) {
  if (inherits(error, "condition") && is.null(error$error)) return(finding("problem", conditionMessage(error)))
  if (inherits(error, "condition")) error <- error$error
  finding("problem", as_sentence(error$message), advice_for(error))
}

## Runs the checks in their order. `show(name, finding)` is called when a check has ended. `only`: these, in tests.
run_checks <- function(facts, show = function(name, finding) NULL, only = names(doctor_checks)) {
  found <- list()
  for (name in only) {
    found[[name]] <- run_check(doctor_checks[[name]], facts, found)
    show(name, found[[name]])
  }
  as_report(found)
}

## Runs one check, unless one that it needs has failed. Whatever a check raises is a finding.
run_check <- function(check, facts, found) {
  for (name in check$needs(facts)) {
    failed <- c(found[[name]]$failed, if (identical(found[[name]]$state, "problem")) name)
    if (length(failed) > 0L) return(c(finding("skipped", sprintf("it needs '%s'", failed)), failed = failed))
  }
  tryCatch(check$run(facts), error = problem_of)
}

show_finding <- function(name, finding) cat(finding_lines(name, finding), sep = "\n")

finding_lines <- function(name, finding) {
  text <- if (finding$state == "skipped") paste0("skipped: ", finding$text) else finding$text
  c(trimws(sprintf("%-8s %-16s %s", if (finding$state == "skipped") "-" else finding$state, name, text), "right"),
    if (length(finding$next_step) > 0L) sprintf("%-8s %-16s Next: %s", "", "", finding$next_step))
}

as_report <- function(found) {
  column <- function(name) vapply(found, function(finding) if (is.null(finding[[name]])) NA_character_ else paste(finding[[name]], collapse = " "), "", USE.NAMES = FALSE)
  out <- data.frame(check = names(found), state = column("state"), text = column("text"), next_step = column("next_step"), stringsAsFactors = FALSE)
  structure(out, class = c("p2p_doctor", "data.frame"), exit_status = if ("problem" %in% out$state) 2L else if ("warning" %in% out$state) 1L else 0L)
}

report_summary <- function(report) {
  counts <- c(problem = sum(report$state == "problem"), warning = sum(report$state == "warning"))
  if (sum(counts) == 0L) return("All is well.")
  paste0(join_names(vapply(names(counts)[counts > 0L], function(name) count_of(counts[[name]], name), "")), ".")
}

report_json <- function(report, facts) {
  rows <- lapply(seq_len(nrow(report)), function(i) as.list(as.data.frame(report)[i, ]))
  .Call(ffi_json, list(status = attr(report, "exit_status"), cluster = facts$config$cluster, host = facts$config$host, checks = rows))
}

#' @export
print.p2p_doctor <- function(x, ...) {
  if (!all(c("check", "state", "text", "next_step") %in% names(x))) return(NextMethod())
  for (i in seq_len(nrow(x))) {
    next_step <- x$next_step[i]
    cat(finding_lines(x$check[i], finding(x$state[i], x$text[i], if (!is.na(next_step)) next_step)), sep = "\n")
  }
  cat(report_summary(x), sep = "\n")
  invisible(x)
}

doctor <- cli_function(doctor, "doctor", "Checks what is needed to use a cluster, and says what to do about each problem.")
