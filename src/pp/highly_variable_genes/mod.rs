//! Highly variable genes: the genes that vary more between cells than genes of their expression usually do.
//!
//! Seven ways to say "more than usually", each under the name that scanpy or Seurat gives it (see [`Flavor`]):
//!
//! - [`dispersions`]: variance over mean, compared within [`bins`] of genes of similar mean (`seurat`, `cell_ranger`);
//! - [`standardized`]: variance after division by a smoothed mean-variance curve (`seurat_v3`, `seurat_v3_paper`);
//! - [`mean_var_plot`] (`mean_var_plot`, `dispersion`) and [`vst`] (`vst`): these two as Seurat itself computes them;
//! - [`residuals`]: variance of the Pearson residuals of a negative binomial null model (`pearson_residuals`).
//!
//! With batches of cells each batch is judged by itself, and the verdicts are combined; `vst`, `seurat_v3` and
//! `pearson_residuals` combine [`ranks`], `mean_var_plot` and `dispersion` take no batches.

mod above;
mod bins;
mod dispersions;
mod mean_var_plot;
mod ordered;
mod ranks;
mod residuals;
mod standardized;
mod stretches;
mod survey;
mod tally;
mod vst;
mod zeros;

use crate::error::Result;
use crate::matrix::{Groups, Matrix};
use crate::parallel::Ctx;
use crate::{bail, ensure};
use tally::Tally;

/// How variability is measured and normalised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flavor {
    /// R. Satija et al., Nature Biotechnology 33 (2015). Takes normalised, logarithmised values.
    Seurat,
    /// G. Zheng et al., Nature Communications 8 (2017). Takes normalised, logarithmised values.
    CellRanger,
    /// T. Stuart et al., Cell 177 (2019); batches: by median rank, then by number of batches. Takes counts.
    SeuratV3,
    /// The same; batches: by number of batches, then by median rank, as the paper and Seurat have it. Takes counts.
    SeuratV3Paper,
    /// J. Lause et al., Genome Biology 22 (2021). Takes counts.
    PearsonResiduals,
    /// Seurat's `vst`, to the order of its additions; batches as `SeuratV3Paper`. Takes counts.
    Vst,
    /// Seurat's `mean.var.plot`: by cut-offs, in the order of dispersions. Takes normalised, logarithmised values.
    MeanVarPlot,
    /// Seurat's `dispersion`: the highest dispersions of any mean. Takes normalised, logarithmised values.
    Dispersion,
}

/// How `mean_var_plot` divides genes by mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binning {
    EqualWidth,
    /// Equal numbers of genes that some cell expresses.
    EqualFrequency,
}

impl Flavor {
    /// scanpy's name for it, or Seurat's.
    pub fn name(self) -> &'static str {
        match self {
            Self::Seurat => "seurat",
            Self::CellRanger => "cell_ranger",
            Self::SeuratV3 => "seurat_v3",
            Self::SeuratV3Paper => "seurat_v3_paper",
            Self::PearsonResiduals => "pearson_residuals",
            Self::Vst => "vst",
            Self::MeanVarPlot => "mean_var_plot",
            Self::Dispersion => "dispersion",
        }
    }

    fn takes_counts(self) -> bool {
        !matches!(self, Self::Seurat | Self::CellRanger | Self::MeanVarPlot | Self::Dispersion)
    }
}

/// Bounds, all exclusive, on mean and normalised dispersion.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Cutoffs {
    pub min_mean: f64,
    pub max_mean: f64,
    pub min_disp: f64,
    pub max_disp: f64,
}

impl Cutoffs {
    fn hold(&self, mean: f64, dispersion_norm: f64) -> bool {
        mean > self.min_mean
            && mean < self.max_mean
            && dispersion_norm > self.min_disp
            && dispersion_norm < self.max_disp
    }
}

impl Default for Cutoffs {
    fn default() -> Self {
        Self { min_mean: 0.0125, max_mean: 3.0, min_disp: 0.5, max_disp: f64::INFINITY }
    }
}

/// What to choose by. The defaults are scanpy's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options<'a> {
    pub flavor: Flavor,
    /// How many genes to choose. `None`: `seurat` and `cell_ranger` choose by `cutoffs`, `seurat_v3`, `vst` and
    /// `dispersion` choose 2000, `pearson_residuals` has no default. `mean_var_plot` takes none.
    pub n_top_genes: Option<usize>,
    /// Of `mean_var_plot`, and of `seurat` and `cell_ranger` if `n_top_genes` is not given.
    pub cutoffs: Cutoffs,
    /// Bins of genes by mean, for `seurat`, `mean_var_plot` and `dispersion`; ends of bins if these are of equal frequency.
    pub n_bins: usize,
    /// For `mean_var_plot` and `dispersion`.
    pub binning: Binning,
    /// The part of the genes that each fit of the curve takes, for `seurat_v3` and `vst`.
    pub span: f64,
    /// Leaves out genes without a positive value, in the dispersion flavors. With batches they are left out always, in
    /// each batch by itself.
    pub filter_unexpressed_genes: bool,
    /// The logarithm's base that `seurat`, `mean_var_plot` and `dispersion` undo; `None`: e.
    pub log_base: Option<f64>,
    /// Overdispersion of the null model of `pearson_residuals`: variance = mean + mean^2 / theta.
    pub theta: f64,
    /// Residuals are cut off at this absolute value. `None`: the square root of the number of cells, with batches that
    /// of the first batch for all of them, as scanpy has it. `vst` cuts off standardised values above it; `None`: the
    /// square root of the number of cells of the batch.
    pub clip: Option<f64>,
    /// Whether to warn if counts are expected and values are not whole numbers.
    pub check_values: bool,
    /// The variance that the caller expects of each gene, in place of `vst`'s own curve; 0 for a gene that is not to be
    /// judged.
    pub variances_expected: Option<&'a [f64]>,
}

impl Options<'_> {
    pub fn new(flavor: Flavor) -> Self {
        Self {
            flavor,
            n_top_genes: None,
            cutoffs: Cutoffs::default(),
            n_bins: 20,
            binning: Binning::EqualWidth,
            span: 0.3,
            filter_unexpressed_genes: false,
            log_base: None,
            theta: 100.0,
            clip: None,
            check_values: true,
            variances_expected: None,
        }
    }
}

/// One value for each gene. What a flavor does not have is empty.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct HighlyVariable {
    pub highly_variable: Vec<bool>,
    /// Mean over cells; `seurat`, `mean_var_plot`, `dispersion`: log(1 + mean) of what the logarithm was taken of; with batches, the dispersion
    /// flavors' is the mean over batches.
    pub means: Vec<f64>,
    /// Dispersion flavors: variance over mean, but for `cell_ranger` its logarithm. Where a gene does not vary NaN
    /// (`seurat`), or 0 if all is zero and else minus infinity (`mean_var_plot`, `dispersion`).
    pub dispersions: Vec<f64>,
    /// Dispersion flavors: in units of the spread within the bin.
    pub dispersions_norm: Vec<f64>,
    /// `seurat_v3`, `vst`, `pearson_residuals`: variance over all cells, with n - 1.
    pub variances: Vec<f64>,
    /// `seurat_v3`, `vst` without batches: the variance that the curve expects; 0 for a gene that does not vary.
    pub variances_expected: Vec<f64>,
    /// `seurat_v3`, `vst`: variance after standardisation, mean over batches.
    pub variances_norm: Vec<f64>,
    /// `pearson_residuals`: variance of the residuals, mean over batches.
    pub residual_variances: Vec<f64>,
    /// All but `seurat` and `cell_ranger`: 0 is the most variable; with batches the median over those that chose the
    /// gene. NaN if it is not among those chosen in any.
    pub rank: Vec<f64>,
    /// In how many batches the gene was chosen; without batches 0 or 1.
    pub n_batches: Vec<i64>,
    /// Whether that is all of them.
    pub intersection: Vec<bool>,
    /// Dispersion flavors without batches: the bin of the gene, -1 if it was left out.
    pub mean_bin: Vec<i32>,
    /// Ends of the bins, one more than there are bins.
    pub bin_edges: Vec<f64>,
}

/// Annotates highly variable genes. Cells whose batch is -1 are in none, and count only in means and variances over all
/// cells. `name_order` is the place of each gene in the order that settles ties of the dispersion flavors over batches
/// (scanpy: that of gene names); `None`: the matrix' own order.
///
/// Ties in rank go to the gene that comes first; scanpy sorts them unstably.
///
/// Memory: a few numbers for each gene and batch, and one row of accumulators per thread.
pub fn highly_variable_genes(
    ctx: &Ctx,
    matrix: &Matrix,
    batches: Option<&Groups>,
    name_order: Option<&[i64]>,
    options: &Options,
) -> Result<HighlyVariable> {
    check(matrix, batches, name_order, options)?;
    let canonical = matrix.canonical(ctx)?;
    let matrix = &canonical.view();
    let tally = match options.flavor {
        Flavor::SeuratV3 | Flavor::SeuratV3Paper | Flavor::Vst | Flavor::PearsonResiduals => {
            Tally::of(ctx.part(0.0, 0.3), matrix, batches.unwrap_or(&Groups::all(matrix.n_obs())))?
        }
        _ => None,
    };
    // Those two look at the values themselves.
    let looks = matches!(options.flavor, Flavor::Seurat | Flavor::CellRanger);
    if tally.is_none() && !looks {
        check_values(ctx, matrix, options)?;
    }
    if options.n_top_genes.is_some() && options.cutoffs != Cutoffs::default() {
        ctx.warn("If you pass `n_top_genes`, all cutoffs are ignored.");
    }
    match options.flavor {
        Flavor::Seurat | Flavor::CellRanger => dispersions::run(ctx, matrix, batches, name_order, options),
        Flavor::MeanVarPlot | Flavor::Dispersion => mean_var_plot::run(ctx, matrix, options),
        Flavor::Vst => vst::run(ctx, matrix, batches, tally, options),
        Flavor::SeuratV3 | Flavor::SeuratV3Paper => standardized::run(ctx, matrix, batches, tally, options),
        Flavor::PearsonResiduals => residuals::run(ctx, matrix, batches, tally, options),
    }
}

/// NaN and infinity are an error, negative values where counts are expected; other numbers there get a warning.
fn check_values(ctx: &Ctx, matrix: &Matrix, options: &Options) -> Result<()> {
    let values = survey::survey(ctx.part(0.0, 0.1), matrix)?;
    if !options.flavor.takes_counts() {
        return Ok(());
    }
    let name = options.flavor.name();
    if let Some((obs, var, value)) = values.negative {
        bail!(
            Value,
            "matrix: the value of obs {obs}, var {var} is {value}, must not be negative, as {name} takes counts"
        );
    }
    if options.check_values && values.fractional {
        ctx.warn(&format!("`flavor='{name}'` expects raw count data, but non-integers were found."));
    }
    Ok(())
}

fn check(matrix: &Matrix, batches: Option<&Groups>, name_order: Option<&[i64]>, options: &Options) -> Result<()> {
    let (n_obs, n_vars) = (matrix.n_obs(), matrix.n_vars());
    ensure!(n_vars > 0, Shape, "matrix: has no genes, must have at least 1");
    ensure!(n_obs > 1, Shape, "matrix: has {n_obs} cells, must have at least 2, as a variance needs them");
    if let Some(batches) = batches {
        ensure!(batches.n_groups() > 0, InvalidArgument, "n_batches: is 0, must be at least 1");
        for (batch, size) in batches.sizes().into_iter().enumerate() {
            ensure!(size > 1, InvalidArgument, "batches: batch {batch} has {size} cells, must have at least 2");
        }
    }
    if let Some(order) = name_order {
        ensure!(
            order.len() == n_vars,
            Shape,
            "name_order: has {} places, must have {n_vars}, one for each gene",
            order.len()
        );
    }
    if let Some(n) = options.n_top_genes {
        ensure!(
            n >= 1 && n <= n_vars,
            InvalidArgument,
            "n_top_genes: is {n}, must be from 1 to {n_vars}, the number of genes"
        );
    }
    if options.flavor == Flavor::PearsonResiduals {
        ensure!(
            options.n_top_genes.is_some(),
            InvalidArgument,
            "n_top_genes: is not given, must be for flavor pearson_residuals"
        );
    }
    let name = options.flavor.name();
    if matches!(options.flavor, Flavor::MeanVarPlot | Flavor::Dispersion) {
        ensure!(batches.is_none(), InvalidArgument, "batches: are given, must not be for flavor {name}");
    }
    ensure!(
        options.flavor != Flavor::MeanVarPlot || options.n_top_genes.is_none(),
        InvalidArgument,
        "n_top_genes: is given, must not be for flavor {name}, which chooses by cut-offs; flavor dispersion takes it"
    );
    if let Some(expected) = options.variances_expected {
        ensure!(
            options.flavor == Flavor::Vst && batches.is_none(),
            InvalidArgument,
            "variances_expected: is given, must be for flavor vst without batches only"
        );
        ensure!(
            expected.len() == n_vars,
            Shape,
            "variances_expected: has {} values, must have {n_vars}, one for each gene",
            expected.len()
        );
        if let Some(gene) = expected.iter().position(|&x| !(x >= 0.0 && x.is_finite())) {
            bail!(Value, "variances_expected[{gene}]: is {}, must be finite and not negative", expected[gene]);
        }
    }
    let Cutoffs { min_mean, max_mean, min_disp, max_disp } = options.cutoffs;
    for (value, name) in
        [(min_mean, "min_mean"), (max_mean, "max_mean"), (min_disp, "min_disp"), (max_disp, "max_disp")]
    {
        ensure!(!value.is_nan(), InvalidArgument, "{name}: is NaN, must be a number");
    }
    ensure!(options.n_bins > 0, InvalidArgument, "n_bins: is 0, must be at least 1");
    ensure!(
        options.span > 0.0 && options.span.is_finite(),
        InvalidArgument,
        "span: is {}, must be positive and finite",
        options.span
    );
    ensure!(options.theta > 0.0, InvalidArgument, "theta: is {}, must be positive", options.theta);
    if let Some(clip) = options.clip {
        ensure!(clip >= 0.0, InvalidArgument, "clip: is {clip}, must not be negative");
    }
    if let Some(base) = options.log_base {
        ensure!(
            base > 0.0 && base != 1.0 && base.is_finite(),
            InvalidArgument,
            "log_base: is {base}, must be positive, finite and not 1"
        );
    }
    Ok(())
}
