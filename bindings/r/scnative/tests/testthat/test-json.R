reads <- function(text) scnative:::from_json(text)
writes <- function(value) scnative:::to_json(value)

test_that("values are read as R has them", {
  expect_identical(reads(" [1, 2.5, -3e-2, 0] "), c(1, 2.5, -0.03, 0))
  expect_identical(reads("{\"a\": null, \"b\": {}, \"c\": [], \"d\": [true, false]}"), list(
    a = NULL, b = stats::setNames(list(), character()), c = list(), d = c(TRUE, FALSE)
  ))
  expect_identical(reads("[[1, 2], \"x\", null]"), list(c(1, 2), "x", NULL))
  expect_identical(reads("[\"a\", \"b\"]"), c("a", "b"))
  expect_identical(reads("12345678901"), 12345678901)
})

test_that("escapes are characters", {
  expect_identical(
    reads("\"q\\\" b\\\\ s\\/ n\\n t\\t u\\u00e9 \\ud83d\\ude00 \u00e9\""),
    "q\" b\\ s/ n\n t\t u\u00e9 \U1f600 \u00e9"
  )
  expect_identical(writes("a\t\"\\\u00e9\u0001"), "\"a\\u0009\\\"\\\\\u00e9\\u0001\"")
})

test_that("what is written is read as the same", {
  value <- list(a = c(1, 0.1, 1e300, -1 / 3), b = "x", c = NULL, d = list("y"), e = list(c("p", "q"), list(z = TRUE)))
  back <- reads(writes(value))
  expect_identical(back[c("a", "b", "e")], value[c("a", "b", "e")])
  expect_true("c" %in% names(back) && is.null(back$c))
  expect_identical(back$d, "y")
})

test_that("a list is an array or an object, a vector of one a value", {
  expect_identical(writes(list("x")), "[\"x\"]")
  expect_identical(writes(I(3L)), "[3]")
  expect_identical(writes(c(old = "new")), "{\"old\": \"new\"}")
  expect_identical(writes(factor("f")), "\"f\"")
  expect_identical(writes(list()), "[]")
  expect_identical(scnative:::json_object(list()), "{}")
  expect_identical(writes(NA), "null")
})

test_that("what is no JSON, and what no JSON can be, is refused", {
  for (text in c("", "{", "[1,]", "[,1]", "{\"a\" 1}", "[1] 2", "tru", "01", "\"\\x\"", "\"\\u12\"", "\"open", "{,}", "nul")) {
    expect_error(reads(text), "^JSON: has", class = "scn_error_config", info = text)
  }
  expect_error(writes(c(1, Inf)), "x: has Inf", class = "scn_error_invalid_argument")
  expect_error(writes(list(a = function() 1)), "x\\$a: is a function", class = "scn_error_type")
  expect_error(writes(list(a = 1, 2)), "without a name", class = "scn_error_invalid_argument")
})
