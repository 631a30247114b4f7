## The GPUs of a worker: which ones there are, which of them it lends, and what futures see. src/shell/gpus.c finds them, src/worker/gpu_launch.c
## shows them to futures.

## `gpus`: the argument of worker(). `sandbox`: see new_sandbox(). Returns list(lines, hides, about): the GPUs that are lent, as src/base/gpus.h
## writes them; whether other futures are to see none; and what there is to say.
lend_gpus <- function(gpus, sandbox, find = find_gpus) {
  lends <- function(lines, about = NULL) list(lines = lines, hides = length(lines) > 0L || !is.null(gpus), about = about)
  if (identical(as.numeric(gpus), 0)) return(lends(character()))
  found <- find()
  if (is.null(found$problem)) found <- visible_gpus(found$lines)
  if (is.null(found$problem) && !is.null(gpus)) found <- gpus_for_sandbox(found$lines, sandbox)
  if (!is.null(found$problem)) return(lends(character(), paste0("No GPU is lent: ", found$problem)))
  lines <- found$lines
  if (length(lines) == 0L) return(lends(lines, if (!is.null(gpus)) "No GPU is lent: this machine has none that a future could use."))
  if (is.null(gpus) && sandbox$level != "none") {
    return(lends(character(), sprintf("This machine has %s, which a future in a sandbox can get only with %s.", describe_gpus(lines), gpus_argument(length(lines)))))
  }
  if (!is.null(gpus)) lines <- utils::head(lines, gpus)
  lends(lines, sprintf("Lending %s.", describe_gpus(lines)))
}

gpus_argument <- function(n) sprintf(if (in_cli()) "--gpus=%d" else "`gpus = %d`", n)

## list(lines), or list(problem), a sentence. Drivers have 10 seconds to answer.
find_gpus <- function(program = system.file("bin", "gpus", package = "future.p2p")) {
  if (Sys.info()[["sysname"]] != "Linux") return(list(lines = character()))
  lines <- suppressWarnings(system2(program, stdout = TRUE, stderr = TRUE, timeout = 30))
  if (is.null(attr(lines, "status"))) return(list(lines = as.character(lines)))
  list(problem = paste0(if (length(lines) > 0L) safe_text(lines[1L]) else "they cannot be listed", "."))
}

gpu_table <- function(lines) {
  words <- strsplit(lines, " ", fixed = TRUE)
  at <- function(i) vapply(words, function(word) word[i], "")
  number <- function(text) suppressWarnings(as.numeric(text)) # of "-", NA
  data.frame(is_amd = at(1L) == "amd", id = at(2L), minor = number(at(3L)), memory = number(at(4L)) * 2^20,
             model = vapply(words, function(word) paste(word[-(1:4)], collapse = " "), ""), stringsAsFactors = FALSE)
}

## The GPUs that the owner's own environment variables leave, of one vendor, since no future could use those of two. list(lines), or list(problem).
visible_gpus <- function(lines, env = Sys.getenv()) {
  if (length(lines) == 0L) return(list(lines = lines))
  table <- gpu_table(lines)
  lines <- lines[table$is_amd == table$is_amd[1L]]
  table <- table[table$is_amd == table$is_amd[1L], ]
  get <- function(name) if (name %in% names(env)) env[[name]]
  if (table$is_amd[1L]) {
    counted <- intersect(c("HIP_VISIBLE_DEVICES", "GPU_DEVICE_ORDINAL"), names(env))
    if (length(counted) > 0L) return(list(problem = sprintf("%s counts GPUs. Name them in ROCR_VISIBLE_DEVICES.", counted[1L])))
  }
  name <- if (table$is_amd[1L]) "ROCR_VISIBLE_DEVICES" else "CUDA_VISIBLE_DEVICES"
  if (is.null(get(name))) return(list(lines = lines))
  chosen <- chosen_gpus(get(name), table$id, has_order = identical(get("CUDA_DEVICE_ORDER"), "PCI_BUS_ID"))
  if (is.null(chosen)) {
    return(list(problem = sprintf("%s=%s does not say which GPUs are meant. Name them by their ids, GPU-...%s", name, safe_text(get(name)),
                                  if (!table$is_amd[1L]) ", or set CUDA_DEVICE_ORDER=PCI_BUS_ID." else ".")))
  }
  list(lines = lines[chosen])
}

## The positions in `ids` that such a variable names: "GPU-8932f937,GPU-0001", up to the first one that names none. `has_order`: they may be counted
## in the order of `ids`. NULL: they are counted in an order that is not known.
chosen_gpus <- function(value, ids, has_order) {
  chosen <- integer()
  words <- trimws(strsplit(value, ",", fixed = TRUE)[[1L]])
  is_counted <- grepl("^[0-9]+$", words) & !words %in% ids
  for (i in seq_along(words)) {
    at <- if (is_counted[i]) as.integer(words[i]) + 1L else which(if (words[i] %in% ids) ids == words[i] else startsWith(ids, tolower_id(words[i])))
    if (length(at) != 1L || !at %in% seq_along(ids) || at %in% chosen) break
    chosen <- c(chosen, at)
  }
  is_counted <- any(utils::head(is_counted, length(chosen)))
  if (!is_counted || has_order || length(chosen) == length(ids)) chosen
}

## "GPU-8932F9" as ids have it; what cannot be the start of one stays without a match.
tolower_id <- function(word) if (grepl("^GPU-[0-9A-Fa-f-]+$", word)) paste0("GPU-", tolower(substring(word, 5L))) else "\n"

## The GPUs whose device files a sandbox can open. list(lines), or list(problem).
gpus_for_sandbox <- function(lines, sandbox, probe = probe_sandbox) {
  if (sandbox$level == "none" || length(lines) == 0L) return(list(lines = lines))
  table <- gpu_table(lines)
  if (table$is_amd[1L]) return(list(problem = paste0("GPUs of AMD cannot be used in a sandbox, only with ", sandbox_argument("none"), ".")))
  files <- sprintf("/dev/nvidia%.0f", table$minor)
  lines <- lines[file.exists(files)]
  if (length(lines) == 0L) return(list(problem = sprintf("a sandbox needs the device file %s, which does not exist.", files[1L])))
  problem <- probe(c(sandbox$command[1L], paste0("--device=", c(files[file.exists(files)], "/dev/nvidiactl", "/dev/nvidia-uvm")), sandbox$command[-1L]))
  if (is.null(problem)) list(lines = lines) else list(problem = sprintf("the sandbox cannot open them: %s.", problem))
}

## "3 GPUs: 2 x NVIDIA A100 (80 GiB), Tesla T4 (15 GiB)"
describe_gpus <- function(lines) sprintf("%s: %s", count_of(length(lines), "GPU"), paste(gpu_models(lines), collapse = ", "))

## "2 x NVIDIA A100 (80 GiB)"
gpu_models <- function(lines) {
  table <- gpu_table(lines)
  names <- ifelse(is.na(table$memory), table$model, sprintf("%s (%s)", table$model, vapply(table$memory, format_bytes, "")))
  counts <- table(factor(names, unique(names)))
  paste0(ifelse(counts > 1L, paste(counts, "x "), ""), names(counts))
}

## For ffi_worker_new().
gpus_config <- function(lines) if (length(lines) > 0L) list(gpus = paste0(lines, "\n", collapse = ""), gpu_models = announced_models(lines))

## What a worker tells people about its GPUs, within the limits of src/protocol/here.h. NULL: it has none.
announced_models <- function(lines) {
  if (length(lines) > 0L) substr(paste(gpu_models(lines), collapse = " + "), 1L, 255L)
}

## Variables of the environment of evaluators that make programs see no GPU.
no_gpus <- c(CUDA_VISIBLE_DEVICES = "", ROCR_VISIBLE_DEVICES = "")

check_gpus <- function(gpus) if (!is.null(gpus)) check_number(gpus, "gpus", 0, 64, whole = TRUE)
