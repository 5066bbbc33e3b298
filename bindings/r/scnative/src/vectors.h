/* R's vectors as the library takes them, and back: groups, numbers of genes, masks, named results. */
#ifndef SCNATIVE_R_VECTORS_H
#define SCNATIVE_R_VECTORS_H

#include <Rinternals.h>

#include "library.h"

/* The elements of what R's matrix_view() makes. */
enum { VIEW_X, VIEW_ROWS, VIEW_GENES, VIEW_CELLS };

/* Where the elements of an R vector are. R's own pointer to no elements is not aligned, which the library may refuse. */
const void *address(SEXP vector);

/* Doubles of an R vector, or null for R's NULL. */
const double *doubles(SEXP vector);

/* Labels from 0, -1 for none, as R's as_groups() makes them; no labels for R's NULL. */
typedef struct Groups {
    const int32_t *labels;
    int64_t len;
    int64_t n;
    SEXP names;
} Groups;
Groups as_groups(SEXP groups);

/* 64-bit numbers, R's less `base`; null for R's NULL. The memory is R's until the .Call ends. */
typedef struct Numbers {
    const int64_t *at;
    int64_t len;
} Numbers;
Numbers as_numbers(SEXP vector, int base);

/* Flags that the library writes, until flags_to_logical makes R's of them. */
uint8_t *new_flags(R_xlen_t n);
SEXP flags_to_logical(const uint8_t *flags, R_xlen_t n);

/* 64-bit numbers as R's integers, plus `base`. */
int64_t *new_numbers(R_xlen_t n);
SEXP numbers_to_integer(const int64_t *numbers, R_xlen_t n, int base);

/* A new vector of doubles for the library to write. */
SEXP new_doubles(R_xlen_t n);

/* A new nrow x ncol matrix of doubles with these names, either of which may be R's NULL. */
SEXP new_matrix(R_xlen_t nrow, R_xlen_t ncol, SEXP row_names, SEXP col_names);

/* Whether a name is in a character vector. */
int has(SEXP names, const char *name);

/* Lists whose elements are those of `names`, which ends in "", that are in `wanted`. */
SEXP named_subset(SEXP wanted, const char *const *names);

/* The doubles of the list's element of this name, or null if there is none: an output that is not wanted. */
double *output(SEXP list, const char *name);

#endif
