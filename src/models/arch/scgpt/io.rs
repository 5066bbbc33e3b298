//! Names, types and shapes of what scGPT takes and gives, and its options.

use super::config::Settings;
use super::embed::MAX_LENGTH;
use crate::models::io::{Choice, Field, Io, Task, field};
use candle_core::DType;
use serde_json::{Value, json};

pub fn inputs(settings: &Settings) -> Vec<Field> {
    let mut inputs = vec![
        field("src", DType::I64, ["B", "L"], "tokens, <cls> first, padding to the right"),
        field(
            "values",
            DType::F32,
            ["B", "L"],
            "the tokens' values: bins from 1, 0 of what is not expressed, the mask value (-1) of what is to be predicted; expression \
             of a perturbation model",
        ),
        field(
            "src_key_padding_mask",
            DType::U8,
            ["B", "L"],
            "1 where there is padding; without it, where src has the token of padding",
        )
        .optional(),
    ];
    if settings.perturbation {
        inputs.push(field("input_pert_flags", DType::I64, ["B", "L"], "0 not perturbed, 1 perturbed, 2 padding"));
    }
    if settings.takes_labels() {
        inputs.push(field("batch_labels", DType::I64, ["B"], "each cell's batch"));
    }
    inputs
}

fn outputs(settings: &Settings) -> Vec<Field> {
    let width = settings.width.to_string();
    let mut outputs = Vec::new();
    let mut put = |there: bool, name: &str, shape: &[&str], about: &str| {
        if there {
            let shape = shape.iter().map(|s| s.to_string()).collect();
            outputs.push(Field { name: name.into(), dtype: DType::F32, shape, optional: false, about: about.into() });
        }
    };
    let (mvc, zero) = (settings.mvc.is_some(), settings.zero_probabilities);
    let classes = settings.classes.unwrap_or(0).to_string();
    let labels = settings.batch_labels.to_string();
    put(true, "encoder_output", &["B", "L", &width], "the encoded tokens; 0 at padding, as all outputs");
    put(true, "gene_token_embs", &["B", "L", &width], "the genes' vectors, before values are added");
    put(true, "mlm_output", &["B", "L"], "values predicted from the encoded tokens");
    put(zero, "mlm_zero_probs", &["B", "L"], "the probability that the value is not zero");
    put(mvc, "mvc_output", &["B", "L"], "values predicted from the cell's vector");
    put(mvc && zero, "mvc_zero_probs", &["B", "L"], "the probability that the value is not zero");
    put(settings.classes.is_some(), "cls_output", &["B", &classes], "logits of the classifier of cells");
    put(settings.domain_head, "dab_output", &["B", &labels], "logits of the discriminator of batches");
    put(true, "cell_emb", &["B", &width], "the cell's vector, as cell_emb_style says");
    put(!settings.perturbation, "X_scGPT", &["B", &width], "the vector of the first token, <cls>, of length 1");
    put(true, "loss_ecs", &[], "the elastic cell similarity of the rows");
    outputs.push(field("valid_mask", DType::U8, ["B", "L"], "1 where there is no padding"));
    outputs
}

fn choice(name: &'static str, default: Value, about: &'static str) -> Choice {
    Choice { name, default, about }
}

fn binning() -> Choice {
    choice(
        "binning",
        json!("seeded"),
        "how values that tie between bins get theirs: \"seeded\" draws it by the seed and the cell, \"deterministic\" takes the middle",
    )
}

pub fn io(settings: &Settings) -> Io {
    let mut io = Io {
        inputs: inputs(settings),
        outputs: outputs(settings),
        options: vec![
            choice(
                "padding",
                json!("exclude"),
                "\"upstream\" has avg-pool and w-pool run over padding too, as the original's plain layers encode it",
            ),
            choice(
                "domain",
                json!("per_cell"),
                "\"upstream\" normalises all rows by the batch of the first, \"per_cell\" each by its own",
            ),
            binning(),
        ],
        ..Default::default()
    };
    if settings.perturbation {
        io.tasks = tasks();
    } else {
        io.embed = embed(settings);
    }
    io
}

fn embed(settings: &Settings) -> Vec<Choice> {
    vec![
        choice(
            "max_length",
            json!(MAX_LENGTH),
            "tokens of a cell with <cls>; of a cell with more genes a subset is drawn by the seed",
        ),
        binning(),
        choice(
            "normalize",
            json!("none"),
            "\"none\" bins counts as embed_data does; \"log1p\" first brings a cell's total to 10 000 and takes log1p, and gives <cls> \
             the value 0, as the Preprocessor of fine-tuning does",
        ),
        choice(
            "include_zero_genes",
            json!(false),
            "whether genes that a cell does not express are tokens too, of value 0",
        ),
        choice(
            "cell_embedding",
            json!(settings.cell.name()),
            "\"cls\" is the vector of <cls> of length 1, \"avg-pool\" the mean over all tokens, \"w-pool\" their sum by value, of length 1",
        ),
    ]
}

pub fn tasks() -> Vec<Task> {
    vec![Task {
        name: "perturb",
        about: "expression after genes were perturbed, predicted from log-normalised control cells",
        cells: true,
        inputs: Vec::new(),
        outputs: vec![
            field(
                "predictions",
                DType::F32,
                ["P", "genes"],
                "the mean over cells, a row for each perturbation; NaN of unknown genes",
            ),
            field("per_cell", DType::F32, ["P", "cells", "genes"], "each cell's").optional(),
        ],
        options: vec![
            choice("perturbations", Value::Null, "a list of lists of genes; an empty list perturbs nothing"),
            choice(
                "pool_size",
                Value::Null,
                "how many cells to draw with replacement for each perturbation; null takes each cell once",
            ),
            choice(
                "genes",
                json!("all"),
                "\"all\" genes are tokens, or those \"expressed\" by the cell and those perturbed",
            ),
            choice(
                "unknown_genes",
                json!("exclude"),
                "\"upstream\" makes genes that the vocabulary lacks tokens of padding",
            ),
            choice("per_cell", json!(false), "whether to give each cell's prediction as well"),
            binning(),
            choice(
                "max_batch_tokens",
                json!(crate::models::batches::MAX_BATCH_TOKENS),
                "tokens that are in memory at once",
            ),
            choice("min_matched", json!(0.0), "the least part of the matrix' genes that must be in the vocabulary"),
            choice("aliases", json!({}), "from the matrix' names of genes to the model's"),
        ],
    }]
}
