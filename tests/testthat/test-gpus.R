## GPUs: which ones a worker lends, and what futures see. A small library stands for that of NVIDIA; no GPU is needed.

ids <- sprintf("GPU-%08x-d72c-4106-c12f-20bd9faed9f6", 160:162)
lines <- sprintf("nvidia %s %d 81920 Fake A100", ids, 0:2)
amd <- c("amd GPU-001342e2e8d44d4e 128 196592 Instinct MI300X", "amd 3 129 - AMD GPU 0x73bf")

test_that("GPUs are described by model and memory", {
  expect_equal(gpu_models(lines), "3 x Fake A100 (80 GiB)")
  expect_equal(describe_gpus(c(lines[1L], amd)), "3 GPUs: Fake A100 (80 GiB), Instinct MI300X (192 GiB), AMD GPU 0x73bf")
  expect_equal(announced_models(c(lines[1:2], amd[2L])), "2 x Fake A100 (80 GiB) + AMD GPU 0x73bf")
  expect_null(announced_models(character()))
  expect_equal(nchar(announced_models(sprintf("nvidia %s 0 - %s%02d", ids[1L], strrep("x", 60), 1:20))), 255)
})

test_that("only the GPUs that the owner's variables name are lent", {
  visible <- function(...) visible_gpus(lines, c(...))$lines
  expect_equal(visible(), lines)
  expect_equal(visible(CUDA_VISIBLE_DEVICES = ""), character())
  expect_equal(visible(CUDA_VISIBLE_DEVICES = "-1"), character())
  expect_equal(visible(CUDA_VISIBLE_DEVICES = ids[2L]), lines[2L])
  expect_equal(visible(CUDA_VISIBLE_DEVICES = "GPU-000000A1"), lines[2L])
  expect_equal(visible(CUDA_VISIBLE_DEVICES = paste0(ids[3L], ", ", ids[1L])), lines[c(3L, 1L)])
  expect_equal(visible(CUDA_VISIBLE_DEVICES = "GPU-0"), character()) # of all three
  expect_equal(visible(CUDA_VISIBLE_DEVICES = "GPU-000000a1,GPU-ff,GPU-000000a0"), lines[2L]) # up to the first that names no GPU
  expect_equal(visible(CUDA_VISIBLE_DEVICES = "MIG-000000a0-d72c-4106-c12f-20bd9faed9f6"), character())
  expect_equal(visible(CUDA_VISIBLE_DEVICES = "2,0,-1,1", CUDA_DEVICE_ORDER = "PCI_BUS_ID"), lines[c(3L, 1L)])
  expect_equal(visible(CUDA_VISIBLE_DEVICES = "2,1,0"), lines[3:1]) # all of them, in any order
  expect_equal(visible_gpus(lines, c(CUDA_VISIBLE_DEVICES = "0,1"))$problem,
               "CUDA_VISIBLE_DEVICES=0,1 does not say which GPUs are meant. Name them by their ids, GPU-..., or set CUDA_DEVICE_ORDER=PCI_BUS_ID.")
  expect_equal(visible_gpus(c(lines, amd), character())$lines, lines) # of one vendor
  expect_equal(visible_gpus(amd, character())$lines, amd)
  expect_equal(visible_gpus(amd, c(ROCR_VISIBLE_DEVICES = "3", CUDA_VISIBLE_DEVICES = ""))$lines, amd[2L])
  expect_match(visible_gpus(amd, c(ROCR_VISIBLE_DEVICES = "0"))$problem, "ROCR_VISIBLE_DEVICES=0 does not say which GPUs are meant")
  expect_match(visible_gpus(amd, c(HIP_VISIBLE_DEVICES = "0"))$problem, "HIP_VISIBLE_DEVICES counts GPUs")
})

test_that("an owner says how many GPUs are lent, and must do so where there is a sandbox", {
  withr::local_envvar(CUDA_VISIBLE_DEVICES = NA, CUDA_DEVICE_ORDER = NA)
  lend <- function(gpus, level = "none", found = list(lines = lines)) lend_gpus(gpus, list(level = level, command = "sandbox"), function() found)
  expect_equal(lend(NULL), list(lines = lines, hides = TRUE, about = "Lending 3 GPUs: 3 x Fake A100 (80 GiB)."))
  expect_equal(lend(2)$lines, lines[1:2])
  expect_equal(lend(0, found = NULL), list(lines = character(), hides = TRUE, about = NULL)) # no driver is asked
  expect_equal(lend(9)$lines, lines)
  expect_equal(lend(NULL, found = list(lines = character())), list(lines = character(), hides = FALSE, about = NULL))
  expect_match(lend(1, found = list(lines = character()))$about, "this machine has none")
  expect_equal(lend(NULL, found = list(problem = "the driver is odd."))$about, "No GPU is lent: the driver is odd.")
  boxed <- lend(NULL, "landlock")
  expect_equal(boxed$lines, character())
  expect_match(boxed$about, "This machine has 3 GPUs: .*, which a future in a sandbox can get only with `gpus = 3`")
  if (!file.exists("/dev/nvidia0")) expect_match(lend(1, "landlock")$about, "needs the device file /dev/nvidia0, which does not exist")
  expect_match(lend(1, "landlock", list(lines = amd))$about, "GPUs of AMD cannot be used in a sandbox")
  for (gpus in list(-1, 1.5, 65, "x", NA)) expect_error(worker("alice/friends", gpus = gpus), "'gpus' must be a whole number from 0 to 64", class = "p2p_error_usage")
  file <- withr::local_tempfile(lines = "gpus: 0")
  expect_equal(read_worker_file(file)$gpus, 0)
})

test_that("a future requests a whole number of GPUs", {
  stop_with <- function(...) stop("They ", ..., call. = FALSE)
  expect_equal(check_resources(list(gpu = 2), stop_with), list(gpu = 2L))
  for (gpu in list(0, 0.5, 65, "1", NA)) expect_error(check_resources(list(gpu = gpu), stop_with), "'gpu' that is not a whole number from 1 to 64")
  expect_error(check_resources(list(gpus = 1), stop_with), "Did you mean 'gpu'?", fixed = TRUE)
  expect_equal(describe_resources(list(cores = 1L, gpu = 1L)), "1 core and 1 GPU")
})

test_that("futures see no GPU where GPUs are lent, unless their owner passes the variable", {
  withr::local_envvar(CUDA_VISIBLE_DEVICES = "0", HIP_VISIBLE_DEVICES = "1", CUDA_DEVICE_ORDER = "PCI_BUS_ID")
  of <- function(...) grep("VISIBLE|ORDER", evaluator_env(...), value = TRUE)
  expect_setequal(of(), c("CUDA_VISIBLE_DEVICES=0", "HIP_VISIBLE_DEVICES=1", "CUDA_DEVICE_ORDER=PCI_BUS_ID"))
  expect_setequal(of(hides_gpus = TRUE), c("CUDA_VISIBLE_DEVICES=", "ROCR_VISIBLE_DEVICES=", "CUDA_DEVICE_ORDER=PCI_BUS_ID"))
  expect_true("CUDA_VISIBLE_DEVICES=0" %in% of("CUDA_VISIBLE_DEVICES", TRUE))
})

skip_unless_lab()
skip_on_os("mac")
compiler <- Sys.which("cc")
if (!nzchar(compiler)) skip("there is no C compiler")
lab <- local_lab()
fake <- file.path(lab$dir, "fake")
dir.create(fake)
run_process(compiler, c("-shared", "-fPIC", "-o", file.path(fake, "libnvidia-ml.so.1"), normalizePath("fake-nvml.c")))
withr::local_envvar(CUDA_VISIBLE_DEVICES = NA, CUDA_DEVICE_ORDER = NA)
with_fake <- c(LD_LIBRARY_PATH = paste(c(fake, Sys.getenv("LD_LIBRARY_PATH")), collapse = ":"))

test_that("a driver that hangs, crashes or lies costs nothing but its GPUs", {
  ask <- function(...) {
    withr::local_envvar(with_fake, ...)
    find_gpus()
  }
  expect_equal(ask()$lines, sub("Fake A100", "Fake A100_ 80GB", lines[1:2]))
  expect_match(ask(FAKE_NVML_CRASH = "nvmlDeviceGetName")$problem, "^the drivers of GPUs did not answer within 10 s, or crashed[.]$")
  expect_match(ask(FAKE_NVML_HANG = "nvmlInit_v2")$problem, "^the drivers of GPUs did not answer within 10 s, or crashed[.]$")
  expect_equal(ask(FAKE_NVML_FAIL = "nvmlInit_v2 18")$problem, "the driver of NVIDIA says 'Version?mismatch' (18).")
  expect_equal(ask(FAKE_NVML_GPUS = 0)$lines, character())
  expect_length(ask(FAKE_NVML_GPUS = 100)$lines, 64L)
})

start_cluster(lab, "alice/friends", "bob", workers = integer())
gpu_worker <- start_worker(lab, "alice", "alice/friends", workers = 4L, env = with_fake, sandbox = "none")
plan_as(lab, "bob")
withr::defer(future::plan(future::sequential))
library(future)
seen <- function() Sys.getenv(c("CUDA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"), NA)
## A future that runs until `file` exists. It has its process, and what it sees.
until <- function(file, gpu = 1) future({ while (!file.exists(file)) Sys.sleep(0.02); list(Sys.getpid(), seen()[[1L]]) }, resources = list(gpu = gpu))

test_that("a worker tells what it lends", {
  wait_for_line(gpu_worker, "Lending 2 GPUs: 2 x Fake A100_ 80GB [(]80 GiB[)][.]")
  found <- NULL
  wait_until(function() isTRUE(nrow(found <<- subset(as.data.frame(status()), role == "worker" & !is.na(models))) == 1L))
  expect_identical(found$gpus, 2L)
  expect_identical(found$models, "2 x Fake A100_ 80GB (80 GiB)")
  expect_match(capture.output(print(status())), "GPUs$", all = FALSE)
})

test_that("futures have GPUs for themselves, in processes of their own, and wait for them", {
  files <- file.path(lab$dir, c("one", "two"))
  plain <- value(future(list(Sys.getpid(), seen())))
  expect_equal(unname(plain[[2L]]), c("", "", NA))
  a <- until(files[1L])
  b <- until(files[2L])
  c <- until(files[2L])
  expect_equal(value(future(seen())), plain[[2L]]) # there is a slot, and no GPU
  wait_until(function() !is.na(worker_of(b)))
  file.create(files[1L])
  first <- value(a)
  expect_true(first[[2L]] %in% ids[1:2])
  expect_false(resolved(b))
  file.create(files[2L])
  others <- list(value(b), value(c))
  expect_setequal(c(first[[2L]], others[[1L]][[2L]]), ids[1:2])
  expect_equal(others[[2L]][[2L]], first[[2L]]) # the one that was free first
  expect_length(unique(c(plain[[1L]], first[[1L]], others[[1L]][[1L]], others[[2L]][[1L]])), 4L)
  expect_equal(value(until(files[2L], gpu = 2))[[2L]], paste(ids[1:2], collapse = ","))
  expect_equal(value(future(seen())), plain[[2L]])
})

test_that("more GPUs than any worker has are an error that says what they have", {
  ex <- tryCatch(value(future(1, resources = list(gpu = 3))), error = identity)
  expect_s3_class(ex, "FutureError")
  expect_match(conditionMessage(ex), "No worker of cluster 'alice/friends' has what the future requests [(]3 GPUs[)]: 'alice@.* has .*, .* and 2 GPUs")
})

test_that("a future that is canceled or whose process dies gives its GPUs back", {
  file <- file.path(lab$dir, "never")
  a <- until(file, gpu = 2)
  wait_until(function() !is.na(worker_of(a)))
  cancel(a)
  expect_length(value(until(lab$dir, gpu = 2)), 2L)
  plan_as(lab, "bob", retries = 0)
  expect_error(value(future(tools::pskill(Sys.getpid(), 9), resources = list(gpu = 2))), class = "FutureInterruptError")
  expect_equal(value(until(lab$dir, gpu = 2))[[2L]], paste(ids[1:2], collapse = ","))
})

test_that("nothing is left", {
  future::plan(future::sequential)
  expect_nothing_left(lab)
})
