//! How fast this machine's memory is, in bytes per second, by the three ways in which kernels use it. usage: bandwidth THREADS

use std::hint::black_box;
use std::time::Instant;

/// 256 MB in each of three arrays: more than any cache holds.
const N: usize = 1 << 26;
const TIMES: usize = 10;

fn main() {
    let threads: usize = std::env::args().nth(1).and_then(|n| n.parse().ok()).expect("usage: bandwidth THREADS");
    let (mut a, b, c) = (vec![1.0f32; N], vec![2.0f32; N], vec![3.0f32; N]);

    // Integers: their sum may be taken in any order, so it is taken in vectors.
    let read = best(threads, &mut a, |piece, from| {
        let _ = piece;
        let part = &b[from..from + piece.len()];
        black_box(part.iter().fold(0u32, |sum, x| sum.wrapping_add(x.to_bits())));
    });
    let triad = best(threads, &mut a, |piece, from| {
        let (b, c) = (&b[from..from + piece.len()], &c[from..from + piece.len()]);
        for ((a, b), c) in piece.iter_mut().zip(b).zip(c) {
            *a = b + 1.5 * c;
        }
    });
    let update = best(threads, &mut a, |piece, _| piece.iter_mut().for_each(|a| *a *= 1.0001));

    let bytes = (4 * N) as f64;
    println!(
        "{{\"read\": {:.3e}, \"triad\": {:.3e}, \"update\": {:.3e}}}",
        bytes / read,
        3.0 * bytes / triad,
        2.0 * bytes / update
    );
}

/// The least time in which the threads go through the array, a piece each.
fn best(threads: usize, data: &mut [f32], pass: impl Fn(&mut [f32], usize) + Sync) -> f64 {
    let len = data.len().div_ceil(threads);
    (0..TIMES)
        .map(|_| {
            let began = Instant::now();
            std::thread::scope(|scope| {
                for (i, piece) in data.chunks_mut(len).enumerate() {
                    let pass = &pass;
                    scope.spawn(move || pass(piece, i * len));
                }
            });
            began.elapsed().as_secs_f64()
        })
        .fold(f64::INFINITY, f64::min)
}
