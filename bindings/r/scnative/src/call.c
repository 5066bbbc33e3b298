#include "call.h"

#include <R_ext/Utils.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "entries.h"

static void check_interrupt(void *unused) {
    (void)unused;
    R_CheckUserInterrupt();
}

typedef struct Report {
    SEXP function;
    double done;
    int go_on;
} Report;

static void run_report(void *data) {
    Report *report = data;
    SEXP done = PROTECT(Rf_ScalarReal(report->done));
    SEXP call = PROTECT(Rf_lang2(report->function, done));
    report->go_on = Rf_asLogical(Rf_eval(call, R_BaseEnv)) == TRUE;
    UNPROTECT(2);
}

/* Runs on R's own thread. Whatever R does in here ends in R_ToplevelExec: no jump passes through the library. */
static int32_t on_progress(double done, void *user) {
    Call *call = user;
    if (!R_ToplevelExec(check_interrupt, NULL)) {
        call->interrupted = 1;
    } else if (call->report != R_NilValue) {
        Report report = {call->report, done, 0};
        if (!R_ToplevelExec(run_report, &report)) {
            call->interrupted = 1;
        } else if (!report.go_on) {
            call->stopped = 1;
        }
    }
    return call->interrupted || call->stopped;
}

void begin(Call *call, SEXP settings) {
    if (!scn.scn_context_init) {
        Rf_error("the library is not loaded");
    }
    memset(call, 0, sizeof *call);
    scn.scn_context_init(&call->context, sizeof call->context);
    call->context.n_threads = Rf_asInteger(VECTOR_ELT(settings, 0));
    call->context.seed = (uint64_t)Rf_asReal(VECTOR_ELT(settings, 1));
    call->report = VECTOR_ELT(settings, 2);
    call->context.progress = on_progress;
    call->context.progress_user = call;
}

static SEXP failure(ScnStatus status, const char *name, const char *message, int interrupted, int stopped) {
    static const char *NAMES[] = {"status", "status_name", "message", "interrupted", "stopped", ""};
    SEXP failed = PROTECT(Rf_mkNamed(VECSXP, NAMES));
    SET_VECTOR_ELT(failed, 0, Rf_ScalarInteger(status));
    SET_VECTOR_ELT(failed, 1, Rf_mkString(name));
    SET_VECTOR_ELT(failed, 2, Rf_ScalarString(Rf_mkCharCE(message, CE_UTF8)));
    SET_VECTOR_ELT(failed, 3, Rf_ScalarLogical(interrupted));
    SET_VECTOR_ELT(failed, 4, Rf_ScalarLogical(stopped));
    Rf_setAttrib(failed, R_ClassSymbol, Rf_mkString("scn_failure"));
    UNPROTECT(1);
    return failed;
}

SEXP finish(const Call *call, ScnStatus status, SEXP result) {
    /* A call that was asked to stop too late has a result, but the user's Ctrl-C is not to be lost. */
    int interrupted = call && call->interrupted, stopped = call && call->stopped;
    if (status == SCN_OK && !interrupted && !stopped) {
        return result;
    }
    PROTECT(result);
    char *message = "";
    if (status != SCN_OK) {
        size_t needed = 1;
        scn.scn_last_error_message(NULL, 0, &needed);
        message = R_alloc(needed + 1, 1);
        scn.scn_last_error_message(message, needed, NULL);
    }
    SEXP failed = failure(status, scn.scn_status_name(status), message, interrupted, stopped);
    UNPROTECT(1);
    return failed;
}

SEXP shim_error(ScnStatus status, const char *format, ...) {
    char message[1024];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof message, format, args);
    va_end(args);
    return failure(status, scn.scn_status_name(status), message, 0, 0);
}

/* What the calls of this thread warned of, in C memory: R must not be entered here. Beyond the bound, the number of
   warnings that were dropped is what is left of them. */
#define MOST_WARNINGS 50
static __thread char *warnings[MOST_WARNINGS];
static __thread int n_warnings, n_dropped;

void on_log(int32_t level, const char *message, void *user) {
    (void)user;
    if (level < SCN_LOG_WARNING) {
        return;
    }
    char *copy = n_warnings < MOST_WARNINGS ? strdup(message) : NULL;
    if (copy) {
        warnings[n_warnings++] = copy;
    } else {
        n_dropped++;
    }
}

/* The warnings that wait, which are then forgotten; NULL if there are none. */
SEXP C_warnings(void) {
    if (n_warnings == 0 && n_dropped == 0) {
        return R_NilValue;
    }
    SEXP texts = PROTECT(Rf_allocVector(STRSXP, n_warnings + (n_dropped > 0)));
    for (int i = 0; i < n_warnings; i++) {
        SET_STRING_ELT(texts, i, Rf_mkCharCE(warnings[i], CE_UTF8));
    }
    if (n_dropped > 0) {
        char more[64];
        snprintf(more, sizeof more, "%d more warnings", n_dropped);
        SET_STRING_ELT(texts, n_warnings, Rf_mkChar(more));
    }
    while (n_warnings > 0) {
        free(warnings[--n_warnings]);
    }
    n_dropped = 0;
    UNPROTECT(1);
    return texts;
}

SEXP hold(void (*release)(SEXP)) {
    SEXP pointer = PROTECT(R_MakeExternalPtr(NULL, R_NilValue, R_NilValue));
    R_RegisterCFinalizerEx(pointer, release, TRUE);
    UNPROTECT(1);
    return pointer;
}
