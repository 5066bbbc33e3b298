# Errors of the library as conditions of R.

# Raises an error of the library: class by status, the user's call.
raise <- function(status, message, call = user_call()) {
  name <- names(abi)[startsWith(names(abi), "SCN_ERR_") & vapply(abi, identical, NA, status)]
  name <- if (length(name) == 1) name else "SCN_ERR_UNKNOWN"
  class <- c(sub("scn_err_", "scn_error_", tolower(name), fixed = TRUE), "scn_error", "error", "condition")
  stop(structure(list(message = message, call = call, status = status, status_name = name), class = class))
}

# An argument that this package finds wrong before it calls the library; `...` is pasted to the message.
refuse <- function(status, ...) {
  raise(abi[[paste0("SCN_ERR_", status)]], paste0(...))
}

# The call of the function of this package that the user called.
user_call <- function() {
  here <- topenv()
  for (i in seq_len(sys.nframe())) {
    of <- environment(sys.function(i))
    if (!is.null(of) && identical(topenv(of), here)) {
      return(sys.call(i))
    }
  }
  NULL
}

# As R does when the user presses Ctrl-C: whoever listens to interrupts, else back to the prompt.
raise_interrupt <- function() {
  signalCondition(structure(list(message = "", call = NULL), class = c("interrupt", "condition")))
  invokeRestart("abort")
}

# "a", "b" and 3 more
some_of <- function(values, most = 3) {
  more <- length(values) - most
  shown <- paste(utils::head(values, most), collapse = ", ")
  if (more > 0) paste(shown, "and", more, "more") else shown
}
