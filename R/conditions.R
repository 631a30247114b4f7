## Conditions. Errors of the core are raised by core_stop(); errors of futures are made by future_failure().

## Raises an error of the core, `list(what, message, reason)`. src/r/ffi_error.c calls it, too.
core_stop <- function(error) {
  condition <- p2p_error(core_sentence(error), error$what)
  condition$error <- error # for doctor()
  stop(condition)
}

## What happened, and the next step. Messages of the core start in lower case, have no full stop and do not mention R.
core_sentence <- function(error) {
  paste(c(as_sentence(error$message), advice_for(error)), collapse = " ")
}

## The next step after an error of the core, or NULL.
advice_for <- function(error) {
  if (is.null(error) || !nzchar(error$reason)) return(NULL)
  text <- advice[[error$reason]]
  if (!is.function(text)) return(text)
  facts <- list(cli = in_cli(), cluster = cluster_in(error$message))
  do.call(text, facts[names(formals(text))])
}

## The cluster that a message of the core names, between single quotes. NULL: it names none.
cluster_in <- function(message) {
  found <- regmatches(message, regexpr("'[A-Za-z0-9_][A-Za-z0-9._-]*/[A-Za-z0-9_][A-Za-z0-9._-]*'", message))
  if (length(found) == 1L) substr(found, 2L, nchar(found) - 1L)
}

## Adds a capital letter and a full stop. A first word that is not a plain word (a name, a path, a quotation) is kept.
as_sentence <- function(text) {
  if (grepl("^[a-z]+(,|:( |$)| |$)", text)) text <- paste0(toupper(substr(text, 1L, 1L)), substring(text, 2L))
  if (grepl("[.!?]$", text)) text else paste0(text, ".")
}

## An argument, in R or on the command line.
argument <- function(name, cli) if (cli) as_flag(name) else paste0("`", name, " =`")

ssh_argument <- function(args, cli) {
  if (cli) sprintf('--ssh-args="%s"', paste(args, collapse = " ")) else sprintf("`ssh_args = c(%s)`", paste0('"', args, '"', collapse = ", "))
}

only_key <- function(cli) ssh_argument(c("-i", "FILE", "-o", "IdentitiesOnly=yes"), cli)

## How to call a function about a cluster, NULL for one that is not known. `flags` and `arguments`: what follows the cluster.
cluster_call <- function(name, cli, cluster, flags = "", arguments = "") {
  if (cli) return(sprintf("'Rscript -e future.p2p::%s --cluster=%s%s'", name, c(cluster, "OWNER/NAME")[1L], flags))
  sprintf("`future.p2p::%s(\"%s\"%s)`", name, c(cluster, "owner/name")[1L], arguments)
}

host_call <- function(cli, cluster) cluster_call("host_cluster", cli, cluster, " --users=...", ", users = ...")

## The next step for each reason that the core gives: a sentence, or a function that returns one, of `cli` and perhaps `cluster`. `cli` is TRUE if
## the reader called the function from a shell; `cluster` is the one that the message names, or NULL.
advice <- c(list(
  ## base, crypto, net, proc
  too_many_files = "Raise the limit on open files (`ulimit -n`, LimitNOFILE in a systemd unit), or close connections of this R session.",
  too_many_processes = function(cli) {
    sprintf("Raise the limit on processes and threads (`ulimit -u`, TasksMax in a systemd unit), or start a worker with a lower value of %s.",
            argument("workers", cli))
  }
), list(
  ## protocol
  not_data = paste("`plan(..., results = \"data\")` accepts plain data only: return that, such as `coef(fit)` instead of `fit`, or set",
                   "`results = \"any\"` if you trust everybody who lends a computer to the cluster.")
), list(
  ## keys
  keys_exposed = "If nobody else has read it, run `chmod 700` on folders and `chmod 600` on files. Otherwise remove it, and new keys are made.",
  keys_owner = "Run this as its owner, or remove it, and new keys are made.",
  keys_damaged = "Restore it from a copy, or remove it, and a new one is made.",
  keys_newer = "Update future.p2p on this machine.",
  owner_changed = function(cli, cluster) {
    sprintf(paste("Refused: either the owner hosts it from another device, or someone pretends to be the owner. Compare the fingerprint with the one that",
                  "the owner gives you; only if it is the same, forget the old one with %s, and try again."),
            cluster_call("forget_cluster", cli, cluster))
  },
  other_account = function(cli) {
    sprintf("If both accounts are yours, name the cluster with %s. Otherwise do not trust this message board.", argument("cluster", cli))
  },
  renamed = "This program goes on when the message board uses the old name again. If you have renamed your account, start it again.",
  owner_device = "Do this on the device on which the cluster was first hosted.",
  not_hosted_here = function(cli, cluster) {
    sprintf("Only its owner can do this, on the device that hosts it. If you are the owner, host it first, with %s.", host_call(cli, cluster))
  },
  unknown_member = function(cli, cluster) sprintf("%s shows the users and devices.", cluster_call("members", cli, cluster)),
  device_of_other = function(cli, cluster) {
    sprintf("%s shows whose it is. Approve the fingerprint that the new device itself shows.", cluster_call("members", cli, cluster))
  },
  device_form = "A fingerprint looks like \"SHA256:...\"; the host and the device itself show it.",
  not_enrolled = function(cli) {
    sprintf("Ask the owner to run host_cluster() of this version, and try again. If the cluster has no key, since an older version hosts it, set %s.",
            if (cli) "R_FUTURE_P2P_KEY=FALSE" else "`options(future.p2p.key = FALSE)`")
  },
  enrol_unlisted = "Ask the owner to include your user name in the users of host_cluster().",
  enrol_device = "Ask the owner to approve this device: the message board cannot tell that it is yours.",
  enrol_invite = "Ask the owner to invite you.",
  invitation_used = "Ask the owner to invite you again, or to approve this device.",
  enrol_expelled = "Only the owner can invite you again.",
  keyless = "Whoever can write to its topic, such as the operator of the message board, can pretend to be a member.",
  two_keys = function(cli, cluster) {
    sprintf("They and this one do not see each other. On one of them, forget the key with %s, and start again.", cluster_call("forget_cluster", cli, cluster))
  },
  hosted_keyless = function(cli, cluster) {
    sprintf("Ask the owner to host it with its key. Only if the owner wants it without one, forget the key with %s, and join again.",
            cluster_call("forget_cluster", cli, cluster))
  },
  plain_member = "Update future.p2p there, and do not set R_FUTURE_P2P_KEY=FALSE.",
  other_key = paste("The owner has made a new key, which the host gives to members that lack it: the host must be running. Then this goes on",
                    "by itself."),
  no_key_here = "If its owner hosts it with a key now, leave the cluster and join it again, without R_FUTURE_P2P_KEY=FALSE.",
  keyless_host = function(cli, cluster) {
    sprintf("Host it with its key or, if you do not want that, tell them to forget the key with %s, and to join again.", cluster_call("forget_cluster", cli, cluster))
  },
  approve_device = "If the user says that this fingerprint is theirs, approve the device with `future.p2p::approve()`.",
  invite_device = "Invite the user with `future.p2p::invite()`, or approve the device with `future.p2p::approve()`.",
  invitation_exposed = paste("If nobody else has read it, run `chmod 600` on the file. Otherwise tell the owner of the cluster, who can expel you",
                             "and invite you again."),
  invitation = "Copy all of it, from \"p2p-invitation-\" to its end, or ask the owner of the cluster for another one."
), list(
  ## board
  unknown_host_key = paste("Compare the fingerprint with the one that the operator of the board gives you. If it is the same, add",
                           "the entry between the single quotes to that file, as a line of its own."),
  unknown_host_key_unseen = paste("Connect once with 'ssh' and the same arguments, compare the fingerprint with the one that the",
                                  "operator of the board gives you, and accept the key only if it is the same."),
  changed_host_key = paste("Refused: either the board was installed again, or someone intercepts the connection. Ask the operator of the board for",
                           "the fingerprint. Only if the new one is right, remove the old key with 'ssh-keygen -R' and add the new one."),
  revoked_host_key = paste("Refused: someone may have stolen this key and answer in the board's place. Ask the operator of the board for its new",
                           "host key."),
  key_exposed = "Make the file private with 'chmod 600 FILE'. If others may have read the key, create a new one.",
  config_exposed = "Run 'chmod 600 ~/.ssh/config', and make sure that the file belongs to you.",
  agent_timeout = function(cli) {
    sprintf("Confirm the request of the agent, touch the security key, or restart the agent. To log in without the agent, use %s.",
            only_key(cli))
  },
  ssh_files = "Check that ~/.ssh in your home directory can be read.",
  no_ssh_key = function(cli) {
    sprintf("Create a key with 'ssh-keygen -t ed25519' and ask the operator of the board to add it, or select a key with %s.",
            ssh_argument(c("-i", "FILE"), cli))
  },
  keys_rejected = function(cli) {
    sprintf(paste("Select the key that the board knows with %s, or load it with 'ssh-add FILE', which is necessary if it has a passphrase.",
                  "The operator of the board can add a new key."), ssh_argument(c("-i", "FILE"), cli))
  },
  too_many_keys = function(cli) sprintf("Select one key with %s.", only_key(cli)),
  board_unreachable = function(cli) paste(c("Check that the board is running, and that its host name and port are correct.", doctor_hint(cli)), collapse = " "),
  not_a_board = "Check that this is the port of a message board, and that the board is not full.",
  no_answer = function(cli) paste(c("Check the host name, the port and the network.", doctor_hint(cli)), collapse = " "),
  no_ssh_program = "Install OpenSSH, and make sure that 'ssh' is in PATH.",
  ssh_failed = paste("Check the host names and ports of the board and of jump hosts, and that the board is running.",
                     "'ssh' with the same arguments shows more."),
  no_user_entry = paste("'ssh' needs an entry for your user id in /etc/passwd. Add one, or leave out what only 'ssh' can do: jump hosts, -4,",
                        "and most -o options."),
  ssh_silent = paste("Check that 'ssh' with the same arguments logs in without a prompt, that the SSH agent (SSH_AUTH_SOCK)",
                     "answers, and that the network is up."),
  board_silent = "Check that this is the host of a message board, and that the network is up.",
  no_account = function(cli) {
    sprintf("Ask the operator of the board to add your public key to its users. To use another key, set %s.", only_key(cli))
  },
  no_pico_account = function(cli) sprintf("Create an account with 'ssh pico.sh'. To use another key, set %s.", only_key(cli)),
  not_owner = function(cli) sprintf("Host a cluster of your own, or use the key of the owner with %s.", only_key(cli)),
  not_hosted = function(cli, cluster) {
    sprintf("You are its owner: host it with %s, and try again. Your personal cluster needs no host.", host_call(cli, cluster))
  },
  no_access = function(cli, cluster) sprintf("Ask its owner to host it with %s, and to include your user name.", host_call(cli, cluster)),
  other_personal = "Leave out the name of the cluster to use your own. To share computers, one of you hosts a cluster with another name, such as alice/friends.",
  topic_in_use = "Stop that worker or client, host the cluster, and start it again.",
  unknown_users = paste("Check the names, or ask the operator of the board to add these users. They can then join, and the host need not be",
                        "restarted."),
  member_name = function(cli) {
    sprintf("A user name has letters, digits, '.', '_' and '-'. Separate several names as in %s.",
            if (cli) "--users=bob,carol" else "`users = c(\"bob\", \"carol\")`")
  },
  already_hosted = "The access list of the other host applies. Stop that host first.",
  cluster_name = "Both parts consist of letters, digits, '.', '_' and '-', as in \"alice/friends\".",
  host_form = "Use \"name\", \"name:port\" or \"user@name:port\", with a port from 1 to 65535. IPv6 addresses are in brackets.",
  strict_host_key = "Host keys are always compared with known_hosts; the error for an unknown one shows the entry to add.",
  ssh_argument = function(cli) {
    sprintf("%s supports -i, -p, -l, -J, -F, -B, -b, -c, -m, -4, -6, -C and -o. Other settings belong in ~/.ssh/config.",
            if (cli) "--ssh-args" else "`ssh_args`")
  }
), list(
  ## net
  port_in_use = "Choose another port, or end the program that uses this one.",
  port_not_allowed = "Choose a port above 1023.",
  proxy_login = "Set the user name and password in the proxy's address: `http_proxy=http://user:password@host:port`.",
  wss = "Use the ws:// address of the server. The contents are encrypted end to end in any case."
), list(
  ## wormhole, transfer
  crowded = "Start again with a new code.",
  directory_offered = "Ask the sender for an archive (zip or tar) instead.",
  file_offered = "Ask the owner of the cluster for another code.",
  file_exists = function(cli) sprintf("Give a folder or a new name with %s.", argument("path", cli)),
  is_directory = "Send an archive (zip or tar) of it instead.",
  mailbox_lost = function(cli) {
    sprintf("Check that the mailbox server is running, or use another one with %s.", argument("mailbox", cli))
  },
  mailbox_unreachable = function(cli) {
    paste(c("Check the address of the mailbox server, the network, and that the server is running. Option `future.p2p.mailbox`",
            "(R_FUTURE_P2P_MAILBOX) selects another one.", doctor_hint(cli)), collapse = " ")
  },
  no_sender = "Check the code. It works once, and only while the sender waits: if it is correct, ask the sender for a new one.",
  no_receiver = "Check that the other side has entered the code, and uses the same mailbox server. Then start again with a new code.",
  transfer_overdue = "Check the network of both sides, and start again with a new code.",
  mailbox_permission = function(cli) sprintf("Use another mailbox server with %s.", argument("mailbox", cli)),
  text_not_utf8 = "Send it as a file instead.",
  text_too_long = "Send it as a file instead.",
  wrong_code = "Check the code. If it was correct, someone else may have tried to guess it. Start again with a new code."
), list(
  ## server
  host_key_format = "Use a key without a passphrase, or remove the file so that a new key is created.",
  host_key_owner = function(cli) sprintf("Use a file of your own with %s.", argument("host_key", cli)),
  host_key_exposed = "If nobody has read it, run `chmod 600` on the file. Otherwise remove it, and a new key is created.",
  host_key_directory = function(cli) {
    sprintf("Its directory must exist and belong to you. To use another file, set %s.", argument("host_key", cli))
  },
  user_name = paste("A user name has up to 63 letters, digits, '.', '_' and '-', does not start with '.' or '-', and is not 'public'.",
                    "A line is `alice ssh-ed25519 AAAA...`."),
  user_key = "Add the whole line of the public key file, such as ~/.ssh/id_ed25519.pub, after the user name: `alice ssh-ed25519 AAAA...`.",
  user_key_shared = "Each user needs a key of their own.",
  file_limit = "Raise it with `ulimit -n`, or with LimitNOFILE in a systemd unit. Connections beyond it are refused."
), list(
  ## client
  object_too_large = "The second number of `plan(..., maxSizeOfObjects = )` sets this limit.",
  missing_packages = "Ask the owner of a worker to install the missing packages.",
  missing_resources = "Request less, or ask the owner of a worker to lend more.",
  worker_lost = "With `plan(..., retries = 1)`, the default, such a future is run again."
), list(
  ## worker
  files_for_slots = function(cli) {
    sprintf("Raise the limit (`ulimit -n`, LimitNOFILE in a systemd unit), or use fewer slots with %s.", argument("workers", cli))
  },
  evaluators_fail = "Run the command by hand and check that the packages 'future' and 'future.p2p' load.",
  not_an_evaluator = "Evaluators are started by `worker()`."
), list(
  ## R
))

p2p_stop <- function(message, what = "system") {
  stop(p2p_error(message, what))
}

p2p_error <- function(message, what) {
  structure(class = c(paste0("p2p_error_", what), "p2p_error", "error", "condition"),
            list(message = message, call = NULL))
}

## Raises an error about an argument. The exit status of a command line is then 2.
usage_stop <- function(...) p2p_stop(paste0(...), "usage")

## The FutureError of a task that failed with `what` ("lost", "canceled", ...), and `why`, a sentence. If its worker was lost or it was
## canceled, the future becomes interrupted, so that it can be reset().
future_failure <- function(future, what, why) {
  label <- future_label(future)
  if (what == "canceled") {
    canceled <- identical(future[["state"]], "canceled")
    if (!canceled) future[["state"]] <- "interrupted"
    error <- if (canceled) internals$FutureCanceledError else FutureInterruptError
    error(sprintf("Future (%s) was %s", label, if (canceled) "canceled." else paste("interrupted.", why)), future = future)
  } else if (what == "lost") {
    future[["state"]] <- "interrupted"
    FutureInterruptError(sprintf("Future (%s) was lost. %s Use reset() to run it again.", label, why),
                         future = future)
  } else {
    future[["state"]] <- "failed"
    FutureError(sprintf("Future (%s) failed. %s", label, why), future = future)
  }
}

## The label of a future, as it is.
label_of <- function(future) {
  label <- future[["label"]]
  if (is.null(label) || is.na(label)) "<unnamed>" else as.character(label)
}

## The same, for messages.
future_label <- function(future) safe_text(label_of(future))

## Texts that others have chosen, made safe to show: a terminal would obey control characters.
safe_text <- function(text) .Call(ffi_sanitize, as.character(text))
