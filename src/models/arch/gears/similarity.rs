//! The two graphs from data, by upstream's rules: genes that share terms, and genes that are expressed together.

use super::graph::Graph;
use crate::ensure;
use crate::error::Result;
use crate::matrix::transpose::transpose;
use crate::matrix::{Axis, Lines, Matrix, Value};
use crate::parallel::Ctx;
use crate::with_lines;
use std::collections::{BTreeSet, HashMap};

/// The graph of perturbations: genes whose sets of terms (of the Gene Ontology, say) overlap. An edge's weight is the Jaccard
/// index of the two sets, if it exceeds `threshold` (upstream: 0.1), and of the edges into a gene the `neighbours + 1`
/// heaviest are kept; among equals those that come first in the list of genes. A gene has the Jaccard index 1 with itself,
/// which counts like any other edge. Genes without terms have no edges.
///
/// `terms` are those of each gene, in the order of the perturbations; a term that is given twice counts once. Memory: the
/// lists again, and two numbers for each gene and thread.
pub fn from_gene_sets<T: AsRef<str>>(ctx: &Ctx, terms: &[Vec<T>], neighbours: usize, threshold: f64) -> Result<Graph> {
    check_threshold(threshold)?;
    let mut numbers: HashMap<&str, usize> = HashMap::new();
    let mut members: Vec<Vec<u32>> = Vec::new();
    let mut sets: Vec<Vec<usize>> = Vec::with_capacity(terms.len());
    for (gene, terms) in terms.iter().enumerate() {
        let unique: BTreeSet<&str> = terms.iter().map(AsRef::as_ref).collect();
        let mut set = Vec::with_capacity(unique.len());
        for term in unique {
            let number = *numbers.entry(term).or_insert(members.len());
            if number == members.len() {
                members.push(Vec::new());
            }
            members[number].push(gene as u32);
            set.push(number);
        }
        sets.push(set);
    }
    let into = ctx.map(sets.len(), |target| {
        let mut shared: HashMap<u32, usize> = HashMap::new();
        for &term in &sets[target] {
            members[term].iter().for_each(|&gene| *shared.entry(gene).or_default() += 1);
        }
        let mut sources: Vec<(u32, f64)> = shared
            .into_iter()
            .map(|(source, both)| {
                let either = sets[target].len() + sets[source as usize].len() - both;
                (source, both as f64 / either as f64)
            })
            .filter(|&(_, weight)| weight > threshold)
            .collect();
        sources.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        sources.truncate(neighbours.saturating_add(1));
        Ok(sources)
    })?;
    Ok(joined(into))
}

/// The graph of genes that are expressed together: into each gene, itself with weight 1 and the `neighbours` others of the
/// largest |Pearson correlation| over the cells, if that exceeds `threshold` (upstream: 0.4); among equals those that come
/// first. Genes that are the same in all cells have no correlation, and no edges.
///
/// `expression` is log-normalised; upstream takes the control cells and those with one gene perturbed of the training set.
/// Correlations are computed for one gene against all others at a time, from the cells in which it is not zero: memory is
/// the matrix turned once and a number for each gene and thread, nothing grows with the square of genes or cells.
pub fn from_expression(ctx: &Ctx, expression: &Matrix, neighbours: usize, threshold: f64) -> Result<Graph> {
    check_threshold(threshold)?;
    let canonical = ctx.within(0.0, 0.05, || expression.canonical(ctx))?;
    let turned = ctx.within(0.05, 0.2, || transpose(ctx, &canonical.view()))?;
    let (cells, genes) = match expression.major() {
        Axis::Obs => (canonical.view(), turned.view()),
        Axis::Var => (turned.view(), canonical.view()),
    };
    let n = genes.n_vars();
    let moments = ctx.within(0.2, 0.25, || ctx.map(n, |gene| Ok(Moments::of(&line(&genes, gene), genes.n_obs()))))?;
    let into = ctx.within(0.25, 1.0, || {
        ctx.map(n, |target| {
            let Some(mine) = &moments[target] else { return Ok(Vec::new()) };
            let products = products(&cells, &line(&genes, target));
            let mut sources: Vec<(u32, f64)> = vec![(target as u32, 1.0)];
            for (source, (&product, other)) in products.iter().zip(&moments).enumerate() {
                let Some(other) = other.as_ref().filter(|_| source != target) else { continue };
                let covariance = product - cells.n_obs() as f64 * mine.mean * other.mean;
                sources.push((source as u32, (covariance / (mine.scale * other.scale)).abs().min(1.0)));
            }
            sources.retain(|&(_, weight)| weight > threshold);
            // A stable sort: the gene itself stays before others that are its equals.
            sources.sort_by(|a, b| b.1.total_cmp(&a.1));
            sources.truncate(neighbours.saturating_add(1));
            Ok(sources)
        })
    })?;
    Ok(joined(into))
}

fn check_threshold(threshold: f64) -> Result<()> {
    ensure!((0.0..=1.0).contains(&threshold), InvalidArgument, "threshold: is {threshold}, must be from 0 to 1");
    Ok(())
}

/// The sources of each target as one graph.
fn joined(into: Vec<Vec<(u32, f64)>>) -> Graph {
    let mut graph = Graph::new(into.len());
    for (target, sources) in into.iter().enumerate() {
        sources.iter().for_each(|&(source, weight)| graph.push(source as usize, target, weight));
    }
    graph
}

/// The stored values of a line.
fn line(matrix: &Matrix, major: usize) -> Vec<(usize, f64)> {
    let mut values = Vec::new();
    with_lines!(matrix, |lines| lines.for_each(major, |minor, x| values.push((minor, x.to_f64()))));
    values
}

/// The sum over cells of one gene's values times those of each gene, always in the order of the cells.
fn products(cells: &Matrix, gene: &[(usize, f64)]) -> Vec<f64> {
    let mut sums = vec![0.0; cells.n_vars()];
    with_lines!(cells, |lines| for &(cell, x) in gene.iter().filter(|(_, x)| *x != 0.0) {
        lines.for_each(cell, |other, y| sums[other] += x * y.to_f64());
    });
    sums
}

/// Of a gene that is not the same in all cells.
struct Moments {
    mean: f64,
    /// The root of the sum of squared differences to the mean.
    scale: f64,
}

impl Moments {
    fn of(values: &[(usize, f64)], cells: usize) -> Option<Self> {
        let zeros = cells - values.len();
        let first = values.first().map_or(0.0, |&(_, x)| x);
        let constant = values.iter().all(|&(_, x)| x == first) && (zeros == 0 || first == 0.0);
        if constant {
            return None;
        }
        let mean = values.iter().map(|(_, x)| x).sum::<f64>() / cells as f64;
        let squares: f64 = values.iter().map(|(_, x)| (x - mean) * (x - mean)).sum();
        Some(Self { mean, scale: (squares + zeros as f64 * mean * mean).sqrt() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::ValueSlice;
    use crate::stats::random::Random;

    fn edges(graph: &Graph) -> Vec<(u32, u32, f32)> {
        graph.sources.iter().zip(&graph.targets).zip(&graph.weights).map(|((&s, &t), &w)| (s, t, w)).collect()
    }

    #[test]
    fn jaccard_by_hand() {
        let terms = [vec!["a", "b", "b"], vec!["b", "c"], vec![], vec!["a", "b"], vec!["z"]];
        let graph = from_gene_sets(&Ctx::new(2), &terms, 20, 0.1).unwrap();
        let third = (1.0f64 / 3.0) as f32;
        let want = [
            (0, 0, 1.0), (3, 0, 1.0), (1, 0, third), (1, 1, 1.0), (0, 1, third), (3, 1, third), (0, 3, 1.0), (3, 3, 1.0), (1, 3, third),
            (4, 4, 1.0),
        ];
        assert_eq!(edges(&graph), want);
        // the first of equals stay, be they the gene itself or not
        let one = from_gene_sets(&Ctx::new(1), &terms, 0, 0.1).unwrap();
        assert_eq!(edges(&one), [(0, 0, 1.0), (1, 1, 1.0), (0, 3, 1.0), (4, 4, 1.0)]);
        // exactly the threshold is not above it
        assert_eq!(from_gene_sets(&Ctx::new(1), &terms, 20, 1.0 / 3.0).unwrap().len(), 6);
        assert!(from_gene_sets(&Ctx::new(1), &terms, 20, f64::NAN).is_err());
    }

    /// Every correlation by its definition, from dense columns.
    fn naive(x: &[f64], n: usize, genes: usize, neighbours: usize, threshold: f64) -> Vec<(u32, u32)> {
        let column = |g: usize| (0..n).map(|c| x[c * genes + g]).collect::<Vec<f64>>();
        let centred: Vec<Vec<f64>> = (0..genes)
            .map(|g| {
                let column = column(g);
                let mean = column.iter().sum::<f64>() / n as f64;
                column.iter().map(|x| x - mean).collect()
            })
            .collect();
        let inner = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>();
        let mut found = Vec::new();
        for t in 0..genes {
            let mut sources: Vec<(usize, f64)> = (0..genes)
                .map(|s| {
                    let r = inner(&centred[s], &centred[t])
                        / (inner(&centred[s], &centred[s]) * inner(&centred[t], &centred[t])).sqrt();
                    (s, if r.is_nan() { 0.0 } else { r.abs() })
                })
                .collect();
            sources.sort_by(|a, b| b.1.total_cmp(&a.1));
            found.extend(
                sources.iter().take(neighbours + 1).filter(|(_, r)| *r > threshold).map(|&(s, _)| (s as u32, t as u32)),
            );
        }
        found.sort_unstable();
        found
    }

    #[test]
    fn coexpression_is_pearsons_at_every_thread_count_and_layout() {
        let (n, genes) = (60, 12);
        let mut x = vec![0.0f64; n * genes];
        for cell in 0..n {
            let mut random = Random::new(3, 0, cell as u64);
            let shared = random.uniform();
            for gene in 0..genes - 2 {
                let own = random.uniform();
                x[cell * genes + gene] = if random.uniform() < 0.3 { 0.0 } else { own + shared * gene as f64 / 2.0 };
            }
            // one gene is never expressed, and one always the same
            x[cell * genes + genes - 1] = 0.75;
        }
        let by_cell = Matrix::dense(Axis::Obs, (n, genes), ValueSlice::F64(&x), genes).unwrap();
        let sparse = transpose(&Ctx::new(1), &by_cell).unwrap();
        let graph = from_expression(&Ctx::new(1), &by_cell, 3, 0.2).unwrap();
        let mut got: Vec<(u32, u32)> = edges(&graph).iter().map(|&(s, t, _)| (s, t)).collect();
        got.sort_unstable();
        assert_eq!(got, naive(&x, n, genes, 3, 0.2));
        assert!(got.len() > genes, "{}", got.len());
        for threads in [1, 2, 3] {
            assert_eq!(from_expression(&Ctx::new(threads), &by_cell, 3, 0.2).unwrap(), graph);
            assert_eq!(from_expression(&Ctx::new(threads), &sparse.view(), 3, 0.2).unwrap(), graph);
        }
        for (source, target, weight) in edges(&graph) {
            assert!(source != target || weight == 1.0);
        }
    }

    #[test]
    fn one_cell_has_no_correlations() {
        let matrix = Matrix::dense(Axis::Obs, (1, 2), ValueSlice::F32(&[1.0, 2.0]), 2).unwrap();
        let graph = from_expression(&Ctx::new(1), &matrix, 20, 0.4).unwrap();
        assert!(graph.is_empty() && graph.nodes == 2);
    }

    #[test]
    fn a_gene_comes_before_its_equals() {
        let x = [1.0f32, 1.0, 2.0, 2.0, 4.0, 4.0];
        let matrix = Matrix::dense(Axis::Obs, (3, 2), ValueSlice::F32(&x), 2).unwrap();
        let graph = from_expression(&Ctx::new(1), &matrix, 0, 0.4).unwrap();
        assert_eq!(edges(&graph), [(0, 0, 1.0), (1, 1, 1.0)]);
    }
}
