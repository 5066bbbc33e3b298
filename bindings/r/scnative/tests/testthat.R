library(testthat)
library(scnative)

test_check("scnative")
