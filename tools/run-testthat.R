## Runs tests/testthat against the installed package and counts tests, not expectations: a test passes if none of its
## expectations fails. A file that skips itself as a whole has no tests, and counts as one that is skipped.
library(testthat)

tests <- test_dir(
  "tests/testthat", package = "future.p2p", load_package = "installed", reporter = "summary", stop_on_failure = FALSE
)
results <- as.data.frame(tests)
failed <- results$failed > 0L | results$error
skipped <- results$skipped & !failed
skipped_files <- setdiff(list.files("tests/testthat", "^test-.*[.][rR]$"), results$file)
slow <- results[order(-results$real), c("file", "test", "real")]
print(head(slow, 5L), row.names = FALSE)
for (test in tests[failed]) {
  for (outcome in Filter(function(x) inherits(x, c("expectation_failure", "expectation_error")), test$results)) {
    cat(sprintf("FAILED: %s: %s: %s\n", test$file, test$test, gsub("\\s+", " ", conditionMessage(outcome))))
  }
}
for (file in skipped_files) cat(sprintf("skipped as a whole: %s\n", file))
cat(sprintf("R tests: %d passed, %d failed, %d skipped\n", sum(!failed & !skipped), sum(failed), sum(skipped) + length(skipped_files)))
quit(save = "no", status = any(failed))
