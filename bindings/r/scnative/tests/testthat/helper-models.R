# Small models with random weights, beside what the original implementations make of their inputs. Where there are none, tests
# are skipped, and say so in a warning.

model_fixture <- function(name) {
  folder <- file.path(Sys.getenv("SCNATIVE_MODELS_DIR"), name)
  if (!file.exists(file.path(folder, "config.json"))) {
    warning("models are skipped: SCNATIVE_MODELS_DIR has no folder ", name, call. = FALSE)
    testthat::skip("needs the fixtures of models")
  }
  folder
}

# The arrays of a safetensors file, of the types that the fixtures have: the length of a header in JSON, the header, the
# elements.
read_safetensors <- function(path) {
  bytes <- readBin(path, "raw", file.size(path))
  length <- readBin(bytes, "integer", 1, size = 4, endian = "little")
  fields <- scnative:::from_json(rawToChar(bytes[8 + seq_len(length)]))
  fields$`__metadata__` <- NULL
  lapply(fields, function(field) {
    shape <- as.integer(unlist(field$shape))
    of_it <- bytes[8 + length + seq_len(field$data_offsets[2] - field$data_offsets[1]) + field$data_offsets[1]]
    values <- switch(field$dtype,
      F32 = readBin(of_it, "double", prod(shape), size = 4, endian = "little"),
      U8 = as.integer(of_it),
      I64 = as.integer(readBin(of_it, "integer", 2 * prod(shape), size = 4, endian = "little")[c(TRUE, FALSE)]),
      stop(field$dtype)
    )
    if (length(shape) < 2) values else aperm(array(values, rev(shape)))
  })
}

# Counts of 12 genes that the model knows and 3 that it does not, in 6 cells, of which one has none of the first.
model_counts <- function(genes) {
  set.seed(4)
  counts <- matrix(rpois(15 * 6, 2), 15, dimnames = list(c(genes[1:12], "no1", "no2", "no3"), sprintf("c%d", 1:6)))
  counts[1:12, 4] <- 0
  as(counts + 0, "CsparseMatrix")
}
