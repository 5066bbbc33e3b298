#include "tensors.h"

#include <limits.h>
#include <string.h>

#include "call.h"

const char *utf8_or_null(SEXP text) { return text == R_NilValue ? NULL : Rf_translateCharUTF8(STRING_ELT(text, 0)); }

static void release_text(SEXP pointer) {
    scn.scn_text_free(R_ExternalPtrAddr(pointer));
    R_ClearExternalPtr(pointer);
}

SEXP hold_text(void) { return hold(release_text); }

SEXP take_text(SEXP pointer, ScnText *text) {
    if (!text) {
        return R_NilValue;
    }
    R_SetExternalPtrAddr(pointer, text);
    size_t needed = 1;
    scn.scn_text_copy(text, NULL, 0, &needed);
    char *copy = R_alloc(needed, 1);
    scn.scn_text_copy(text, copy, needed, NULL);
    release_text(pointer);
    if (needed > INT_MAX) {
        return shim_error(SCN_ERR_OVERFLOW, "result: is a text of %.0f bytes, R's texts hold at most %d", (double)needed,
                          INT_MAX);
    }
    return Rf_ScalarString(Rf_mkCharLenCE(copy, (int)(needed - 1), CE_UTF8));
}

void release_tensors(SEXP pointer) {
    scn.scn_tensors_free(R_ExternalPtrAddr(pointer));
    R_ClearExternalPtr(pointer);
}

SEXP hold_tensors(void) { return hold(release_tensors); }

/* The library's arrays have their last axis fastest, R's their first. This walks over an array in R's order and says where the
   element is in the library's. */
typedef struct Walk {
    int n_dims;
    int64_t shape[8], step[8], at[8];
    int64_t place;
} Walk;

static Walk begin_walk(int n_dims, const int64_t *shape) {
    Walk walk;
    memset(&walk, 0, sizeof walk);
    walk.n_dims = n_dims;
    int64_t step = 1;
    for (int axis = n_dims - 1; axis >= 0; axis--) {
        walk.shape[axis] = shape[axis];
        walk.step[axis] = step;
        step *= shape[axis];
    }
    return walk;
}

static void go_on(Walk *walk) {
    for (int axis = 0; axis < walk->n_dims; axis++) {
        walk->place += walk->step[axis];
        if (++walk->at[axis] < walk->shape[axis]) {
            return;
        }
        walk->place -= walk->step[axis] * walk->shape[axis];
        walk->at[axis] = 0;
    }
}

static double element(const void *values, int32_t type, int64_t i) {
    switch (type) {
#define CASE(tag, kind) \
    case tag:           \
        return (double)((const kind *)values)[i];
        CASE(SCN_F32, float)
        CASE(SCN_F64, double)
        CASE(SCN_I8, int8_t)
        CASE(SCN_U8, uint8_t)
        CASE(SCN_I16, int16_t)
        CASE(SCN_U16, uint16_t)
        CASE(SCN_I32, int32_t)
        CASE(SCN_U32, uint32_t)
        CASE(SCN_I64, int64_t)
        CASE(SCN_U64, uint64_t)
#undef CASE
    }
    return NA_REAL;
}

/* Whether all elements are whole numbers that R's integers hold. */
static int are_integers(const ScnTensor *tensor, R_xlen_t n) {
    if (tensor->value_type == SCN_F32 || tensor->value_type == SCN_F64) {
        return 0;
    }
    for (R_xlen_t i = 0; i < n; i++) {
        double x = element(tensor->values, tensor->value_type, i);
        if (x < -INT_MAX || x > INT_MAX) {
            return 0;
        }
    }
    return 1;
}

/* A vector of one axis or none; a matrix or an array of more. */
static SEXP array_of(const ScnTensor *tensor) {
    R_xlen_t n = 1;
    for (int axis = 0; axis < tensor->n_dims; axis++) {
        if (tensor->shape[axis] > INT_MAX) {
            return shim_error(SCN_ERR_OVERFLOW, "result: has an axis of length %lld, R's arrays have at most %d",
                              (long long)tensor->shape[axis], INT_MAX);
        }
        n *= (R_xlen_t)tensor->shape[axis];
    }
    int whole = are_integers(tensor, n);
    SEXP made = PROTECT(Rf_allocVector(whole ? INTSXP : REALSXP, n));
    Walk walk = begin_walk(tensor->n_dims, tensor->shape);
    for (R_xlen_t i = 0; i < n; i++, go_on(&walk)) {
        double x = element(tensor->values, tensor->value_type, walk.place);
        if (whole) {
            INTEGER(made)[i] = (int)x;
        } else {
            REAL(made)[i] = x;
        }
    }
    if (tensor->n_dims > 1) {
        SEXP dim = PROTECT(Rf_allocVector(INTSXP, tensor->n_dims));
        for (int axis = 0; axis < tensor->n_dims; axis++) {
            INTEGER(dim)[axis] = (int)tensor->shape[axis];
        }
        Rf_setAttrib(made, R_DimSymbol, dim);
        UNPROTECT(1);
    }
    UNPROTECT(1);
    return made;
}

static SEXP name_of(const ScnTensors *tensors, int64_t i) {
    size_t needed = 1;
    scn.scn_tensors_name(tensors, i, NULL, 0, &needed);
    char *copy = R_alloc(needed, 1);
    scn.scn_tensors_name(tensors, i, copy, needed, NULL);
    return Rf_mkCharLenCE(copy, (int)(needed - 1), CE_UTF8);
}

SEXP take_tensors(SEXP pointer, ScnTensors *tensors) {
    if (!tensors) {
        return R_NilValue;
    }
    R_SetExternalPtrAddr(pointer, tensors);
    int64_t n = 0;
    scn.scn_tensors_len(tensors, &n);
    SEXP made = PROTECT(Rf_allocVector(VECSXP, (R_xlen_t)n)), names = PROTECT(Rf_allocVector(STRSXP, (R_xlen_t)n));
    for (int64_t i = 0; i < n; i++) {
        ScnTensor tensor;
        scn.scn_tensor_init(&tensor, sizeof tensor);
        scn.scn_tensors_get(tensors, i, &tensor);
        SET_STRING_ELT(names, (R_xlen_t)i, name_of(tensors, i));
        SET_VECTOR_ELT(made, (R_xlen_t)i, array_of(&tensor));
    }
    Rf_setAttrib(made, R_NamesSymbol, names);
    release_tensors(pointer);
    UNPROTECT(2);
    return made;
}

/* The elements in the library's order and in one of its types: doubles, or whole numbers of 32 or, as doubles, 64 bits. */
static const void *elements_of(SEXP array, int whole, const int64_t *shape, ScnTensor *tensor) {
    R_xlen_t n = XLENGTH(array);
    Walk walk = begin_walk(tensor->n_dims, shape);
    char *made = R_alloc(n > 0 ? n : 1, TYPEOF(array) == REALSXP ? 8 : 4);
    tensor->value_type = TYPEOF(array) != REALSXP ? SCN_I32 : whole ? SCN_I64 : SCN_F64;
    for (R_xlen_t i = 0; i < n; i++, go_on(&walk)) {
        if (tensor->value_type == SCN_I32) {
            ((int32_t *)made)[walk.place] = TYPEOF(array) == LGLSXP ? LOGICAL(array)[i] : INTEGER(array)[i];
        } else if (whole) {
            ((int64_t *)made)[walk.place] = (int64_t)REAL(array)[i];
        } else {
            ((double *)made)[walk.place] = REAL(array)[i];
        }
    }
    return made;
}

static ScnStatus add_tensor(ScnTensors *tensors, const char *name, SEXP array, SEXP dim, int whole) {
    const void *before = vmaxget();
    int64_t shape[8];
    ScnTensor tensor;
    scn.scn_tensor_init(&tensor, sizeof tensor);
    tensor.n_dims = (int32_t)XLENGTH(dim);
    for (int axis = 0; axis < tensor.n_dims; axis++) {
        shape[axis] = INTEGER(dim)[axis];
    }
    tensor.shape = shape;
    tensor.values = elements_of(array, whole, shape, &tensor);
    ScnStatus status = scn.scn_tensors_add(tensors, name, &tensor);
    vmaxset(before);
    return status;
}

ScnStatus give_tensors(SEXP pointer, SEXP arrays, ScnTensors **made) {
    *made = NULL;
    if (arrays == R_NilValue) {
        return SCN_OK;
    }
    ScnStatus status = scn.scn_tensors_new(made);
    R_SetExternalPtrAddr(pointer, *made);
    SEXP names = Rf_getAttrib(arrays, R_NamesSymbol);
    for (R_xlen_t i = 0; status == SCN_OK && i < XLENGTH(arrays); i++) {
        SEXP given = VECTOR_ELT(arrays, i);
        status = add_tensor(*made, Rf_translateCharUTF8(STRING_ELT(names, i)), VECTOR_ELT(given, 0), VECTOR_ELT(given, 1),
                            Rf_asLogical(VECTOR_ELT(given, 2)));
    }
    return status;
}
