## Resolves small futures on the cluster until it is interrupted. Prints for each: canary, right or wrong, when it began, seconds, value. Each leaves a
## secret in its evaluator, and looks for traces of others there.
cluster <- commandArgs(TRUE)[1L]
future::plan(future.p2p::cluster, cluster = cluster)
i <- 0L
repeat {
  i <- i + 1L
  began <- Sys.time()
  value <- tryCatch(future::value(future::future({
    lasting <- get(".__S3MethodsTable__.", envir = baseenv()) # future resets the global environment and options
    assign(".canary_secret", "secret of the canary", envir = lasting)
    list(i, sum(i, 1L), exists(".poison", envir = lasting, inherits = FALSE))
  })), error = function(ex) conditionMessage(ex))
  seconds <- as.numeric(Sys.time()) - as.numeric(began)
  is_right <- identical(value, list(i, i + 1L, FALSE))
  cat(sprintf("canary %s %.3f %.3f %s\n", if (is_right) "right" else "wrong", as.numeric(began), seconds,
              if (is_right) i else gsub("[\r\n]", " ", paste(format(value), collapse = " "))))
  Sys.sleep(0.1)
}
