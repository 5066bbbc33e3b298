//! Genetic interactions of two genes: upstream's `GEARS.GI_predict`, after Norman et al. 2019.
//!
//! The change that both genes make together is explained by those that each makes alone. Names are upstream's: `mag` is the
//! magnitude (synergy, suppression), `corr_fit` the fit of the linear model (neomorphism), `eq_contr` the equality of
//! contribution (epistasis), `dcor` the similarity of the two alone to both together, `dcor_singles` that of the one
//! to the other (redundancy), `dominance` which of them rules.

use super::Gears;
use super::distance_correlation::distance_correlation;
use super::predict::Request;
use super::theil_sen::{pairs, theil_sen};
use crate::error::Result;
use crate::models::cells::Cells;
use crate::models::options::Options;
use crate::models::{Output, Tensors};
use crate::parallel::Ctx;
use crate::{bail, ensure};
use candle_core::{Device, Tensor};

pub const SCORES: [&str; 10] =
    ["c1", "c2", "mag", "dcor", "dcor_singles", "dcor_first", "dcor_second", "corr_fit", "dominance", "eq_contr"];

/// The scores, in the order of [`SCORES`]. Changes are those of expression against control.
pub fn scores(ctx: &Ctx, chosen: &[[u32; 2]], first: &[f64], second: &[f64], both: &[f64]) -> Result<[f64; 10]> {
    let [c1, c2] = ctx.within(0.0, 0.2, || theil_sen(ctx, chosen, first, second, both))?;
    let fitted: Vec<f64> = first.iter().zip(second).map(|(a, b)| c1 * a + c2 * b).collect();
    let dcor = |i: usize, x: &[&[f64]], y: &[f64]| {
        ctx.within(0.2 + 0.2 * i as f64, 0.4 + 0.2 * i as f64, || distance_correlation(ctx, x, &[y]))
    };
    let (of_first, of_second) = (dcor(0, &[first], both)?, dcor(1, &[second], both)?);
    Ok([
        c1,
        c2,
        (c1 * c1 + c2 * c2).sqrt(),
        dcor(2, &[first, second], both)?,
        dcor(3, &[first], second)?,
        of_first,
        of_second,
        correlation(&fitted, both),
        libm::log10(c1 / c2).abs(),
        of_first.min(of_second) / of_first.max(of_second),
    ])
}

fn correlation(x: &[f64], y: &[f64]) -> f64 {
    let mean = |x: &[f64]| x.iter().sum::<f64>() / x.len() as f64;
    let (mean_x, mean_y) = (mean(x), mean(y));
    let sum = |f: &dyn Fn(f64, f64) -> f64| x.iter().zip(y).map(|(x, y)| f(x - mean_x, y - mean_y)).sum::<f64>();
    (sum(&|x, y| x * y) / (sum(&|x, _| x * x) * sum(&|_, y| y * y)).sqrt()).clamp(-1.0, 1.0)
}

impl Gears {
    /// The task "gi_scores": predictions of A, B and both, each against the mean of all control cells.
    pub fn interactions(&self, ctx: &Ctx, cells: Option<&Cells>, options: &Options) -> Result<Output> {
        let request = Request::read(self, options)?;
        let columns = self.chosen_genes(options)?;
        options.finish()?;
        if let Some(other) = request.names.iter().find(|names| names.len() != 2) {
            bail!(InvalidArgument, "perturbations: has {other:?}, each must be of two genes");
        }
        ensure!(!request.names.is_empty(), InvalidArgument, "perturbations: is empty, must have at least one pair");
        let rows: Vec<Vec<u32>> =
            request.rows.iter().flat_map(|pair| [vec![pair[0]], vec![pair[1]], pair.clone()]).collect();
        let changes = ctx.within(0.0, 0.2, || self.changes(ctx, cells, &request, &rows))?;
        let base: Vec<f64> = changes.means.drawn.iter().zip(&changes.means.all).map(|(drawn, all)| drawn - all).collect();
        let of = |i: usize| -> Vec<f64> { columns.iter().map(|&g| changes.of[i].0[g] + base[g]).collect() };
        let drawn = ctx.within(0.2, 0.5, || pairs(ctx, columns.len()))?;
        let n = request.rows.len();
        let mut columns_of: Vec<Vec<f64>> = vec![Vec::with_capacity(n); SCORES.len()];
        for k in 0..n {
            let found = ctx.within(0.5, 1.0, || {
                ctx.step(k, n, || scores(ctx, &drawn, &of(3 * k), &of(3 * k + 1), &of(3 * k + 2)))
            })?;
            columns_of.iter_mut().zip(found).for_each(|(column, score)| column.push(score));
        }
        let tensors = SCORES.iter().zip(columns_of).map(|(name, column)| {
            Ok((name.to_string(), Tensor::from_vec(column, n, &Device::Cpu)?))
        });
        Ok(Output { tensors: tensors.collect::<Result<Tensors>>()?, report: self.report(&request, &changes.means) })
    }

    /// The option `genes`: over which of the model's genes scores are computed, all by default.
    fn chosen_genes(&self, options: &Options) -> Result<Vec<usize>> {
        let columns: Vec<usize> = match options.texts("genes")? {
            None => (0..self.genes.len()).collect(),
            Some(names) => {
                let known: std::collections::HashSet<&str> = names.iter().map(String::as_str).collect();
                (0..self.genes.len()).filter(|&g| known.contains(self.genes[g].as_str())).collect()
            }
        };
        ensure!(
            columns.len() >= 2,
            InvalidArgument,
            "genes: has {} of the model's genes, must have at least 2",
            columns.len()
        );
        Ok(columns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// scikit-learn 1.9.1 and dcor 0.7 as GEARS calls them, on the same numbers: once from all pairs, once from those that
    /// numpy draws.
    #[test]
    fn scores_are_the_references() {
        let sequence = |n: u64, step: u64, prime: u64, centre: f64| -> Vec<f64> {
            (0..n).map(|i| (i * step % prime) as f64 / prime as f64 - centre).collect()
        };
        let want = [
            (40, [
                0.7039199071189205, 0.4493315429565698, 0.8351060238880099, 0.8159114061548628, 0.14250044044211904,
                0.8155503953145933, 0.47097391008721606, 0.9476446817884903, 0.1949563403657139, 0.5774920995600045,
            ]),
            (500, [
                0.701703608925213, 0.38319558641284573, 0.79951661160038, 0.7730361086213361, 0.014970920928056077,
                0.8002275054455223, 0.4115272361372588, 0.9377641276314119, 0.2627332118513833, 0.5142627981878019,
            ]),
        ];
        for (n, want) in want {
            let (a, b) = (sequence(n, 7919, 1009, 0.4871), sequence(n, 104_729, 997, 0.5123));
            let e = sequence(n, 611_953, 991, 0.5);
            let both: Vec<f64> = (0..n as usize).map(|i| 0.7 * a[i] + 0.4 * b[i] + 0.3 * e[i]).collect();
            let of = |threads| {
                let ctx = Ctx::new(threads);
                scores(&ctx, &pairs(&ctx, n as usize).unwrap(), &a, &b, &both).unwrap()
            };
            let got = of(1);
            for ((name, got), want) in SCORES.iter().zip(got).zip(want) {
                assert!((got - want).abs() < 1e-9, "{n}: {name} is {got}, must be {want}");
            }
            assert_eq!(of(3), got);
        }
    }
}
