//! Medians along an axis, of groups of lines.

use super::buffer::zeros;
use super::transpose::for_each_block;
use super::{Axis, Groups, Lines, Matrix, Value};
use crate::error::Result;
use crate::parallel::{Ctx, balanced_ranges};
use crate::{ensure, with_lines};

/// Bytes of the matrix that are held along the other axis at a time, where it is not compressed that way.
const BUDGET: usize = 1 << 28;

/// The median of each group (of lines along `over`) at each position of the other axis: `n_groups` x `n`, row-major.
///
/// Zeros count whether stored or not. The mean of the two middle values where there are two; NaN where a value is, and
/// for an empty group. Memory: the result twice, and a block of 256 MB at most of the matrix transposed.
pub fn medians(ctx: &Ctx, matrix: &Matrix, over: Axis, groups: &Groups) -> Result<Vec<f64>> {
    ensure!(
        groups.n() == matrix.n(over),
        Shape,
        "groups: has {} labels, must have {}, the matrix' number of {}",
        groups.n(),
        matrix.n(over),
        over.name()
    );
    let (n, n_groups) = (matrix.n(over.other()), groups.n_groups());
    let mut by_line = zeros::<f64>(n * n_groups)?;
    for_each_block(ctx, matrix, over.other(), BUDGET, |lines, block| {
        let out = &mut by_line[lines.start * n_groups..lines.end * n_groups];
        let pieces = (block.n_stored() >> 20).max(8 * ctx.threads());
        let ranges = balanced_ranges(lines.len(), pieces, |line| block.stored_before(line));
        ctx.run_split(out, ranges.iter().map(|r| r.len() * n_groups), Vec::new, |buckets, r, out| {
            for (line, out) in ranges[r].clone().zip(out.chunks_mut(n_groups.max(1))) {
                with_lines!(block, |lines| of_line(lines, line, groups, buckets, out));
            }
            Ok(())
        })
    })?;
    let mut medians = zeros::<f64>(n * n_groups)?;
    for (g, row) in medians.chunks_mut(n.max(1)).enumerate() {
        row.iter_mut().enumerate().for_each(|(line, out)| *out = by_line[line * n_groups + g]);
    }
    Ok(medians)
}

fn of_line(lines: impl Lines, line: usize, groups: &Groups, buckets: &mut Vec<Vec<f64>>, out: &mut [f64]) {
    buckets.resize_with(out.len(), Vec::new);
    buckets.iter_mut().for_each(Vec::clear);
    lines.for_each(line, |i, x| {
        let x = x.to_f64();
        if let Some(g) = groups.of(i)
            && x != 0.0
        {
            buckets[g].push(x);
        }
    });
    for (g, (out, bucket)) in out.iter_mut().zip(buckets).enumerate() {
        *out = median(bucket, groups.size(g));
    }
}

/// The median of these non-zeros and as many zeros as make `n` values.
fn median(nonzeros: &mut [f64], n: usize) -> f64 {
    if n == 0 || nonzeros.iter().any(|x| x.is_nan()) {
        return f64::NAN;
    }
    nonzeros.sort_unstable_by(f64::total_cmp);
    let negative = nonzeros.partition_point(|&x| x < 0.0);
    let zeros = n - nonzeros.len();
    let at = |rank: usize| match rank {
        _ if rank < negative => nonzeros[rank],
        _ if rank < negative + zeros => 0.0,
        _ => nonzeros[rank - zeros],
    };
    if n % 2 == 1 { at(n / 2) } else { (at(n / 2 - 1) + at(n / 2)) / 2.0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::matrix::ValueSlice;

    #[test]
    fn zeros_lie_between_negatives_and_positives() {
        assert_eq!(median(&mut [3.0, -1.0], 5), 0.0);
        assert_eq!(median(&mut [3.0, 1.0, 2.0], 5), 1.0);
        assert_eq!(median(&mut [-3.0, -1.0], 4), -0.5);
        assert_eq!(median(&mut [4.0, 2.0], 2), 3.0);
        assert_eq!(median(&mut [], 3), 0.0);
        assert!(median(&mut [], 0).is_nan() && median(&mut [f64::NAN, 1.0], 3).is_nan());
    }

    #[test]
    fn groups_of_either_axis() {
        let values = [1i32, 0, 5, 3, 0, 7, 0, 0, 9];
        let matrix = Matrix::dense(Axis::Obs, (3, 3), ValueSlice::I32(&values), 3).unwrap();
        let groups = Groups::new(&[1, -1, 1][..], 2, 3, "groups").unwrap();
        let ctx = Ctx::new(2);
        let got = medians(&ctx, &matrix, Axis::Obs, &groups).unwrap();
        assert!(got[..3].iter().all(|x| x.is_nan()) && got[3..] == [0.5, 0.0, 7.0]);
        assert_eq!(medians(&ctx, &matrix, Axis::Var, &Groups::all(3)).unwrap(), [1.0, 3.0, 0.0]);
    }
}
