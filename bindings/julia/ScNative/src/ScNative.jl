"""
Native kernels for single-cell analysis, on Julia's own matrices: scanpy's and Seurat's answers, the same bits in every
language.

Matrices are genes x cells by default (`cells = :columns`); `cells = :rows` says that they are cells x genes. They go in
without a copy: `SparseMatrixCSC` with indices of Int32 or Int64, `Matrix`, views with contiguous rows or columns,
transposes and adjoints of these, of Float32, Float64 and all integers of 8 to 64 bits. Genes, cells and groups are
numbered from 1.

Foundation models of cells, such as scGPT and Geneformer, run natively: [`Model`](@ref), [`embed`](@ref), [`models`](@ref).

Names that other packages have as well are not exported: call `ScNative.log1p`, `ScNative.scale`, `ScNative.stats`,
`ScNative.aggregate`, `ScNative.median`, `ScNative.subset`, `ScNative.concat`, `ScNative.validate`, `ScNative.genes`,
`ScNative.predict`, `ScNative.save` and `ScNative.settings` by these names.
"""
module ScNative

using Libdl: RTLD_LAZY, RTLD_LOCAL, dlopen, dlsym
using LinearAlgebra: Adjoint, Transpose
using SparseArrays: AbstractSparseMatrixCSC, SparseMatrixCSC, getcolptr, nonzeros, rowvals

export Model,
    ScNativeError,
    adjust_p,
    build_info,
    cell_cycle_phase,
    control_genes,
    embed,
    energy_distance,
    filter_cells,
    filter_genes,
    gene_embeddings,
    highly_variable_genes,
    is_canonical,
    loess,
    log1p!,
    markers,
    mmd,
    model_cache,
    model_download,
    model_info,
    model_prune,
    model_register,
    model_remove,
    model_unregister,
    model_verify,
    models,
    normal_p,
    normalize_clr,
    normalize_clr!,
    normalize_log1p,
    normalize_log1p!,
    normalize_relative,
    normalize_relative!,
    normalize_total,
    normalize_total!,
    qc_metrics,
    rank_genes_groups,
    rank_order,
    read_10x_mtx,
    read_mtx,
    regress_out,
    run_task,
    scale!,
    score_genes,
    simulate_counts,
    student_p,
    sum_duplicates,
    to_dense,
    to_major,
    with_settings,
    write_mtx

include("errors.jl")
include("settings.jl")
include("progress.jl")
include("call.jl")
include("library.jl")
include("view.jl")
include("groups.jl")
include("normalize.jl")
include("qc.jl")
include("highly_variable_genes.jl")
include("rank_genes_groups.jl")
include("scale.jl")
include("score_genes.jl")
include("reduce.jl")
include("distance.jl")
include("matrix_ops.jl")
include("files.jl")
include("simulate_counts.jl")
include("loess.jl")
include("p_values.jl")
include("json.jl")
include("tensors.jl")
include("models.jl")
include("model.jl")
include("build_info.jl")

end
