/* What R calls: name and number of arguments of each `.Call` entry. R sees them as C_<name>. */
#ifndef SCNATIVE_R_ENTRIES_H
#define SCNATIVE_R_ENTRIES_H

#include <Rinternals.h>

#define ENTRIES(X)                 \
    X(open, 1)                     \
    X(build_info, 0)               \
    X(warnings, 0)                 \
    X(defaults, 1)                 \
    X(first_na, 1)                 \
    X(expm1, 1)                    \
    X(validate, 2)                 \
    X(is_canonical, 2)             \
    X(sum_duplicates, 2)           \
    X(to_major, 3)                 \
    X(subset, 4)                   \
    X(concat, 3)                   \
    X(to_dense, 3)                 \
    X(stats, 5)                    \
    X(aggregate, 6)                \
    X(median, 4)                   \
    X(read_mtx, 3)                 \
    X(write_mtx, 4)                \
    X(read_10x_mtx, 3)             \
    X(simulate_counts, 4)          \
    X(log1p, 3)                    \
    X(normalize_total, 3)          \
    X(normalize_log1p, 3)          \
    X(size_factors, 3)             \
    X(normalize_relative, 3)       \
    X(normalize_clr, 3)            \
    X(filter, 4)                   \
    X(qc_metrics, 4)               \
    X(highly_variable_genes, 6)    \
    X(scale, 4)                    \
    X(scale_sparse, 4)             \
    X(regress_out, 3)              \
    X(regress_out_groups, 3)       \
    X(rank_genes_groups, 5)        \
    X(rank_order, 4)               \
    X(control_genes, 5)            \
    X(score_genes, 4)              \
    X(cell_cycle_phase, 2)         \
    X(energy_distance, 6)          \
    X(mmd, 6)                      \
    X(loess, 6)                    \
    X(normal_p, 2)                 \
    X(student_p, 3)                \
    X(adjust_p, 2)                 \
    X(models_list, 0)              \
    X(models_info, 1)              \
    X(models_register, 1)          \
    X(models_unregister, 1)        \
    X(models_download, 3)          \
    X(models_cache, 1)             \
    X(models_remove, 2)            \
    X(models_prune, 1)             \
    X(models_verify, 3)            \
    X(model_open, 3)               \
    X(model_describe, 1)           \
    X(model_genes, 1)              \
    X(model_gene_embeddings, 2)    \
    X(model_forward, 4)            \
    X(model_embed, 6)              \
    X(model_run, 7)                \
    X(model_export, 4)

#define ARGS_0 void
#define ARGS_1 SEXP
#define ARGS_2 SEXP, SEXP
#define ARGS_3 SEXP, SEXP, SEXP
#define ARGS_4 SEXP, SEXP, SEXP, SEXP
#define ARGS_5 SEXP, SEXP, SEXP, SEXP, SEXP
#define ARGS_6 SEXP, SEXP, SEXP, SEXP, SEXP, SEXP
#define ARGS_7 SEXP, SEXP, SEXP, SEXP, SEXP, SEXP, SEXP

#define DECLARE_ENTRY(name, arity) SEXP C_##name(ARGS_##arity);
ENTRIES(DECLARE_ENTRY)
#undef DECLARE_ENTRY

#endif
