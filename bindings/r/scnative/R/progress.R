# What a user sees while a call runs.

# Calls shorter than this draw no bar, in seconds.
PATIENCE <- 0.5

# Watches over one call. `report` is what the C side calls about ten times a second with the part done: NULL, or a
# function that never fails and returns TRUE to go on. `condition` is what stopped it; `close` is told whether the call
# went through.
new_watch <- function(title) {
  choice <- getOption("scnative.progress", "auto")
  if (identical(choice, "auto")) {
    choice <- interactive()
  }
  if (isFALSE(choice)) {
    return(list(report = NULL, condition = function() NULL, close = function(done) NULL))
  }
  bar <- NULL
  if (isTRUE(choice)) {
    bar <- new_bar(title)
    choice <- bar$draw
  } else if (!is.function(choice)) {
    refuse("INVALID_ARGUMENT", "options(scnative.progress = ): is ", shown(choice), ", must be \"auto\", TRUE, FALSE or a function")
  }
  caught <- NULL
  report <- function(done) {
    tryCatch(
      {
        choice(done)
        TRUE
      },
      error = function(e) {
        caught <<- e
        FALSE
      }
    )
  }
  list(report = report, condition = function() caught, close = if (is.null(bar)) function(done) NULL else bar$close)
}

# R's own bar, on stderr, drawn once the call has taken long enough.
new_bar <- function(title) {
  begun <- proc.time()[["elapsed"]]
  bar <- NULL
  draw <- function(done) {
    if (is.null(bar)) {
      if (proc.time()[["elapsed"]] - begun < PATIENCE) {
        return(invisible())
      }
      cat(title, "\n", sep = "", file = stderr())
      bar <<- utils::txtProgressBar(style = 3, file = stderr())
    }
    utils::setTxtProgressBar(bar, done)
  }
  close_bar <- function(done) {
    if (!is.null(bar)) {
      if (done) {
        utils::setTxtProgressBar(bar, 1)
      }
      close(bar)
    }
  }
  list(draw = draw, close = close_bar)
}
