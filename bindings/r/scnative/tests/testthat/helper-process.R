# A fresh R process that has this package: what it printed, with its exit status as an attribute.
fresh_r <- function(code, environment = character(), wait = TRUE, arguments = character()) {
  script <- tempfile(fileext = ".R")
  writeLines(code, script)
  libraries <- paste0("R_LIBS=", shQuote(paste(.libPaths(), collapse = .Platform$path.sep)))
  rscript <- file.path(R.home("bin"), "Rscript")
  suppressWarnings(system2(
    rscript, c("--vanilla", shQuote(script), arguments),
    stdout = if (wait) TRUE else FALSE, stderr = if (wait) TRUE else FALSE,
    env = c("R_TESTS=", libraries, environment), wait = wait
  ))
}

# Waits until the file has text, and gives it back.
wait_for <- function(file, seconds = 60) {
  end <- Sys.time() + seconds
  while (Sys.time() < end) {
    text <- if (file.exists(file)) readLines(file, warn = FALSE)
    if (length(text)) {
      return(text)
    }
    Sys.sleep(0.02)
  }
  stop("nothing was written to ", file, " in ", seconds, " s")
}
