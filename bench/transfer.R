## Measures file transfers on loopback, between two of our ends and between two wormhole-williams. They alternate, so that other load of the
## machine affects them equally. Ours is measured twice: as calls in two running R sessions ("ours, R"), and as the program
## find_wormhole(), which is started at both ends like wormhole-william ("ours, shell"). Times are from the start of both ends to the end of
## both. All use our mailbox server and relay. Then it measures the peak memory of both ends for a file of 1 GB: for R sessions, beyond R's own
## memory, and for the program in total. Run by `make bench`; ROUNDS=20 runs more rounds.
##
## wormhole-william always uses the host name transit.magic-wormhole.io, so everything runs in a network namespace with loopback only.

inside <- Sys.getenv("P2P_BENCH_INSIDE")
if (!nzchar(inside)) {
  status <- system2("unshare", c("-rmn", "sh", "-c", shQuote(paste(
    "ip link set lo up && printf '127.0.0.1 localhost transit.magic-wormhole.io\\n' > \"$P2P_BENCH_HOSTS\" &&",
    "mount --bind \"$P2P_BENCH_HOSTS\" /etc/hosts && P2P_BENCH_INSIDE=yes exec timeout 1800 Rscript bench/transfer.R"))),
    env = paste0("P2P_BENCH_HOSTS=", tempfile("hosts-")))
  quit(status = status)
}

source("bench/common.R")
rounds <- rounds_or(7L)
ours <- future.p2p::find_wormhole()
number <- 0L

new_code <- function() {
  number <<- number + 1L
  sprintf("%d-tulip-quartz", 1000L + number)
}

## Seconds from the start of both ends to the end of both. One shell starts both and waits, since R would need as long for this as a transfer
## of 100 kB takes.
transfer <- function(sender, receiver, dir, file) {
  into <- tempfile("into-", dir)
  dir.create(into)
  on.exit(unlink(into, recursive = TRUE))
  quote_args <- function(args) paste(shQuote(args), collapse = " ")
  command <- sprintf("cd %s; %s > ../sender.log 2>&1 & cd %s; %s < ../yes > ../receiver.log 2>&1 && wait $!",
                     shQuote(into), quote_args(sender), shQuote(into), quote_args(receiver))
  gc(full = FALSE)
  started <- Sys.time()
  status <- system(command)
  seconds <- as.numeric(difftime(Sys.time(), started, units = "secs"))
  received <- list.files(into, full.names = TRUE)
  if (status != 0L || length(received) != 1L || file.size(received) != file.size(file)) {
    stop(paste(c("a transfer failed:", readLines(file.path(dir, "sender.log")), readLines(file.path(dir, "receiver.log"))), collapse = "\n"))
  }
  seconds
}

## An R session that reads codes and files from its standard input, sends them, and reports when each was received.
start_sender <- function(mailbox, relay) {
  code <- sprintf('input <- file("stdin", "r"); cat("ready\\n"); while (length(line <- readLines(input, 1L))) { x <- strsplit(line, " ")[[1L]];
    suppressMessages(future.p2p::wormhole_send(x[2L], x[1L], mailbox = "%s", relay = "%s", progress = FALSE)); cat("done\\n") }', mailbox, relay)
  sender <- list2env(list(name = "sender", lines = character(), sent = 0L), parent = emptyenv())
  sender$px <- processx::process$new(file.path(R.home("bin"), "Rscript"), c("-e", code), stdin = "|", stdout = "|", stderr = "2>&1")
  wait_for_line(sender, "^ready$")
  sender
}

calls <- function(sender, mailbox, relay, file) {
  function(dir) {
    code <- new_code()
    into <- file.path(dir, paste0("received-", code))
    on.exit(unlink(into))
    sender$sent <- sender$sent + 1L
    gc(full = FALSE)
    started <- Sys.time()
    sender$px$write_input(paste0(code, " ", file, "\n"))
    suppressMessages(future.p2p::wormhole_receive(code, into, mailbox = mailbox, relay = relay, progress = FALSE))
    wait_for_line(sender, "^done$", sender$sent)
    seconds <- as.numeric(difftime(Sys.time(), started, units = "secs"))
    stopifnot(file.size(into) == file.size(file))
    seconds
  }
}

programs <- function(sender, mailbox, relay, file) {
  list(
    "ours, R" = calls(sender, mailbox, relay, file),
    "ours, shell" = function(dir) {
      code <- new_code()
      flags <- c(paste0("--mailbox=", mailbox), paste0("--relay=", relay))
      transfer(c(ours, "send", paste0("--code=", code), flags, file), c(ours, "receive", code, flags), dir, file)
    },
    "wormhole-william" = function(dir) {
      code <- new_code()
      flags <- c("--hide-progress", "--relay-url", mailbox)
      transfer(c("wormhole-william", "send", flags, "--code", code, file), c("wormhole-william", "receive", flags, code), dir, file)
    })
}

## A transfer between two wormhole-williams sometimes fails if both of its connections are established at the same time. It is then repeated.
retry <- function(run, dir, tries = 5L) {
  for (i in seq_len(tries)) {
    seconds <- tryCatch(run(dir), error = identity)
    if (!inherits(seconds, "error")) return(seconds)
  }
  stop(seconds)
}

measure_transfers <- function(size, runs, dir, rounds) {
  times <- matrix(NA_real_, rounds, length(runs), dimnames = list(NULL, names(runs)))
  runs[["wormhole-william"]] <- local({
    once <- runs[["wormhole-william"]]
    function(dir) retry(once, dir)
  })
  for (run in runs) run(dir) # warm
  for (round in seq_len(rounds)) for (name in names(runs)) times[round, name] <- runs[[name]](dir)
  bars <- if (size == "100 MB") lapply(setdiff(names(runs), "wormhole-william"), function(name) at_least(3, "wormhole-william", name))
  record(paste0("transfer_", sub(" ", "_", tolower(size))), paste("A file transfer of", size), times, unit = "s",
         against = "wormhole-william", bars = bars)
}

## Peak resident memory of an R session after a call, which Linux reports as VmHWM. With NULL, of R with the package.
peak_memory <- function(call) {
  code <- sprintf("loadNamespace('future.p2p'); invisible(%s); cat(grep('VmHWM', readLines('/proc/self/status'), value = TRUE), '\\n', file = stderr())",
                  paste(deparse(call), collapse = "\n"))
  processx::process$new(file.path(R.home("bin"), "Rscript"), c("-e", code), stdout = "|", stderr = "2>&1")
}

## The same for the program, from GNU time (%M).
peak_memory_program <- function(args) {
  processx::process$new("/usr/bin/time", c("-f", "VmHWM: %M kB", ours, args), stdout = "|", stderr = "2>&1")
}

read_peak <- function(process) {
  lines <- character()
  while (process$is_incomplete_output()) {
    process$poll_io(1000)
    lines <- c(lines, process$read_output_lines())
  }
  as.numeric(gsub("[^0-9]", "", grep("VmHWM", lines, value = TRUE))) / 1024
}

## `ends`: the processes of sender and receiver.
measure_memory <- function(title, ends, base, received, file) {
  peaks <- vapply(ends, read_peak, 0) - base
  stopifnot(file.size(received) == file.size(file))
  unlink(received)
  cat(sprintf("1 GB     %-12s peak memory%s: sender %.1f MB, receiver %.1f MB\n", title,
              if (base > 0) sprintf(" above R's own (%.0f MB)", base) else "", peaks[[1L]], peaks[[2L]]))
}

measure_memory_r <- function(mailbox, relay, received, file) {
  code <- new_code()
  ends <- list(peak_memory(bquote(future.p2p::wormhole_send(.(file), .(code), mailbox = .(mailbox), relay = .(relay), progress = FALSE))),
               peak_memory(bquote(future.p2p::wormhole_receive(.(code), .(received), mailbox = .(mailbox), relay = .(relay), progress = FALSE))))
  measure_memory("ours, R", ends, read_peak(peak_memory(NULL)), received, file)
}

measure_memory_program <- function(mailbox, relay, received, file) {
  code <- new_code()
  flags <- c(paste0("--mailbox=", mailbox), paste0("--relay=", relay), "--progress=FALSE")
  ends <- list(peak_memory_program(c("send", paste0("--code=", code), flags, file)),
               peak_memory_program(c("receive", code, flags, paste0("--path=", received))))
  measure_memory("ours, shell", ends, 0, received, file)
}

main <- function() {
  lab <- new_lab(character())
  on.exit(close_lab(lab))
  file.create(file.path(lab$dir, "users.txt"))
  writeLines("y", file.path(lab$dir, "yes"))
  server <- start_process(lab, "serve", list(port = 0, address = "127.0.0.1", users = file.path(lab$dir, "users.txt"),
                                             host_key = file.path(lab$dir, "host_key"), relay_port = 4001), "board")
  port <- sub(".*mailbox on port ([0-9]+).*", "\\1", wait_for_line(server, "mailbox on port"))
  mailbox <- sprintf("ws://127.0.0.1:%s/v1", port)
  relay <- "tcp:127.0.0.1:4001"
  sender <- start_sender(mailbox, relay)
  on.exit(sender$px$kill(), add = TRUE, after = FALSE)
  sizes <- c("100 kB" = 1e5, "100 MB" = 1e8)
  for (size in names(sizes)) {
    file <- file.path(lab$dir, "file")
    system2("head", c("-c", format(sizes[[size]], scientific = FALSE), "/dev/urandom"), stdout = file)
    measure_transfers(size, programs(sender, mailbox, relay, file), lab$dir, rounds)
  }
  system2("truncate", c("-s", "1000000000", file))
  received <- file.path(lab$dir, "received")
  measure_memory_r(mailbox, relay, received, file)
  if (file.exists("/usr/bin/time")) measure_memory_program(mailbox, relay, received, file)
}

main()
