//! How cells are run: in batches sorted by length, within a budget, each cell by itself.
//!
//! A cell's forward pass sees that cell alone. So padding is never computed, and a cell's bits do not depend on the batch that
//! it is in. Cells of a batch run side by side, one on each thread; where there are fewer cells than threads the products of
//! matrices are divided among the threads instead, which does not change their bits.

use super::options::Options;
use crate::error::Result;
use crate::parallel::Ctx;
use crate::{bail, ensure};
use candle_core::{Device, Tensor};

/// Tokens that are in memory at once, unless the caller sets `max_batch_tokens`.
pub(crate) const MAX_BATCH_TOKENS: usize = 1 << 16;

/// The option `max_batch_tokens`, by which memory is bounded.
pub fn budget(options: &Options) -> Result<usize> {
    let budget = options.size("max_batch_tokens")?.unwrap_or(MAX_BATCH_TOKENS);
    ensure!(budget > 0, InvalidArgument, "max_batch_tokens: is 0, must be positive");
    Ok(budget)
}

/// Runs `cell(i)` for every cell that has tokens, longest first, and gives the results in the order of the cells; none
/// where a cell has no tokens. At most `budget` tokens are being worked on at any time; a cell that alone has more is an error.
///
/// Progress is in cells; the caller can stop it after each.
pub fn run<T: Send>(
    ctx: &Ctx,
    lengths: &[usize],
    budget: usize,
    cell: impl Fn(usize) -> Result<T> + Sync,
) -> Result<Vec<Option<T>>> {
    let mut order: Vec<usize> = (0..lengths.len()).filter(|&i| lengths[i] > 0).collect();
    order.sort_by_key(|&i| std::cmp::Reverse(lengths[i]));
    if let Some(&longest) = order.first() {
        let needed = lengths[longest];
        if needed > budget {
            bail!(
                Budget,
                "max_batch_tokens: is {budget}, must be at least {needed}, the tokens of cell {longest}, the longest"
            );
        }
    }
    let mut results: Vec<Option<T>> = lengths.iter().map(|_| None).collect();
    let n = order.len().max(1) as f64;
    let mut begin = 0;
    while begin < order.len() {
        // Cells that run at the same time may not exceed the budget; the first of a batch is its longest.
        let at_once = (budget / lengths[order[begin]]).clamp(1, ctx.threads());
        let end = (begin + (budget / lengths[order[begin]]).max(at_once)).min(order.len());
        let batch = &order[begin..end];
        let done =
            ctx.within(begin as f64 / n, end as f64 / n, || ctx.map_in_pool(at_once, batch.len(), |k| cell(batch[k])))?;
        for (&i, result) in batch.iter().zip(done) {
            results[i] = Some(result);
        }
        begin = end;
    }
    Ok(results)
}

/// `[rows, width]` from one vector of each cell; NaN where there is none.
pub fn stacked(rows: &[Option<Vec<f32>>], width: usize) -> Result<Tensor> {
    let mut all = Vec::with_capacity(rows.len() * width);
    for row in rows {
        match row {
            Some(row) => all.extend_from_slice(row),
            None => all.extend(std::iter::repeat_n(f32::NAN, width)),
        }
    }
    Ok(Tensor::from_vec(all, (rows.len(), width), &Device::Cpu)?)
}
