//! Highly variable genes.

use crate::error::Result;
use crate::ffi::context::{ScnContext, run};
use crate::ffi::matrix::{ScnMatrix, output, slice, view};
use crate::ffi::options::{self, Sized32};
use crate::ffi::status::{ScnStatus, guard, non_null};
use crate::matrix::Groups;
use crate::pp::highly_variable_genes::{Binning, Cutoffs, Flavor, Options, highly_variable_genes};
use crate::{bail, ensure};
use safer_ffi::derive_ReprC;

/// Dispersion within bins of genes by mean; log-normalised values (Satija et al. 2015; Seurat's mean.var.plot).
pub const SCN_HVG_SEURAT: i32 = 0;
/// Dispersion within bins by percentile of the mean; log-normalised values (Zheng et al. 2017).
pub const SCN_HVG_CELL_RANGER: i32 = 1;
/// Variance standardised by a loess curve; counts (Stuart et al. 2019; Seurat's vst). Batches: by median rank first.
pub const SCN_HVG_SEURAT_V3: i32 = 2;
/// The same; batches: by number of batches first, as the paper and Seurat's SelectIntegrationFeatures have it.
pub const SCN_HVG_SEURAT_V3_PAPER: i32 = 3;
/// Variance of analytic Pearson residuals; counts (Lause et al. 2021).
pub const SCN_HVG_PEARSON_RESIDUALS: i32 = 4;
/// The same as `SEURAT_V3` in Seurat's own arithmetic: the genes and their order are those of Seurat's
/// FindVariableFeatures(selection.method = "vst"); counts. Batches: by number of batches first.
pub const SCN_HVG_VST: i32 = 5;
/// Dispersion within bins of genes by mean, by cut-offs; log-normalised values. Seurat's
/// FindVariableFeatures(selection.method = "mean.var.plot").
pub const SCN_HVG_MEAN_VAR_PLOT: i32 = 6;
/// The highest dispersions, whatever the mean; log-normalised values. Seurat's
/// FindVariableFeatures(selection.method = "dispersion").
pub const SCN_HVG_DISPERSION: i32 = 7;

/// Bins of equal width.
pub const SCN_HVG_BINS_EQUAL_WIDTH: i32 = 0;
/// Bins of equal numbers of genes that some cell expresses; the others are in none.
pub const SCN_HVG_BINS_EQUAL_FREQUENCY: i32 = 1;

/// What `scn_pp_highly_variable_genes` chooses by. Set up by `scn_highly_variable_genes_options_init`.
#[derive_ReprC]
#[derive(Clone, Copy)]
#[repr(C)]
pub struct ScnHighlyVariableGenesOptions {
    /// sizeof(ScnHighlyVariableGenesOptions) of the header compiled against.
    pub struct_size: u32,
    /// `SCN_HVG_*`; default `SCN_HVG_SEURAT`.
    pub flavor: i32,
    /// How many genes to choose, at most n_vars. 0 (default): `SEURAT` and `CELL_RANGER` choose by the cut-offs,
    /// `SEURAT_V3`, `SEURAT_V3_PAPER`, `VST` and `DISPERSION` choose 2000, `PEARSON_RESIDUALS` must be told.
    /// `MEAN_VAR_PLOT` chooses by the cut-offs and takes none.
    pub n_top_genes: i64,
    /// Cut-offs of `SEURAT`, `CELL_RANGER` and `MEAN_VAR_PLOT`, all exclusive. Smallest mean; default 0.0125 (Seurat's
    /// own: 0.1, 8, 1 and infinity).
    pub min_mean: f64,
    /// Largest mean; default 3.
    pub max_mean: f64,
    /// Smallest normalised dispersion; default 0.5.
    pub min_disp: f64,
    /// Largest normalised dispersion; default infinity.
    pub max_disp: f64,
    /// `SEURAT`, `MEAN_VAR_PLOT`, `DISPERSION`: bins of genes by mean; default 20. Of equal frequency they are one less: then
    /// it counts their ends, as Seurat does.
    pub n_bins: i32,
    /// `SEURAT`, `CELL_RANGER`: not 0 leaves out genes without a positive value; default 0. With batches they are left
    /// out always, in each batch by itself.
    pub filter_unexpressed_genes: i32,
    /// `SEURAT_V3`, `VST`: the part of the genes that a local fit of the curve takes; default 0.3.
    pub span: f64,
    /// `SEURAT`, `MEAN_VAR_PLOT`, `DISPERSION`: base of the logarithm that the values are; 0 (default) is e.
    pub log_base: f64,
    /// `PEARSON_RESIDUALS`: overdispersion, variance = mean + mean^2 / theta; default 100. Infinity is Poisson.
    pub theta: f64,
    /// `PEARSON_RESIDUALS`: residuals are cut off at this absolute value. NaN (default): the square root of the number of
    /// cells; with batches that of batch 0 for all of them, as in scanpy. `VST`: standardised values above it become it;
    /// NaN (default): the square root of the number of cells of the batch.
    pub clip: f64,
    /// Not 0 (default): warn through the log callback if counts are expected and values are not whole numbers.
    pub check_values: i32,
    /// `MEAN_VAR_PLOT`, `DISPERSION`: `SCN_HVG_BINS_*`; default `SCN_HVG_BINS_EQUAL_WIDTH`.
    pub binning: i32,
    /// `VST` without batches: the variance that the caller expects of each gene, in place of the curve that the library fits; 0
    /// for a gene that is not to be judged. Borrowed for the call. Default null.
    pub variances_expected: *const f64,
    /// Its length: n_vars; 0 with null.
    pub variances_expected_len: i64,
}

// SAFETY: repr(C), struct_size first, numbers and a raw pointer only, no padding.
unsafe impl Sized32 for ScnHighlyVariableGenesOptions {
    const NAME: &'static str = "ScnHighlyVariableGenesOptions";
    const FIRST_SIZE: usize = 96;
    fn defaults() -> Self {
        let d = Options::new(Flavor::Seurat);
        Self {
            struct_size: size_of::<Self>() as u32,
            flavor: SCN_HVG_SEURAT,
            n_top_genes: 0,
            min_mean: d.cutoffs.min_mean,
            max_mean: d.cutoffs.max_mean,
            min_disp: d.cutoffs.min_disp,
            max_disp: d.cutoffs.max_disp,
            n_bins: d.n_bins as i32,
            filter_unexpressed_genes: 0,
            span: d.span,
            log_base: 0.0,
            theta: d.theta,
            clip: f64::NAN,
            check_values: 1,
            binning: SCN_HVG_BINS_EQUAL_WIDTH,
            variances_expected: std::ptr::null(),
            variances_expected_len: 0,
        }
    }
}

impl ScnHighlyVariableGenesOptions {
    /// # Safety
    /// `variances_expected` is null or valid for its length, for as long as the options are used.
    unsafe fn parsed<'a>(&self) -> Result<Options<'a>> {
        let flavor = match self.flavor {
            SCN_HVG_SEURAT => Flavor::Seurat,
            SCN_HVG_CELL_RANGER => Flavor::CellRanger,
            SCN_HVG_SEURAT_V3 => Flavor::SeuratV3,
            SCN_HVG_SEURAT_V3_PAPER => Flavor::SeuratV3Paper,
            SCN_HVG_PEARSON_RESIDUALS => Flavor::PearsonResiduals,
            SCN_HVG_VST => Flavor::Vst,
            SCN_HVG_MEAN_VAR_PLOT => Flavor::MeanVarPlot,
            SCN_HVG_DISPERSION => Flavor::Dispersion,
            other => bail!(
                InvalidArgument,
                "flavor: is {other}, must be SCN_HVG_SEURAT (0), CELL_RANGER (1), SEURAT_V3 (2), SEURAT_V3_PAPER (3), \
                 PEARSON_RESIDUALS (4), VST (5), MEAN_VAR_PLOT (6) or DISPERSION (7)"
            ),
        };
        let binning = match self.binning {
            SCN_HVG_BINS_EQUAL_WIDTH => Binning::EqualWidth,
            SCN_HVG_BINS_EQUAL_FREQUENCY => Binning::EqualFrequency,
            other => bail!(
                InvalidArgument,
                "binning: is {other}, must be SCN_HVG_BINS_EQUAL_WIDTH (0) or SCN_HVG_BINS_EQUAL_FREQUENCY (1)"
            ),
        };
        let n_top = self.n_top_genes;
        ensure!(n_top >= 0, InvalidArgument, "n_top_genes: is {n_top}, must be positive, or 0 for none given");
        ensure!(self.n_bins > 0, InvalidArgument, "n_bins: is {}, must be at least 1", self.n_bins);
        Ok(Options {
            flavor,
            n_top_genes: Some(n_top as usize).filter(|&n| n > 0),
            cutoffs: Cutoffs {
                min_mean: self.min_mean,
                max_mean: self.max_mean,
                min_disp: self.min_disp,
                max_disp: self.max_disp,
            },
            n_bins: self.n_bins as usize,
            binning,
            span: self.span,
            filter_unexpressed_genes: self.filter_unexpressed_genes != 0,
            log_base: Some(self.log_base).filter(|&base| base != 0.0),
            theta: self.theta,
            clip: Some(self.clip).filter(|clip| !clip.is_nan()),
            check_values: self.check_values != 0,
            variances_expected: if self.variances_expected.is_null() {
                None
            } else {
                // SAFETY: as this function's own contract.
                Some(unsafe { slice(self.variances_expected, self.variances_expected_len, "variances_expected") }?)
            },
        })
    }
}

/// Where `scn_pp_highly_variable_genes` writes. Each array has `n_vars` elements and may be null: not wanted. What the
/// flavor does not have is filled with NaN. Set up by `scn_highly_variable_genes_outputs_init`.
#[derive_ReprC]
#[derive(Clone, Copy)]
#[repr(C)]
pub struct ScnHighlyVariableGenesOutputs {
    /// sizeof(ScnHighlyVariableGenesOutputs) of the header compiled against.
    pub struct_size: u32,
    /// Must be 0.
    pub reserved: u32,
    /// Length of each array but `bin_edges`: the matrix' number of genes.
    pub n_vars: i64,
    /// 1 for the chosen genes, 0 for the others.
    pub highly_variable: *mut u8,
    /// Mean over cells. `SEURAT`, `MEAN_VAR_PLOT`, `DISPERSION`: log(1 + mean) of the values before their logarithm was
    /// taken. `SEURAT` and
    /// `CELL_RANGER` with batches: mean over batches of that; without batches, 1e-12 in place of 0.
    pub means: *mut f64,
    /// `SEURAT`, `CELL_RANGER`: variance over mean, for `SEURAT` its natural logarithm (NaN if the gene does not vary);
    /// with batches the mean over batches. `MEAN_VAR_PLOT`, `DISPERSION`: natural logarithm of variance over mean; 0 if the
    /// gene is 0 in all cells, minus infinity if it is something else in all cells.
    pub dispersions: *mut f64,
    /// `SEURAT`, `CELL_RANGER`: dispersions less the bin's center, over the bin's spread (mean and standard deviation for
    /// `SEURAT`, median and median absolute deviation for `CELL_RANGER`); with batches the mean over batches.
    /// `MEAN_VAR_PLOT`, `DISPERSION`: as `SEURAT`, but NaN for a gene that is alone in its bin or in none.
    pub dispersions_norm: *mut f64,
    /// `SEURAT_V3`, `SEURAT_V3_PAPER`, `VST`, `PEARSON_RESIDUALS`: variance over all cells, with n - 1.
    pub variances: *mut f64,
    /// `SEURAT_V3`, `SEURAT_V3_PAPER`, `VST`: variance after standardisation, mean over batches.
    pub variances_norm: *mut f64,
    /// `PEARSON_RESIDUALS`: variance of the residuals, with n, mean over batches.
    pub residual_variances: *mut f64,
    /// All but `SEURAT` and `CELL_RANGER`: 0 is the most variable of the chosen genes (`MEAN_VAR_PLOT`, `DISPERSION`: the
    /// highest dispersion); with batches the median over those in which the gene is among the `n_top_genes`. NaN if there
    /// are none.
    pub highly_variable_rank: *mut f64,
    /// In how many batches the gene was chosen; without batches 0 or 1.
    pub highly_variable_nbatches: *mut i64,
    /// 1 if that is all of them, else 0.
    pub highly_variable_intersection: *mut u8,
    /// `SEURAT`, `CELL_RANGER` without batches, `MEAN_VAR_PLOT`, `DISPERSION`: the gene's bin from 0, -1 if it is in none.
    /// Otherwise -1.
    pub mean_bin: *mut i32,
    /// The same flavors: where bins end, open below and closed above.
    pub bin_edges: *mut f64,
    /// Length of `bin_edges`: for `CELL_RANGER` 21, for bins of equal frequency n_bins, else n_bins + 1.
    pub bin_edges_len: i64,
    /// `SEURAT_V3`, `SEURAT_V3_PAPER`, `VST` without batches: the variance that the curve expects at the gene's mean; 0 for a
    /// gene that does not vary.
    pub variances_expected: *mut f64,
}

// SAFETY: repr(C), struct_size first, numbers and raw pointers only, no padding.
unsafe impl Sized32 for ScnHighlyVariableGenesOutputs {
    const NAME: &'static str = "ScnHighlyVariableGenesOutputs";
    const FIRST_SIZE: usize = 120;
    fn defaults() -> Self {
        use std::ptr::null_mut;
        Self {
            struct_size: size_of::<Self>() as u32,
            reserved: 0,
            n_vars: 0,
            highly_variable: null_mut(),
            means: null_mut(),
            dispersions: null_mut(),
            dispersions_norm: null_mut(),
            variances: null_mut(),
            variances_norm: null_mut(),
            residual_variances: null_mut(),
            highly_variable_rank: null_mut(),
            highly_variable_nbatches: null_mut(),
            highly_variable_intersection: null_mut(),
            mean_bin: null_mut(),
            bin_edges: null_mut(),
            bin_edges_len: 0,
            variances_expected: null_mut(),
        }
    }
}

/// Writes the defaults into options for highly variable genes. `struct_size` is
/// `sizeof(ScnHighlyVariableGenesOptions)` as the caller knows it.
///
/// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`.
///
/// @since 0.1.0
///
/// # Safety
/// `options` is null or valid for writes of `struct_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_highly_variable_genes_options_init(
    options: *mut ScnHighlyVariableGenesOptions,
    struct_size: usize,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    guard(|| unsafe { options::init(options, "options", struct_size) })
}

/// Writes nulls into the places for highly variable genes. `struct_size` is `sizeof(ScnHighlyVariableGenesOutputs)` as the
/// caller knows it.
///
/// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`.
///
/// @since 0.1.0
///
/// # Safety
/// `outputs` is null or valid for writes of `struct_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_highly_variable_genes_outputs_init(
    outputs: *mut ScnHighlyVariableGenesOutputs,
    struct_size: usize,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    guard(|| unsafe { options::init(outputs, "outputs", struct_size) })
}

/// Annotates highly variable genes.
///
/// - `matrix`: log-normalised values for `SCN_HVG_SEURAT`, `SCN_HVG_CELL_RANGER`, `SCN_HVG_MEAN_VAR_PLOT` and
///   `SCN_HVG_DISPERSION`, counts for the other flavors.
/// - `batches`: the batch of each cell, from 0 to `n_batches` - 1, or -1 for a cell in none (it counts only in means and
///   variances over all cells); null with `n_batches` 0 if there are none. Each batch is judged by itself; then:
///   - `SEURAT`, `CELL_RANGER`: genes that no cell of a batch expresses have zeros there; means over batches; with
///     `n_top_genes`, genes by number of batches that chose them, then by normalised dispersion;
///   - `SEURAT_V3`: genes by median rank over the batches that chose them, then by number of those;
///   - `SEURAT_V3_PAPER`, `VST`, `PEARSON_RESIDUALS`: the other way round;
///   - `MEAN_VAR_PLOT`, `DISPERSION` take no batches.
/// - `name_order`: for `SEURAT` and `CELL_RANGER` with batches and `n_top_genes`, each gene's place in the order that
///   settles ties (scanpy: that of gene names); null for the matrix' own order.
/// - `options`: null for all defaults.
/// - `outputs`: where to write, set up by `scn_highly_variable_genes_outputs_init`; it is the arrays that are written.
///
/// Ties: `SEURAT` and `CELL_RANGER` without batches choose every gene that ties with the last of `n_top_genes`. Ranks of
/// equal variances go to the gene that comes first in the matrix.
///
/// Warns through the log callback about counts that are not whole, cut-offs given beside `n_top_genes`, fewer genes than
/// asked for, and near-singular fits of the curve.
///
/// Reference: scanpy 1.11 and 1.12, `scanpy.pp.highly_variable_genes` and `scanpy.experimental.pp.highly_variable_genes`.
/// Chosen genes are the same, statistics agree to 1e-9 (1e-5 for `SEURAT` on floats, whose exponential scanpy takes and
/// squares in single precision). Where we differ: `n_top_genes` above the number of genes is an error (scanpy takes all);
/// equal ranks are settled by position, where scanpy's unstable sort may take either; near-singular fits go on with a
/// warning, where scanpy fails; residuals of an empty cell are 0, where scanpy's are NaN; a variance that is rounding
/// error in scanpy is 0.
///
/// Seurat's flavors: `VST`, `MEAN_VAR_PLOT` and `DISPERSION` follow FindVariableFeatures of Seurat 4.3 and 5, which chooses
/// no gene whose mean is 0 and so may find fewer than `n_top_genes`. Genes and their order are the same, statistics agree to
/// 1e-10. `SEURAT_V3` computes what `VST` does but takes R's loess for scikit-misc's (n * span cut off, where R adds 1e-5
/// first), chooses genes of mean 0 when there are no others, and adds up in another order, so that near-ties may part.
/// Genes whose counts differ in the order of the cells only tie but for rounding; Seurat's order among them depends on the
/// last bits of R's loess, and so on its BLAS. With R's own curve in `variances_expected` it is ours, too.
///
/// Memory: a few doubles for each gene and batch, and one row of them per thread.
///
/// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`, `SCN_ERR_INVALID_ARGUMENT` (an option out of range, `n_top_genes`
/// above the number of genes, or given to `MEAN_VAR_PLOT`, batches given to a flavor that takes none, a batch of fewer than two cells, labels out of range), `SCN_ERR_SHAPE` (lengths, no
/// genes, fewer than two cells), `SCN_ERR_MATRIX`, `SCN_ERR_VALUE` (NaN, infinity, negative counts, bins that cannot be
/// told apart because too many genes have the same mean, no gene that varies).
///
/// @since 0.1.0
///
/// # Safety
/// `context` and `options` are null or valid; `matrix` is null or a descriptor whose arrays have the lengths it states;
/// `batches` and `name_order` are null or valid for their lengths; the arrays of `outputs` are null or valid for writes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_pp_highly_variable_genes(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    batches: *const i32,
    batches_len: i64,
    n_batches: i64,
    name_order: *const i64,
    name_order_len: i64,
    options: *const ScnHighlyVariableGenesOptions,
    outputs: *const ScnHighlyVariableGenesOutputs,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            let matrix = view(matrix, "matrix")?;
            let options = options::read(options)?.parsed()?;
            non_null(outputs, "outputs")?;
            let to = options::read(outputs)?;
            let labels = if batches.is_null() { None } else { Some(slice(batches, batches_len, "batches")?) };
            ensure!(
                labels.is_some() || n_batches == 0,
                Null,
                "batches: is null, must point to {} labels, as n_batches is {n_batches}",
                matrix.n_obs()
            );
            ensure!(n_batches >= 0, InvalidArgument, "n_batches: is {n_batches}, must not be negative");
            let groups = match labels {
                Some(labels) => Some(Groups::new(labels, n_batches as usize, matrix.n_obs(), "batches")?),
                None => None,
            };
            let name_order =
                if name_order.is_null() { None } else { Some(slice(name_order, name_order_len, "name_order")?) };

            let (n, len) = (matrix.n_vars(), to.n_vars);
            let highly_variable = output(to.highly_variable, len, n, "outputs.highly_variable")?;
            let doubles = [
                output(to.means, len, n, "outputs.means")?,
                output(to.dispersions, len, n, "outputs.dispersions")?,
                output(to.dispersions_norm, len, n, "outputs.dispersions_norm")?,
                output(to.variances, len, n, "outputs.variances")?,
                output(to.variances_norm, len, n, "outputs.variances_norm")?,
                output(to.residual_variances, len, n, "outputs.residual_variances")?,
                output(to.highly_variable_rank, len, n, "outputs.highly_variable_rank")?,
                output(to.variances_expected, len, n, "outputs.variances_expected")?,
            ];
            let n_chosen = output(to.highly_variable_nbatches, len, n, "outputs.highly_variable_nbatches")?;
            let intersection = output(to.highly_variable_intersection, len, n, "outputs.highly_variable_intersection")?;
            let mean_bin = output(to.mean_bin, len, n, "outputs.mean_bin")?;
            let n_edges = match (options.flavor, options.binning) {
                (Flavor::CellRanger, _) => 21,
                (Flavor::MeanVarPlot | Flavor::Dispersion, Binning::EqualFrequency) => options.n_bins,
                _ => options.n_bins + 1,
            };
            let bin_edges = output(to.bin_edges, to.bin_edges_len, n_edges, "outputs.bin_edges")?;

            let found = highly_variable_genes(ctx, &matrix, groups.as_ref(), name_order, &options)?;

            let columns = [
                &found.means,
                &found.dispersions,
                &found.dispersions_norm,
                &found.variances,
                &found.variances_norm,
                &found.residual_variances,
                &found.rank,
                &found.variances_expected,
            ];
            for (out, column) in doubles.into_iter().zip(columns) {
                copy(out, column, f64::NAN);
            }
            copy(bin_edges, &found.bin_edges, f64::NAN);
            copy(mean_bin, &found.mean_bin, -1);
            copy(n_chosen, &found.n_batches, 0);
            let bytes = |flags: &[bool]| flags.iter().map(|&flag| u8::from(flag)).collect::<Vec<u8>>();
            copy(highly_variable, &bytes(&found.highly_variable), 0);
            copy(intersection, &bytes(&found.intersection), 0);
            Ok(())
        })
    }
}

/// Copies a column to its place; `nothing` if the flavor has no such column.
fn copy<T: Copy>(out: Option<&mut [T]>, column: &[T], nothing: T) {
    match out {
        Some(out) if column.is_empty() => out.fill(nothing),
        Some(out) => out.copy_from_slice(column),
        None => {}
    }
}
