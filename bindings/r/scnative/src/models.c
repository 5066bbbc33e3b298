/* Models: the registry, the hub, and models that are run. Settings and reports are JSON, which R reads and writes. */
#include "call.h"
#include "entries.h"
#include "matrix.h"
#include "tensors.h"

static ScnModel *model_of(SEXP pointer) { return R_ExternalPtrAddr(pointer); }

static void release_model(SEXP pointer) {
    scn.scn_model_free(model_of(pointer));
    R_ClearExternalPtr(pointer);
}

SEXP C_models_list(void) {
    SEXP held = PROTECT(hold_text());
    ScnText *text = NULL;
    ScnStatus status = scn.scn_models_list(&text);
    SEXP result = finish(NULL, status, take_text(held, text));
    UNPROTECT(1);
    return result;
}

SEXP C_models_info(SEXP name) {
    SEXP held = PROTECT(hold_text());
    ScnText *text = NULL;
    ScnStatus status = scn.scn_models_info(utf8_or_null(name), &text);
    SEXP result = finish(NULL, status, take_text(held, text));
    UNPROTECT(1);
    return result;
}

SEXP C_models_register(SEXP card) { return finish(NULL, scn.scn_models_register(utf8_or_null(card)), R_NilValue); }

SEXP C_models_unregister(SEXP id) { return finish(NULL, scn.scn_models_unregister(utf8_or_null(id)), R_NilValue); }

SEXP C_models_download(SEXP settings, SEXP name, SEXP options) {
    Call call;
    begin(&call, settings);
    SEXP held = PROTECT(hold_text());
    ScnText *text = NULL;
    ScnStatus status = scn.scn_models_download(&call.context, utf8_or_null(name), utf8_or_null(options), &text);
    SEXP result = finish(&call, status, take_text(held, text));
    UNPROTECT(1);
    return result;
}

SEXP C_models_cache(SEXP options) {
    SEXP held = PROTECT(hold_text());
    ScnText *text = NULL;
    ScnStatus status = scn.scn_models_cache(utf8_or_null(options), &text);
    SEXP result = finish(NULL, status, take_text(held, text));
    UNPROTECT(1);
    return result;
}

SEXP C_models_remove(SEXP name, SEXP options) {
    SEXP held = PROTECT(hold_text());
    ScnText *text = NULL;
    ScnStatus status = scn.scn_models_remove(utf8_or_null(name), utf8_or_null(options), &text);
    SEXP result = finish(NULL, status, take_text(held, text));
    UNPROTECT(1);
    return result;
}

SEXP C_models_prune(SEXP options) {
    SEXP held = PROTECT(hold_text());
    ScnText *text = NULL;
    ScnStatus status = scn.scn_models_prune(utf8_or_null(options), &text);
    SEXP result = finish(NULL, status, take_text(held, text));
    UNPROTECT(1);
    return result;
}

SEXP C_models_verify(SEXP settings, SEXP name, SEXP options) {
    Call call;
    begin(&call, settings);
    SEXP held = PROTECT(hold_text());
    ScnText *text = NULL;
    ScnStatus status = scn.scn_models_verify(&call.context, utf8_or_null(name), utf8_or_null(options), &text);
    SEXP result = finish(&call, status, take_text(held, text));
    UNPROTECT(1);
    return result;
}

/* An external pointer to the model, which is freed with it. */
SEXP C_model_open(SEXP settings, SEXP name, SEXP options) {
    Call call;
    begin(&call, settings);
    SEXP held = PROTECT(hold(release_model));
    ScnModel *model = NULL;
    ScnStatus status = scn.scn_model_open(&call.context, utf8_or_null(name), utf8_or_null(options), &model);
    R_SetExternalPtrAddr(held, model);
    SEXP result = finish(&call, status, held);
    UNPROTECT(1);
    return result;
}

SEXP C_model_describe(SEXP model) {
    SEXP held = PROTECT(hold_text());
    ScnText *text = NULL;
    ScnStatus status = scn.scn_model_describe(model_of(model), &text);
    SEXP result = finish(NULL, status, take_text(held, text));
    UNPROTECT(1);
    return result;
}

SEXP C_model_genes(SEXP model) {
    SEXP held = PROTECT(hold_text());
    ScnText *text = NULL;
    ScnStatus status = scn.scn_model_genes(model_of(model), &text);
    SEXP result = finish(NULL, status, take_text(held, text));
    UNPROTECT(1);
    return result;
}

SEXP C_model_gene_embeddings(SEXP settings, SEXP model) {
    Call call;
    begin(&call, settings);
    SEXP held = PROTECT(hold_tensors());
    ScnTensors *made = NULL;
    ScnStatus status = scn.scn_model_gene_embeddings(&call.context, model_of(model), &made);
    SEXP result = finish(&call, status, take_tensors(held, made));
    UNPROTECT(1);
    return result;
}

SEXP C_model_forward(SEXP settings, SEXP model, SEXP arrays, SEXP options) {
    Call call;
    begin(&call, settings);
    SEXP given = PROTECT(hold_tensors()), held = PROTECT(hold_tensors());
    ScnTensors *inputs, *made = NULL;
    ScnStatus status = give_tensors(given, arrays, &inputs);
    if (status == SCN_OK) {
        status = scn.scn_model_forward(&call.context, model_of(model), inputs, utf8_or_null(options), &made);
    }
    release_tensors(given);
    SEXP result = finish(&call, status, take_tensors(held, made));
    UNPROTECT(2);
    return result;
}

/* list(the arrays, the report); what a call that failed left null is R's NULL. */
static SEXP arrays_and_report(SEXP held_arrays, ScnTensors *arrays, SEXP held_report, ScnText *report) {
    SEXP made = PROTECT(Rf_allocVector(VECSXP, 2));
    R_SetExternalPtrAddr(held_report, report);
    SET_VECTOR_ELT(made, 0, take_tensors(held_arrays, arrays));
    SET_VECTOR_ELT(made, 1, take_text(held_report, report));
    UNPROTECT(1);
    return made;
}

SEXP C_model_embed(SEXP settings, SEXP model, SEXP view, SEXP genes, SEXP arrays, SEXP options) {
    Call call;
    begin(&call, settings);
    SEXP given = PROTECT(hold_tensors()), held = PROTECT(hold_tensors()), said = PROTECT(hold_text());
    ScnMatrix matrix = borrow(view);
    ScnTensors *of_cells, *made = NULL;
    ScnText *report = NULL;
    ScnStatus status = give_tensors(given, arrays, &of_cells);
    if (status == SCN_OK) {
        status = scn.scn_model_embed(&call.context, model_of(model), &matrix, utf8_or_null(genes), of_cells,
                                     utf8_or_null(options), &made, &report);
    }
    release_tensors(given);
    SEXP result = finish(&call, status, arrays_and_report(held, made, said, report));
    UNPROTECT(3);
    return result;
}

SEXP C_model_run(SEXP settings, SEXP model, SEXP task, SEXP view, SEXP genes, SEXP arrays, SEXP options) {
    Call call;
    begin(&call, settings);
    SEXP given = PROTECT(hold_tensors()), held = PROTECT(hold_tensors()), said = PROTECT(hold_text());
    ScnMatrix matrix;
    if (view != R_NilValue) {
        matrix = borrow(view);
    }
    ScnTensors *inputs, *made = NULL;
    ScnText *report = NULL;
    ScnStatus status = give_tensors(given, arrays, &inputs);
    if (status == SCN_OK) {
        status = scn.scn_model_run(&call.context, model_of(model), utf8_or_null(task), view == R_NilValue ? NULL : &matrix,
                                   utf8_or_null(genes), inputs, utf8_or_null(options), &made, &report);
    }
    release_tensors(given);
    SEXP result = finish(&call, status, arrays_and_report(held, made, said, report));
    UNPROTECT(3);
    return result;
}

SEXP C_model_export(SEXP settings, SEXP model, SEXP folder, SEXP options) {
    Call call;
    begin(&call, settings);
    return finish(&call, scn.scn_model_export(&call.context, model_of(model), utf8_or_null(folder), utf8_or_null(options)),
                  R_NilValue);
}
