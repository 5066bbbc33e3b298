# Calls of the library: settings in, results or conditions out.

# Calls an entry that takes settings. `...` are its other arguments; a seed of NULL is that of the settings.
invoke <- function(entry, ..., seed = NULL) {
  ensure_library()
  settings <- call_settings(seed)
  watch <- new_watch(entry$name)
  result <- .Call(entry, c(settings, list(watch$report)), ...)
  watch$close(!inherits(result, "scn_failure"))
  warn()
  if (!is.null(watch$condition())) {
    stop(watch$condition())
  }
  outcome(result)
}

# Calls an entry that takes none: it does not run long.
plain <- function(entry, ...) {
  ensure_library()
  outcome(.Call(entry, ...))
}

# A result as it is; a failure as a condition.
outcome <- function(result) {
  if (!inherits(result, "scn_failure")) {
    return(result)
  }
  if (result$interrupted) {
    raise_interrupt()
  }
  raise(result$status, result$message)
}

# Issues what the library warned of during the call.
warn <- function() {
  for (text in .Call(C_warnings)) {
    warning(warningCondition(text, class = "scn_warning", call = user_call()))
  }
}

# What each call is given, beside what it reports its progress to: threads and seed.
call_settings <- function(seed) {
  threads <- setting("scnative.threads", 0, 0, .Machine$integer.max)
  seed <- if (is.null(seed)) setting("scnative.seed", 0, 0, 2^53) else check_number(seed, "seed", 0, 2^53)
  list(as.integer(threads), as.double(seed))
}

setting <- function(name, default, least, most) {
  check_number(getOption(name, default), sprintf("options(%s = )", name), least, most)
}

# A whole number in a range, or an error that names it.
check_number <- function(value, name, least, most) {
  if (!is.numeric(value) || length(value) != 1 || is.na(value) || value != trunc(value) || value < least || value > most) {
    to <- format(most, digits = 16)
    refuse("INVALID_ARGUMENT", name, ": is ", shown(value), ", must be a whole number from ", least, " to ", to)
  }
  value
}

# TRUE or FALSE, or an error that names it.
check_flag <- function(value, name) {
  if (!is.logical(value) || length(value) != 1 || is.na(value)) {
    refuse("INVALID_ARGUMENT", name, ": is ", shown(value), ", must be TRUE or FALSE")
  }
  value
}

# The number that stands for one of the named choices, or an error that lists them.
check_choice <- function(value, choices, name) {
  if (!is.character(value) || length(value) != 1 || !value %in% names(choices)) {
    listed <- paste(dQuote(names(choices), FALSE), collapse = ", ")
    refuse("INVALID_ARGUMENT", name, ": is ", shown(value), ", must be one of ", listed)
  }
  choices[[value]]
}

# A value as a user would have written it, cut off where it is long.
shown <- function(value) {
  text <- paste(deparse(value, nlines = 2), collapse = " ")
  if (nchar(text) > 60) paste0(substr(text, 1, 57), "...") else text
}
