// The structs of include/scnative.h and their fields. Made by generate_abi.py (`make header`): do not edit.
layouts! {
    ScnContext: struct_size n_threads device reserved seed progress progress_user cancel;
    ScnMatrix: struct_size storage major index_base n_obs n_vars nnz indptr indices values indptr_type index_type value_type flags stride;
    ScnHighlyVariableGenesOptions: struct_size flavor n_top_genes min_mean max_mean min_disp max_disp n_bins filter_unexpressed_genes span log_base theta clip check_values binning variances_expected variances_expected_len;
    ScnHighlyVariableGenesOutputs: struct_size reserved n_vars highly_variable means dispersions dispersions_norm variances variances_norm residual_variances highly_variable_rank highly_variable_nbatches highly_variable_intersection mean_bin bin_edges bin_edges_len variances_expected;
    ScnNormalizeTotalOptions: struct_size exclude_highly_expressed max_fraction target_sum base;
    ScnScaleOptions: struct_size zero_center max_value divide root_mean_square clip_below reserved;
    ScnSimulateOptions: struct_size value_type n_clusters markers_per_cluster n_batches marker_fold_change batch_sd library_size library_sd gene_sd dispersion;
    ScnLoessOptions: struct_size degree surface reserved span cell slack;
    ScnTensor: struct_size value_type n_dims reserved shape values;
    ScnRankGenesGroupsOptions: struct_size method reference tie_correct continuity corr_method fold_change log1p_base pseudocount fold_change_base exact positive_fractions min_cells;
    ScnRankGenesGroupsOutputs: struct_size reserved len scores pvals ln_pvals pvals_adj log_fold_changes u auroc means means_reference fractions fractions_reference;
    ScnControlGenesOptions: struct_size ctrl_as_ref ctrl_size n_bins random_state reserved;
}
