# Run by `R CMD check`. Tests that need processes beside this one run only where NOT_CRAN=true is set, as `make test` does.
library(testthat)
library(future.p2p)

test_check("future.p2p")
