//! numpy's legacy random numbers, to the bit, for results that are defined by them.
//!
//! `np.random.seed(seed)` starts a Mersenne Twister (MT19937, Matsumoto and Nishimura 1998); `np.random.choice(n, size,
//! replace=False)` is the head of a Fisher-Yates shuffle whose indices are drawn by masking and rejection. numpy has
//! frozen both (NEP 19), so that they can be had in every language.

const N: usize = 624;
const M: usize = 397;

/// The state of `np.random` after `np.random.seed(seed)`.
#[derive(Clone, Debug)]
pub struct NumpyRandom {
    state: [u32; N],
    /// The next word of the state to give out; `N` when they are all used.
    at: usize,
}

impl NumpyRandom {
    pub fn new(seed: u32) -> Self {
        let mut state = [seed; N];
        for i in 1..N {
            let before = state[i - 1];
            state[i] = 1_812_433_253u32.wrapping_mul(before ^ (before >> 30)).wrapping_add(i as u32);
        }
        Self { state, at: N }
    }

    fn next(&mut self) -> u32 {
        if self.at == N {
            self.refill();
        }
        let mut y = self.state[self.at];
        self.at += 1;
        y ^= y >> 11;
        y ^= (y << 7) & 0x9d2c_5680;
        y ^= (y << 15) & 0xefc6_0000;
        y ^ (y >> 18)
    }

    fn refill(&mut self) {
        for i in 0..N {
            let y = (self.state[i] & 0x8000_0000) | (self.state[(i + 1) % N] & 0x7fff_ffff);
            let odd = if y & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[i] = self.state[(i + M) % N] ^ (y >> 1) ^ odd;
        }
        self.at = 0;
    }

    /// Uniform on 0..=max.
    fn up_to(&mut self, max: u32) -> u32 {
        let mask = u32::MAX.checked_shr(max.leading_zeros()).unwrap_or(0);
        loop {
            let value = self.next() & mask;
            if value <= max {
                return value;
            }
        }
    }

    /// `np.random.choice(n, size, replace=False)`, of `size` at most `n`.
    pub fn choice(&mut self, n: usize, size: usize) -> Vec<usize> {
        assert!(u32::try_from(n).is_ok(), "numpy draws longer words for more");
        let mut shuffled: Vec<usize> = (0..n).collect();
        for i in (1..n).rev() {
            shuffled.swap(i, self.up_to(i as u32) as usize);
        }
        shuffled.truncate(size);
        shuffled
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The C++ standard requires this of its `mt19937`, default constructed ([rand.predef]).
    #[test]
    fn the_ten_thousandth_word_is_the_standards() {
        let mut random = NumpyRandom::new(5489);
        let words: Vec<u32> = (0..10_000).map(|_| random.next()).collect();
        assert_eq!(words[9999], 4_123_659_995);
    }

    #[test]
    fn a_choice_is_a_sample() {
        let mut random = NumpyRandom::new(0);
        for (n, size) in [(0, 0), (1, 1), (10, 0), (10, 10), (1000, 50)] {
            let mut chosen = random.choice(n, size);
            chosen.sort_unstable();
            chosen.dedup();
            assert_eq!(chosen.len(), size);
            assert!(chosen.iter().all(|&i| i < n));
        }
    }
}
