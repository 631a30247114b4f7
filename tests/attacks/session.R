## Evaluates each line of standard input and prints its value after "= ", or its error after "! ", in one line.
invisible(suppressMessages(loadNamespace("future.p2p")))
one_line <- function(text) gsub("[\r\n]+", " ", paste(text, collapse = " "))

## The bytes that a client sends for a future with this code, and those of its result with `value` in place, in hexadecimal.
hex <- function(object) paste(serialize(object, NULL, xdr = FALSE), collapse = "")
task_hex <- function(code) {
  future::plan("sequential")
  hex(utils::getFromNamespace("getFutureData", "future")(future::future(parse(text = code)[[1L]], substitute = FALSE, lazy = TRUE)))
}
## `value` comes last, so that what replaces it moves nothing else.
result_hex <- function(value) {
  result <- future::result(future::future(value, substitute = FALSE))
  hex(structure(c(unclass(result)[names(result) != "value"], list(value = value)), class = class(result)))
}
bytes <- function(hex) as.raw(strtoi(substring(hex, seq(1L, nchar(hex), 2L), seq(2L, nchar(hex), 2L)), 16L))
value_of <- function(hex) {
  result <- unserialize(bytes(hex))
  for (entry in result[["conditions"]]) if (inherits(entry[["condition"]], "error")) stop(entry[["condition"]])
  result[["value"]]
}

input <- file("stdin", open = "r")
cat("ready\n")
while (length(line <- readLines(input, 1L)) > 0L) {
  cat(tryCatch(paste("=", one_line(trimws(format(eval(parse(text = line), globalenv()))))),
               error = function(ex) paste("!", class(ex)[1L], one_line(conditionMessage(ex))),
               interrupt = function(ex) "! interrupted"), "\n", sep = "")
}
