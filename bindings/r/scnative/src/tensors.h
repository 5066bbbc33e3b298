/* Texts and named arrays of the library, from and to R's. */
#ifndef SCNATIVE_R_TENSORS_H
#define SCNATIVE_R_TENSORS_H

#include <Rinternals.h>

#include "library.h"

/* External pointers for what a call will make: nothing may fail between the call and the hold. */
SEXP hold_text(void);
SEXP hold_tensors(void);

/* The text as an R string, freed; R's NULL where a call that failed left null. */
SEXP take_text(SEXP pointer, ScnText *text);

/* The arrays as a named list, freed: shapes read as they are documented, with the elements in R's order. R's NULL for null. */
SEXP take_tensors(SEXP pointer, ScnTensors *tensors);

/* Makes a set of the arrays that R's as_tensors() has looked over, held by the pointer. R's NULL becomes null. */
ScnStatus give_tensors(SEXP pointer, SEXP arrays, ScnTensors **made);

/* Frees what the pointer holds, if it holds anything. */
void release_tensors(SEXP pointer);

/* An R string as UTF-8, or null for R's NULL. */
const char *utf8_or_null(SEXP text);

#endif
