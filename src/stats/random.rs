//! Random numbers that depend on their place alone.
//!
//! Every item (a cell, a gene) has a stream of its own, found from the seed, a domain and the item's number, so that
//! it does not matter which thread draws, or in which order. The streams are xoshiro256++ (Blackman and Vigna 2021),
//! started by SplitMix64 (Steele, Lea and Flood 2014). Logarithms and powers are those of the `libm` crate: the
//! system's differ in the last bit from machine to machine.

/// One stream of random numbers.
#[derive(Clone, Debug)]
pub struct Random {
    state: [u64; 4],
}

impl Random {
    /// The stream of one item. Streams of different domains, or of different items of a domain, are unrelated.
    pub fn new(seed: u64, domain: u64, item: u64) -> Self {
        let mut mix = seed;
        for part in [domain, item] {
            mix = split_mix(&mut mix) ^ part.wrapping_mul(0x9fb2_1c65_1e98_df25);
        }
        Self { state: std::array::from_fn(|_| split_mix(&mut mix)) }
    }

    fn next(&mut self) -> u64 {
        let s = &mut self.state;
        let out = s[0].wrapping_add(s[3]).rotate_left(23).wrapping_add(s[0]);
        let shifted = s[1] << 17;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= shifted;
        s[3] = s[3].rotate_left(45);
        out
    }

    /// Uniform on [0, 1): a multiple of 2^-53.
    pub fn uniform(&mut self) -> f64 {
        (self.next() >> 11) as f64 * 2f64.powi(-53)
    }

    /// Uniform on 0..n without bias (Lemire 2019).
    pub fn below(&mut self, n: usize) -> usize {
        let n = n as u64;
        loop {
            let wide = u128::from(self.next()) * u128::from(n);
            if (wide as u64) >= n.wrapping_neg() % n {
                return (wide >> 64) as usize;
            }
        }
    }

    /// Standard normal, by Marsaglia's polar method.
    pub fn normal(&mut self) -> f64 {
        loop {
            let (x, y) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let s = x * x + y * y;
            if s > 0.0 && s < 1.0 {
                return x * (-2.0 * libm::log(s) / s).sqrt();
            }
        }
    }

    /// Gamma of mean `shape` and scale 1 (Marsaglia and Tsang 2000).
    pub fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let boost = libm::pow(1.0 - self.uniform(), 1.0 / shape);
            return self.gamma(shape + 1.0) * boost;
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let x = self.normal();
            let v = 1.0 + c * x;
            if v <= 0.0 {
                continue;
            }
            let v = v * v * v;
            let u = 1.0 - self.uniform();
            if libm::log(u) < 0.5 * x * x + d - d * v + d * libm::log(v) {
                return d * v;
            }
        }
    }

    /// Poisson. Small means by adding up probabilities, large ones by Hörmann's transformed rejection (PTRS, 1993).
    pub fn poisson(&mut self, mean: f64) -> u64 {
        if mean < SMALL {
            let mut probability = libm::exp(-mean);
            return self.invert(mean, probability, |k| {
                probability *= mean / k;
                probability
            });
        }
        let b = 0.931 + 2.53 * mean.sqrt();
        let a = -0.059 + 0.02483 * b;
        let inverse_alpha = 1.1239 + 1.1328 / (b - 3.4);
        let v_r = 0.9277 - 3.6224 / (b - 2.0);
        loop {
            let u = self.uniform() - 0.5;
            let v = 1.0 - self.uniform();
            let us = 0.5 - u.abs();
            let k = ((2.0 * a / us + b) * u + mean + 0.43).floor();
            if us >= 0.07 && v <= v_r {
                return k as u64;
            }
            if k < 0.0 || (us < 0.013 && v > us) {
                continue;
            }
            let accept = libm::log(v * inverse_alpha / (a / (us * us) + b));
            if accept <= k * libm::log(mean) - mean - libm::lgamma(k + 1.0) {
                return k as u64;
            }
        }
    }

    /// Negative binomial of variance `mean + dispersion * mean^2`; dispersion 0 is Poisson.
    pub fn negative_binomial(&mut self, mean: f64, dispersion: f64) -> u64 {
        if mean <= 0.0 {
            return 0;
        }
        if dispersion <= 0.0 {
            return self.poisson(mean);
        }
        if mean >= SMALL {
            let rate = self.gamma(1.0 / dispersion) * (dispersion * mean);
            return self.poisson(rate);
        }
        let size = 1.0 / dispersion;
        let odds = dispersion * mean;
        let q = odds / (1.0 + odds);
        let mut probability = libm::exp(-size * libm::log1p(odds));
        self.invert(mean, probability, |k| {
            probability *= q * (size + k - 1.0) / k;
            probability
        })
    }

    /// The smallest count whose cumulative probability exceeds one uniform number; `next(k)` is the probability of k.
    fn invert(&mut self, mean: f64, at_zero: f64, mut next: impl FnMut(f64) -> f64) -> u64 {
        let mut left = self.uniform() - at_zero;
        let mut k = 0u64;
        while left >= 0.0 {
            k += 1;
            let probability = next(k as f64);
            // What rounding leaves of the last 2^-53: no count can claim it.
            if probability < 1e-19 && k as f64 > mean {
                break;
            }
            left -= probability;
        }
        k
    }
}

/// Means below this are drawn by adding up probabilities: the number of steps is about the mean.
const SMALL: f64 = 30.0;

fn split_mix(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Mean and variance of 40 000 draws, each from a stream of its own as the simulator draws.
    fn moments(mut draw: impl FnMut(&mut Random) -> f64) -> (f64, f64) {
        const N: u64 = 40_000;
        let draws: Vec<f64> = (0..N).map(|i| draw(&mut Random::new(1, 2, i))).collect();
        let mean = draws.iter().sum::<f64>() / N as f64;
        (mean, draws.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / (N - 1) as f64)
    }

    fn close(got: f64, expected: f64, relative: f64, what: &str) {
        assert!(
            (got - expected).abs() <= relative * expected.abs().max(0.05),
            "{what}: {got}, must be near {expected}"
        );
    }

    #[test]
    fn moments_are_those_of_the_distributions() {
        let (mean, variance) = moments(|r| r.uniform());
        close(mean, 0.5, 0.01, "uniform mean");
        close(variance, 1.0 / 12.0, 0.03, "uniform variance");
        let (mean, variance) = moments(|r| r.normal());
        close(mean, 0.0, 0.4, "normal mean");
        close(variance, 1.0, 0.03, "normal variance");
        for shape in [0.3, 1.0, 4.5] {
            let (mean, variance) = moments(|r| r.gamma(shape));
            close(mean, shape, 0.03, "gamma mean");
            close(variance, shape, 0.08, "gamma variance");
        }
        // both ways to draw, on either side of their border
        for mean_wanted in [0.05, 3.0, 29.9, 30.1, 2000.0] {
            let (mean, variance) = moments(|r| r.poisson(mean_wanted) as f64);
            close(mean, mean_wanted, 0.03, "Poisson mean");
            close(variance, mean_wanted, 0.05, "Poisson variance");
            for dispersion in [0.1, 1.5] {
                let (mean, variance) = moments(|r| r.negative_binomial(mean_wanted, dispersion) as f64);
                close(mean, mean_wanted, 0.04, "negative binomial mean");
                close(
                    variance,
                    mean_wanted + dispersion * mean_wanted * mean_wanted,
                    0.1,
                    "negative binomial variance",
                );
            }
        }
    }

    #[test]
    fn streams_repeat_and_differ() {
        let first = |seed, domain, item| Random::new(seed, domain, item).next();
        assert_eq!(first(1, 2, 3), first(1, 2, 3));
        let mut seen: Vec<u64> =
            (0..10).flat_map(|s| (0..10).flat_map(move |d| (0..10).map(move |i| first(s, d, i)))).collect();
        seen.sort_unstable();
        seen.dedup();
        assert_eq!(seen.len(), 1000);
    }

    #[test]
    fn below_is_even() {
        let mut hits = [0u32; 7];
        let mut random = Random::new(5, 0, 0);
        (0..70_000).for_each(|_| hits[random.below(7)] += 1);
        assert!(hits.iter().all(|&n| n.abs_diff(10_000) < 400), "{hits:?}");
    }

    #[test]
    fn extreme_parameters_end() {
        let mut random = Random::new(0, 0, 0);
        assert_eq!(random.negative_binomial(0.0, 1.0), 0);
        for (mean, dispersion) in [(1e-300, 1e6), (29.0, 1e4), (1e9, 1e-9), (5.0, 1e-12), (1e6, 100.0)] {
            (0..100).for_each(|_| assert!(random.negative_binomial(mean, dispersion) < 1 << 50));
        }
    }
}
