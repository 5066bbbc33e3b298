//! What kind of values a matrix has.

use crate::bail;
use crate::error::Result;
use crate::matrix::counts::SHIFT;
use crate::matrix::{Axis, Lines, Matrix, Value};
use crate::parallel::{Ctx, lock};
use crate::simd::widest;
use crate::with_lines;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

pub(super) struct Survey {
    /// A negative value: its cell, its gene, and it.
    pub negative: Option<(usize, usize, f64)>,
    /// Some value is not a whole number.
    pub fractional: bool,
}

/// Reads all values once; NaN and infinity are an error.
pub(super) fn survey(ctx: &Ctx, matrix: &Matrix) -> Result<Survey> {
    with_lines!(matrix, |lines| survey_lines(ctx, matrix, lines))
}

fn survey_lines<L: Lines>(ctx: &Ctx, matrix: &Matrix, lines: L) -> Result<Survey> {
    let at = |major: usize, k: usize| match matrix.major() {
        Axis::Obs => (major, lines.minor(major, k)),
        Axis::Var => (lines.minor(major, k), major),
    };
    let negative = Mutex::new(None::<(usize, (usize, usize, f64))>);
    let fractional = AtomicBool::new(false);
    let pieces = ctx.balanced(lines.n_major(), |i| matrix.stored_before(i));
    ctx.run(
        pieces.len(),
        || (),
        |(), p| {
            for major in pieces[p].clone() {
                let values = lines.values(major);
                let find = |bad: fn(f64) -> bool| values.iter().position(|v| bad(v.to_f64()));
                let kinds = Kinds::of(&values);
                if kinds.infinite {
                    let k = find(|x| !x.is_finite()).unwrap_or_default();
                    let (obs, var) = at(major, k);
                    bail!(Value, "matrix: the value of obs {obs}, var {var} is {}, must be finite", values[k].to_f64());
                }
                if kinds.fractional {
                    fractional.store(true, Ordering::Relaxed);
                }
                if kinds.negative {
                    let mut first = lock(&negative);
                    if let Some(k) = find(|x| x < 0.0).filter(|_| first.is_none_or(|(at, _)| major < at)) {
                        let (obs, var) = at(major, k);
                        *first = Some((major, (obs, var, values[k].to_f64())));
                    }
                }
            }
            Ok(())
        },
    )?;
    Ok(Survey {
        negative: negative.into_inner().unwrap_or_else(|e| e.into_inner()).map(|(_, found)| found),
        fractional: fractional.into_inner(),
    })
}

/// Whether some of the values are of a kind.
pub(super) struct Kinds {
    /// NaN, too.
    pub infinite: bool,
    pub fractional: bool,
    pub negative: bool,
}

impl Kinds {
    /// Without a branch in the loop, so that it vectorises.
    pub fn of<V: Value>(values: &[V]) -> Self {
        widest(
            #[inline(always)]
            || {
                let mut kinds = Self { infinite: false, fractional: false, negative: false };
                for v in values {
                    let x = v.to_f64();
                    let size = x.abs();
                    kinds.infinite |= !x.is_finite();
                    kinds.fractional |= (size < SHIFT) & ((size + SHIFT) - SHIFT != size);
                    kinds.negative |= x < 0.0;
                }
                kinds
            },
        )
    }
}
