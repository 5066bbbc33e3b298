//! What Geneformer takes and gives, for callers.

use super::Geneformer;
use super::config::Kind;
use crate::models::io::{Choice, Field, Io, Task, field};
use candle_core::DType;
use serde_json::{Value, json};

pub const IN_CONTEXT: &str = "gene_embeddings_in_context";
pub const PERTURB: &str = "perturb";
const CLASSIFY: &str = "classify";

fn choice(name: &'static str, default: Value, about: &'static str) -> Choice {
    Choice { name, default, about }
}

fn layers() -> Vec<Choice> {
    vec![
        choice("emb_layer", json!(-1), "0 is the last layer, -1 the second to last, ..."),
        choice("layer", Value::Null, "instead of emb_layer: 0 is what goes into the first layer, N the last"),
    ]
}

fn pooling() -> Choice {
    choice("pooling", json!("mean"), "\"mean\" over the genes of a cell, or \"cls\", the vector of <cls> (V2)")
}

pub fn io(model: &Geneformer) -> Io {
    let settings = &model.settings;
    let (width, vocabulary) = (settings.shape.width.to_string(), settings.shape.vocabulary.to_string());
    let inputs = vec![
        field("input_ids", DType::I64, ["B", "L"], "tokens, padded at the end"),
        field("attention_mask", DType::I64, ["B", "L"], "1 for tokens, 0 for padding").optional(),
        field("length", DType::I64, ["B"], "number of tokens, instead of attention_mask; else what is not padding")
            .optional(),
    ];
    let mut outputs =
        vec![field("valid_mask", DType::I64, ["B", "L"], "1 where positions count; elsewhere outputs are 0")];
    for layer in 0..=model.encoder.n_layers() {
        outputs.push(field(
            &format!("hidden_{layer}"),
            DType::F32,
            ["B", "L", &width],
            "the tokens after so many layers",
        ));
    }
    let labels = settings.labels.len().to_string();
    match settings.kind {
        Kind::Bare => {}
        Kind::MaskedTokens => {
            outputs.push(field("logits", DType::F32, ["B", "L", &vocabulary], "of the token at each position"))
        }
        Kind::Cells => outputs.push(field("logits", DType::F32, ["B", &labels], "of the classes")),
        Kind::Genes => outputs.push(field("logits", DType::F32, ["B", "L", &labels], "of the classes")),
    }
    let heads = settings.shape.heads.to_string();
    outputs.push(
        field("attn_last", DType::F32, ["B", &heads, "L", "L"], "probabilities of the last layer's attention")
            .optional(),
    );
    for (name, about) in [("last", "the last layer"), ("second_to_last", "the layer before the last")] {
        let of = |kind: &str, what: &str| {
            field(&format!("{kind}_{name}"), DType::F32, ["B", &width], &format!("{what} of {about}"))
        };
        outputs.push(of("cell_emb", "mean over the genes"));
        if model.specials.is_some() {
            outputs.push(of("cls_emb", "first token"));
        }
    }
    let mut embed = layers();
    embed.push(pooling());
    Io {
        inputs,
        outputs,
        options: vec![
            choice("attentions", json!(false), "whether to give attn_last"),
            choice("hidden_states", json!(true), "whether to give hidden_0, hidden_1, ..."),
            choice("logits", json!(true), "whether to give logits"),
        ],
        embed,
        tasks: tasks(model, &width, &labels),
    }
}

fn tasks(model: &Geneformer, width: &str, labels: &str) -> Vec<Task> {
    let in_cells = field("n_cells", DType::I64, ["G"], "in how many cells the gene is");
    let mut tasks = vec![
        Task {
            name: IN_CONTEXT,
            about: "the mean vector of each gene over the cells that have it; NaN where none has",
            cells: true,
            outputs: vec![
                field("gene_embeddings", DType::F32, ["G", width], "in the order of the model's genes"),
                in_cells.clone(),
            ],
            options: layers(),
            ..Default::default()
        },
        perturbation(model, width),
    ];
    let classes = |of: &str| -> Vec<Field> {
        vec![
            field("logits", DType::F32, [of, labels], "of the classes"),
            field("probabilities", DType::F32, [of, labels], "their softmax"),
        ]
    };
    let (about, outputs) = match model.settings.kind {
        Kind::Cells => ("the class of each cell; the report has the labels", classes("B")),
        Kind::Genes => {
            let mut outputs = classes("G");
            outputs.push(in_cells);
            ("the class of each gene, by its mean logits over the cells; the report has the labels", outputs)
        }
        Kind::Bare | Kind::MaskedTokens => return tasks,
    };
    tasks.push(Task { name: CLASSIFY, about, cells: true, outputs, ..Default::default() });
    tasks
}

fn perturbation(model: &Geneformer, width: &str) -> Task {
    let mut options = vec![
        choice(
            "genes",
            Value::Null,
            "a list of genes, each a perturbation by itself, or \"all\": each gene of a cell in turn",
        ),
        choice("mode", json!("delete"), "\"delete\", or \"overexpress\": moved to the front"),
        choice("combined", json!(false), "whether the listed genes are one perturbation"),
        choice("limit", Value::Null, "of \"all\": only so many of a cell's highest genes"),
        pooling(),
    ];
    options.extend(layers());
    let mut outputs = vec![
        field(
            "gene_cosine",
            DType::F32,
            ["B", "P"],
            "mean cosine of the remaining genes, before and after; NaN if not applicable",
        ),
        field("cell_cosine", DType::F32, ["B", "P"], "cosine of the means over the remaining genes, before and after"),
        field("gene", DType::I64, ["B", "P"], "of \"all\": which of the model's genes was perturbed, else -1")
            .optional(),
        field("state_shift", DType::F32, ["B", "P", "S"], "of states: cosine to each after, less that before")
            .optional(),
    ];
    if model.specials.is_some() {
        outputs.push(field("cls_cosine", DType::F32, ["B", "P"], "cosine of <cls> before and after"));
    }
    Task {
        name: PERTURB,
        about: "how far cells turn when genes are deleted or over-expressed",
        cells: true,
        inputs: vec![field("states", DType::F32, ["S", width], "vectors of cell states to compare with").optional()],
        outputs,
        options,
    }
}
