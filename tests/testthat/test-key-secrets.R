## The secrets of keys are in the files of keys, and nowhere else: neither in what programs say, nor in their command lines, environments and
## other files, nor in what the board logs.
skip_unless_lab()
lab <- local_lab(c("alice", "bob"))
lab_board <- start_board(lab, verbose = TRUE)
withr::defer(future::plan(future::sequential))

## The spellings of a secret, by its base64url: raw, hex, base64 with and without padding, base64url. Raw bytes; hex in both cases.
spellings <- function(secret) {
  plain <- chartr("-_", "+/", secret)
  values <- match(strsplit(plain, "")[[1L]], c(LETTERS, letters, 0:9, "+", "/")) - 1L
  stopifnot(length(values) == 43L, !anyNA(values))
  bits <- unlist(lapply(values, function(value) rev(as.integer(intToBits(value))[1:6])))[1:256]
  bytes <- packBits(as.vector(matrix(bits, 8L)[8:1, ]), "raw")
  hex <- paste(format(bytes), collapse = "")
  list(bytes, charToRaw(hex), charToRaw(toupper(hex)), charToRaw(plain), charToRaw(secret))
}

## The secrets in a file of keys: the values of lines such as "secret=" and "invitation=", and the last field of an invitation.
secrets_in <- function(file) {
  lines <- readLines(file, warn = FALSE)
  values <- sub("^(secret|seed|invitation)=", "", grep("^(secret|seed|invitation)=[A-Za-z0-9_-]{43}$", lines, value = TRUE))
  c(values, sub(".*[.]", "", grep("^p2p-invitation-", lines, value = TRUE)))
}

read_bytes <- function(file) {
  con <- suppressWarnings(try(file(file, "rb", raw = TRUE), silent = TRUE))
  if (inherits(con, "try-error")) return(raw())
  on.exit(close(con))
  out <- list()
  repeat {
    bytes <- tryCatch(suppressWarnings(readBin(con, "raw", 65536L)), error = function(ex) raw())
    if (length(bytes) == 0L) return(unlist(out))
    out <- c(out, list(bytes))
  }
}

has_any <- function(bytes, secrets) length(bytes) > 0L && any(vapply(secrets, function(secret) length(grepRaw(secret, bytes, fixed = TRUE)) > 0L, NA))

test_that("the search finds each spelling", {
  secret <- "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
  expect_identical(spellings(secret)[[1L]], as.raw(0:31))
  for (spelling in spellings(secret)) expect_true(has_any(c(as.raw(1:9), spelling, as.raw(1:9)), spellings(secret)))
  expect_false(has_any(charToRaw(tolower(secret)), spellings(secret)))
})

test_that("no secret leaves the files of keys in a whole session", {
  args <- board_args(lab, "alice")
  as_alice <- machine_of(lab, "alice")
  as_bob <- c(machine_of(lab, "bob"), R_FUTURE_P2P_DEBUG = "true")
  host <- start_host(lab, "alice/friends", "bob", env = as_alice)
  file <- file.path(lab$dir, "invitation")
  flags <- c(list(cluster = "alice/friends", user = "bob"), args)
  expect_identical(wait_for_exit(start_process(lab, "invite", c(flags, file = file), env = as_alice), 30), 0L)
  sender <- start_process(lab, "invite", flags, env = as_alice)
  call <- wait_for_line(sender, "^There, run ")
  search_processes <- function() {
    pids <- c(lab_processes(lab), Sys.getpid())
    unlist(lapply(pids, function(pid) lapply(c("cmdline", "environ"), function(name) read_bytes(file.path("/proc", pid, name)))), recursive = FALSE)
  }
  during <- search_processes()
  expect_gte(length(during), 6L)
  code <- sub(".*join ([0-9]+-[a-z-]+).*", "\\1", call)
  joined <- start_process(lab, "join", c(list(code = code), board_args(lab, "bob")), env = as_bob)
  expect_identical(wait_for_exit(joined, 30), 0L)
  expect_identical(wait_for_exit(sender, 30), 0L)
  worker <- start_worker(lab, "bob", "alice/friends", env = as_bob)
  withr::local_envvar(as_alice)
  plan_as(lab, "alice")
  expect_identical(future::value(future::future(1 + 1)), 2)
  seen <- future::value(future::future(c(Sys.getenv(), commandArgs())))
  shown <- capture.output(said <- testthat::capture_messages({
    print(members("alice/friends", host = args$host))
    print(future::plan())
    expel("alice/friends", "bob", host = args$host)
  }))
  during <- c(during, search_processes())
  cut <- file.path(lab$dir, "cut")
  writeLines(sub(".$", "", readLines(file)), cut)
  Sys.chmod(cut, "600")
  errors <- vapply(list(quote(join(file = cut)), quote(invite("alice/friends", "b b", host = args$host)), quote(approve("alice/friends", "bob", "x", host = args$host))),
                   function(call) conditionMessage(tryCatch(eval(call), error = identity)), "")
  future::plan(future::sequential)
  for (process in c(worker, host, lab_board)) stop_process(process)

  key_files <- list.files(c(place_of(lab, "alice")$folder, place_of(lab, "bob")$folder), full.names = TRUE, recursive = TRUE)
  secrets <- unique(unlist(lapply(c(key_files, file), secrets_in)))
  expect_gte(length(secrets), 4L) # two devices, the cluster, an invitation
  secrets <- unlist(lapply(secrets, spellings), recursive = FALSE)
  expect_true(all(vapply(c(file.path(place_of(lab, "alice")$folder, "device"), file), function(name) has_any(read_bytes(name), secrets), NA)))

  expect_false(any(vapply(during, has_any, NA, secrets = secrets)))
  output <- unlist(lapply(lab$processes, process_lines))
  expect_gt(length(output), 10L)
  expect_false(has_any(charToRaw(paste(c(output, shown, said, errors, seen, names(seen)), collapse = "\n")), secrets))
  others <- setdiff(list.files(c(lab$dir, tempdir()), full.names = TRUE, recursive = TRUE, all.files = TRUE), c(key_files, file))
  expect_identical(others[vapply(others, function(name) has_any(read_bytes(name), secrets), NA)], character())
  for (name in c(key_files, file)) expect_identical(as.character(file.mode(name)), "600")
})

test_that("nothing is left", {
  expect_nothing_left(lab)
})
