//! Simulated counts.

use super::context::{ScnContext, run};
use super::matrix::{SCN_F32, SCN_I32, output};
use super::options::{self, Sized32};
use super::sparse::ScnSparse;
use super::status::{ScnStatus, guard, non_null, put};
use crate::error::Result;
use crate::simulate::{self, Simulation};
use crate::{bail, ensure};
use safer_ffi::derive_ReprC;

/// What `scn_simulate_counts` draws. Set up by `scn_simulate_options_init`.
#[derive_ReprC]
#[derive(Clone, Copy)]
#[repr(C)]
pub struct ScnSimulateOptions {
    /// sizeof(ScnSimulateOptions) of the header compiled against.
    pub struct_size: u32,
    /// Type of the counts: `SCN_F32` (default) or `SCN_I32`.
    pub value_type: i32,
    /// Clusters; default 5. Cell `i` is of cluster `i % n_clusters`.
    pub n_clusters: i64,
    /// Genes that mark each cluster; default 20. They are drawn among the more expressed half of the genes (among more
    /// if that is too few); no gene marks two clusters.
    pub markers_per_cluster: i64,
    /// Batches; default 1. Cell `i` is of batch `i / n_clusters % n_batches`.
    pub n_batches: i64,
    /// How many times more of a marker a cell of its cluster expresses; default 8.
    pub marker_fold_change: f64,
    /// Standard deviation of the natural logarithm of a gene's effect in a batch; default 0.3. One batch has no effect.
    pub batch_sd: f64,
    /// Median library size, molecules per cell; default 3000. Library sizes are log-normal.
    pub library_size: f64,
    /// Standard deviation of the natural logarithm of the library sizes; default 0.35.
    pub library_sd: f64,
    /// Standard deviation of the natural logarithm of the genes' base expression, which is log-normal; default 2.
    pub gene_sd: f64,
    /// Dispersion of the negative binomial: the variance is `mean + dispersion * mean^2`; default 0.3; 0 is Poisson.
    pub dispersion: f64,
}

// SAFETY: repr(C), struct_size first, numbers only, no padding.
unsafe impl Sized32 for ScnSimulateOptions {
    const NAME: &'static str = "ScnSimulateOptions";
    const FIRST_SIZE: usize = 80;
    fn defaults() -> Self {
        let d = Simulation::default();
        Self {
            struct_size: size_of::<Self>() as u32,
            value_type: SCN_F32,
            n_clusters: d.n_clusters as i64,
            markers_per_cluster: d.markers_per_cluster as i64,
            n_batches: d.n_batches as i64,
            marker_fold_change: d.marker_fold_change,
            batch_sd: d.batch_sd,
            library_size: d.library_size,
            library_sd: d.library_sd,
            gene_sd: d.gene_sd,
            dispersion: d.dispersion,
        }
    }
}

impl ScnSimulateOptions {
    fn simulation(&self) -> Result<Simulation> {
        Ok(Simulation {
            n_clusters: count(self.n_clusters, "options.n_clusters")?,
            markers_per_cluster: count(self.markers_per_cluster, "options.markers_per_cluster")?,
            n_batches: count(self.n_batches, "options.n_batches")?,
            marker_fold_change: self.marker_fold_change,
            batch_sd: self.batch_sd,
            library_size: self.library_size,
            library_sd: self.library_sd,
            gene_sd: self.gene_sd,
            dispersion: self.dispersion,
        })
    }
}

fn count(n: i64, name: &str) -> Result<usize> {
    ensure!(n >= 0, InvalidArgument, "{name}: is {n}, must not be negative");
    Ok(n as usize)
}

/// Writes the defaults into simulation options. `struct_size` is `sizeof(ScnSimulateOptions)` as the caller knows it.
///
/// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`.
///
/// @since 0.1.0
///
/// # Safety
/// `options` is null or valid for writes of `struct_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_simulate_options_init(options: *mut ScnSimulateOptions, struct_size: usize) -> ScnStatus {
    // SAFETY: as this function's own contract.
    guard(|| unsafe { options::init(options, "options", struct_size) })
}

/// Draws a count matrix of `n_obs` cells x `n_vars` genes whose truth is known: clusters with markers, batches, library
/// sizes.
///
/// A cell of cluster c and batch b with library size L has negative binomial counts of mean L * share and variance
/// mean + dispersion * mean^2. A gene's share is its base expression, times `marker_fold_change` if it marks c, times
/// its effect in b, divided by the sum of that over all genes. The model is Splatter's (Zappia et al. 2017) without
/// dropout and paths.
///
/// Random numbers come from `context.seed`, each cell from a stream of its own: the same seed gives the same bits at
/// every number of threads and on every machine.
///
/// - `options`: null for all defaults.
/// - `counts`: gets an obs-major matrix with i32 indices and no stored zeros; free it with `scn_sparse_free`.
/// - `clusters`, `batches`: `n_obs` labels from 0, or null.
/// - `marker_of`: for each of `n_vars` genes the cluster that it marks, or -1; or null.
///
/// Memory: twice the result, and one double per gene, cluster and batch.
///
/// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`, `SCN_ERR_INVALID_ARGUMENT` (an option out of range, more markers than
/// genes, n_obs or n_vars negative or above 2^31 - 1), `SCN_ERR_TYPE` (value_type), `SCN_ERR_SHAPE` (an output's length).
///
/// @since 0.1.0
///
/// # Safety
/// `context` and `options` are null or valid; the outputs are null or valid for writes of their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_simulate_counts(
    context: *const ScnContext,
    n_obs: i64,
    n_vars: i64,
    options: *const ScnSimulateOptions,
    counts: *mut *mut ScnSparse,
    clusters: *mut i32,
    clusters_len: i64,
    batches: *mut i32,
    batches_len: i64,
    marker_of: *mut i32,
    marker_of_len: i64,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            let options = options::read(options)?;
            let (n_obs, n_vars) = (count(n_obs, "n_obs")?, count(n_vars, "n_vars")?);
            non_null(counts, "counts")?;
            let clusters = output(clusters, clusters_len, n_obs, "clusters")?;
            let batches = output(batches, batches_len, n_obs, "batches")?;
            let marker_of = output(marker_of, marker_of_len, n_vars, "marker_of")?;
            let simulation = options.simulation()?;

            let simulated = match options.value_type {
                SCN_F32 => simulate::counts::<f32>(ctx, n_obs, n_vars, &simulation)?,
                SCN_I32 => simulate::counts::<i32>(ctx, n_obs, n_vars, &simulation)?,
                tag => bail!(Type, "options.value_type: is {tag}, must be SCN_F32 (1) or SCN_I32 (7)"),
            };
            for (out, made) in
                [(clusters, &simulated.clusters), (batches, &simulated.batches), (marker_of, &simulated.marker_of)]
            {
                if let Some(out) = out {
                    out.copy_from_slice(made);
                }
            }
            put(counts, "counts", ScnSparse::boxed(simulated.counts))
        })
    }
}
