## Requests of futures: what is refused, which worker gets them, what is reserved, and who waits.

stop_with <- function(...) stop("They ", ..., call. = FALSE)

test_that("resources are checked", {
  expect_equal(check_resources(list(tags = c("x", "bioc"), cores = 4, memory = "2 GiB"), stop_with),
               list(memory = 2^31, cores = 4L, tags = c("bioc", "x")))
  expect_equal(check_resources(NULL, stop_with), list())
  expect_equal(check_resources(c(cores = 2), stop_with), list(cores = 2L))
  expect_error(check_resources(list(core = 2), stop_with), "They have no 'core'. Did you mean 'cores'?", fixed = TRUE)
  expect_error(check_resources(list(fpga = 1), stop_with), "Known are 'memory'", fixed = TRUE)
  expect_error(check_resources(list(2), stop_with), "must have one name each")
  expect_error(check_resources(list(cores = 1, cores = 2), stop_with), "must have one name each")
  expect_error(check_resources(sum, stop_with), "must be a list")
  for (cores in list(0, 1.5, -1, NA, "4", 1:2, 1e6)) expect_error(check_resources(list(cores = cores), stop_with), "'cores' that is not a whole number")
  for (memory in list(0, "2 Gib", NA, -1, Inf, 1:2, TRUE)) expect_error(check_resources(list(memory = memory), stop_with), "'memory' that is not a number of bytes")
  for (tags in list("", "a b", 1, NA_character_, character(), strrep("x", 33), letters[1:17], "a;b")) {
    expect_error(check_resources(list(tags = tags), stop_with), "'tags' that is not up to 16 words")
  }
})

test_that("a future goes before the plan, resource by resource", {
  default <- list(memory = 2^30, cores = 2L)
  expect_equal(merge_resources(list(), default), default)
  expect_equal(merge_resources(list(cores = 4L, tags = "x"), default), list(memory = 2^30, cores = 4L, tags = "x"))
  expect_equal(merge_resources(list(memory = NULL), default), list(cores = 2L))
  expect_equal(describe_resources(list(memory = 6 * 2^30, cores = 4L, tags = c("a", "b"))), "4 cores, 6 GiB of memory and the tags 'a' and 'b'")
})

test_that("the tags of a worker are checked, also those of its file", {
  expect_error(worker("alice/friends", tags = "a b"), "'tags' must be up to 16 words", class = "p2p_error_usage")
  file <- withr::local_tempfile(lines = "tags: x, bioc")
  expect_equal(read_worker_file(file)$tags, c("bioc", "x"))
})

skip_unless_lab()
library(future)
lab <- local_lab()
start_cluster(lab, "alice/friends", c("bob", "carol"), workers = integer())
carol <- start_worker(lab, "carol", "alice/friends", workers = 3L, tags = "carol,x")
alice <- start_worker(lab, "alice", "alice/friends", tags = "alice")
total <- total_memory_mib() * 2^20
cores <- future::availableCores()[[1L]]

error_of <- function(expr) tryCatch(expr, error = identity)
where <- function(...) value(future(Sys.getenv("FUTURE_P2P_WORKER"), ...))

test_that("tags choose the worker", {
  plan_as(lab, "bob")
  withr::defer(plan(sequential))
  on_carol <- where(resources = list(tags = "carol"))
  on_alice <- where(resources = list(tags = "alice"))
  expect_false(on_carol == on_alice)
  for (i in 1:3) expect_equal(where(resources = list(tags = c("x", "carol"))), on_carol)
  for (i in 1:3) expect_equal(where(resources = list(tags = "alice", cores = 1, memory = "1 MiB")), on_alice)
  x %<-% { Sys.getenv("FUTURE_P2P_WORKER") } %resources% list(tags = "alice")
  expect_equal(x, on_alice)
  expect_null(getOption("future.disposable"))
  plan_as(lab, "bob", resources = list(tags = "alice"))
  expect_equal(where(), on_alice)
  expect_equal(where(resources = list(tags = "carol")), on_carol)
  expect_true(where(resources = list(tags = NULL)) %in% c(on_alice, on_carol))
})

test_that("what no worker can give is an error that says what they have", {
  plan_as(lab, "bob")
  withr::defer(plan(sequential))
  for (request in list(list(tags = "gpu"), list(cores = cores + 1L), list(memory = 2 * total), list(tags = c("alice", "carol")))) {
    ex <- error_of(value(future(1, resources = request, label = "big")))
    expect_s3_class(ex, "FutureError")
    expect_match(conditionMessage(ex), "No worker of cluster 'alice/friends' has what the future requests [(].*carol@[^ ]* has [0-9]+ core")
  }
  expect_match(conditionMessage(error_of(value(future(1, resources = list(fpga = 1), label = "x")))),
               "The resources of future (x) have no 'fpga'. Known are 'memory', 'cores', 'gpu', 'tags'.", fixed = TRUE)
  expect_error(plan_as(lab, "bob", resources = list(core = 1)), "The resources of plan(future.p2p::cluster) have no 'core'. Did you mean 'cores'?",
               fixed = TRUE, class = "p2p_error_usage")
})

## A future that runs until `file` exists, for a minute at most.
until <- function(file, ...) future({
  end <- Sys.time() + 60
  while (!file.exists(file) && Sys.time() < end) Sys.sleep(0.02)
  as.numeric(Sys.time())
}, ...)

test_that("two futures of 3/4 of the memory do not run at the same time, and others do", {
  plan_as(lab, "bob")
  withr::defer(plan(sequential))
  dir <- withr::local_tempdir(tmpdir = lab$dir)
  files <- file.path(dir, 1:2)
  request <- list(memory = 0.75 * total, tags = "carol")
  a <- until(files[1L], resources = request)
  b <- future(as.numeric(Sys.time()), resources = request)
  small <- future(as.numeric(Sys.time()), resources = list(tags = "carol"))
  before <- value(small)
  expect_false(resolved(b))
  file.create(files[1L])
  end <- value(a)
  expect_gte(value(b), end)
  expect_lte(before, end)
})

test_that("a canceled future gives back what was reserved, and one that waits leaves the line", {
  plan_as(lab, "bob")
  withr::defer(plan(sequential))
  dir <- withr::local_tempdir(tmpdir = lab$dir)
  file <- file.path(dir, "a")
  request <- list(memory = 0.75 * total, tags = "carol")
  a <- until(file, resources = request)
  waits <- future(1, resources = request)
  third <- future(3, resources = request)
  cancel(waits)
  cancel(a)
  expect_equal(value(third), 3)
})

test_that("the wait in line at a worker counts towards wait.timeout", {
  plan_as(lab, "bob", wait.timeout = 2)
  withr::defer(plan(sequential))
  file <- file.path(withr::local_tempdir(tmpdir = lab$dir), "a")
  request <- list(memory = 0.75 * total, tags = "carol")
  a <- until(file, resources = request)
  wait_until(function() !is.na(worker_of(a)))
  ex <- error_of(value(future(1, resources = request)))
  expect_s3_class(ex, "FutureError")
  expect_match(conditionMessage(ex), "was not started within 2 s [(]'wait.timeout'[)]: the workers of .* that have .* have reserved it for other futures")
  expect_false(resolved(a))
  file.create(file)
  value(a)
})

test_that("a future in line at a worker goes to one that comes and has room", {
  plan_as(lab, "bob")
  withr::defer(plan(sequential))
  file <- file.path(withr::local_tempdir(tmpdir = lab$dir), "a")
  a <- until(file, resources = list(memory = 0.75 * total, tags = "carol"))
  wait_until(function() !is.na(worker_of(a)))
  b <- future(Sys.getenv("FUTURE_P2P_WORKER"), resources = list(memory = 0.75 * total, tags = "x"))
  client <- clients$of(b[["backend"]])
  wait_until(function() identical(why_waiting(client, b)$reason, "room")) # it is in line
  newcomer <- start_worker(lab, "bob", "alice/friends", tags = "x")
  on <- value(b)
  expect_false(resolved(a))
  file.create(file)
  value(a)
  expect_false(on == where(resources = list(tags = "carol")))
  stop_process(newcomer)
})

test_that("sessions share what a worker has, and a large request is not overtaken for ever", {
  plan_as(lab, "bob")
  withr::defer(plan(sequential))
  dir <- withr::local_tempdir(tmpdir = lab$dir)
  file <- file.path(dir, "stop")
  other <- start_r(lab, "alice's session", c(
    "library(future)",
    sprintf("plan(future.p2p::cluster, cluster = 'alice/friends', host = '%s', ssh_args = '%s')", board_args(lab, "alice")$host, board_args(lab, "alice")$ssh_args),
    sprintf("request <- list(memory = %.0f, tags = 'carol')", 0.3 * total),
    "fs <- list()",
    "i <- 0",
    sprintf("while (!file.exists('%s')) { i <- i + 1; value(future(Sys.sleep(0.1), resources = request)); if (i == 2) cat('is going\\n') }", file),
    "cat('all done\\n')"
  ))
  wait_for_line(other, "is going")
  large <- future(42, resources = list(memory = 0.9 * total, tags = "carol"))
  expect_equal(value(large), 42)
  file.create(file)
  wait_for_line(other, "all done")
})

test_that("a future has the cores and the memory that it has requested, and the next one does not", {
  plan_as(lab, "bob")
  withr::defer(plan(sequential))
  cpus <- function() sub(".*\t", "", grep("^Cpus_allowed_list", readLines("/proc/self/status"), value = TRUE))
  got <- function(...) value(future(list(future::availableCores()[[1L]], if (file.exists("/proc/self/status")) cpus()), ...))
  plain <- got(resources = list(tags = "alice"))
  one <- got(resources = list(cores = 1, tags = "alice"))
  expect_equal(one[[1L]], 1)
  expect_equal(got(resources = list(cores = cores, tags = "alice"))[[1L]], cores)
  skip_on_os(c("mac", "windows"))
  expect_match(one[[2L]], "^[0-9]+$") # pinned
  small <- future(length(numeric(5e7)), resources = list(memory = "100 MiB", tags = "alice"))
  expect_error(value(small), "needed more than the memory limit of 100 MiB on worker")
  expect_equal(value(future(length(numeric(5e7)), resources = list(tags = "alice"))), 5e7)
  expect_equal(value(future(length(numeric(5e7)), resources = list(memory = "1 GiB", tags = "alice"))), 5e7)
  expect_equal(got(resources = list(tags = "alice")), plain)
})

test_that("nothing is left", {
  expect_nothing_left(lab)
})
