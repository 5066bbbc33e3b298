/* The native library: one table of its functions, filled by dlopen when it is first needed. */
#ifndef SCNATIVE_R_LIBRARY_H
#define SCNATIVE_R_LIBRARY_H

#include "abi.h"
#include "scnative.h"

typedef struct Library {
#define MEMBER(name) __typeof__(name) *name;
    SCN_FUNCTIONS(MEMBER)
#undef MEMBER
} Library;

extern Library scn;

#endif
