"""Declarations of include/scnative.h for ctypes. Made by generate_abi.py (`make header`): do not edit."""

from ctypes import (
    CFUNCTYPE,
    Structure,
    c_char,
    c_char_p,
    c_double,
    c_float,
    c_int32,
    c_int64,
    c_int8,
    c_size_t,
    c_uint32,
    c_uint64,
    c_uint8,
    c_void_p,
)

SCN_DEVICE_CPU = 0
SCN_10X_BARCODES = 0
SCN_10X_GENE_IDS = 1
SCN_10X_GENE_NAMES = 2
SCN_10X_FEATURE_TYPES = 3
SCN_LOG_WARNING = 2
SCN_LOG_INFO = 1
SCN_SPARSE = 0
SCN_DENSE = 1
SCN_OBS = 0
SCN_VAR = 1
SCN_F32 = 1
SCN_F64 = 2
SCN_I8 = 3
SCN_U8 = 4
SCN_I16 = 5
SCN_U16 = 6
SCN_I32 = 7
SCN_U32 = 8
SCN_I64 = 9
SCN_U64 = 10
SCN_MATRIX_CANONICAL = 1
SCN_HVG_SEURAT = 0
SCN_HVG_CELL_RANGER = 1
SCN_HVG_SEURAT_V3 = 2
SCN_HVG_SEURAT_V3_PAPER = 3
SCN_HVG_PEARSON_RESIDUALS = 4
SCN_HVG_VST = 5
SCN_HVG_MEAN_VAR_PLOT = 6
SCN_HVG_DISPERSION = 7
SCN_HVG_BINS_EQUAL_WIDTH = 0
SCN_HVG_BINS_EQUAL_FREQUENCY = 1
SCN_CORR_BENJAMINI_HOCHBERG = 0
SCN_CORR_BENJAMINI_YEKUTIELI = 1
SCN_CORR_BONFERRONI = 2
SCN_LOESS_INTERPOLATE = 0
SCN_LOESS_DIRECT = 1
SCN_METRIC_SQEUCLIDEAN = 0
SCN_METRIC_EUCLIDEAN = 1
SCN_METHOD_T_TEST = 0
SCN_METHOD_T_TEST_OVERESTIM_VAR = 1
SCN_METHOD_STUDENT = 2
SCN_METHOD_WILCOXON = 3
SCN_REFERENCE_REST = -1
SCN_FOLD_CHANGE_SCANPY_V1 = 0
SCN_FOLD_CHANGE_SCANPY_V2 = 1
SCN_FOLD_CHANGE_SEURAT_V4 = 2
SCN_FOLD_CHANGE_SEURAT_V5 = 3
SCN_FOLD_CHANGE_SEURAT_V4_MEANS = 4
SCN_FOLD_CHANGE_DIFFERENCE = 5
SCN_PHASE_G1 = 0
SCN_PHASE_S = 1
SCN_PHASE_G2M = 2
SCN_ABI_VERSION = 0
SCN_VERSION_MAJOR = 0
SCN_VERSION_MINOR = 1
SCN_VERSION_PATCH = 0
SCN_OK = 0
SCN_ERR_NULL = 1
SCN_ERR_INVALID_ARGUMENT = 2
SCN_ERR_STRUCT_SIZE = 3
SCN_ERR_TYPE = 4
SCN_ERR_SHAPE = 5
SCN_ERR_MATRIX = 6
SCN_ERR_VALUE = 7
SCN_ERR_NOT_FOUND = 8
SCN_ERR_OVERFLOW = 9
SCN_ERR_OUT_OF_MEMORY = 10
SCN_ERR_IO = 11
SCN_ERR_CANCELLED = 12
SCN_ERR_UNSUPPORTED = 13
SCN_ERR_PANIC = 14
SCN_ERR_NETWORK = 15
SCN_ERR_OFFLINE = 16
SCN_ERR_ACCESS = 17
SCN_ERR_LICENCE = 18
SCN_ERR_CHECKSUM = 19
SCN_ERR_DISK_FULL = 20
SCN_ERR_CONFIG = 21
SCN_ERR_WEIGHTS = 22
SCN_ERR_CHECKPOINT = 23
SCN_ERR_VOCABULARY = 24
SCN_ERR_GENE_NAMES = 25
SCN_ERR_COUNTS = 26
SCN_ERR_BUDGET = 27

ScnProgress = CFUNCTYPE(c_int32, c_double, c_void_p)
ScnLog = CFUNCTYPE(None, c_int32, c_void_p, c_void_p)


class ScnContext(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("n_threads", c_int32),
        ("device", c_int32),
        ("reserved", c_uint32),
        ("seed", c_uint64),
        ("progress", ScnProgress),
        ("progress_user", c_void_p),
        ("cancel", c_void_p),
    ]


class ScnMatrix(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("storage", c_int32),
        ("major", c_int32),
        ("index_base", c_int32),
        ("n_obs", c_int64),
        ("n_vars", c_int64),
        ("nnz", c_int64),
        ("indptr", c_void_p),
        ("indices", c_void_p),
        ("values", c_void_p),
        ("indptr_type", c_int32),
        ("index_type", c_int32),
        ("value_type", c_int32),
        ("flags", c_uint32),
        ("stride", c_int64),
    ]


class ScnHighlyVariableGenesOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("flavor", c_int32),
        ("n_top_genes", c_int64),
        ("min_mean", c_double),
        ("max_mean", c_double),
        ("min_disp", c_double),
        ("max_disp", c_double),
        ("n_bins", c_int32),
        ("filter_unexpressed_genes", c_int32),
        ("span", c_double),
        ("log_base", c_double),
        ("theta", c_double),
        ("clip", c_double),
        ("check_values", c_int32),
        ("binning", c_int32),
        ("variances_expected", c_void_p),
        ("variances_expected_len", c_int64),
    ]


class ScnHighlyVariableGenesOutputs(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("n_vars", c_int64),
        ("highly_variable", c_void_p),
        ("means", c_void_p),
        ("dispersions", c_void_p),
        ("dispersions_norm", c_void_p),
        ("variances", c_void_p),
        ("variances_norm", c_void_p),
        ("residual_variances", c_void_p),
        ("highly_variable_rank", c_void_p),
        ("highly_variable_nbatches", c_void_p),
        ("highly_variable_intersection", c_void_p),
        ("mean_bin", c_void_p),
        ("bin_edges", c_void_p),
        ("bin_edges_len", c_int64),
        ("variances_expected", c_void_p),
    ]


class ScnNormalizeTotalOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("exclude_highly_expressed", c_int32),
        ("max_fraction", c_double),
        ("target_sum", c_double),
        ("base", c_double),
    ]


class ScnScaleOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("zero_center", c_int32),
        ("max_value", c_double),
        ("divide", c_int32),
        ("root_mean_square", c_int32),
        ("clip_below", c_int32),
        ("reserved", c_uint32),
    ]


class ScnSimulateOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("value_type", c_int32),
        ("n_clusters", c_int64),
        ("markers_per_cluster", c_int64),
        ("n_batches", c_int64),
        ("marker_fold_change", c_double),
        ("batch_sd", c_double),
        ("library_size", c_double),
        ("library_sd", c_double),
        ("gene_sd", c_double),
        ("dispersion", c_double),
    ]


class ScnLoessOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("degree", c_int32),
        ("surface", c_int32),
        ("reserved", c_uint32),
        ("span", c_double),
        ("cell", c_double),
        ("slack", c_double),
    ]


class ScnTensor(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("value_type", c_int32),
        ("n_dims", c_int32),
        ("reserved", c_uint32),
        ("shape", c_void_p),
        ("values", c_void_p),
    ]


class ScnRankGenesGroupsOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("method", c_int32),
        ("reference", c_int64),
        ("tie_correct", c_int32),
        ("continuity", c_int32),
        ("corr_method", c_int32),
        ("fold_change", c_int32),
        ("log1p_base", c_double),
        ("pseudocount", c_double),
        ("fold_change_base", c_double),
        ("exact", c_int32),
        ("positive_fractions", c_int32),
        ("min_cells", c_int64),
    ]


class ScnRankGenesGroupsOutputs(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("len", c_int64),
        ("scores", c_void_p),
        ("pvals", c_void_p),
        ("ln_pvals", c_void_p),
        ("pvals_adj", c_void_p),
        ("log_fold_changes", c_void_p),
        ("u", c_void_p),
        ("auroc", c_void_p),
        ("means", c_void_p),
        ("means_reference", c_void_p),
        ("fractions", c_void_p),
        ("fractions_reference", c_void_p),
    ]


class ScnControlGenesOptions(Structure):
    _fields_ = [
        ("struct_size", c_uint32),
        ("ctrl_as_ref", c_int32),
        ("ctrl_size", c_int64),
        ("n_bins", c_int64),
        ("random_state", c_uint32),
        ("reserved", c_uint32),
    ]


#: name -> (what it returns, what it takes)
FUNCTIONS = {
    "scn_context_init": (c_int32, [c_void_p, c_size_t]),
    "scn_cancel_token_new": (c_int32, [c_void_p]),
    "scn_cancel_token_set": (c_int32, [c_void_p]),
    "scn_cancel_token_reset": (c_int32, [c_void_p]),
    "scn_cancel_token_free": (None, [c_void_p]),
    "scn_default_threads": (c_int32, []),
    "scn_read_mtx": (c_int32, [c_void_p, c_void_p, c_int32, c_int32, c_void_p]),
    "scn_write_mtx": (c_int32, [c_void_p, c_void_p, c_void_p, c_int32]),
    "scn_read_10x_mtx": (c_int32, [c_void_p, c_void_p, c_void_p, c_int32, c_void_p]),
    "scn_10x_view": (c_int32, [c_void_p, c_void_p]),
    "scn_10x_names": (c_int32, [c_void_p, c_int32, c_void_p, c_size_t, c_void_p, c_void_p]),
    "scn_10x_free": (None, [c_void_p]),
    "scn_set_log_callback": (c_int32, [ScnLog, c_void_p]),
    "scn_matrix_init": (c_int32, [c_void_p, c_size_t]),
    "scn_matrix_validate": (c_int32, [c_void_p, c_void_p]),
    "scn_matrix_is_canonical": (c_int32, [c_void_p, c_void_p, c_void_p]),
    "scn_matrix_sum_duplicates": (c_int32, [c_void_p, c_void_p, c_void_p]),
    "scn_matrix_to_major": (c_int32, [c_void_p, c_void_p, c_int32, c_void_p]),
    "scn_matrix_subset": (c_int32, [c_void_p, c_void_p, c_void_p, c_int64, c_void_p, c_int64, c_void_p]),
    "scn_matrix_subset_masked": (c_int32, [c_void_p, c_void_p, c_void_p, c_int64, c_void_p, c_int64, c_void_p]),
    "scn_matrix_concat": (c_int32, [c_void_p, c_void_p, c_int64, c_int32, c_void_p]),
    "scn_matrix_to_dense": (c_int32, [c_void_p, c_void_p, c_int32, c_int32, c_void_p, c_int64]),
    "scn_matrix_stats": (c_int32, [c_void_p, c_void_p, c_int32, c_int64, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_int64]),
    "scn_matrix_aggregate": (c_int32, [c_void_p, c_void_p, c_int32, c_void_p, c_int64, c_int64, c_int64, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_int64]),
    "scn_matrix_medians": (c_int32, [c_void_p, c_void_p, c_int32, c_void_p, c_int64, c_int64, c_void_p, c_int64]),
    "scn_models_list": (c_int32, [c_void_p]),
    "scn_models_info": (c_int32, [c_void_p, c_void_p]),
    "scn_models_register": (c_int32, [c_void_p]),
    "scn_models_unregister": (c_int32, [c_void_p]),
    "scn_models_download": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "scn_models_cache": (c_int32, [c_void_p, c_void_p]),
    "scn_models_remove": (c_int32, [c_void_p, c_void_p, c_void_p]),
    "scn_models_prune": (c_int32, [c_void_p, c_void_p]),
    "scn_models_verify": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "scn_model_open": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "scn_model_describe": (c_int32, [c_void_p, c_void_p]),
    "scn_model_genes": (c_int32, [c_void_p, c_void_p]),
    "scn_model_gene_embeddings": (c_int32, [c_void_p, c_void_p, c_void_p]),
    "scn_model_forward": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p, c_void_p]),
    "scn_model_embed": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p]),
    "scn_model_run": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p, c_void_p]),
    "scn_model_export": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p]),
    "scn_model_free": (None, [c_void_p]),
    "scn_pp_filter_cells": (c_int32, [c_void_p, c_void_p, c_double, c_double, c_double, c_double, c_void_p, c_int64, c_void_p, c_int64]),
    "scn_pp_filter_genes": (c_int32, [c_void_p, c_void_p, c_double, c_double, c_double, c_double, c_void_p, c_int64, c_void_p, c_int64]),
    "scn_highly_variable_genes_options_init": (c_int32, [c_void_p, c_size_t]),
    "scn_highly_variable_genes_outputs_init": (c_int32, [c_void_p, c_size_t]),
    "scn_pp_highly_variable_genes": (c_int32, [c_void_p, c_void_p, c_void_p, c_int64, c_int64, c_void_p, c_int64, c_void_p, c_void_p]),
    "scn_pp_log1p": (c_int32, [c_void_p, c_void_p, c_double, c_void_p, c_int32, c_int64]),
    "scn_pp_log1p_inplace": (c_int32, [c_void_p, c_void_p, c_double]),
    "scn_normalize_total_options_init": (c_int32, [c_void_p, c_size_t]),
    "scn_pp_normalize_total": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p, c_int32, c_int64, c_void_p, c_int64, c_void_p, c_int64, c_void_p]),
    "scn_pp_normalize_total_inplace": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p, c_int64, c_void_p, c_int64, c_void_p]),
    "scn_pp_normalize_log1p": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p, c_int32, c_int64, c_void_p, c_int64, c_void_p, c_int64, c_void_p]),
    "scn_pp_normalize_log1p_inplace": (c_int32, [c_void_p, c_void_p, c_void_p, c_void_p, c_int64, c_void_p, c_int64, c_void_p]),
    "scn_pp_normalize_relative": (c_int32, [c_void_p, c_void_p, c_double, c_void_p, c_int32, c_int64]),
    "scn_pp_normalize_relative_inplace": (c_int32, [c_void_p, c_void_p, c_double]),
    "scn_pp_normalize_clr": (c_int32, [c_void_p, c_void_p, c_int32, c_void_p, c_int32, c_int64]),
    "scn_pp_normalize_clr_inplace": (c_int32, [c_void_p, c_void_p, c_int32]),
    "scn_pp_calculate_qc_metrics": (c_int32, [c_void_p, c_void_p, c_void_p, c_int64, c_void_p, c_int64, c_void_p, c_int64, c_void_p, c_int64, c_void_p, c_int64, c_void_p, c_int64, c_void_p, c_int64, c_void_p, c_int64, c_void_p, c_int64, c_void_p, c_int64, c_void_p, c_int64]),
    "scn_pp_regress_out": (c_int32, [c_void_p, c_void_p, c_void_p, c_int64, c_int64, c_int32, c_void_p, c_int64]),
    "scn_pp_regress_out_groups": (c_int32, [c_void_p, c_void_p, c_void_p, c_int64, c_int64, c_int32, c_void_p, c_int64]),
    "scn_scale_options_init": (c_int32, [c_void_p, c_size_t]),
    "scn_pp_scale": (c_int32, [c_void_p, c_void_p, c_void_p, c_int64, c_int64, c_void_p, c_void_p, c_int64, c_void_p, c_int64, c_int32, c_int32, c_void_p, c_int64]),
    "scn_pp_scale_inplace": (c_int32, [c_void_p, c_void_p, c_void_p, c_int64, c_int64, c_void_p, c_void_p, c_int64, c_void_p, c_int64]),
    "scn_simulate_options_init": (c_int32, [c_void_p, c_size_t]),
    "scn_simulate_counts": (c_int32, [c_void_p, c_int64, c_int64, c_void_p, c_void_p, c_void_p, c_int64, c_void_p, c_int64, c_void_p, c_int64]),
    "scn_sparse_view": (c_int32, [c_void_p, c_void_p]),
    "scn_sparse_free": (None, [c_void_p]),
    "scn_stats_normal_p": (c_int32, [c_void_p, c_int64, c_int32, c_void_p, c_int64]),
    "scn_stats_student_p": (c_int32, [c_void_p, c_int64, c_void_p, c_int64, c_int32, c_void_p, c_int64]),
    "scn_stats_adjust_p": (c_int32, [c_void_p, c_int64, c_int32, c_void_p, c_int64]),
    "scn_loess_options_init": (c_int32, [c_void_p, c_size_t]),
    "scn_stats_loess": (c_int32, [c_void_p, c_void_p, c_int64, c_void_p, c_int64, c_void_p, c_int64, c_void_p, c_void_p, c_int64, c_void_p, c_int64, c_void_p, c_int64]),
    "scn_last_error_message": (c_int32, [c_void_p, c_size_t, c_void_p]),
    "scn_status_name": (c_char_p, [c_int32]),
    "scn_tensor_init": (c_int32, [c_void_p, c_size_t]),
    "scn_tensors_new": (c_int32, [c_void_p]),
    "scn_tensors_add": (c_int32, [c_void_p, c_void_p, c_void_p]),
    "scn_tensors_len": (c_int32, [c_void_p, c_void_p]),
    "scn_tensors_name": (c_int32, [c_void_p, c_int64, c_void_p, c_size_t, c_void_p]),
    "scn_tensors_get": (c_int32, [c_void_p, c_int64, c_void_p]),
    "scn_tensors_free": (None, [c_void_p]),
    "scn_text_copy": (c_int32, [c_void_p, c_void_p, c_size_t, c_void_p]),
    "scn_text_free": (None, [c_void_p]),
    "scn_tl_energy_distance": (c_int32, [c_void_p, c_void_p, c_void_p, c_int64, c_int64, c_int64, c_int32, c_int32, c_void_p, c_int64]),
    "scn_tl_mmd": (c_int32, [c_void_p, c_void_p, c_void_p, c_int64, c_int64, c_int64, c_void_p, c_int64, c_int32, c_void_p, c_int64, c_void_p, c_int64]),
    "scn_rank_genes_groups_options_init": (c_int32, [c_void_p, c_size_t]),
    "scn_rank_genes_groups_outputs_init": (c_int32, [c_void_p, c_size_t]),
    "scn_tl_rank_genes_groups": (c_int32, [c_void_p, c_void_p, c_void_p, c_int64, c_int64, c_void_p, c_void_p]),
    "scn_tl_rank_genes_groups_order": (c_int32, [c_void_p, c_void_p, c_int64, c_int64, c_int64, c_int64, c_int32, c_void_p, c_int64]),
    "scn_control_genes_options_init": (c_int32, [c_void_p, c_size_t]),
    "scn_tl_control_genes": (c_int32, [c_void_p, c_void_p, c_void_p, c_int64, c_void_p, c_int64, c_void_p, c_void_p, c_int64]),
    "scn_tl_score_genes": (c_int32, [c_void_p, c_void_p, c_void_p, c_int64, c_void_p, c_int64, c_void_p, c_int64]),
    "scn_tl_cell_cycle_phase": (c_int32, [c_void_p, c_void_p, c_int64, c_void_p, c_int64]),
    "scn_version": (c_char_p, []),
    "scn_abi_version": (c_uint32, []),
    "scn_cpu_features": (c_int32, [c_void_p, c_size_t, c_void_p]),
}
