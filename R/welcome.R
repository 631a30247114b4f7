## What invite() hands over to join() besides the invitation, and what comes back: the board's host key, the newcomer's public key and, at last, whether
## the newcomer has an account. Each is a text by Magic Wormhole. The code that people type is for the first one, which has the codes of the others.

welcome_title <- "p2p-welcome-1"
host_key_form <- "^[a-z0-9@.-]+ [A-Za-z0-9+/]+=*$"
reply_form <- "^[0-9]{1,16}-[0-9a-f]{32}$"

## `host_key`: "" if it is not known. `reply`: the codes of the public key and of the verdict, NULL if the owner cannot give an account.
welcome_text <- function(invitation, host_key, reply) {
  paste(c(welcome_title, if (nzchar(host_key)) paste0("host_key=", host_key), if (!is.null(reply)) paste0(c("reply=", "verdict="), reply), invitation), collapse = "\n")
}

## list(invitation, host_key, reply, verdict), of which only `invitation` is always there. Older versions sent the invitation alone.
read_welcome <- function(text) {
  if (!startsWith(text, paste0(welcome_title, "\n"))) return(list(invitation = text))
  lines <- strsplit(text, "\n", fixed = TRUE)[[1L]]
  fields <- lines[-c(1L, length(lines))]
  names <- sub("=.*", "", fields)
  values <- as.list(structure(sub("^[^=]*=", "", fields), names = names))
  forms <- c(host_key = host_key_form, reply = reply_form, verdict = reply_form)
  is_valid <- nchar(text, "bytes") < 16384L && length(lines) >= 2L && all(grepl("=", fields, fixed = TRUE)) && !anyDuplicated(names) && all(names %in% names(forms)) &&
    all(mapply(grepl, forms[names], values)) && is.null(values$reply) == is.null(values$verdict)
  if (!is_valid) stop_incomplete()
  c(list(invitation = lines[length(lines)]), values)
}

stop_incomplete <- function() core_stop(list(what = "parse", message = "the text is not a complete invitation", reason = "invitation"))

## ---- the owner ----

## Waits until somebody has received the invitation and, if this machine has the users file of the board, until the newcomer has an account there.
send_invitation <- function(text, user, config, users, accounts) {
  board <- other_board(.Call(ffi_keys_board, config))
  host_key <- if (is.null(board)) "" else ask_board(config, "host_key")
  if (is.null(accounts) && nzchar(host_key)) accounts <- remembered_file("accounts", host_key)
  if (is.null(users)) users <- remembered_file("users", cluster_place(config))
  reply <- if (!is.null(accounts)) c(.Call(ffi_code_new), .Call(ffi_code_new))
  servers <- transfer_servers(NULL, NULL, config$host, config$ssh_args)
  show_code <- function(code, transfer) {
    mailbox <- if (servers$mailbox != public_services()[["mailbox"]]) servers$mailbox
    message(sprintf("Tell %s this code for %s. It works once, on one device, until you press Ctrl-C: %s", quote_name(user), quote_name(config$cluster), code))
    message("There, run ", describe_call("join", list(code = code, mailbox = mailbox)))
    message(sprintf("It shows the fingerprint of this device, %s.", .Call(ffi_keys_invitation, text)$owner))
  }
  send_text(welcome_text(text, host_key, reply), servers, NULL, Inf, show_code)
  if (is.null(reply)) add_user(users, user, config) else give_account(accounts, users, user, config, servers, reply)
  message(sprintf("The invitation for %s was taken. The device that took it becomes a member with the next plan() or worker() there, if its user is %s.%s",
                  quote_name(user), quote_name(user), if (is.null(users)) access_hint(owner_place(config), user) else ""))
}

## Receives the newcomer's key, and says whether it has an account now.
give_account <- function(accounts, users, user, config, servers, reply) {
  key <- receive_text(reply[1L], servers, 600)
  verdict <- if (grepl(sub("^", "^key ", host_key_form, fixed = TRUE), key)) add_account(accounts, user, substring(key, 5L)) else "none"
  if (verdict == "ok") add_user(users, user, config)
  send_text(verdict, servers, reply[2L], 60)
  if (verdict != "ok") p2p_stop(sprintf("%s did not get an account: %s.", quote_name(user), verdicts[[verdict]]), "access")
}

## The words by which the owner's device answers.
verdicts <- list(none = "there is no public SSH key on the new device; create one with 'ssh-keygen -t ed25519', and start again with a new code",
                 shared = "the SSH key of the new device belongs to another user of the board already; use another one, and start again with a new code",
                 failed = "the users file of the board could not be changed")

## Adds a line to the users file of serve(), which reads it again at once. Returns a verdict.
add_account <- function(file, user, key) {
  lines <- tryCatch(readLines(file, warn = FALSE), error = function(ex) NULL)
  if (is.null(lines)) return("failed")
  words <- strsplit(trimws(sub("#.*", "", lines)), "[ \t]+")
  owners <- unlist(lapply(words, function(word) if (length(word) >= 3L && paste(word[2L], word[3L]) == key) word[1L]))
  if (any(owners != user)) return("shared")
  if (length(owners) > 0L || append_line(file, paste(user, key))) {
    message(sprintf("%s has an account on the message board ('%s').", quote_name(user), file))
    return("ok")
  }
  "failed"
}

## Adds a user to the file of host_cluster(), which reads it again at once. NULL: there is none.
add_user <- function(file, user, config) {
  if (is.null(file)) return(invisible())
  if (!user %in% first_words(readLines(file, warn = FALSE)) && !append_line(file, user)) warning(sprintf("File '%s' could not be changed: add '%s' to it.", file, user), call. = FALSE)
  message(sprintf("%s is among the users of %s ('%s').", quote_name(user), quote_name(config$cluster), file))
}

## Whether the line was written, at the end of the file, in one piece.
append_line <- function(file, line) {
  last <- if (file.exists(file)) readBin(file, "raw", file.size(file))
  needs_newline <- length(last) > 0L && last[length(last)] != as.raw(10L)
  tryCatch({
    suppressWarnings(cat(if (needs_newline) "\n", line, "\n", sep = "", file = file, append = TRUE))
    TRUE
  }, error = function(ex) FALSE)
}

## ---- on the invited device ----

## Gets an account, and offers to write what the next commands need. `host`: how this device calls the board, NULL for the public one. Returns whether
## options were written.
settle_in <- function(welcome, place, host, ssh_args, servers, yes) {
  args <- ssh_args_or_option(ssh_args)
  if (!is.null(welcome$reply)) get_account(welcome, args, servers)
  line <- if (!is.null(welcome$host_key)) paste(known_hosts_name(place$board), welcome$host_key)
  hosts <- known_hosts_to_write(args, line)
  options <- options_to_write(place$cluster, host, ssh_args)
  if (length(c(hosts$lines, options$lines)) == 0L) return(options$is_set)
  for (change in list(hosts, options)) if (length(change$lines) > 0L) message(sprintf("To '%s':\n%s", change$file, paste0("  ", change$lines, collapse = "\n")))
  if (!yes && !ask_yes("Add these lines? (yes/no) ")) {
    if (length(hosts$lines) > 0L) message("Without the host key, the message board is refused.")
    return(FALSE)
  }
  old <- Sys.umask("077") # new files are private
  on.exit(Sys.umask(old))
  dir.create(dirname(hosts$file), recursive = TRUE, showWarnings = FALSE)
  if (length(hosts$lines) > 0L && !append_line(hosts$file, hosts$lines)) p2p_stop(sprintf("File '%s' could not be changed.", hosts$file))
  if (length(options$lines) > 0L) writeLines(c(options$kept, options$lines), options$file)
  TRUE
}

get_account <- function(welcome, args, servers) {
  key <- own_public_key(args)
  send_text(if (is.null(key)) "none" else paste("key", key), servers, welcome$reply, 60)
  verdict <- receive_text(welcome$verdict, servers, 60)
  if (verdict == "ok") return(message("The message board knows your public SSH key."))
  p2p_stop(paste0("The owner's device could not give you an account: ", c(verdicts[[verdict]], "it said something else")[1L], "."), "access")
}

## The first public key of `-i FILE`, of the usual files, or of the agent. NULL: none.
own_public_key <- function(args) {
  files <- c(args[which(args == "-i") + 1L], sub("^-i", "", grep("^-i.", args, value = TRUE)))
  if (length(files) == 0L) files <- file.path("~", ".ssh", c("id_ed25519", "id_ecdsa", "id_rsa"))
  files <- Filter(file.exists, path.expand(paste0(files, ".pub")))
  lines <- c(unlist(lapply(files, readLines, n = 1L, warn = FALSE)),
             if (length(files) == 0L && nzchar(Sys.getenv("SSH_AUTH_SOCK")) && nzchar(Sys.which("ssh-add")))
               suppressWarnings(system2("ssh-add", "-L", stdout = TRUE, stderr = FALSE, timeout = agent_seconds)))
  keys <- sub("^([^ ]+ [^ ]+).*", "\\1", lines)
  keys <- keys[grepl(host_key_form, keys)]
  if (length(keys) > 0L) keys[[1L]]
}

## "[lab]:2222", or "lab" for port 22, of a board "lab:2222".
known_hosts_name <- function(board) {
  port <- sub(".*:", "", board)
  host <- gsub("[][]", "", sub(":[0-9]+$", "", board))
  if (port == "22") host else sprintf("[%s]:%s", host, port)
}

## list(file, lines): what is missing there. A board with another key is not touched.
known_hosts_to_write <- function(args, line) {
  form <- "^(-o)?UserKnownHostsFile[= ] *"
  file <- path.expand(c(sub(form, "", grep(form, args, value = TRUE, ignore.case = TRUE), ignore.case = TRUE), file.path("~", ".ssh", "known_hosts"))[1L])
  kept <- if (file.exists(file)) readLines(file, warn = FALSE) else character()
  if (is.null(line) || line %in% kept) return(list(file = file, lines = character()))
  words <- strsplit(line, " ", fixed = TRUE)[[1L]]
  others <- kept[startsWith(kept, paste(words[1L], words[2L], ""))]
  if (length(others) == 0L) return(list(file = file, lines = line))
  warning(sprintf("'%s' has another host key for this message board. If the owner of the cluster confirms the new one, remove the old one with 'ssh-keygen -R \"%s\" -f \"%s\"', and add: %s",
                  file, words[1L], file, line), call. = FALSE)
  list(file = file, lines = character())
}

## The same for the user's .Renviron, with the lines that stay. `is_set`: nothing is missing there. Lines for other clusters and boards give way.
options_to_write <- function(cluster, host, ssh_args) {
  file <- path.expand(c(Filter(nzchar, Sys.getenv("R_ENVIRON_USER")), file.path("~", ".Renviron"))[1L])
  args <- if (!is.null(ssh_args)) paste(ssh_args, collapse = " ")
  values <- c(CLUSTER = cluster, HOST = host, SSH_ARGS = if (!is.null(args)) sprintf("'%s'", gsub("'", "\"", args, fixed = TRUE)))
  lines <- paste0("R_FUTURE_P2P_", names(values), "=", values)
  old <- if (file.exists(file)) readLines(file, warn = FALSE) else character()
  if (all(lines %in% old)) return(list(file = file, kept = old, lines = character(), is_set = TRUE))
  kept <- old[!sub("=.*", "", trimws(old)) %in% sub("=.*", "", lines)]
  list(file = file, kept = kept, lines = lines, is_set = FALSE)
}

## ---- texts ----

send_text <- function(text, servers, code, timeout, show_code = NULL) {
  run_transfer(c(transfer_config(code, TRUE, FALSE, timeout), servers, text = text), NULL, FALSE, FALSE, show_code, function(status, is_sender) NULL)
  invisible()
}

receive_text <- function(code, servers, timeout) {
  run_transfer(c(transfer_config(code, TRUE, FALSE, timeout), servers), NULL, FALSE, FALSE, show_end = function(status, is_sender) NULL)$text
}
