#' What was given and received
#'
#' `contributions()` shows how much this account has given, as futures ran on its workers, and how much it has received, as its futures ran on
#' workers. Your own futures on your own workers count as both.
#'
#' Workers and clients count each future when it has ended, by user and machine of the other end. The counts of all clusters, and of all
#' programs of this account on this machine, are in one small private file, `contributions/counts` in `tools::R_user_dir("future.p2p", "data")`.
#' Environment variable `R_USER_DATA_DIR` moves it. They are written within 3 seconds, also if R is busy. If a program is killed, no more than
#' the last seconds are missing. If they cannot be written, one warning says why, and futures are not affected. Option
#' `future.p2p.contributions = FALSE`, or environment variable `R_FUTURE_P2P_CONTRIBUTIONS=false`, keeps programs from writing them.
#'
#' In a cluster with a key, the user is the one to whom the other end has proven to belong; the name of the machine is what it says of itself.
#' Without a key, users are who they say they are. Nothing of this is sent to anybody. Futures in a sandbox cannot change it; without a sandbox, futures
#' run with your rights and could.
#'
#' There are at most 1,024 rows. Beyond that, the machines used longest ago of the user with the most machines are counted together, with machine
#' `NA`, and then users, with user `NA`.
#'
#' @param cluster (character) The cluster, as `"owner/name"`, or `"all"`.
#' @param json (logical) If `TRUE`, return JSON text.
#' @param forget (logical) If `TRUE`, remove the counts, of `cluster` only if that is given. What runs at this moment is counted from then on.
#'
#' @section Command line:
#' ```sh
#' Rscript -e future.p2p::contributions
#' Rscript -e future.p2p::contributions --cluster=alice/friends --json
#' Rscript -e future.p2p::contributions --forget
#' ```
#'
#' @return A data frame of class `p2p_contributions`, with the rows with most time first and these columns:
#'  * `direction`: `"given"` by this account, or `"received"`,
#'  * `user`, `machine`, `cluster`: who got it or, if received, who gave it,
#'  * `futures`: those that ended with a result, also if the result is an error in R,
#'  * `failed`: those that ended without one, since they were lost or canceled. A future that ran twice counts at both workers,
#'  * `seconds`: the time that they had a slot, from when they were sent to the worker to the end of the result,
#'  * `bytes_in`, `bytes_out`: the serialized bytes of futures, conditions and results that came to this machine, and left it,
#'  * `since`, `latest`: when the first and the last one ended.
#'
#'  With `json = TRUE`, one string of JSON, with times in UTC. Errors have class `p2p_error`.
#'
#' @examples
#' library(future)
#' demo <- demo_cluster()
#' plan(future.p2p::cluster)
#' unlist(value(lapply(1:3, function(i) future(mean(rnorm(1e4)), seed = TRUE))))
#'
#' given <- contributions()
#' given[, c("direction", "user", "futures", "seconds")]
#' contributions(forget = TRUE)
#'
#' close(demo)
#' @seealso [status()], [worker()]
#' @export
contributions <- function(cluster = "all", json = FALSE, forget = FALSE) {
  check_arguments("contributions")
  cluster <- one_string(cluster, "cluster")
  cluster <- if (cluster != "all") cluster
  if (!is.null(cluster)) .Call(ffi_cluster_check, cluster)
  json <- check_flag(json, "json")
  forget <- check_flag(forget, "forget")
  clients$record()
  if (forget) {
    .Call(ffi_ledger_forget, contributions_folder(), cluster)
    message("Forgotten: what this account has given and received", if (!is.null(cluster)) paste0(" in cluster '", cluster, "'"), ".")
  }
  rows <- account_contributions(cluster)
  if (json) contributions_json(rows) else rows
}

contributions_folder <- function() absolute_path(file.path(user_folder("data"), "contributions"))

## What counts in this process, for a client or a worker. It is written when it is closed, which must come last.
new_recorder <- function() .Call(ffi_recorder_new, if (p2p_option("contributions", TRUE)) contributions_folder())

## Of this account. `cluster`: NULL for all.
account_contributions <- function(cluster = NULL) {
  rows <- contribution_rows(.Call(ffi_ledger_read, contributions_folder()))
  if (!is.null(cluster)) rows <- rows[rows$cluster %in% cluster, ]
  row.names(rows) <- NULL
  rows
}

contribution_rows <- function(columns) {
  rows <- as.data.frame(columns, stringsAsFactors = FALSE)
  names(rows)[1L] <- "direction"
  for (name in c("since", "latest")) rows[[name]] <- as.POSIXct(rows[[name]], origin = "1970-01-01")
  rows <- rows[order(rows$direction, -rows$seconds), ]
  class(rows) <- c("p2p_contributions", "data.frame")
  rows
}

has_contribution_columns <- function(x) {
  all(c("direction", "user", "machine", "cluster", "futures", "failed", "seconds", "bytes_in", "bytes_out", "since") %in% names(x))
}

## A person may see "others".
named_or_others <- function(names) ifelse(is.na(names), "others", names)

#' @export
print.p2p_contributions <- function(x, ...) {
  if (!has_contribution_columns(x)) return(NextMethod())
  cat(describe_contributions(x), sep = "\n")
  invisible(x)
}

describe_contributions <- function(x) {
  if (nrow(x) == 0L) return("Nothing given or received yet.")
  x <- as.data.frame(unclass(x), stringsAsFactors = FALSE)
  parts <- lapply(c("given", "received"), function(direction) {
    rows <- x[x$direction == direction, ]
    if (nrow(rows) == 0L) return(NULL)
    c(paste0(if (direction == "given") "Given: " else "Received: ", sum_text(rows)), contribution_lines(rows))
  })
  unlist(parts)
}

## "3 h 12 min (432 futures)"
sum_text <- function(rows) sprintf("%s (%s)", format_seconds(sum(rows$seconds)), count_of(sum(rows$futures + rows$failed), "future"))

contribution_lines <- function(rows) {
  bytes <- function(x) vapply(x, format_bytes, "")
  table_lines(list(
    user = named_or_others(rows$user), machine = named_or_others(rows$machine), cluster = named_or_others(rows$cluster), futures = rows$futures,
    failed = rows$failed, time = vapply(rows$seconds, format_seconds, ""), `in` = bytes(rows$bytes_in), out = bytes(rows$bytes_out),
    since = format(rows$since, "%Y-%m-%d")
  ))
}

contributions_json <- function(rows) .Call(ffi_json, list(contributions = json_contributions(rows)))

json_contributions <- function(rows) {
  rows <- as.data.frame(unclass(rows), stringsAsFactors = FALSE)
  rows$latest <- format(rows$latest, "%Y-%m-%dT%H:%M:%SZ", tz = "UTC")
  json_rows(rows)
}

## For status(): "Contributions: given 3 h 12 min (432 futures), received 4.0 s (2 futures)". NULL if there are none.
contributions_line <- function(rows) {
  if (is.null(rows) || nrow(rows) == 0L) return(NULL)
  texts <- vapply(split(rows, rows$direction), sum_text, "")
  paste0("Contributions of this account: ", toString(paste(names(texts), texts)))
}

## For the end of a worker, of one user " to bob", of several ": 3 h 12 min to bob (412 futures) and 20 s to carol (20 futures)". `rows`: of this process.
describe_lent <- function(rows) {
  rows <- rows[rows$direction == "given", ]
  users <- sums_by_user(rows)
  if (is.null(users)) return("")
  if (nrow(users) == 1L) return(paste(" to", users$user))
  if (nrow(users) > 4L) {
    rest <- users[-(1:3), ]
    users <- rbind(users[1:3, ], data.frame(user = sprintf("%d others", nrow(rest)), machines = "", seconds = sum(rest$seconds), futures = sum(rest$futures),
                                            failed = sum(rest$failed), bytes = sum(rest$bytes), since = min(rest$since)))
  }
  texts <- vapply(seq_len(nrow(users)), function(i) {
    of <- users[i, ]
    sprintf("%s to %s (%s)", format_seconds(of$seconds), of$user, count_of(of$futures + of$failed, "future"))
  }, "")
  paste0(": ", join_names(texts))
}

## One row for each user, the one with most time first. NULL without rows.
sums_by_user <- function(rows) {
  users <- lapply(split(as.data.frame(unclass(rows), stringsAsFactors = FALSE), factor(rows$user, unique(rows$user), exclude = NULL)), function(of) {
    data.frame(user = named_or_others(of$user[1L]), machines = toString(unique(named_or_others(of$machine))), seconds = sum(of$seconds), futures = sum(of$futures),
               failed = sum(of$failed), bytes = sum(of$bytes_in, of$bytes_out), since = min(of$since), stringsAsFactors = FALSE)
  })
  users <- do.call(rbind, users)
  if (!is.null(users)) users[order(-users$seconds), ]
}

#' Draw what was given and received
#'
#' Draws a bar for each user and machine to which this account has given, or from which it has received.
#'
#' @param x What [contributions()] returns.
#' @param what (character) `"seconds"`, `"futures"` or `"bytes"`, in both directions.
#' @param most (integer) The largest number of bars. The smallest ones are added up.
#' @param ... Further arguments of [graphics::barplot()].
#'
#' @return `x`, invisibly. It is an error of class `p2p_error` if there is nothing to draw.
#'
#' @examples
#' library(future)
#' demo <- demo_cluster()
#' plan(future.p2p::cluster)
#' unlist(value(lapply(1:3, function(i) future({ Sys.sleep(0.05 * i); i }))))
#'
#' plot(contributions(), what = "seconds")
#'
#' close(demo)
#' @seealso [contributions()]
#' @export
plot.p2p_contributions <- function(x, what = c("seconds", "futures", "bytes"), most = 24, ...) {
  what <- check_choice(if (missing(what)) what[1L] else what, "what", c("seconds", "futures", "bytes"))
  most <- check_number(most, "most", 2, 1000, whole = TRUE)
  if (!has_contribution_columns(x) || nrow(x) == 0L) usage_stop("There is nothing to draw: nothing was given or received yet.")
  bars <- contribution_bars(as.data.frame(unclass(x), stringsAsFactors = FALSE), what, most)
  unit <- bar_unit(what, max(bars$value))
  old <- graphics::par(mar = c(4.1, min(22, 2 + 0.5 * max(nchar(bars$label))), 2.6, 1.1))
  on.exit(graphics::par(old))
  colors <- c(given = "#2a78c2", received = "#c58a1b")
  bars <- bars[rev(seq_len(nrow(bars))), ] # the first one at the top
  given <- list(height = bars$value / unit, names.arg = bars$label, horiz = TRUE, las = 1, border = NA, col = colors[bars$direction], xlab = names(unit))
  do.call(graphics::barplot, utils::modifyList(given, list(...)))
  shown <- intersect(names(colors), bars$direction)
  graphics::mtext(shown, side = 3, line = 0.6, at = graphics::par("usr")[1L], adj = seq_along(shown) * -1.2 + 1.2, col = colors[shown])
  invisible(x)
}

## One bar for each direction, user and machine, the largest of each direction first.
contribution_bars <- function(x, what, most) {
  x$value <- switch(what, seconds = x$seconds, futures = x$futures + x$failed, bytes = x$bytes_in + x$bytes_out)
  who <- ifelse(is.na(x$user), "others", paste(x$user, named_or_others(x$machine), sep = "@"))
  x$label <- paste(ifelse(x$direction == "given", "to", "from"), who)
  bars <- lapply(split(x, x$label), function(of) data.frame(direction = of$direction[1L], label = of$label[1L], value = sum(of$value), stringsAsFactors = FALSE))
  bars <- do.call(rbind, bars)
  bars <- bars[order(bars$direction, -bars$value), ]
  if (nrow(bars) <= most) return(bars)
  is_kept <- rank(-bars$value, ties.method = "first") <= most - length(unique(bars$direction))
  rest <- lapply(split(bars[!is_kept, ], bars$direction[!is_kept]), function(of) {
    data.frame(direction = of$direction[1L], label = sprintf("%s %d more", if (of$direction[1L] == "given") "to" else "from", nrow(of)), value = sum(of$value), stringsAsFactors = FALSE)
  })
  bars <- rbind(bars[is_kept, ], do.call(rbind, rest))
  bars[order(bars$direction), ]
}

## The unit of an axis, by its name.
bar_unit <- function(what, most) {
  units <- switch(what, seconds = c(seconds = 1, minutes = 60, hours = 3600, days = 86400), futures = c(futures = 1),
                  bytes = c(bytes = 1, KiB = 2^10, MiB = 2^20, GiB = 2^30, TiB = 2^40))
  units[max(1L, which(units * 2 <= most))]
}

contributions <- cli_function(contributions, "contributions", "Shows what this account has given and received.")
