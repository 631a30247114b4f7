## What print(plan()) and as.data.frame(plan("backend")) show.

PRINT_WIDTH <- 80L
PRINT_LINES <- 11L # and four lines of the future package
FUTURES_LINES <- 4L # at most, so that a worker can be shown

#' @export
print.P2PFutureBackend <- function(x, ...) {
  if (!clients$has(x[["reg"]])) {
    cat("P2PFutureBackend: not joined to its cluster\n")
    return(invisible(x))
  }
  client <- clients$of(x)
  status <- client_status(client)
  workers <- client_workers(client)
  lines <- c(
    sprintf("P2PFutureBackend: cluster %s, %s", status$cluster,
            if (status$joined) paste("joined as", status$user) else "disconnected from the message board"),
    slots_line(status, workers),
    futures_lines(x, client, status),
    limits_line(x)
  )
  lines <- c(lines, workers_lines(workers, status$user, PRINT_LINES - length(lines)))
  cat(shorten(lines, PRINT_WIDTH), sep = "\n")
  invisible(x)
}

#' @export
as.data.frame.P2PFutureBackend <- function(x, row.names = NULL, optional = FALSE, ...) {
  client <- clients$of(x)
  workers <- by_relevance(client_workers(client))
  workers$id <- NULL # it is for programs: status()
  workers$state <- state_text(workers, client_status(client)$user)
  row.names(workers) <- row.names
  workers
}

slots_line <- function(status, workers) {
  if (status$slots == 0L) {
    return(paste("Slots: none, since", if (status$incompatible > 0L) "no worker can run futures of this session" else "there is no worker"))
  }
  users <- unique(unlist(strsplit(workers$users[workers$others > 0L], ";", fixed = TRUE)))
  shares <- shares_text(status$running, status$busy, name_users(paste(users, collapse = ";"), status$user))
  sprintf("Slots: %d on %s: %s", status$slots, count_of(max(1L, status$workers), "worker"), toString(c(
    if (nzchar(shares)) paste("busy", shares), if (status$unreachable > 0L) paste(status$unreachable, "unreachable"),
    if (status$resting > 0L) paste(status$resting, "resting"),
    paste(free_slots(status), "free")
  )))
}

count_of <- function(n, what) sprintf("%.0f %s%s", n, what, if (n == 1L) "" else "s")

futures_lines <- function(backend, client, status) {
  counts <- sprintf("Futures: %d running, %d waiting", status$running, status$waiting)
  future <- Find(is_waiting, registry(backend, action = "list"))
  if (is.null(future)) return(counts)
  wrap_futures(paste0(counts, ": ", describe_wait(why_waiting(client, future), status, future)))
}

wrap_futures <- function(text) {
  lines <- strwrap(text, PRINT_WIDTH, exdent = 2L)
  if (length(lines) <= FUTURES_LINES) return(lines)
  c(lines[seq_len(FUTURES_LINES - 1L)], paste0(shorten(lines[FUTURES_LINES], PRINT_WIDTH - 4L), " ..."))
}

is_waiting <- function(future) {
  task <- future[["task"]]
  !is.null(task) && .Call(ffi_task_state, task) == "waiting"
}

limits_line <- function(backend) {
  sizes <- c(backend[["maxSizeOfObjects"]], backend[["config"]]$object_cap_bytes)
  most <- backend[["config"]]$workers
  toString(c(sprintf("Limits: globals %s", format_bytes(sizes[1L])), sprintf("values %s", format_bytes(sizes[2L])),
             if (most > 0L) paste(count_of(most, "future"), "at once")))
}

format_bytes <- function(bytes) {
  if (is.finite(bytes)) format(structure(bytes, class = "object_size"), units = "auto", standard = "IEC") else "unlimited"
}

## The table of the most relevant workers, in at most `most` lines.
workers_lines <- function(workers, me, most) {
  if (nrow(workers) == 0L) return(NULL)
  shown <- if (nrow(workers) < most) nrow(workers) else most - 2L
  table <- by_relevance(workers)[seq_len(shown), ]
  columns <- list(
    worker = shorten(table$worker, 32L), slots = table$slots, ours = table$ours, others = table$others, queue = table$queue,
    link = sub(" .*", "", table$link), state = state_text(table, me), sandbox = table$sandbox
  )
  columns <- Map(function(name, values) format(c(name, values), justify = if (is.numeric(values)) "right" else "left"), names(columns), columns)
  hidden <- nrow(workers) - shown
  c(sub(" +$", "", do.call(paste, unname(columns))),
    if (hidden > 0L) sprintf("... and %d more, see as.data.frame(plan(\"backend\"))", hidden))
}

## Workers that evaluate futures of this session come first, then those that it can use.
by_relevance <- function(workers) {
  states <- c("linked", "connecting", "no link", "unreachable", "leaving", "lost", "weak sandbox", "incompatible")
  workers[order(workers$ours == 0L, match(workers$state, states, nomatch = 3L), -(workers$slots - workers$others)), ]
}

state_text <- function(workers, me) {
  is_usable <- workers$state %in% c("linked", "no link")
  is_busy <- is_usable & workers$ours + workers$others >= workers$slots
  users <- vapply(workers$users, name_users, "", me, USE.NAMES = FALSE)
  state <- ifelse(is_usable, "ready", workers$state)
  state[is_busy] <- paste("busy for", ifelse(workers$others > 0L, users, "this session"))[is_busy]
  ifelse(state == "incompatible", paste0("incompatible (R ", workers$r, ", future ", workers$future, ")"), state)
}

shorten <- function(text, width) ifelse(nchar(text) > width, paste0(substr(text, 1L, width - 3L), "..."), text)
