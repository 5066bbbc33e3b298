//! Sorting of (value, group) pairs for rank statistics.
//!
//! A value becomes an unsigned number in the same order (its ordinal), a pair one integer: the ordinal above, the group
//! below. Ranks need only the runs of equal ordinals, not the order of groups within them.

/// A type whose values have ordinals: unsigned numbers in the same order.
pub trait Ordinal: Copy {
    /// An ordinal of 32 bits, if this value is one that some 32-bit type holds exactly. The same mapping is used for all
    /// values of the type: of two values that have one, the greater has the greater.
    fn narrow(self) -> Option<u32>;
    /// An ordinal of 64 bits, which every value has.
    fn wide(self) -> u64;
}

fn ordinal_f32(value: f32) -> u32 {
    let bits = value.to_bits();
    if bits >> 31 == 1 { !bits } else { bits | 1 << 31 }
}

impl Ordinal for f32 {
    #[inline(always)]
    fn narrow(self) -> Option<u32> {
        Some(ordinal_f32(self))
    }
    #[inline(always)]
    fn wide(self) -> u64 {
        u64::from(ordinal_f32(self))
    }
}

impl Ordinal for f64 {
    #[inline(always)]
    fn narrow(self) -> Option<u32> {
        let single = self as f32;
        (f64::from(single) == self).then(|| ordinal_f32(single))
    }
    #[inline(always)]
    fn wide(self) -> u64 {
        let bits = self.to_bits();
        if bits >> 63 == 1 { !bits } else { bits | 1 << 63 }
    }
}

macro_rules! small_integers {
    ($($type:ty),+) => {$(
        impl Ordinal for $type {
            #[inline(always)]
            fn narrow(self) -> Option<u32> {
                Some((i64::from(self) - i64::from(i32::MIN)) as u32)
            }
            #[inline(always)]
            fn wide(self) -> u64 {
                (i64::from(self) - i64::from(i32::MIN)) as u64
            }
        }
    )+};
}
small_integers!(i8, u8, i16, u16, i32);

impl Ordinal for u32 {
    #[inline(always)]
    fn narrow(self) -> Option<u32> {
        Some(self)
    }
    #[inline(always)]
    fn wide(self) -> u64 {
        u64::from(self)
    }
}

impl Ordinal for i64 {
    #[inline(always)]
    fn narrow(self) -> Option<u32> {
        i32::try_from(self).ok().and_then(Ordinal::narrow)
    }
    #[inline(always)]
    fn wide(self) -> u64 {
        self as u64 ^ 1 << 63
    }
}

impl Ordinal for u64 {
    #[inline(always)]
    fn narrow(self) -> Option<u32> {
        u32::try_from(self).ok()
    }
    #[inline(always)]
    fn wide(self) -> u64 {
        self
    }
}

/// An ordinal with a group, as one integer.
pub trait Pair: Copy + Ord + Default + Send + Sync {
    fn pack(ordinal: u64, group: u32) -> Self;
    fn ordinal(self) -> u64;
    fn group(self) -> usize;
}

/// 32 bits of ordinal, 32 of group.
impl Pair for u64 {
    #[inline(always)]
    fn pack(ordinal: u64, group: u32) -> Self {
        ordinal << 32 | u64::from(group)
    }
    #[inline(always)]
    fn ordinal(self) -> u64 {
        self >> 32
    }
    #[inline(always)]
    fn group(self) -> usize {
        self as u32 as usize
    }
}

/// 64 bits of ordinal, 32 of group.
impl Pair for u128 {
    #[inline(always)]
    fn pack(ordinal: u64, group: u32) -> Self {
        u128::from(ordinal) << 32 | u128::from(group)
    }
    #[inline(always)]
    fn ordinal(self) -> u64 {
        (self >> 32) as u64
    }
    #[inline(always)]
    fn group(self) -> usize {
        self as u32 as usize
    }
}

/// Below this many pairs, a comparison sort is quicker than passes over buckets.
const FEW: usize = 64;
/// The widest digit of a pass.
const MAX_DIGIT: u32 = 11;

/// Sorts pairs by ordinal; `spare` is scratch space.
///
/// A radix sort over just the bits in which the ordinals differ: counts, whatever type holds them, have few of them.
pub fn sort_by_ordinal<P: Pair>(pairs: &mut [P], spare: &mut Vec<P>) {
    let n = pairs.len();
    if n <= FEW {
        pairs.sort_unstable();
        return;
    }
    let first = pairs[0].ordinal();
    let differing = pairs.iter().fold(0, |bits, pair| bits | (pair.ordinal() ^ first));
    if differing == 0 {
        return;
    }
    let lowest = differing.trailing_zeros();
    let width = 64 - differing.leading_zeros() - lowest;
    // About as many buckets as pairs, and digits of equal width.
    let widest = (usize::BITS - n.leading_zeros()).clamp(6, MAX_DIGIT);
    let passes = width.div_ceil(widest);
    let digit = width.div_ceil(passes);
    let mask = (1u64 << digit) - 1;
    spare.clear();
    spare.resize(n, P::default());
    let (mut from, mut to) = (&mut *pairs, &mut spare[..]);
    for pass in 0..passes {
        let shift = lowest + pass * digit;
        let bucket = |pair: P| ((pair.ordinal() >> shift) & mask) as usize;
        let mut starts = [0usize; 1 << MAX_DIGIT];
        for &pair in from.iter() {
            starts[bucket(pair)] += 1;
        }
        let mut before = 0;
        for start in &mut starts[..=mask as usize] {
            before += std::mem::replace(start, before);
        }
        for &pair in from.iter() {
            let at = &mut starts[bucket(pair)];
            to[*at] = pair;
            *at += 1;
        }
        std::mem::swap(&mut from, &mut to);
    }
    if passes % 2 == 1 {
        pairs.copy_from_slice(spare);
    }
}

/// Calls `f(ordinal, pairs)` for each run of equal ordinals of sorted pairs, in ascending order.
#[inline(always)]
pub fn for_each_run<P: Pair>(sorted: &[P], mut f: impl FnMut(u64, &[P])) {
    let mut start = 0;
    while start < sorted.len() {
        let ordinal = sorted[start].ordinal();
        let mut end = start + 1;
        while end < sorted.len() && sorted[end].ordinal() == ordinal {
            end += 1;
        }
        f(ordinal, &sorted[start..end]);
        start = end;
    }
}

/// What a block of `t` tied values takes from the variance of a rank sum: t^3 - t. Exact up to 6.9e12 values.
#[inline(always)]
pub fn tie_term(t: u64) -> u128 {
    let t = u128::from(t);
    t * t * t - t
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn check_sort<P: Pair + std::fmt::Debug>(ordinals: &[u64]) {
        let mut pairs: Vec<P> = ordinals.iter().enumerate().map(|(i, &o)| P::pack(o, i as u32)).collect();
        let mut want = pairs.clone();
        want.sort_by_key(|pair| pair.ordinal());
        sort_by_ordinal(&mut pairs, &mut Vec::new());
        let key = |pairs: &[P]| pairs.iter().map(|p| p.ordinal()).collect::<Vec<_>>();
        assert_eq!(key(&pairs), key(&want));
        pairs.sort_unstable();
        want.sort_unstable();
        assert_eq!(pairs, want);
    }

    proptest! {
        #[test]
        fn sorts_narrow(ordinals in prop::collection::vec(any::<u32>(), 0..500), shift in 0u32..32) {
            check_sort::<u64>(&ordinals.iter().map(|&o| u64::from(o >> shift)).collect::<Vec<_>>());
        }

        #[test]
        fn sorts_wide(ordinals in prop::collection::vec(any::<u64>(), 0..500), shift in 0u32..64) {
            check_sort::<u128>(&ordinals.iter().map(|&o| o >> shift).collect::<Vec<_>>());
        }

        #[test]
        fn ordinals_keep_the_order(a in any::<f64>(), b in any::<f64>(), i in any::<i64>(), j in any::<i64>()) {
            if !a.is_nan() && !b.is_nan() && a != 0.0 && b != 0.0 {
                prop_assert_eq!(a.partial_cmp(&b), Some(a.wide().cmp(&b.wide())));
                let (a, b) = (a as f32, b as f32);
                if a != 0.0 && b != 0.0 {
                    prop_assert_eq!(a.partial_cmp(&b), a.narrow().partial_cmp(&b.narrow()));
                    prop_assert_eq!(f64::from(a).narrow(), a.narrow());
                }
            }
            prop_assert_eq!(i.cmp(&j), i.wide().cmp(&j.wide()));
            let (i, j) = (i as i32, j as i32);
            prop_assert_eq!(i.cmp(&j), i.narrow().cmp(&j.narrow()));
            prop_assert_eq!(i64::from(i).narrow(), i.narrow());
        }
    }

    #[test]
    fn runs() {
        let pairs: Vec<u64> = [(1, 0), (1, 1), (4, 2), (9, 0), (9, 5), (9, 1)].map(|(o, g)| Pair::pack(o, g)).to_vec();
        let mut seen = Vec::new();
        for_each_run(&pairs, |ordinal, run| seen.push((ordinal, run.len())));
        assert_eq!(seen, [(1, 2), (4, 1), (9, 3)]);
    }
}
