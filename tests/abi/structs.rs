// The structs of include/scnative.h and their fields. Made by generate_abi.py (`make header`): do not edit.
layouts! {
    ScnContext: struct_size n_threads device reserved seed progress progress_user cancel;
    ScnMatrix: struct_size storage major index_base n_obs n_vars nnz indptr indices values indptr_type index_type value_type flags stride;
    ScnScaleOptions: struct_size zero_center max_value;
    ScnSimulateOptions: struct_size value_type n_clusters markers_per_cluster n_batches marker_fold_change batch_sd library_size library_sd gene_sd dispersion;
    ScnRankGenesGroupsOptions: struct_size method reference tie_correct continuity corr_method fold_change log1p_base pseudocount fold_change_base;
    ScnRankGenesGroupsOutputs: struct_size reserved len scores pvals ln_pvals pvals_adj log_fold_changes u auroc means means_reference fractions fractions_reference;
    ScnControlGenesOptions: struct_size ctrl_as_ref ctrl_size n_bins random_state reserved;
}
