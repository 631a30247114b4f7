# The words of help pages, vignettes, README, NEWS and DESCRIPTION. inst/WORDLIST has those that no dictionary has.
test_that("the documents are spelled right", {
  skip_on_cran()
  skip_if_not_installed("spelling")
  project <- test_path("../..")
  skip_if_not(file.exists(file.path(project, "inst/WORDLIST")), "this is no checkout")
  found <- spelling::spell_check_package(project)
  expect_identical(sprintf("%s (%s)", found$word, vapply(found$found, paste, "", collapse = ", ")), character())
})
