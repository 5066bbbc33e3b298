//! Genes that tell groups of cells from the others.

use crate::error::Result;
use crate::ffi::context::{ScnContext, run};
use crate::ffi::matrix::{ScnMatrix, output, required_output, slice, view};
use crate::ffi::options::{self, Sized32};
use crate::ffi::stats::correction;
use crate::ffi::status::{ScnStatus, guard, non_null};
use crate::matrix::Groups;
use crate::tl::rank_genes_groups::fold_change::{Convention, FoldChange};
use crate::tl::rank_genes_groups::{Method, Options, Reference, Results, order, rank_genes_groups_into};
use crate::{bail, ensure};
use safer_ffi::derive_ReprC;

/// Welch's t-test: unequal variances.
pub const SCN_METHOD_T_TEST: i32 = 0;
/// Welch's t-test that takes the rest to be as small as the group: scanpy's overestimate of the variance.
pub const SCN_METHOD_T_TEST_OVERESTIM_VAR: i32 = 1;
/// Student's t-test: one pooled variance.
pub const SCN_METHOD_STUDENT: i32 = 2;
/// Wilcoxon's rank sum test (Mann and Whitney's U), normal approximation.
pub const SCN_METHOD_WILCOXON: i32 = 3;

/// In place of a reference group: all other cells, those in no group counted in.
pub const SCN_REFERENCE_REST: i64 = -1;

/// log((expm1(mean x1) + c) / (expm1(mean x2) + c)), c = 1e-9: scanpy 1 (`mean_in_log_space=True`).
pub const SCN_FOLD_CHANGE_SCANPY_V1: i32 = 0;
/// log((mean(expm1 x1) + c) / (mean(expm1 x2) + c)), c = 1e-9: the preset of scanpy 2 (`mean_in_log_space=False`).
pub const SCN_FOLD_CHANGE_SCANPY_V2: i32 = 1;
/// log(mean(expm1 x1) + c) - log(mean(expm1 x2) + c), c = 1: Seurat 4.
pub const SCN_FOLD_CHANGE_SEURAT_V4: i32 = 2;
/// log((sum(expm1 x1) + c) / n1) - log((sum(expm1 x2) + c) / n2), c = 1: Seurat 5.
pub const SCN_FOLD_CHANGE_SEURAT_V5: i32 = 3;
/// log(mean x1 + c) - log(mean x2 + c), c = 1: Seurat 4 of values that are no logarithms, or of an assay whose normalisation
/// it does not know.
pub const SCN_FOLD_CHANGE_SEURAT_V4_MEANS: i32 = 4;
/// mean x1 - mean x2: Seurat's avg_diff of scaled values. Its base and c do not matter.
pub const SCN_FOLD_CHANGE_DIFFERENCE: i32 = 5;

/// How `scn_tl_rank_genes_groups` compares. Set up by `scn_rank_genes_groups_options_init`; the defaults are scanpy's.
#[derive_ReprC]
#[derive(Clone, Copy)]
#[repr(C)]
pub struct ScnRankGenesGroupsOptions {
    /// sizeof(ScnRankGenesGroupsOptions) of the header compiled against.
    pub struct_size: u32,
    /// `SCN_METHOD_*`; default `SCN_METHOD_T_TEST`.
    pub method: i32,
    /// The group that all others are compared with, or `SCN_REFERENCE_REST` (default).
    pub reference: i64,
    /// Wilcoxon only: 1 if ties shall lower the variance; default 0, as scanpy has it (R and scipy correct).
    pub tie_correct: i32,
    /// Wilcoxon only: 1 if U shall be taken half a unit nearer to its mean; default 0, as scanpy has it (R and scipy do).
    pub continuity: i32,
    /// `SCN_CORR_*`; default `SCN_CORR_BENJAMINI_HOCHBERG`. Each group is corrected for its own tests.
    pub corr_method: i32,
    /// `SCN_FOLD_CHANGE_*`; default `SCN_FOLD_CHANGE_SCANPY_V1`.
    pub fold_change: i32,
    /// Base of the logarithm that the values are in; default 0, which means e.
    pub log1p_base: f64,
    /// The c of the fold changes; default -1, which means the convention's own.
    pub pseudocount: f64,
    /// Base of the log fold changes; default 2.
    pub fold_change_base: f64,
    /// Wilcoxon only: 1 for p-values from the exact distribution of U where both sides have fewer than 50 cells and no two
    /// values are equal, as R's wilcox.test has it; default 0. Scores stay those of the normal approximation.
    pub exact: i32,
    /// 1 if fractions shall count the values above zero, as Seurat does; default 0: those that are not zero, as scanpy does.
    pub positive_fractions: i32,
    /// The smallest group that is tested; default 2. 1 is possible for Wilcoxon only.
    pub min_cells: i64,
}

// SAFETY: repr(C), struct_size first, numbers only, no padding.
unsafe impl Sized32 for ScnRankGenesGroupsOptions {
    const NAME: &'static str = "ScnRankGenesGroupsOptions";
    const FIRST_SIZE: usize = 56;
    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>() as u32,
            method: SCN_METHOD_T_TEST,
            reference: SCN_REFERENCE_REST,
            tie_correct: 0,
            continuity: 0,
            corr_method: crate::ffi::stats::SCN_CORR_BENJAMINI_HOCHBERG,
            fold_change: SCN_FOLD_CHANGE_SCANPY_V1,
            log1p_base: 0.0,
            pseudocount: -1.0,
            fold_change_base: 2.0,
            exact: 0,
            positive_fractions: 0,
            min_cells: 2,
        }
    }
}

/// Where `scn_tl_rank_genes_groups` writes. Each array is n_groups x n_vars, row-major, of `len` doubles; null is not
/// computed. In the row of a reference group all that compares is NaN. Set up by `scn_rank_genes_groups_outputs_init`.
#[derive_ReprC]
#[derive(Clone, Copy)]
#[repr(C)]
pub struct ScnRankGenesGroupsOutputs {
    /// sizeof(ScnRankGenesGroupsOutputs) of the header compiled against.
    pub struct_size: u32,
    /// Must be 0.
    pub reserved: u32,
    /// Length of each array: n_groups * n_vars.
    pub len: i64,
    /// z (Wilcoxon) or t: positive where the group's values are the greater, 0 where nothing differs.
    pub scores: *mut f64,
    /// Two-sided p-values.
    pub pvals: *mut f64,
    /// Their natural logarithms, also where the p-value itself is below the least double.
    pub ln_pvals: *mut f64,
    /// p-values corrected for the number of genes.
    pub pvals_adj: *mut f64,
    /// Log fold changes of the group over the other side.
    pub log_fold_changes: *mut f64,
    /// Wilcoxon only: Mann and Whitney's U, the pairs of a cell of the group and one outside in which the former has the
    /// greater value, ties counting half.
    pub u: *mut f64,
    /// Wilcoxon only: U over the number of pairs, the area under the ROC curve.
    pub auroc: *mut f64,
    /// Mean of the group.
    pub means: *mut f64,
    /// Mean of the other side.
    pub means_reference: *mut f64,
    /// Part of the group's cells whose value is not zero, or above zero with `positive_fractions`.
    pub fractions: *mut f64,
    /// The same of the other side's cells.
    pub fractions_reference: *mut f64,
}

// SAFETY: repr(C), struct_size first, numbers and nullable pointers only, no padding.
unsafe impl Sized32 for ScnRankGenesGroupsOutputs {
    const NAME: &'static str = "ScnRankGenesGroupsOutputs";
    const FIRST_SIZE: usize = 104;
    fn defaults() -> Self {
        let null = std::ptr::null_mut();
        Self {
            struct_size: size_of::<Self>() as u32,
            reserved: 0,
            len: 0,
            scores: null,
            pvals: null,
            ln_pvals: null,
            pvals_adj: null,
            log_fold_changes: null,
            u: null,
            auroc: null,
            means: null,
            means_reference: null,
            fractions: null,
            fractions_reference: null,
        }
    }
}

fn yes_or_no(value: i32, name: &str) -> Result<bool> {
    ensure!(matches!(value, 0 | 1), InvalidArgument, "{name}: is {value}, must be 0 or 1");
    Ok(value == 1)
}

impl ScnRankGenesGroupsOptions {
    fn options(&self) -> Result<Options> {
        Ok(Options {
            method: match self.method {
                SCN_METHOD_T_TEST => Method::TTest,
                SCN_METHOD_T_TEST_OVERESTIM_VAR => Method::TTestOverestimVar,
                SCN_METHOD_STUDENT => Method::Student,
                SCN_METHOD_WILCOXON => Method::Wilcoxon,
                other => bail!(InvalidArgument, "options.method: is {other}, must be one of SCN_METHOD_* (0 to 3)"),
            },
            reference: match self.reference {
                SCN_REFERENCE_REST => Reference::Rest,
                group if group >= 0 => Reference::Group(group as usize),
                other => bail!(InvalidArgument, "options.reference: is {other}, must be a group, or -1 (the rest)"),
            },
            tie_correct: yes_or_no(self.tie_correct, "options.tie_correct")?,
            continuity: yes_or_no(self.continuity, "options.continuity")?,
            exact: yes_or_no(self.exact, "options.exact")?,
            positive_fractions: yes_or_no(self.positive_fractions, "options.positive_fractions")?,
            min_cells: match usize::try_from(self.min_cells) {
                Ok(n) if n > 0 => n,
                _ => bail!(InvalidArgument, "options.min_cells: is {}, must be at least 1", self.min_cells),
            },
            correction: correction(self.corr_method, "options.corr_method")?,
            fold_change: FoldChange {
                convention: match self.fold_change {
                    SCN_FOLD_CHANGE_SCANPY_V1 => Convention::ScanpyV1,
                    SCN_FOLD_CHANGE_SCANPY_V2 => Convention::ScanpyV2,
                    SCN_FOLD_CHANGE_SEURAT_V4 => Convention::SeuratV4,
                    SCN_FOLD_CHANGE_SEURAT_V5 => Convention::SeuratV5,
                    SCN_FOLD_CHANGE_SEURAT_V4_MEANS => Convention::SeuratV4Means,
                    SCN_FOLD_CHANGE_DIFFERENCE => Convention::Difference,
                    other => bail!(
                        InvalidArgument,
                        "options.fold_change: is {other}, must be one of SCN_FOLD_CHANGE_* (0 to 5)"
                    ),
                },
                log1p_base: (self.log1p_base != 0.0).then_some(self.log1p_base),
                pseudocount: (self.pseudocount != -1.0).then_some(self.pseudocount),
                base: self.fold_change_base,
            },
        })
    }
}

/// Writes the defaults into the options of `scn_tl_rank_genes_groups`. `struct_size` is
/// `sizeof(ScnRankGenesGroupsOptions)` as the caller knows it.
///
/// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`.
///
/// @since 0.1.0
///
/// # Safety
/// `options` is null or valid for writes of `struct_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_rank_genes_groups_options_init(
    options: *mut ScnRankGenesGroupsOptions,
    struct_size: usize,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    guard(|| unsafe { options::init(options, "options", struct_size) })
}

/// Writes nulls into the outputs of `scn_tl_rank_genes_groups`. `struct_size` is `sizeof(ScnRankGenesGroupsOutputs)` as
/// the caller knows it.
///
/// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`.
///
/// @since 0.1.0
///
/// # Safety
/// `outputs` is null or valid for writes of `struct_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_rank_genes_groups_outputs_init(
    outputs: *mut ScnRankGenesGroupsOutputs,
    struct_size: usize,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    guard(|| unsafe { options::init(outputs, "outputs", struct_size) })
}

/// Compares each group of cells with all others, or with one group, gene by gene: test scores, p-values, fold changes,
/// fractions of cells that express. Reference: scanpy's `tl.rank_genes_groups`; for the tests themselves scipy's
/// `mannwhitneyu` (asymptotic) and `ttest_ind` in double precision.
///
/// - `matrix`: cells x genes, values of any type; should be log-normalised (a warning if all are whole numbers and fold
///   changes are wanted). Zeros count as zeros whether they are stored or not; negative values are taken as they are.
/// - `groups`: for each cell its group from 0 to `n_groups` - 1, or -1: in no group. Such cells count in the rest; they
///   take no part if the reference is a group.
/// - `outputs`: what to compute, see `ScnRankGenesGroupsOutputs`.
///
/// Wilcoxon: ranks are those of all cells of the comparison, ties getting their mean; rank sums, U and the tie term are
/// exact integers, so that nothing overflows or rounds below 3e9 cells. z = (U - n m / 2) / s, where
/// s^2 = n m (N + 1) / 12, or n m / 12 * (N + 1 - sum(t^3 - t) / (N (N - 1))) if `tie_correct`; with `continuity`
/// |U - n m / 2| is less 1/2, but not below 0. All values tied: z = 0, p = 1. With `tie_correct` and `continuity` p is that of
/// Seurat's FindMarkers (limma, presto), with `exact` too that of R's wilcox.test.
///
/// t-tests: means and unbiased variances in double precision, sums over cells in their order. Where both sides are
/// constant t is 0 and p is 1 if they are equal, else t is infinite and p is 0.
///
/// p-values are right to 1e-10 relative down to 1e-300.
///
/// Where this differs from scanpy: scores and fold changes are doubles (scanpy stores floats); a NaN or infinite value
/// is an error (scanpy computes on); equal values that differ in rounding alone do not get large t (scanpy 1.11's do).
///
/// Memory: beside the outputs two to four doubles per group and gene; per thread a gene's non-zero values twice, with
/// their groups (16 bytes each, 32 if they are doubles or 64-bit integers that floats cannot hold); if `matrix` is
/// obs-major and the method Wilcoxon, blocks of genes of 32 MB and 4 bytes per cell and thread to make them. Outputs are
/// written when all that can be wrong is known; after a cancellation they may hold a part.
///
/// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`, those of the matrix, `SCN_ERR_SHAPE` (lengths of groups, outputs),
/// `SCN_ERR_INVALID_ARGUMENT` (an option, a label or the reference out of range; `u`, `auroc`, `tie_correct`,
/// `continuity` or `exact` with a t-test), `SCN_ERR_VALUE` (a group of less than `min_cells`, or nothing to compare it with; a value
/// that is NaN or infinite), `SCN_ERR_CANCELLED`.
///
/// @since 0.1.0
///
/// # Safety
/// `context` and `options` are null or valid, `matrix` is null or a descriptor whose arrays have the lengths it states;
/// `groups` is null or valid for reads of `groups_len`; `outputs` is null or a struct set up by its init function, whose
/// arrays are null or valid for writes of `len` doubles each.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_tl_rank_genes_groups(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    groups: *const i32,
    groups_len: i64,
    n_groups: i64,
    options: *const ScnRankGenesGroupsOptions,
    outputs: *const ScnRankGenesGroupsOutputs,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            let matrix = view(matrix, "matrix")?;
            let labels = slice(groups, groups_len, "groups")?;
            ensure!(
                (1..=i64::from(i32::MAX)).contains(&n_groups),
                InvalidArgument,
                "n_groups: is {n_groups}, must be from 1 to {}",
                i32::MAX
            );
            let groups = Groups::new(labels, n_groups as usize, matrix.n_obs(), "groups")?;
            let options = options::read(options)?.options()?;
            non_null(outputs, "outputs")?;
            let outputs = options::read(outputs)?;
            let Some(cells) = (n_groups as usize).checked_mul(matrix.n_vars()) else {
                bail!(Overflow, "outputs.len: {n_groups} groups x {} genes are too many", matrix.n_vars())
            };
            let table = |pointer: *mut f64, name: &str| output(pointer, outputs.len, cells, &format!("outputs.{name}"));
            let scores = table(outputs.scores, "scores")?;
            let pvals = table(outputs.pvals, "pvals")?;
            let ln_pvals = table(outputs.ln_pvals, "ln_pvals")?;
            let pvals_adj = table(outputs.pvals_adj, "pvals_adj")?;
            let log_fold_changes = table(outputs.log_fold_changes, "log_fold_changes")?;
            let u = table(outputs.u, "u")?;
            let auroc = table(outputs.auroc, "auroc")?;
            let means = table(outputs.means, "means")?;
            let means_reference = table(outputs.means_reference, "means_reference")?;
            let fractions = table(outputs.fractions, "fractions")?;
            let fractions_reference = table(outputs.fractions_reference, "fractions_reference")?;
            let results = Results {
                scores: scores.unwrap_or_default(),
                pvals: pvals.unwrap_or_default(),
                ln_pvals: ln_pvals.unwrap_or_default(),
                pvals_adj: pvals_adj.unwrap_or_default(),
                log_fold_changes: log_fold_changes.unwrap_or_default(),
                u: u.unwrap_or_default(),
                auroc: auroc.unwrap_or_default(),
                means: means.unwrap_or_default(),
                means_reference: means_reference.unwrap_or_default(),
                fractions: fractions.unwrap_or_default(),
                fractions_reference: fractions_reference.unwrap_or_default(),
            };
            rank_genes_groups_into(ctx, &matrix, &groups, &options, results)
        })
    }
}

/// The genes of each group in the order of their scores, the highest first.
///
/// Equal scores stay in the order of the genes, NaN comes last. scanpy's order is the same but among equal scores, which
/// it leaves to numpy's sorting routine.
///
/// - `scores`: n_groups x n_vars, row-major.
/// - `n_top`: how many genes of each group are wanted, at most `n_vars`.
/// - `by_abs`: 1 if by absolute score, else 0.
/// - `order`: gets n_groups x n_top gene numbers, row-major; must be there.
///
/// Memory: the output, and n_vars numbers per thread.
///
/// Errors: `SCN_ERR_NULL`, `SCN_ERR_INVALID_ARGUMENT`, `SCN_ERR_SHAPE`, `SCN_ERR_CANCELLED`.
///
/// @since 0.1.0
///
/// # Safety
/// `context` is null or valid; `scores` is null or valid for reads of `scores_len`, `order` for writes of `order_len`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_tl_rank_genes_groups_order(
    context: *const ScnContext,
    scores: *const f64,
    scores_len: i64,
    n_groups: i64,
    n_vars: i64,
    n_top: i64,
    by_abs: i32,
    order: *mut i64,
    order_len: i64,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            for (n, name) in [(n_groups, "n_groups"), (n_vars, "n_vars"), (n_top, "n_top")] {
                ensure!(n >= 0, InvalidArgument, "{name}: is {n}, must not be negative");
            }
            ensure!(
                n_groups.checked_mul(n_vars) == Some(scores_len),
                Shape,
                "scores: has length {scores_len}, must have n_groups * n_vars"
            );
            ensure!(n_top <= n_vars, InvalidArgument, "n_top: is {n_top}, must be at most {n_vars} (n_vars)");
            let scores = slice(scores, scores_len, "scores")?;
            let out = required_output(order, order_len, (n_groups * n_top) as usize, "order")?;
            let by_abs = yes_or_no(by_abs, "by_abs")?;
            out.copy_from_slice(&order::order(ctx, scores, n_vars as usize, n_top as usize, by_abs)?);
            Ok(())
        })
    }
}
