## Resources that futures request: future(resources = ), plan(resources = ) and %resources%. src/protocol/resources.h has their form on the wire,
## src/worker/reservations.h who gets them when.

resource_names <- c("memory", "cores", "gpu", "tags")

#' Request resources for a future
#'
#' Says what a future needs of the worker that resolves it: memory, cores, GPUs, or a tag that workers give themselves.
#'
#' A future goes only to a worker that has what it requests, and begins there when all of that is free: it is reserved until the future
#' has ended, so two futures that request 6 GiB do not run at the same time on a worker with 8 GiB. What futures request is reserved in
#' turn: a large request is not overtaken for ever by small ones. A future that requests nothing needs only a slot, and nothing is reserved for it.
#'
#' If no worker of the cluster could ever give what is requested, the value of the future is a FutureError that says what the workers have.
#' While the workers that could give it have reserved it for other futures, it waits, see [cluster], for whichever has room first. Workers of older versions
#' get no futures that request anything.
#'
#' In the order of precedence: `future(..., resources = )`, or `%resources%` behind the future assignment; `plan(..., resources = )`, the default for
#' all futures. A resource that the first does not name is taken from the second; `NULL` turns it off, as in `list(memory = NULL)`.
#'
#' @section On the worker:
#' While the future runs, `availableCores()` says how many cores it has, so that what it starts in parallel uses these; without a request, it says 1. On Linux,
#' the future and the programs that it starts run on cores of their own, among futures that request cores. A future that requests memory can allocate no more than
#' that beyond what its process has at the start of the future, and so can each process that it starts: an allocation beyond it fails with an error whose message names
#' the limit, see `worker(memory = )`. Neither is a sandbox: code that wants to can use other cores.
#'
#' A future that requests GPUs has them for itself: the worker names them in `CUDA_VISIBLE_DEVICES` (NVIDIA) or `ROCR_VISIBLE_DEVICES` and
#' `HIP_VISIBLE_DEVICES` (AMD), so that CUDA, ROCm and the packages that use them, such as torch and tensorflow, find these and no others. All GPUs of
#' a worker have one vendor. Such a future starts in a new process, and this process ends with it, since a process cannot give back a GPU that it
#' has used: it takes the start of R longer. Other futures see no GPU on a worker that lends GPUs. Without
#' a sandbox, code that wants to can use them all the same.
#'
#' @section Resources:
#' \describe{
#'  \item{`memory`}{(numeric or character) In bytes, or as `"2 GiB"`. A worker has the memory of its machine, and gives one future at most what
#'    `worker(memory = )` allows.}
#'  \item{`cores`}{(integer) Processor cores. A worker has those of its machine, as [future::availableCores()] counts them.}
#'  \item{`gpu`}{(integer) GPUs. A worker has those that `worker(gpus = )` lends.}
#'  \item{`tags`}{(character) Words that the worker must have, all of them; see `worker(tags = )`.}
#' }
#' Another name is an error.
#'
#' @param fassignment The future assignment, as `x %<-% { expr }`.
#' @param resources (list) The resources, by name.
#'
#' @return The value of the assignment.
#'
#' @examples
#' library(future)
#' demo <- demo_cluster()
#' plan(future.p2p::cluster, resources = list(memory = "64 MiB"))
#'
#' f <- future(sum(runif(1e6)), seed = TRUE, resources = list(memory = "256 MiB", cores = 1))
#' value(f)
#'
#' # No worker of a demo lends a GPU on most computers: that is an error
#' f <- try(future(Sys.getenv("CUDA_VISIBLE_DEVICES"), resources = list(gpu = 1)))
#' try(value(f))
#'
#' x %<-% { availableCores() } %resources% list(cores = 1)
#' x
#'
#' close(demo)
#' @seealso [cluster], [worker()]
#' @name resources
#' @rdname resources
#' @export
`%resources%` <- function(fassignment, resources) {
  fassignment <- substitute(fassignment)
  envir <- parent.frame(1L)
  old <- options(future.disposable = c(getOption("future.disposable"), list(resources = resources))) # for the next future, as %label% does
  on.exit(options(old))
  eval(fassignment, envir = envir, enclos = baseenv())
}

## Resources as a list of checked elements, in the order of `resource_names`; those that are NULL stay, see merge_resources(). `stop_with()` raises an
## error of a sentence about them.
check_resources <- function(resources, stop_with) {
  if (is.null(resources)) return(list())
  names <- names(resources)
  if (!is.list(resources) && !is.vector(resources)) stop_with("must be a list, such as list(memory = \"2 GiB\", cores = 4).")
  resources <- as.list(resources)
  if (length(resources) > 0L && (is.null(names) || any(!nzchar(names)) || anyDuplicated(names) > 0L)) {
    stop_with("must have one name each, as in list(memory = \"2 GiB\", cores = 4).")
  }
  for (name in setdiff(names, resource_names)) {
    stop_with(sprintf("have no '%s'. %s", name, did_you_mean(name, resource_names, "'")))
  }
  check <- list(memory = request_bytes, cores = request_cores, gpu = request_gpus, tags = request_tags)
  for (name in names) {
    if (is.null(resources[[name]])) next
    value <- check[[name]](resources[[name]])
    if (is.null(value)) stop_with(sprintf("have a '%s' that is not %s.", name, resource_forms[[name]]))
    resources[[name]] <- value
  }
  resources[intersect(resource_names, names)]
}

resource_forms <- c(memory = "a number of bytes, or a string such as \"2 GiB\", and at least 1 MiB",
                    cores = "a whole number from 1 to 65536",
                    gpu = "a whole number from 1 to 64",
                    tags = "up to 16 words of letters, digits, '.', '_' and '-', each of at most 32 characters")

## These return NULL for anything else.
request_bytes <- function(memory) {
  bytes <- if (is.character(memory) && length(memory) == 1L) parse_bytes(memory) else memory
  if (is.numeric(bytes) && length(bytes) == 1L && is.finite(bytes) && bytes >= 2^20 && bytes < 999999999 * 2^20) bytes
}

request_count <- function(count, max) {
  if (is.numeric(count) && length(count) == 1L && is.finite(count) && count >= 1 && count <= max && count == round(count)) as.integer(count)
}

request_cores <- function(cores) request_count(cores, 65536)
request_gpus <- function(gpus) request_count(gpus, 64)

request_tags <- function(tags) {
  if (!is.character(tags) || anyNA(tags)) return(NULL)
  tags <- sort(unique(split_commas(tags)), method = "radix")
  is_valid <- length(tags) %in% 1:16 && all(grepl("^[A-Za-z0-9._-]{1,32}$", tags)) && sum(nchar(tags) + 1L) <= 256L
  if (is_valid) tags
}

## `own`: of the future, which goes before `default`. Both are checked.
merge_resources <- function(own, default) {
  merged <- c(own, default[setdiff(names(default), names(own))])
  Filter(Negate(is.null), merged[intersect(resource_names, names(merged))])
}

## What a future requests, which is checked when it is launched.
requested_resources <- function(future) {
  own <- check_resources(future[["resources"]], function(...) {
    stop(FutureError(sprintf("The resources of future (%s) %s", future_label(future), paste0(...)), future = future))
  })
  merge_resources(own, future[["backend"]][["resources"]])
}

## For ffi_task_submit() and ffi_client_explain(). NULL: nothing.
resources_config <- function(resources) {
  if (length(resources) == 0L) return(NULL)
  list(cores = resources$cores, gpu = resources$gpu, memory_mib = if (!is.null(resources$memory)) ceiling(resources$memory / 2^20),
       tags = if (!is.null(resources$tags)) paste(resources$tags, collapse = ";"))
}

## "4 cores, 6.0 GiB of memory, 1 GPU and the tags 'bioc' and 'x'"
describe_resources <- function(resources) {
  tags <- sQuote(as.character(resources$tags), FALSE)
  join_names(c(
    if (!is.null(resources$cores)) count_of(resources$cores, "core"),
    if (!is.null(resources$memory)) paste(format_bytes(resources$memory), "of memory"),
    if (!is.null(resources$gpu)) count_of(resources$gpu, "GPU"),
    if (length(tags) > 0L) sprintf("the tag%s %s", if (length(tags) > 1L) "s" else "", join_names(tags))
  ))
}

## The tags of worker(). NULL: none.
check_tags <- function(tags) {
  if (length(tags) == 0L) return(NULL)
  checked <- request_tags(tags)
  if (is.null(checked)) argument_stop("tags", " must be ", resource_forms[["tags"]], ".")
  checked
}

## Properties by which clients may choose a worker. They are announced on the board.
machine_config <- function() {
  list(platform = gsub("[^A-Za-z0-9._-]", "-", R.version$platform), cores = future::availableCores()[[1L]],
       memory_mib = total_memory_mib())
}

## Memory of this machine; 0 if /proc does not report it.
total_memory_mib <- function() {
  if (!file.exists("/proc/meminfo")) return(0)
  line <- grep("^MemTotal:", readLines("/proc/meminfo"), value = TRUE)
  kib <- suppressWarnings(as.numeric(gsub("[^0-9]", "", line)))
  if (length(kib) == 1L && !is.na(kib)) floor(kib / 1024) else 0
}
