# JSON, in which the library takes settings of models and gives reports: base R's values to text, and back.

# The text of a value. A named list or vector is an object, any other list an array; so is a vector, unless it has one element
# and is not marked by I(). NULL and NA are null. `name` is the argument's name, for messages.
to_json <- function(x, name = "x") {
  if (is.null(x)) {
    return("null")
  }
  if (is.factor(x)) {
    x <- stats::setNames(as.character(x), names(x))
  }
  if (!is.list(x) && !(is.atomic(x) && (is.character(x) || is.numeric(x) || is.logical(x)))) {
    refuse("TYPE", name, ": is a ", class(x)[1], ", must be texts, numbers, TRUE or FALSE, or a list of them")
  }
  if (!is.null(names(x))) {
    return(json_object(x, name))
  }
  elements <- if (is.list(x)) {
    vapply(seq_along(x), function(i) to_json(x[[i]], sprintf("%s[[%d]]", name, i)), "")
  } else {
    json_elements(as.vector(unclass(x)), name)
  }
  if (length(x) == 1 && is.atomic(x) && !inherits(x, "AsIs")) elements else paste0("[", paste(elements, collapse = ", "), "]")
}

# An object without members is what an empty list of settings is; `to_json(list())` is an empty array.
json_object <- function(x, name = "options") {
  if (length(x) == 0) {
    return("{}")
  }
  keys <- names(x) %||% rep("", length(x))
  if (anyNA(keys) || any(keys == "") || anyDuplicated(keys)) {
    refuse("INVALID_ARGUMENT", name, ": has values without a name or with the same, must have a name of its own for each")
  }
  path <- if (name == "options") keys else paste0(name, "$", keys)
  values <- vapply(seq_along(x), function(i) to_json(x[[i]], path[i]), "")
  paste0("{", paste0(vapply(keys, json_text, ""), ": ", values, collapse = ", "), "}")
}

json_elements <- function(x, name) {
  if (is.character(x)) {
    return(ifelse(is.na(x), "null", vapply(x, json_text, "", USE.NAMES = FALSE)))
  }
  if (is.logical(x)) {
    return(ifelse(is.na(x), "null", ifelse(x, "true", "false")))
  }
  wrong <- x[is.na(x) | is.infinite(x)]
  if (length(wrong)) {
    refuse("INVALID_ARGUMENT", name, ": has ", wrong[1], ", must be finite numbers")
  }
  # 17 digits are what a double needs to be read back as itself.
  ifelse(x == trunc(x) & abs(x) < 1e15, sprintf("%.0f", x), sprintf("%.17g", x))
}

json_text <- function(x) {
  x <- enc2utf8(x)
  x <- gsub("\\", "\\\\", x, fixed = TRUE)
  x <- gsub("\"", "\\\"", x, fixed = TRUE)
  if (grepl("[[:cntrl:]]", x)) {
    for (code in 1:31) {
      x <- gsub(intToUtf8(code), sprintf("\\u%04x", code), x, fixed = TRUE)
    }
  }
  paste0("\"", x, "\"")
}

# The value of a text: objects as named lists; arrays as vectors if all their elements are texts, numbers or truth values,
# else as lists; null as NULL.
from_json <- function(text) {
  reader <- json_reader(enc2utf8(text))
  value <- json_value(reader)
  if (reader$kind() != "end") {
    reader$fail("the end")
  }
  value
}

# Splits a text into its tokens once, and hands them out one after the other.
json_reader <- function(text) {
  string <- "\"(?:[^\"\\\\]|\\\\.)*+\""
  number <- "-?(?:0|[1-9][0-9]*+)(?:\\.[0-9]++)?+(?:[eE][-+]?[0-9]++)?+"
  pattern <- paste(string, number, "true|false|null|[][{},:]|[^ \t\r\n]", sep = "|")
  found <- gregexpr(pattern, text, perl = TRUE)[[1]]
  tokens <- if (found[1] == -1) character() else regmatches(text, list(found))[[1]]
  kinds <- substr(tokens, 1, 1)
  kinds[kinds == "-" | kinds %in% 0:9] <- "number"
  kinds[tokens %in% c("true", "false", "null")] <- "word"
  at <- 1
  list(
    kind = function() if (at > length(tokens)) "end" else kinds[at],
    take = function() {
      at <<- at + 1
      tokens[at - 1]
    },
    fail = function(wanted) {
      token <- if (at > length(tokens)) "its end" else tokens[at]
      refuse("CONFIG", "JSON: has ", token, " where ", wanted, " must be")
    }
  )
}

json_value <- function(reader) {
  switch(
    reader$kind(),
    "{" = json_members(reader),
    "[" = json_items(reader),
    "\"" = json_string(reader$take()),
    number = as.numeric(reader$take()),
    word = switch(reader$take(), true = TRUE, false = FALSE, null = NULL),
    reader$fail("a value")
  )
}

json_members <- function(reader) {
  reader$take()
  members <- list()
  while (reader$kind() != "}") {
    if (length(members)) {
      json_expect(reader, ",")
    }
    if (reader$kind() != "\"") {
      reader$fail("a name")
    }
    name <- json_string(reader$take())
    json_expect(reader, ":")
    # list(NULL), since NULL would take the member away
    members[name] <- list(json_value(reader))
  }
  reader$take()
  if (length(members)) members else stats::setNames(list(), character())
}

json_items <- function(reader) {
  reader$take()
  items <- list()
  while (reader$kind() != "]") {
    if (length(items)) {
      json_expect(reader, ",")
    }
    items[length(items) + 1] <- list(json_value(reader))
  }
  reader$take()
  same <- function(is_type) all(vapply(items, function(item) is_type(item) && length(item) == 1, NA))
  scalars <- length(items) && (same(is.character) || same(is.numeric) || same(is.logical))
  if (scalars) unlist(items) else items
}

json_expect <- function(reader, token) {
  if (reader$kind() != token) {
    reader$fail(dQuote(token, FALSE))
  }
  reader$take()
}

JSON_ESCAPES <- c("\"" = "\"", "\\" = "\\", "/" = "/", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t")

# A string token without its quotes and escapes.
json_string <- function(token) {
  inside <- substr(token, 2, nchar(token) - 1)
  if (!grepl("\\", inside, fixed = TRUE)) {
    return(inside)
  }
  # A character beyond the 16 bits of \u is a pair of surrogates.
  pair <- "\\\\u[dD][89abAB][0-9a-fA-F]{2}\\\\u[dD][c-fC-F][0-9a-fA-F]{2}"
  found <- gregexpr(paste(pair, "\\\\u[0-9a-fA-F]{4}|\\\\.", sep = "|"), inside, perl = TRUE)
  escapes <- regmatches(inside, found)[[1]]
  regmatches(inside, found) <- list(vapply(escapes, json_escape, "", USE.NAMES = FALSE))
  inside
}

json_escape <- function(escape) {
  if (substr(escape, 2, 2) != "u") {
    known <- JSON_ESCAPES[substr(escape, 2, 2)]
    return(if (is.na(known)) refuse("CONFIG", "JSON: has ", escape, ", which is no escape") else known)
  }
  begins <- seq(3, max(3, nchar(escape)), 6)
  units <- strtoi(substring(escape, begins, begins + 3), 16L)
  if (nchar(escape) %% 6 != 0 || anyNA(units)) {
    refuse("CONFIG", "JSON: has ", escape, ", which must be followed by four hexadecimal digits")
  }
  intToUtf8(if (length(units) == 2) 0x10000 + (units[1] - 0xD800) * 0x400 + units[2] - 0xDC00 else units)
}
