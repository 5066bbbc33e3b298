/* R's matrices as views that the library reads, and its sparse results as R vectors. */
#ifndef SCNATIVE_R_MATRIX_H
#define SCNATIVE_R_MATRIX_H

#include <Rinternals.h>

#include "library.h"

/* Borrows a matrix that R's matrix_view() has looked over. It must stay protected while the view is in use. */
ScnMatrix borrow(SEXP view);

/* A new vector for as many values as the matrix stores; of a dense matrix, a matrix of its shape and names. */
SEXP values_like(SEXP view);

/* A new matrix of doubles of the shape and names of the view's matrix. */
SEXP dense_like(SEXP view);

/* An external pointer for a sparse result, made before the call: nothing may fail between the call and the hold. */
SEXP hold_sparse(void);

/* Copies a sparse result into R vectors and frees it: list(p, i, x, n_obs, n_vars, major). A call that
   failed left null: then R's NULL. */
SEXP take_sparse(SEXP pointer, ScnSparse *sparse);

/* The vectors of a matrix that the library owns. */
SEXP copy_sparse(const ScnMatrix *matrix);

#endif
