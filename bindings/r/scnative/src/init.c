#include <R_ext/Rdynload.h>
#include <R_ext/Visibility.h>

#include "entries.h"
#include "library.h"

static const R_CallMethodDef CALLS[] = {
#define ROW(name, arity) {#name, (DL_FUNC)&C_##name, arity},
    ENTRIES(ROW)
#undef ROW
    {NULL, NULL, 0},
};

attribute_visible void R_init_scnative(DllInfo *dll) {
    R_registerRoutines(dll, NULL, CALLS, NULL, NULL);
    R_useDynamicSymbols(dll, FALSE);
    R_forceSymbols(dll, TRUE);
}

/* The native library stays: its threads may be running. It must not call into this one any more. */
attribute_visible void R_unload_scnative(DllInfo *dll) {
    (void)dll;
    if (scn.scn_set_log_callback) {
        scn.scn_set_log_callback(NULL, NULL);
    }
}
