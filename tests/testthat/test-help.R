## The help pages, as they are installed.
pages <- tools::Rd_db("future.p2p")

tags_of <- function(page) vapply(page, attr, "", "Rd_tag")
texts_of <- function(page, tag) vapply(page[tags_of(page) == tag], function(part) paste(unlist(part), collapse = ""), "")
topics_of <- function(page) gsub("\\%", "%", texts_of(page, "\\alias"), fixed = TRUE)

## The page of a topic.
page_of <- function(topic) {
  found <- Filter(function(page) topic %in% topics_of(page), pages)
  expect_length(found, 1L)
  found[[1L]]
}

## The code of the examples that run.
example_of <- function(page, run_donttest = TRUE) {
  file <- withr::local_tempfile()
  tools::Rd2ex(page, file, commentDonttest = !run_donttest)
  if (file.exists(file)) readLines(file, encoding = "UTF-8") else character()
}

## The topics that a page links to.
links_of <- function(part) {
  topic <- attr(part, "Rd_option")
  own <- if (identical(attr(part, "Rd_tag"), "\\link")) {
    if (is.null(topic)) paste(unlist(part), collapse = "") else sub("^=", "", as.character(topic))
  }
  c(own, if (is.list(part)) unlist(lapply(part, links_of)))
}

test_that("each export has a help page with its value, errors, what to see also, and an example that calls it", {
  for (name in getNamespaceExports("future.p2p")) {
    page <- page_of(name)
    expect_identical(setdiff(c("\\title", "\\description", "\\value", "\\seealso", "\\examples"), tags_of(page)), character(), info = name)
    expect_match(paste(unlist(page), collapse = ""), "p2p_error|FutureError|exit status", info = name)
    expect_true(name %in% all.names(parse(text = example_of(page))), info = sprintf("no example calls %s", name))
  }
})

test_that("?future.p2p leads to each help page", {
  expect_true(all(c("future.p2p", "future.p2p-package") %in% topics_of(page_of("future.p2p"))))
  links <- links_of(page_of("future.p2p"))
  for (page in pages) {
    if ("internal" %in% trimws(texts_of(page, "\\keyword"))) next
    expect_true(any(topics_of(page) %in% links), info = sprintf("?future.p2p has no link to '%s'", texts_of(page, "\\name")))
  }
})

test_that("help pages are well-formed, and lines of examples are not cut in the manual", {
  for (page in pages) {
    expect_identical(as.character(tools::checkRd(page)), character())
    shown <- grep("# examplesIf$", example_of(page), value = TRUE, invert = TRUE)
    expect_lte(max(nchar(shown)), 100L)
  }
})

## Without its demo cluster, an example would use a message board that does not exist.
test_that("all examples run, one after the other, and leave no file and no process", {
  skip_unless_lab()
  home <- withr::local_tempdir()
  tmp <- withr::local_tempdir()
  mark <- paste0("future.p2p-examples-", Sys.getpid())
  elsewhere <- c(HOST = "nowhere.invalid", MAILBOX = "ws://nowhere.invalid/v1", RELAY = "tcp:nowhere.invalid:1")
  names(elsewhere) <- paste0("R_FUTURE_P2P_", names(elsewhere))
  env <- Sys.getenv()
  env <- env[!grepl("^(SSH_|R_FUTURE_|R_USER_|XDG_CONFIG_HOME$|R_TESTS$|HOME$|TMPDIR$|R_LIBS$)", names(env))]
  env <- c(env, HOME = home, TMPDIR = tmp, R_LIBS = paste(.libPaths(), collapse = .Platform$path.sep), P2P_MARK = mark, elsewhere)
  code <- withr::local_tempfile(lines = c("library(future.p2p)", "setwd(tempdir())", unlist(lapply(pages, function(page) {
    c(sprintf("message('example: %s')", texts_of(page, "\\name")), "local({", example_of(page), "})")
  }))))
  ended <- run_process(file.path(R.home("bin"), "Rscript"), code, env = env, wd = tmp, timeout = 600, error_on_status = FALSE, stderr_to_stdout = TRUE)
  expect_identical(ended$status, 0L, info = ended$stdout)
  expect_identical(list.files(home, all.files = TRUE, recursive = TRUE, no.. = TRUE), character())
  expect_identical(list.files(tmp, all.files = TRUE, no.. = TRUE), character())
  if (dir.exists("/proc/self")) expect_identical(processes_with(paste0("P2P_MARK=", mark)), integer())
})
