/* The library's option structs, from and to R's named lists of doubles. */
#ifndef SCNATIVE_R_OPTIONS_H
#define SCNATIVE_R_OPTIONS_H

#include <Rinternals.h>

#include "library.h"

/* Each struct with the library's defaults, then the fields that are in `list`. */
#define DECLARE(type, init) type options_##type(SEXP list);
SCN_OPTIONS(DECLARE)
#undef DECLARE

#endif
