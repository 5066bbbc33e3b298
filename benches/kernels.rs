//! Micro-benchmarks of the kernels on small simulated matrices, one thread, for work on one of them: `make bench-kernels` runs all in about
//! two minutes, `make bench-kernels OPS=wilcoxon` some. `make bench` is what compares with other tools.

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use scnative::matrix::{Axis, Groups, Matrix, Sparse, ValueSliceMut, ValueVec, reduce, subset, transpose};
use scnative::parallel::Ctx;
use scnative::pp::highly_variable_genes::{self as hvg, Flavor};
use scnative::pp::normalize_total::{self, Then, normalize_total};
use scnative::pp::{log1p, qc, regress_out, scale};
use scnative::simulate::{self, Simulated, Simulation};
use scnative::stats::loess::{Loess, LoessOptions};
use scnative::tl::rank_genes_groups::{self as rank, Method, Reference, rank_genes_groups};
use scnative::tl::score_genes::{ControlOptions, control_genes, score_genes};
use std::hint::black_box;
use std::time::Duration;

const CELLS: usize = 2000;
const GENES: usize = 5000;

/// Counts and their logarithms, along cells and along genes.
struct Data {
    simulated: Simulated,
    logged: Sparse,
    counts_var: Sparse,
    logged_var: Sparse,
}

impl Data {
    fn new(ctx: &Ctx) -> Self {
        let simulation = Simulation { n_clusters: 10, n_batches: 3, ..Default::default() };
        let simulated = simulate::counts::<f32>(ctx, CELLS, GENES, &simulation).expect("the options are right");
        let logged = Sparse { values: ValueVec::F32(normalized(ctx, &simulated.counts)), ..simulated.counts.clone() };
        let along_genes =
            |matrix: &Sparse| transpose::to_major(ctx, &matrix.view(), Axis::Var).expect("there is memory");
        Self { counts_var: along_genes(&simulated.counts), logged_var: along_genes(&logged), logged, simulated }
    }

    fn counts(&self) -> Matrix<'_> {
        self.simulated.counts.view()
    }

    fn clusters(&self) -> Groups<'_> {
        Groups::new(&self.simulated.clusters[..], 10, CELLS, "clusters").expect("labels are right")
    }
}

fn normalized(ctx: &Ctx, counts: &Sparse) -> Vec<f32> {
    let mut values = vec![0.0; counts.nnz()];
    let options = normalize_total::Options { target_sum: Some(1e4), exclude_above: None };
    let then = Then { log1p: true, base: None };
    normalize_total(ctx, &counts.view(), ValueSliceMut::F32(&mut values), &options, then).expect("counts are right");
    values
}

fn kernels(c: &mut Criterion) {
    let ctx = &Ctx::new(1);
    let data = &Data::new(ctx);
    let nnz = data.simulated.counts.nnz();
    let mut group = c.benchmark_group("kernels");
    group.throughput(Throughput::Elements(nnz as u64)).sample_size(20).measurement_time(Duration::from_secs(2));
    let mut bench = |name: &str, call: &mut dyn FnMut()| {
        group.bench_function(name, |b| b.iter(&mut *call));
    };
    matrices(ctx, data, &mut bench);
    preprocessing(ctx, data, &mut bench);
    tests(ctx, data, &mut bench);
    group.finish();
}

type Bench<'a> = dyn FnMut(&str, &mut dyn FnMut()) + 'a;

fn matrices(ctx: &Ctx, data: &Data, bench: &mut Bench) {
    let groups = &data.clusters();
    let genes: Vec<i64> = (0..GENES as i64).step_by(10).collect();
    let all = reduce::Wanted { ddof: Some(1.0), nonzeros: true, ..Default::default() };
    bench("to_var", &mut || drop(black_box(transpose::transpose(ctx, &data.counts()).unwrap())));
    bench("subset obs-major", &mut || {
        drop(black_box(subset::subset(ctx, &data.counts(), None, Some(&genes)).unwrap()))
    });
    bench("subset var-major", &mut || {
        drop(black_box(subset::subset(ctx, &data.counts_var.view(), None, Some(&genes)).unwrap()))
    });
    bench("mean_var obs-major", &mut || {
        drop(black_box(reduce::mean_var(ctx, &data.logged.view(), Axis::Obs, 1.0).unwrap()))
    });
    bench("mean_var var-major", &mut || {
        drop(black_box(reduce::mean_var(ctx, &data.logged_var.view(), Axis::Obs, 1.0).unwrap()))
    });
    bench("aggregate", &mut || {
        drop(black_box(reduce::aggregate(ctx, &data.counts(), Axis::Obs, groups, all).unwrap()))
    });
}

fn preprocessing(ctx: &Ctx, data: &Data, bench: &mut Bench) {
    let marked: Vec<bool> = (0..GENES).map(|gene| gene % 400 == 3).collect();
    let wanted = qc::Wanted { percent_top: &[50, 100, 200, 500], subsets: &[&marked] };
    bench("normalize_log1p", &mut || drop(black_box(normalized(ctx, &data.simulated.counts))));
    let mut values = vec![0.0f32; data.simulated.counts.nnz()];
    bench("log1p", &mut || log1p::log1p(ctx, &data.counts(), ValueSliceMut::F32(&mut values), None).unwrap());
    bench("qc", &mut || drop(black_box(qc::qc(ctx, &data.counts(), &wanted).unwrap())));
    for (flavor, logged) in [
        (Flavor::Seurat, true),
        (Flavor::CellRanger, true),
        (Flavor::SeuratV3, false),
        (Flavor::PearsonResiduals, false),
    ] {
        let options = hvg::Options { n_top_genes: Some(1000), ..hvg::Options::new(flavor) };
        let matrix = if logged { data.logged.view() } else { data.counts() };
        bench(&format!("hvg {}", flavor.name()), &mut || {
            drop(black_box(hvg::highly_variable_genes(ctx, &matrix, None, None, &options).unwrap()))
        });
    }

    let all = &Groups::all(CELLS);
    let mut dense = vec![0.0f32; CELLS * GENES];
    let options = scale::ScaleOptions { max_value: Some(10.0), ..Default::default() };
    bench("scale, dense", &mut || {
        drop(black_box(scale::scale(ctx, &data.logged.view(), all, &options, Axis::Obs, &mut dense).unwrap()))
    });
    let covariates: Vec<f64> = (0..2 * CELLS).map(|i| (i * 7919 % 1013) as f64).collect();
    bench("regress_out numbers", &mut || {
        regress_out::regress_out(ctx, &data.logged.view(), &covariates, 2, &mut dense).unwrap()
    });
    let batches = &Groups::new(&data.simulated.batches[..], 3, CELLS, "batches").unwrap();
    bench("regress_out category", &mut || {
        regress_out::regress_out_groups(ctx, &data.logged.view(), batches, &mut dense).unwrap()
    });
}

fn tests(ctx: &Ctx, data: &Data, bench: &mut Bench) {
    let groups = &data.clusters();
    let wanted =
        rank::Wanted { scores: true, pvals: true, pvals_adj: true, log_fold_changes: true, ..Default::default() };
    for (method, name) in [(Method::Wilcoxon, "wilcoxon"), (Method::TTest, "t-test")] {
        for (reference, against) in [(Reference::Rest, "rest"), (Reference::Group(0), "reference")] {
            let options =
                rank::Options { method, reference, tie_correct: method == Method::Wilcoxon, ..Default::default() };
            for (matrix, layout) in [(data.logged.view(), "obs-major"), (data.logged_var.view(), "var-major")] {
                bench(&format!("{name} against {against}, {layout}"), &mut || {
                    drop(black_box(rank_genes_groups(ctx, &matrix, groups, &options, &wanted).unwrap()))
                });
            }
        }
    }
    let genes: Vec<usize> = (0..50).map(|i| i * 7).collect();
    bench("score_genes", &mut || {
        let matrix = data.logged.view();
        let control = control_genes(ctx, &matrix, &genes, None, &ControlOptions::default()).unwrap();
        drop(black_box(score_genes(ctx, &matrix, &genes, &control).unwrap()))
    });
}

/// What variable genes are standardised by.
fn curve(c: &mut Criterion) {
    let ctx = &Ctx::new(1);
    let x: Vec<f64> = (0..GENES).map(|i| (i * 7919 % 5003) as f64 / 1000.0).collect();
    let y: Vec<f64> = x.iter().map(|x| x.sin() + (x * 1e3) % 0.1).collect();
    let options = LoessOptions { span: 0.3, ..Default::default() };
    c.bench_function("loess", |b| {
        b.iter(|| Loess::fit(ctx, &x, &y, None, &options).unwrap().predict(ctx, &x).unwrap())
    });
}

criterion_group!(benches, kernels, curve);
criterion_main!(benches);
