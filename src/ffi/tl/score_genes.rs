//! Scores of gene sets, and the cell cycle.

use crate::ensure;
use crate::error::Result;
use crate::ffi::context::{ScnContext, run};
use crate::ffi::matrix::{ScnMatrix, output, required_output, slice, view};
use crate::ffi::options::{self, Sized32};
use crate::ffi::status::{ScnStatus, guard};
use crate::tl::score_genes::{self, ControlOptions, Phase};
use safer_ffi::derive_ReprC;

/// Both scores are negative.
pub const SCN_PHASE_G1: i32 = 0;
/// The S score is not below the G2M score.
pub const SCN_PHASE_S: i32 = 1;
/// The G2M score is above the S score.
pub const SCN_PHASE_G2M: i32 = 2;

/// How control genes are chosen. Set up by `scn_control_genes_options_init`.
#[derive_ReprC]
#[derive(Clone, Copy)]
#[repr(C)]
pub struct ScnControlGenesOptions {
    /// sizeof(ScnControlGenesOptions) of the header compiled against.
    pub struct_size: u32,
    /// 1 (default): genes of the set are drawn with the others of their bin and then left out; 0: they are not drawn.
    pub ctrl_as_ref: i32,
    /// Genes drawn from each bin of expression; default 50.
    pub ctrl_size: i64,
    /// Bins of expression, at least 2; default 25.
    pub n_bins: i64,
    /// Seed of the draw; default 0. The sample is the one that numpy draws after `np.random.seed(random_state)`.
    pub random_state: u32,
    /// Must be 0.
    pub reserved: u32,
}

// SAFETY: repr(C), struct_size first, numbers only, no padding.
unsafe impl Sized32 for ScnControlGenesOptions {
    const NAME: &'static str = "ScnControlGenesOptions";
    const FIRST_SIZE: usize = 32;
    fn defaults() -> Self {
        let d = ControlOptions::default();
        Self {
            struct_size: size_of::<Self>() as u32,
            ctrl_as_ref: i32::from(d.ctrl_as_ref),
            ctrl_size: d.ctrl_size as i64,
            n_bins: d.n_bins as i64,
            random_state: d.random_state,
            reserved: 0,
        }
    }
}

impl ScnControlGenesOptions {
    fn checked(&self) -> Result<ControlOptions> {
        ensure!(
            matches!(self.ctrl_as_ref, 0 | 1),
            InvalidArgument,
            "options.ctrl_as_ref: is {}, must be 0 or 1",
            self.ctrl_as_ref
        );
        for (n, least, name) in [(self.ctrl_size, 0, "ctrl_size"), (self.n_bins, 2, "n_bins")] {
            ensure!(n >= least, InvalidArgument, "options.{name}: is {n}, must be at least {least}");
        }
        Ok(ControlOptions {
            ctrl_size: self.ctrl_size as usize,
            n_bins: self.n_bins as usize,
            ctrl_as_ref: self.ctrl_as_ref == 1,
            random_state: self.random_state,
        })
    }
}

/// A caller's gene numbers.
///
/// # Safety
/// `genes` is null or valid for reads of `len` elements.
unsafe fn genes(genes: *const i64, len: i64, n_vars: usize, name: &str) -> Result<Vec<usize>> {
    // SAFETY: as this function's own contract.
    let genes = unsafe { slice(genes, len, name)? };
    for (i, &gene) in genes.iter().enumerate() {
        ensure!(
            gene >= 0 && gene < n_vars as i64,
            InvalidArgument,
            "{name}[{i}]: is {gene}, must be from 0 to {}",
            n_vars as i64 - 1
        );
    }
    Ok(genes.iter().map(|&gene| gene as usize).collect())
}

/// `genes`, where null means that none are given.
///
/// # Safety
/// As `genes`.
unsafe fn genes_or_none(pool: *const i64, len: i64, n_vars: usize, name: &str) -> Result<Option<Vec<usize>>> {
    if pool.is_null() && len == 0 {
        return Ok(None);
    }
    // SAFETY: as this function's own contract.
    Ok(Some(unsafe { genes(pool, len, n_vars, name)? }))
}

/// Writes the defaults into options. `struct_size` is `sizeof(ScnControlGenesOptions)` as the caller knows it.
///
/// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`.
///
/// @since 0.1.0
///
/// # Safety
/// `options` is null or valid for writes of `struct_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_control_genes_options_init(
    options: *mut ScnControlGenesOptions,
    struct_size: usize,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    guard(|| unsafe { options::init(options, "options", struct_size) })
}

/// Chooses the control genes of a gene set: genes of like expression, as Tirosh et al. 2016 do.
///
/// The genes of the pool are ranked by their mean over all cells (NaN left out) and divided into `n_bins` bins; from each
/// bin that holds a gene of the set `ctrl_size` genes are drawn, or all if there are no more; genes of the set are left
/// out. Warns of bins without control genes.
///
/// - `gene_list`: numbers of the genes of the set, from 0.
/// - `gene_pool`: numbers of the genes to draw from, or null with length 0 for all. Its order decides what is drawn. All
///   genes of the set must be in it.
/// - `is_control`: n_vars flags, 1 for control genes. It may be that there are none.
///
/// Reference: scanpy's `tl.score_genes`, whose sample this is, to the gene, for the same means. Where we differ: means are
/// in double whatever the layout, as scanpy 1.12 has them for sparse matrices; scanpy takes those of dense float32
/// matrices (1.11 also of sparse ones) in float32, and genes whose means nearly tie may then change bins.
///
/// Memory: three doubles per gene.
///
/// Errors: those of the matrix; `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`, `SCN_ERR_SHAPE`, `SCN_ERR_INVALID_ARGUMENT` (a gene
/// out of range, an empty set, n_bins below 2), `SCN_ERR_NOT_FOUND` (a gene of the set that is not in the pool or whose
/// mean is not finite).
///
/// @since 0.1.0
///
/// # Safety
/// `context` and `options` are null or valid; `matrix` is null or a descriptor whose arrays have the lengths it states;
/// the other pointers are null or valid for their lengths.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_tl_control_genes(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    gene_list: *const i64,
    gene_list_len: i64,
    gene_pool: *const i64,
    gene_pool_len: i64,
    options: *const ScnControlGenesOptions,
    is_control: *mut u8,
    is_control_len: i64,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            let matrix = view(matrix, "matrix")?;
            let list = genes(gene_list, gene_list_len, matrix.n_vars(), "gene_list")?;
            let pool = genes_or_none(gene_pool, gene_pool_len, matrix.n_vars(), "gene_pool")?;
            let options = options::read(options)?.checked()?;
            let out = required_output(is_control, is_control_len, matrix.n_vars(), "is_control")?;
            let control = score_genes::control_genes(ctx, &matrix, &list, pool.as_deref(), &options)?;
            out.fill(0);
            control.into_iter().for_each(|gene| out[gene] = 1);
            Ok(())
        })
    }
}

/// Scores each cell by a gene set: its mean over the genes of the set less its mean over the control genes.
///
/// - `gene_list`, `control`: numbers of genes, from 0; a number that is named twice counts once. `control` is what
///   `scn_tl_control_genes` chose, or any other choice.
/// - `score`: n_obs scores.
///
/// NaN values are left out of both means; a cell whose values of the set or of the control genes are all NaN scores NaN.
///
/// Reference: scanpy's `tl.score_genes`. Sums are in double; nothing is subset or made dense.
///
/// Memory: the scores.
///
/// Errors: those of the matrix; `SCN_ERR_NULL`, `SCN_ERR_SHAPE`, `SCN_ERR_INVALID_ARGUMENT` (a gene out of range, no genes,
/// no control genes).
///
/// @since 0.1.0
///
/// # Safety
/// As `scn_tl_control_genes`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_tl_score_genes(
    context: *const ScnContext,
    matrix: *const ScnMatrix,
    gene_list: *const i64,
    gene_list_len: i64,
    control: *const i64,
    control_len: i64,
    score: *mut f64,
    score_len: i64,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            let matrix = view(matrix, "matrix")?;
            let list = genes(gene_list, gene_list_len, matrix.n_vars(), "gene_list")?;
            let control = genes(control, control_len, matrix.n_vars(), "control")?;
            let out = required_output(score, score_len, matrix.n_obs(), "score")?;
            out.copy_from_slice(&score_genes::score_genes(ctx, &matrix, &list, &control)?);
            Ok(())
        })
    }
}

/// Says each cell's phase from its S and G2M scores: G1 if both are negative, else G2M if that score is the higher one,
/// else S (also where a score is NaN).
///
/// - `s_score`, `g2m_score`: `n` scores each, from `scn_tl_score_genes`. scanpy takes as `ctrl_size` of both the length of
///   the shorter of the two gene lists.
/// - `phase`: `n` of `SCN_PHASE_G1`, `SCN_PHASE_S`, `SCN_PHASE_G2M`.
///
/// Reference: scanpy's `tl.score_genes_cell_cycle`.
///
/// Errors: `SCN_ERR_NULL`, `SCN_ERR_SHAPE`, `SCN_ERR_INVALID_ARGUMENT`.
///
/// @since 0.1.0
///
/// # Safety
/// The pointers are null or valid for `n` elements.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_tl_cell_cycle_phase(
    s_score: *const f64,
    g2m_score: *const f64,
    n: i64,
    phase: *mut i32,
    phase_len: i64,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    guard(|| unsafe {
        let (s, g2m) = (slice(s_score, n, "s_score")?, slice(g2m_score, n, "g2m_score")?);
        if let Some(out) = output(phase, phase_len, s.len(), "phase")? {
            for ((out, &s), &g2m) in out.iter_mut().zip(s).zip(g2m) {
                *out = match score_genes::phase(s, g2m) {
                    Phase::G1 => SCN_PHASE_G1,
                    Phase::S => SCN_PHASE_S,
                    Phase::G2M => SCN_PHASE_G2M,
                };
            }
        }
        Ok(())
    })
}
