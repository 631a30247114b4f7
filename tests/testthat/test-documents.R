# The commands of README and of the vignettes, on a board of this machine.
skip_unless_lab()
skip_if_not(has_sandbox("auto"), "no sandbox works here")

document <- function(name) {
  file <- test_path("../..", name)
  skip_if_not(file.exists(file), "this is no checkout")
  normalizePath(file)
}

## A board that knows the users, with a mailbox server at its usual place. `users`: those with an account.
document_lab <- function(users, env = parent.frame()) {
  lab <- local_lab(users, env)
  start_board(lab)
  lab
}

## ---- the list of errors ----

## The rows of the tables of a document whose first column has this heading: a list of character vectors.
rows_of <- function(lines, heading) {
  starts <- grep(sprintf("^\\| %s \\|", heading), lines)
  ends <- vapply(starts, function(i) i + which(!startsWith(c(lines[-seq_len(i)], ""), "|"))[1L], 0L)
  rows <- lines[unlist(Map(function(from, to) if (to > from + 2L) seq(from + 2L, to - 1L), starts, ends))]
  lapply(strsplit(sub("^[|] (.*) [|]$", "\\1", rows), " | ", fixed = TRUE), trimws)
}

## The sources as one text in lower case, without breaks of lines and of strings.
source_text <- function(dirs) {
  files <- unlist(lapply(dirs, list.files, "[.][chR]$", recursive = TRUE, full.names = TRUE))
  text <- tolower(paste(unlist(lapply(files, readLines)), collapse = "\n"))
  gsub("\\s+", " ", gsub("\"(,)?\\s*\n?\\s*\"", "", text))
}

test_that("each error is in the vignette, with the next step that the package names", {
  lines <- readLines(document("vignettes/future-p2p-errors.Rmd"))
  listed <- Filter(function(row) length(row) == 3L && grepl("^`[a-z0-9_]+`$", row[3L]), rows_of(lines, "message"))
  reasons <- gsub("`", "", vapply(listed, `[`, "", 3L))
  expect_identical(setdiff(names(advice), reasons), character())
  expect_identical(setdiff(reasons, names(advice)), character())
  expect_identical(anyDuplicated(reasons), 0L)
  for (row in listed) expect_identical(row[2L], advice_for(list(reason = gsub("`", "", row[3L]), message = "")))
})

test_that("each reason that the core gives has a next step, and is so in the vignette", {
  files <- list.files(document("src"), "[.]c$", recursive = TRUE, full.names = TRUE)
  files <- grep("/shell/", files, value = TRUE, invert = TRUE) # the program wormhole has advice of its own
  text <- paste(unlist(lapply(files, readLines)), collapse = "\n")
  calls <- regmatches(text, gregexpr("p2p_err_because\\([^\"();]*\"[a-z0-9_]+\"", text))[[1L]]
  given <- unique(sub("^.*\"([a-z0-9_]+)\"$", "\\1", calls))
  expect_gt(length(given), 50L)
  expect_identical(setdiff(given, c(names(advice), "no_cache")), character()) # after "no_cache", the future is sent once more
})

test_that("each class of errors is in the vignette", {
  lines <- readLines(document("vignettes/future-p2p-errors.Rmd"))
  classes <- gsub("`", "", vapply(rows_of(lines, "class"), `[`, "", 1L))
  text <- paste(readLines(document("src/base/err.c")), collapse = "\n")
  names <- regmatches(text, gregexpr("case P2P_ERR_[A-Z_]+: return \"[a-z_]+\"", text))[[1L]]
  expect_setequal(classes, paste0("p2p_error_", c("usage", sub("^.*\"([a-z_]+)\"$", "\\1", names))))
})

test_that("the package says what the vignette quotes", {
  lines <- readLines(document("vignettes/future-p2p-errors.Rmd"))
  text <- source_text(c(document("src"), document("R")))
  for (row in rows_of(lines, "message")) {
    for (part in trimws(strsplit(tolower(row[1L]), "...", fixed = TRUE)[[1L]])) {
      if (part == "too many open files") next # in the words of the system
      expect_true(grepl(part, text, fixed = TRUE), info = sprintf("'%s' of '%s' is in no source", part, row[1L]))
    }
  }
})

## ---- commands that are tried ----

## Tries a document on a board of this machine that knows `users`.
try_on_board <- function(name, users = c("alice", "bob", "carol"), ..., env = parent.frame()) {
  file <- document(name)
  lab <- local_lab(users, env)
  start_board(lab, ...)
  try_document(lab, file)
  expect_nothing_left(lab)
}

## Tries a document that uses alice/friends, with a worker of Alice's and one of Carol's.
try_on_cluster <- function(name, env = parent.frame()) {
  file <- document(name)
  lab <- local_lab(c("alice", "bob", "carol"), env)
  start_cluster(lab)
  try_document(lab, file)
  expect_nothing_left(lab)
}

test_that("the commands of README do what it says", {
  try_on_board("README.md")
})

test_that("the commands of 'Getting started' do what it says", {
  try_on_board("vignettes/future-p2p.Rmd", "alice")
})

test_that("the commands of 'A cluster among friends' do what it says", {
  try_on_board("vignettes/future-p2p-friends.Rmd")
})

test_that("the commands of 'Lending safely' do what it says", {
  try_on_board("vignettes/future-p2p-lending.Rmd")
})

test_that("the commands of 'A personal cluster' do what it says", {
  try_on_board("vignettes/future-p2p-personal.Rmd", "alice")
})

test_that("the commands of 'When something is wrong' do what it says", {
  try_on_cluster("vignettes/future-p2p-errors.Rmd")
})

test_that("the commands of 'How it works' do what it says", {
  try_on_cluster("vignettes/future-p2p-how.Rmd")
})

test_that("the commands of 'What is protected, and against whom' do what it says", {
  try_on_cluster("vignettes/future-p2p-security.Rmd")
})

test_that("the commands of 'Performance' do what it says", {
  try_on_cluster("vignettes/future-p2p-performance.Rmd")
})

test_that("the commands of 'How it compares' do what it says", {
  try_on_cluster("vignettes/future-p2p-compare.Rmd")
})

test_that("the commands of 'Use it from other packages' do what it says", {
  for (package in c("future.apply", "furrr", "doFuture", "progressr", "promises", "later")) skip_if_not_installed(package)
  try_on_cluster("vignettes/future-p2p-packages.Rmd")
})

test_that("the commands of 'Your own message board' bring a newcomer without an account to work", {
  file <- document("vignettes/own-message-board.Rmd")
  lab <- local_lab("alice")
  make_key(lab, "dave")
  try_document(lab, file)
  expect_match(readLines(file.path(lab$dir, "users.txt"))[2L], "^dave ssh-ed25519 ")
  expect_nothing_left(lab)
})
