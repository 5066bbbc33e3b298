#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* dladdr */
#endif
#include "library.h"

#include <Rinternals.h>
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "call.h"
#include "entries.h"

Library scn;

static const struct {
    const char *name;
    size_t offset;
} FUNCTIONS[] = {
#define ROW(name) {#name, offsetof(Library, name)},
    SCN_FUNCTIONS(ROW)
#undef ROW
};

/* Fills the table; says why not in `reason` and leaves the table alone if it cannot. */
static int resolve(void *handle, char *reason, size_t capacity) {
    Library found;
    memset(&found, 0, sizeof found);
    for (size_t i = 0; i < sizeof FUNCTIONS / sizeof *FUNCTIONS; i++) {
        void *address = dlsym(handle, FUNCTIONS[i].name);
        memcpy((char *)&found + FUNCTIONS[i].offset, &address, sizeof address);
    }
    if (!found.scn_abi_version) {
        snprintf(reason, capacity, "is not scnative (it has no scn_abi_version)");
        return 0;
    }
    if (found.scn_abi_version() != SCN_ABI_VERSION) {
        snprintf(reason, capacity, "has ABI %u, this package needs %u", (unsigned)found.scn_abi_version(),
                 (unsigned)SCN_ABI_VERSION);
        return 0;
    }
    for (size_t i = 0; i < sizeof FUNCTIONS / sizeof *FUNCTIONS; i++) {
        void *address;
        memcpy(&address, (char *)&found + FUNCTIONS[i].offset, sizeof address);
        if (!address) {
            snprintf(reason, capacity, "lacks %s, it is older than this package", FUNCTIONS[i].name);
            return 0;
        }
    }
    scn = found;
    return 1;
}

/* Opens a library: its path if it is the one, or else, unnamed, why it is not. */
SEXP C_open(SEXP path) {
    char reason[512];
    void *handle = dlopen(Rf_translateChar(STRING_ELT(path, 0)), RTLD_NOW | RTLD_LOCAL);
    if (!handle) {
        const char *error = dlerror();
        snprintf(reason, sizeof reason, "%s", error ? error : "cannot be opened");
        return Rf_mkString(reason);
    }
    if (!resolve(handle, reason, sizeof reason)) {
        dlclose(handle);
        return Rf_mkString(reason);
    }
    scn.scn_set_log_callback(on_log, NULL);
    /* The system's loader was given a name: say which file it found. */
    Dl_info info;
    void *address;
    memcpy(&address, &scn.scn_version, sizeof address);
    SEXP opened = PROTECT(dladdr(address, &info) && info.dli_fname ? Rf_mkString(info.dli_fname) : Rf_duplicate(path));
    Rf_setAttrib(opened, Rf_install("opened"), Rf_ScalarLogical(1));
    UNPROTECT(1);
    return opened;
}

SEXP C_build_info(void) {
    static const char *NAMES[] = {"version", "abi_version", "cpu_features", "threads", ""};
    char features[256] = "";
    scn.scn_cpu_features(features, sizeof features, NULL);
    SEXP info = PROTECT(Rf_mkNamed(VECSXP, NAMES));
    SET_VECTOR_ELT(info, 0, Rf_mkString(scn.scn_version()));
    SET_VECTOR_ELT(info, 1, Rf_ScalarInteger((int)scn.scn_abi_version()));
    SET_VECTOR_ELT(info, 2, Rf_mkString(features));
    SET_VECTOR_ELT(info, 3, Rf_ScalarInteger(scn.scn_default_threads()));
    UNPROTECT(1);
    return info;
}
