//! A cell as a sentence of tokens, as the original's `eval_data.sample_cell_sentences` writes it.
//!
//! Genes are drawn with replacement, each with a probability that is proportional to log(1 + count). The sentence begins with
//! the token of the cell; then, for each chromosome that has been drawn from, in a random order, come the token that opens
//! the chromosome, its genes by where they start, as often as they were drawn, and the token that closes it.
//!
//! The original draws from numpy's global generator, which its scripts never seed, so its sentences cannot be had again.
//! Here a cell's draws depend on the seed and on the number of the cell alone; `explicit` takes the draws themselves.

use crate::error::Result;
use crate::models::Tensors;
use crate::models::config::Config;
use crate::stats::log1p::log1p_slice;
use crate::stats::random::Random;
use crate::{bail, ensure};
use candle_core::{Device, Tensor};

/// Sets these draws apart from all others.
const DOMAIN: u64 = 0x7563_6500;

/// The tokens that are no genes.
#[derive(Clone, Copy, Debug)]
pub struct Grammar {
    pub cls: u32,
    pub close: u32,
    pub pad: u32,
    /// The token of the first chromosome.
    pub chromosomes: u32,
    /// No sentence may be longer.
    pub pad_length: usize,
}

impl Grammar {
    pub fn read(config: &Config) -> Result<Self> {
        // The token that the original names "left" stands in no sentence: the chromosome's own opens it.
        config.size("chrom_token_left_idx", 1)?;
        let token = |key: &str, default: usize| config.size(key, default).map(|n| n as u32);
        Ok(Self {
            cls: token("cls_token_idx", 3)?,
            close: token("chrom_token_right_idx", 2)?,
            pad: token("pad_token_idx", 0)?,
            chromosomes: token("CHROM_TOKEN_OFFSET", 143_574)?,
            pad_length: config.size("pad_length", 1536)?,
        })
    }
}

/// Where a gene is: its token, the number of its chromosome, and where on it it starts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Locus {
    pub token: u32,
    pub chromosome: u32,
    pub start: i64,
}

/// The cumulative probabilities by which genes are drawn, the last of them 1; none if there are no counts.
pub fn cumulative(counts: &[f32]) -> Option<Vec<f64>> {
    let mut weights = counts.to_vec();
    log1p_slice(&mut weights);
    let whole: f32 = weights.iter().sum();
    let mut sum = 0.0;
    let mut sums: Vec<f64> = weights
        .iter()
        .map(|w| {
            sum += f64::from(w / whole);
            sum
        })
        .collect();
    if !(whole > 0.0 && whole.is_finite()) {
        return None;
    }
    sums.iter_mut().for_each(|s| *s /= sum);
    Some(sums)
}

/// The gene that `uniform`, from [0, 1), falls on.
fn drawn(cumulative: &[f64], uniform: f64) -> usize {
    cumulative.partition_point(|&sum| sum <= uniform).min(cumulative.len() - 1)
}

/// A cell's sentence, from the counts of the genes at `loci`; none if it has no counts. `cell` is the cell's number.
pub fn random(
    grammar: &Grammar,
    loci: &[Locus],
    counts: &[f32],
    sample_size: usize,
    seed: u64,
    cell: usize,
) -> Result<Option<Vec<u32>>> {
    let Some(cumulative) = cumulative(counts) else { return Ok(None) };
    let mut random = Random::new(seed, DOMAIN, cell as u64);
    let mut genes: Vec<Locus> = (0..sample_size).map(|_| loci[drawn(&cumulative, random.uniform())]).collect();
    let mut order = chromosomes(&genes);
    for i in (1..order.len()).rev() {
        order.swap(i, random.below(i + 1));
    }
    written(grammar, &mut genes, &order, cell).map(Some)
}

/// The chromosomes of genes, ascending.
fn chromosomes(genes: &[Locus]) -> Vec<u32> {
    let mut found: Vec<u32> = genes.iter().map(|gene| gene.chromosome).collect();
    found.sort_unstable();
    found.dedup();
    found
}

/// The sentence of genes, with the chromosomes in this order.
fn written(grammar: &Grammar, genes: &mut [Locus], order: &[u32], cell: usize) -> Result<Vec<u32>> {
    let length = 1 + genes.len() + 2 * order.len();
    ensure!(
        length <= grammar.pad_length,
        InvalidArgument,
        "sample_size: is {}, must be less: with its {} chromosomes the sentence of cell {cell} has {length} tokens, of which \
         there may be {}",
        genes.len(),
        order.len(),
        grammar.pad_length
    );
    // Genes that start at the same place are told apart by their tokens, so that the order of the draws does not matter.
    genes.sort_unstable_by_key(|gene| (gene.chromosome, gene.start, gene.token));
    let mut sentence = Vec::with_capacity(length);
    sentence.push(grammar.cls);
    for &chromosome in order {
        let Some(opening) = grammar.chromosomes.checked_add(chromosome) else {
            bail!(
                InvalidArgument,
                "CHROM_TOKEN_OFFSET: is {}, which with the number {chromosome} of a chromosome is beyond 2^32 - 1",
                grammar.chromosomes
            );
        };
        sentence.push(opening);
        let begin = genes.partition_point(|gene| gene.chromosome < chromosome);
        let end = genes.partition_point(|gene| gene.chromosome <= chromosome);
        sentence.extend(genes[begin..end].iter().map(|gene| gene.token));
        sentence.push(grammar.close);
    }
    Ok(sentence)
}

/// Sentences from given draws: the arrays of the task "sentences" in, checked for names and shapes, and out.
pub fn explicit(grammar: &Grammar, inputs: &Tensors) -> Result<Tensors> {
    let whole = |name: &str| -> Result<Vec<i64>> { Ok(inputs[name].flatten_all()?.to_vec1()?) };
    let loci = loci(&whole("pe_idx")?, &whole("chrom")?, &whole("start")?)?;
    let counts = inputs["counts"].to_vec2::<f32>()?;
    let uniforms = inputs["uniforms"].to_vec2::<f64>()?;
    let orders = inputs["chrom_order"].to_vec2::<i64>()?;
    let (cells, sample_size) = inputs["uniforms"].dims2()?;
    let mut chosen = Vec::with_capacity(cells * sample_size);
    let mut lengths = Vec::with_capacity(cells);
    let mut sentences = vec![i64::from(grammar.pad); cells * grammar.pad_length];
    let mut mask = vec![0f32; cells * grammar.pad_length];
    for (cell, ((counts, uniforms), order)) in counts.iter().zip(&uniforms).zip(&orders).enumerate() {
        let wrong = counts.iter().find(|count| !(**count >= 0.0 && count.is_finite()));
        if let Some(count) = wrong {
            bail!(Counts, "inputs: \"counts\" of cell {cell} has {count}, must be from 0 on");
        }
        let wrong = uniforms.iter().find(|u| !(0.0..1.0).contains(*u));
        if let Some(u) = wrong {
            bail!(InvalidArgument, "inputs: \"uniforms\" of cell {cell} has {u}, must be from 0 on and below 1");
        }
        let Some(cumulative) = cumulative(counts) else {
            bail!(Counts, "inputs: \"counts\" of cell {cell} are all 0, there must be one to draw from");
        };
        let draws: Vec<usize> = uniforms.iter().map(|&u| drawn(&cumulative, u)).collect();
        let mut genes: Vec<Locus> = draws.iter().map(|&gene| loci[gene]).collect();
        let order = order_of(order, &genes, cell)?;
        let sentence = written(grammar, &mut genes, &order, cell)?;
        chosen.extend(draws.iter().map(|&gene| gene as i64));
        lengths.push(sentence.len() as i64);
        let begin = cell * grammar.pad_length;
        for (i, &token) in sentence.iter().enumerate() {
            sentences[begin + i] = i64::from(token);
            mask[begin + i] = 1.0;
        }
    }
    let table = (cells, grammar.pad_length);
    Ok(Tensors::from([
        ("sentence".into(), Tensor::from_vec(sentences, table, &Device::Cpu)?),
        ("mask".into(), Tensor::from_vec(mask, table, &Device::Cpu)?),
        ("length".into(), Tensor::from_vec(lengths, cells, &Device::Cpu)?),
        ("chosen_genes".into(), Tensor::from_vec(chosen, (cells, sample_size), &Device::Cpu)?),
    ]))
}

fn loci(tokens: &[i64], chromosomes: &[i64], starts: &[i64]) -> Result<Vec<Locus>> {
    let number = |name: &str, x: i64| match u32::try_from(x) {
        Ok(x) => Ok(x),
        Err(_) => bail!(InvalidArgument, "inputs: {name:?} has {x}, must be from 0 on"),
    };
    let mut loci = Vec::with_capacity(tokens.len());
    for ((&token, &chromosome), &start) in tokens.iter().zip(chromosomes).zip(starts) {
        loci.push(Locus { token: number("pe_idx", token)?, chromosome: number("chrom", chromosome)?, start });
    }
    Ok(loci)
}

/// The order of the chromosomes as given, -1 left out: it must hold each that was drawn from, once, and no other.
fn order_of(given: &[i64], genes: &[Locus], cell: usize) -> Result<Vec<u32>> {
    let order: Vec<u32> = given.iter().filter(|&&c| c != -1).filter_map(|&c| u32::try_from(c).ok()).collect();
    let mut sorted = order.clone();
    sorted.sort_unstable();
    let wanted = chromosomes(genes);
    ensure!(
        sorted == wanted,
        InvalidArgument,
        "inputs: \"chrom_order\" of cell {cell} has {order:?}, must have the chromosomes that genes were drawn from, each once: {wanted:?}"
    );
    Ok(order)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::models::fixtures::{fixture, tensors};
    use candle_core::DType;

    #[test]
    fn sentences_are_the_originals() {
        let Some(path) = fixture("tok-uce") else { return };
        let config = Config::read(&path.join("config.json")).unwrap();
        let grammar = Grammar::read(&config).unwrap();
        let got = explicit(&grammar, &tensors(path.join("inputs.safetensors"))).unwrap();
        let want = tensors(path.join("outputs.safetensors"));
        assert_eq!(got.keys().collect::<Vec<_>>(), want.keys().collect::<Vec<_>>());
        for (name, want) in &want {
            let flat = |x: &Tensor| x.to_dtype(DType::F64).unwrap().flatten_all().unwrap().to_vec1::<f64>().unwrap();
            assert_eq!(got[name].dims(), want.dims(), "{name}");
            assert_eq!(flat(&got[name]), flat(want), "{name}");
        }
    }

    const GRAMMAR: Grammar = Grammar { cls: 3, close: 2, pad: 0, chromosomes: 100, pad_length: 40 };

    fn four() -> Vec<Locus> {
        [(10, 0, 500), (11, 1, 7), (12, 0, 20), (13, 1, 7)]
            .map(|(token, chromosome, start)| Locus { token, chromosome, start })
            .to_vec()
    }

    #[test]
    fn a_cell_has_its_sentence_by_seed_and_number_alone() {
        let of = |seed, cell| random(&GRAMMAR, &four(), &[1.0, 4.0, 0.0, 9.0], 12, seed, cell).unwrap().unwrap();
        assert_eq!(of(1, 5), of(1, 5));
        let many: std::collections::BTreeSet<_> = (0..50).map(|cell| of(1, cell)).collect();
        assert!(many.len() > 20, "{}", many.len());
        assert_ne!((0..8).map(|c| of(1, c)).collect::<Vec<_>>(), (0..8).map(|c| of(2, c)).collect::<Vec<_>>());
        for cell in 0..50 {
            let sentence = of(1, cell);
            assert_eq!(sentence[0], 3);
            assert!(!sentence.contains(&12), "{sentence:?} has a gene that is not there");
            assert_eq!(sentence.iter().filter(|&&t| t >= 100).count(), sentence.iter().filter(|&&t| t == 2).count());
            assert_eq!(sentence.iter().filter(|&&t| (10..14).contains(&t)).count(), 12);
        }
    }

    #[test]
    fn genes_stand_by_their_start() {
        let genes = [10, 13, 12, 11, 12].map(|token| four().into_iter().find(|g| g.token == token).unwrap());
        let sentence = written(&GRAMMAR, &mut genes.clone(), &[1, 0], 0).unwrap();
        assert_eq!(sentence, [3, 101, 11, 13, 2, 100, 12, 12, 10, 2]);
    }

    #[test]
    fn no_counts_no_sentence_and_too_many_draws_an_error() {
        assert_eq!(random(&GRAMMAR, &four(), &[0.0; 4], 12, 0, 0).unwrap(), None);
        assert_eq!(random(&GRAMMAR, &[], &[], 12, 0, 0).unwrap(), None);
        let error = random(&GRAMMAR, &four(), &[1.0; 4], 37, 0, 9).unwrap_err();
        assert!(
            error.message.starts_with("sample_size: is 37") && error.message.contains("cell 9"),
            "{}",
            error.message
        );
    }

    #[test]
    fn draws_follow_the_weights() {
        // log(1 + 1) and log(1 + 3) are one to two.
        let sums = cumulative(&[1.0, 0.0, 3.0]).unwrap();
        assert!((sums[0] - 1.0 / 3.0).abs() < 1e-7 && sums[1] == sums[0] && sums[2] == 1.0, "{sums:?}");
        assert_eq!([0.0, 0.33, 0.34, 0.999].map(|u| drawn(&sums, u)), [0, 0, 2, 2]);
    }
}
