/* One call of the library: its context, what happens while it runs, and how it ended. */
#ifndef SCNATIVE_R_CALL_H
#define SCNATIVE_R_CALL_H

#include <Rinternals.h>

#include "library.h"

typedef struct Call {
    ScnContext context;
    SEXP report;     /* an R function of the part done that returns TRUE to go on and never fails, or NULL */
    int interrupted; /* the user pressed Ctrl-C */
    int stopped;     /* `report` did not return TRUE */
} Call;

/* Sets up a call; `settings` is list(threads, seed, report), made by R's invoke(). */
void begin(Call *call, SEXP settings);

/* The result of a call, or what R's invoke() raises as a condition. `call` may be null. */
SEXP finish(const Call *call, ScnStatus status, SEXP result);

/* An error of this shim, in the same form. */
SEXP shim_error(ScnStatus status, const char *format, ...);

/* Keeps what the library warns of until R has it back and may raise warnings. */
void on_log(int32_t level, const char *message, void *user);

/* An external pointer that frees what it is given to hold; `release` must clear it. */
SEXP hold(void (*release)(SEXP));

#endif
