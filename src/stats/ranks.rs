//! Sorting of (value, group) pairs for rank statistics.
//!
//! A value becomes an unsigned number in the same order (its ordinal), a pair one integer: the ordinal above, the group
//! below. Ranks need only the runs of equal ordinals, not the order of groups within them.

/// Whole numbers below it are told apart from others: the sum of 5e8 of them is exact in f64.
pub(crate) const WHOLE: u32 = 1 << 24;

/// A type whose values have ordinals: unsigned numbers in the same order.
pub trait Ordinal: Copy {
    /// An ordinal of 32 bits, if this value is one that some 32-bit type holds exactly. The same mapping is used for all
    /// values of the type: of two values that have one, the greater has the greater.
    fn narrow(self) -> Option<u32>;
    /// An ordinal of 64 bits, which every value has.
    fn wide(self) -> u64;
    /// The narrow ordinal with a slot.
    #[inline(always)]
    fn narrow_pair(self, group: u32) -> Option<u64> {
        self.narrow().map(|ordinal| Pair::pack(u64::from(ordinal), group))
    }
    /// The wide ordinal with a slot.
    #[inline(always)]
    fn wide_pair(self, group: u32) -> Option<u128> {
        Some(Pair::pack(self.wide(), group))
    }
    /// The value, if it is a whole number from 0 to below [`WHOLE`].
    fn whole(self) -> Option<u32>;
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
    #[inline(always)]
    fn whole(self) -> Option<u32> {
        let whole = self as i32;
        (whole as f32 == self && (0..WHOLE as i32).contains(&whole)).then_some(whole as u32)
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
    #[inline(always)]
    fn whole(self) -> Option<u32> {
        let whole = self as i32;
        (f64::from(whole) == self && (0..WHOLE as i32).contains(&whole)).then_some(whole as u32)
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
            #[inline(always)]
            fn whole(self) -> Option<u32> {
                u32::try_from(self).ok().filter(|&whole| whole < WHOLE)
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
    #[inline(always)]
    fn whole(self) -> Option<u32> {
        Some(self).filter(|&whole| whole < WHOLE)
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
    #[inline(always)]
    fn whole(self) -> Option<u32> {
        u32::try_from(self).ok().filter(|&whole| whole < WHOLE)
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
    #[inline(always)]
    fn whole(self) -> Option<u32> {
        u32::try_from(self).ok().filter(|&whole| whole < WHOLE)
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

/// Equal steps of ordinals: a map that keeps their order.
#[derive(Clone, Copy, Debug, Default)]
pub struct Buckets {
    least: u64,
    most: u64,
    shift: u32,
    scale: u64,
}

impl Buckets {
    /// At most `n` buckets, numbered from 0, from the least to the greatest ordinal.
    pub fn new(least: u64, most: u64, n: u32) -> Self {
        let range = most - least;
        let shift = 32u32.saturating_sub(range.leading_zeros());
        Self { least, most, shift, scale: (u64::from(n) << 32) / ((range >> shift) + 1) }
    }

    /// The bucket of an ordinal that is not outside.
    #[inline(always)]
    pub fn of(&self, ordinal: u64) -> usize {
        ((((ordinal - self.least) >> self.shift) * self.scale) >> 32) as usize
    }

    /// The bucket of any ordinal; of one outside that of the nearest end.
    #[inline(always)]
    pub fn of_any(&self, ordinal: u64) -> usize {
        self.of(ordinal.clamp(self.least, self.most))
    }
}

/// Below this many pairs, a comparison sort is quicker than buckets.
const FEW: usize = 24;
/// More pairs than this in one bucket are divided among buckets of their own.
const CROWD: u32 = 24;
/// How often crowds are divided before they are left to a comparison sort.
const DIVISIONS: u32 = 2;
/// From so many pairs on digits are quicker than buckets.
const MANY: usize = 1000;
/// Bits of a digit, at most: the counts of one stay in the first cache.
const DIGIT: u32 = 11;
/// Digits of an ordinal, at most: with more, buckets are quicker.
const DIGITS: u32 = 3;

/// Sorts pairs by ordinal. It owns the scratch space.
///
/// Few pairs go into buckets: one pass counts how many fall into each of as many buckets as there are pairs, one puts them there,
/// and insertion sorts what shares a bucket, mostly one or two. Buckets that equal or crowded values fill are divided again:
/// 4 to 7 ns a pair. Many are sorted by one digit of the ordinal after the other, the lowest first: 5 ns, whatever the values.
#[derive(Default)]
pub struct Sorter<P> {
    spare: Vec<P>,
    /// Where the pairs of a bucket, or of a digit, begin and end.
    ends: Vec<u32>,
}

impl<P: Pair> Sorter<P> {
    pub fn sort(&mut self, pairs: &mut Vec<P>) {
        let n = pairs.len();
        if n <= FEW || u32::try_from(n).is_err() {
            pairs.sort_unstable();
            return;
        }
        let (least, most) = range(pairs);
        let bits = 64 - (most - least).leading_zeros();
        self.spare.resize(n, P::default());
        if n < MANY || bits > DIGITS * DIGIT {
            sort_into(pairs, &mut self.spare, &mut self.ends, DIVISIONS);
            std::mem::swap(pairs, &mut self.spare);
        } else if bits > 0 {
            self.sort_by_digits(pairs, least, bits);
        }
    }

    /// For ordinals whose difference from the `least` has so many bits.
    fn sort_by_digits(&mut self, pairs: &mut Vec<P>, least: u64, bits: u32) {
        let width = bits.div_ceil(bits.div_ceil(DIGIT));
        let values = 1 << width;
        let digit = |pair: &P, place: u32| ((pair.ordinal() - least) >> (place * width)) as usize % values;
        // All digits are counted in one pass.
        self.ends.clear();
        self.ends.resize(DIGITS as usize * values, 0);
        let (first, rest) = self.ends.split_at_mut(values);
        let (second, third) = rest.split_at_mut(values);
        let three = bits > 2 * width;
        for pair in &*pairs {
            first[digit(pair, 0)] += 1;
            second[digit(pair, 1)] += 1;
            if three {
                third[digit(pair, 2)] += 1;
            }
        }
        for (place, ends) in (0..bits.div_ceil(width)).zip(self.ends.chunks_exact_mut(values)) {
            place_by(pairs, &mut self.spare, ends, |pair| digit(pair, place));
            std::mem::swap(pairs, &mut self.spare);
        }
    }
}

/// The least and the greatest ordinal.
fn range<P: Pair>(pairs: &[P]) -> (u64, u64) {
    pairs.iter().fold((u64::MAX, 0), |(least, most), pair| {
        let ordinal = pair.ordinal();
        (ordinal.min(least), ordinal.max(most))
    })
}

/// Puts pairs into the order of their buckets, those of one bucket staying in their order. `ends` are how many each bucket has, and
/// become where it ends. How many the fullest has.
fn place_by<P: Pair>(from: &[P], to: &mut [P], ends: &mut [u32], bucket: impl Fn(&P) -> usize) -> u32 {
    let (mut before, mut fullest) = (0, 0);
    for end in &mut *ends {
        let count = std::mem::replace(end, before);
        before += count;
        fullest = fullest.max(count);
    }
    // What was the start of a bucket moves on to its end.
    for pair in from {
        let at = &mut ends[bucket(pair)];
        to[*at as usize] = *pair;
        *at += 1;
    }
    fullest
}

/// Sorts `from` into `to`; what is left in `from` is of no use.
fn sort_into<P: Pair>(from: &mut [P], to: &mut [P], ends: &mut Vec<u32>, divisions: u32) {
    let (least, most) = range(from);
    if least == most {
        to.copy_from_slice(from);
        return;
    }
    let buckets = Buckets::new(least, most, from.len() as u32);
    let bucket = |pair: &P| buckets.of(pair.ordinal());
    ends.clear();
    ends.resize(from.len(), 0);
    for pair in &*from {
        ends[bucket(pair)] += 1;
    }
    let fullest = place_by(from, to, ends, bucket);
    if fullest > CROWD {
        let mut start = 0;
        for end in std::mem::take(ends) {
            if end - start > CROWD {
                let crowd = start as usize..end as usize;
                if divisions == 0 {
                    to[crowd].sort_unstable();
                } else {
                    from[crowd.clone()].copy_from_slice(&to[crowd.clone()]);
                    sort_into(&mut from[crowd.clone()], &mut to[crowd], ends, divisions - 1);
                }
            }
            start = end;
        }
    }
    insertion_sort(to);
}

/// For pairs of which none is far from its place.
fn insertion_sort<P: Pair>(pairs: &mut [P]) {
    for i in 1..pairs.len() {
        let pair = pairs[i];
        let mut at = i;
        while at > 0 && pairs[at - 1].ordinal() > pair.ordinal() {
            pairs[at] = pairs[at - 1];
            at -= 1;
        }
        pairs[at] = pair;
    }
}

/// Sorted pairs, among which others are placed: where the search for one begins is looked up.
#[derive(Default)]
pub struct Places<P> {
    sorted: Vec<P>,
    buckets: Buckets,
    /// Where each bucket begins; one more than there are buckets.
    starts: Vec<u32>,
    sorter: Sorter<P>,
}

impl<P: Pair> Places<P> {
    /// Buckets for each pair: most that are looked up are empty or have one.
    const BUCKETS: usize = 3;

    pub fn fill(&mut self, pairs: &[P]) {
        self.sorted.clear();
        self.sorted.extend_from_slice(pairs);
        self.sorter.sort(&mut self.sorted);
        let (Some(least), Some(most)) = (self.sorted.first(), self.sorted.last()) else { return };
        let n = (pairs.len() * Self::BUCKETS).min(1 << 24);
        self.buckets = Buckets::new(least.ordinal(), most.ordinal(), n as u32);
        self.starts.clear();
        self.starts.resize(n + 1, 0);
        for pair in &self.sorted {
            self.starts[self.buckets.of(pair.ordinal()) + 1] += 1;
        }
        let mut before = 0;
        for start in &mut self.starts {
            before += *start;
            *start = before;
        }
    }

    pub fn sorted(&self) -> &[P] {
        &self.sorted
    }

    /// How many pairs have lower ordinals, and how many have this one.
    #[inline(always)]
    pub fn of(&self, ordinal: u64) -> (u64, u64) {
        if self.sorted.is_empty() {
            return (0, 0);
        }
        let bucket = self.buckets.of_any(ordinal);
        let (start, end) = (self.starts[bucket] as usize, self.starts[bucket + 1] as usize);
        let shared = &self.sorted[start..end];
        if shared.len() > 8 {
            let below = shared.partition_point(|pair| pair.ordinal() < ordinal);
            let tied = shared[below..].partition_point(|pair| pair.ordinal() == ordinal);
            return ((start + below) as u64, tied as u64);
        }
        let (mut below, mut tied) = (start as u64, 0);
        for pair in shared {
            below += u64::from(pair.ordinal() < ordinal);
            tied += u64::from(pair.ordinal() == ordinal);
        }
        (below, tied)
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
        Sorter::default().sort(&mut pairs);
        let key = |pairs: &[P]| pairs.iter().map(|p| p.ordinal()).collect::<Vec<_>>();
        assert_eq!(key(&pairs), key(&want));
        pairs.sort_unstable();
        want.sort_unstable();
        assert_eq!(pairs, want);
    }

    proptest! {
        #[test]
        fn sorts_narrow(ordinals in prop::collection::vec(any::<u32>(), 0..2500), shift in 0u32..32) {
            check_sort::<u64>(&ordinals.iter().map(|&o| u64::from(o >> shift)).collect::<Vec<_>>());
        }

        #[test]
        fn sorts_wide(ordinals in prop::collection::vec(any::<u64>(), 0..2500), shift in 0u32..64) {
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

    proptest! {
        /// Crowds: many equal values, and steps of very different sizes.
        #[test]
        fn sorts_crowds(picks in prop::collection::vec((0u32..40, 0u64..3), 0..900)) {
            check_sort::<u64>(&picks.iter().map(|&(shift, x)| ((x << shift) + x) as u32 as u64).collect::<Vec<_>>());
            check_sort::<u128>(&picks.iter().map(|&(shift, x)| (x << (shift + shift / 2)) + x).collect::<Vec<_>>());
        }

        #[test]
        fn places_count_what_is_below_and_tied(ordinals in prop::collection::vec(0u64..300, 0..200), shift in 0u32..50) {
            let ordinals: Vec<u64> = ordinals.iter().map(|&o| 1 + (o << shift)).collect();
            let pairs: Vec<u128> = ordinals.iter().map(|&o| P128::pack(o, 7)).collect();
            let mut places = Places::default();
            places.fill(&pairs);
            for x in ordinals.iter().flat_map(|&o| [o - 1, o, o + 1]) {
                let count = |keep: &dyn Fn(u64) -> bool| ordinals.iter().filter(|&&o| keep(o)).count() as u64;
                prop_assert_eq!(places.of(x), (count(&|o| o < x), count(&|o| o == x)));
            }
        }
    }
    type P128 = u128;

    #[test]
    fn whole_numbers() {
        assert_eq!([0.0f32, -0.0, 3.0, 1e7].map(Ordinal::whole), [Some(0), Some(0), Some(3), Some(10_000_000)]);
        assert_eq!([0.5f32, -1.0, 3e9, f32::NAN, f32::INFINITY].map(Ordinal::whole), [None; 5]);
        assert_eq!([0.5f64, -1.0, 3e9, f64::NAN, 16777216.0].map(Ordinal::whole), [None; 5]);
        assert_eq!((7u64.whole(), (-7i64).whole(), u32::MAX.whole()), (Some(7), None, None));
    }

    #[test]
    fn runs() {
        let pairs: Vec<u64> = [(1, 0), (1, 1), (4, 2), (9, 0), (9, 5), (9, 1)].map(|(o, g)| Pair::pack(o, g)).to_vec();
        let mut seen = Vec::new();
        for_each_run(&pairs, |ordinal, run| seen.push((ordinal, run.len())));
        assert_eq!(seen, [(1, 2), (4, 1), (9, 3)]);
    }
}
