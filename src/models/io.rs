//! What a model takes and gives: names, types, shapes.

use super::Model;
use super::options::listed;
use crate::error::{Error, ErrorKind, Result};
use crate::{bail, ensure};
use candle_core::{DType, Tensor};
use serde_json::{Value, json};

/// One named array. A shape is given in words: `["B", "L", "512"]`; equal letters stand for equal lengths.
#[derive(Clone, Debug)]
pub struct Field {
    pub name: String,
    pub dtype: DType,
    pub shape: Vec<String>,
    pub optional: bool,
    pub about: String,
}

/// One option of `forward`, `embed` or a task.
#[derive(Clone, Debug)]
pub struct Choice {
    pub name: &'static str,
    pub default: Value,
    pub about: &'static str,
}

/// A task beside `embed`: its name, its options, and the arrays that it takes and gives.
#[derive(Clone, Debug, Default)]
pub struct Task {
    pub name: &'static str,
    pub about: &'static str,
    /// Whether it takes cells: a matrix with gene names.
    pub cells: bool,
    pub inputs: Vec<Field>,
    pub outputs: Vec<Field>,
    pub options: Vec<Choice>,
}

#[derive(Clone, Debug, Default)]
pub struct Io {
    pub inputs: Vec<Field>,
    pub outputs: Vec<Field>,
    /// Options of `forward`.
    pub options: Vec<Choice>,
    /// Options of `embed`, beside those of every family: `max_batch_tokens`, `min_matched`, `aliases`.
    pub embed: Vec<Choice>,
    pub tasks: Vec<Task>,
}

/// `field("src", DType::I64, ["B", "L"], "token ids")`, which must be there.
pub fn field<const N: usize>(name: &str, dtype: DType, shape: [&str; N], about: &str) -> Field {
    Field {
        name: name.into(),
        dtype,
        shape: shape.iter().map(|s| s.to_string()).collect(),
        optional: false,
        about: about.into(),
    }
}

impl Field {
    /// The same, which may be left out.
    pub fn optional(self) -> Self {
        Self { optional: true, ..self }
    }

    fn json(&self) -> Value {
        json!({"name": self.name, "dtype": self.dtype.as_str(), "shape": self.shape, "optional": self.optional, "about": self.about})
    }
}

impl Choice {
    fn json(&self) -> Value {
        json!({"name": self.name, "default": self.default, "about": self.about})
    }
}

impl Io {
    pub fn json(&self) -> Value {
        let fields = |fields: &[Field]| fields.iter().map(Field::json).collect::<Vec<_>>();
        let choices = |choices: &[Choice]| choices.iter().map(Choice::json).collect::<Vec<_>>();
        let tasks: Vec<Value> = self
            .tasks
            .iter()
            .map(|task| {
                json!({
                    "name": task.name, "about": task.about, "cells": task.cells, "inputs": fields(&task.inputs),
                    "outputs": fields(&task.outputs), "options": choices(&task.options),
                })
            })
            .collect();
        json!({
            "inputs": fields(&self.inputs), "outputs": fields(&self.outputs), "options": choices(&self.options),
            "embed": choices(&self.embed), "tasks": tasks,
        })
    }

    /// The arrays that are given to a task with cells: its own inputs, of any shape, and what has one entry for each cell.
    pub fn parted(&self, task: &str, arrays: super::Tensors) -> (super::Tensors, super::Tensors) {
        let task = self.tasks.iter().find(|known| known.name == task);
        let inputs = task.map_or(&[][..], |known| known.inputs.as_slice());
        arrays.into_iter().partition(|(name, _)| inputs.iter().any(|field| field.name == *name))
    }

    /// Checks inputs against the fields: none unknown, none missing, types and ranks right, equal letters equal lengths.
    /// Whole numbers may come in any integer type, floats in any float type; they are handed on in the field's own.
    pub fn checked(fields: &[Field], inputs: &super::Tensors) -> Result<super::Tensors> {
        let known: Vec<&str> = fields.iter().map(|f| f.name.as_str()).collect();
        if let Some(name) = inputs.keys().find(|name| !known.contains(&name.as_str())) {
            bail!(InvalidArgument, "inputs: has {name:?}, which the model does not take; it takes {}", listed(&known));
        }
        let mut lengths: std::collections::BTreeMap<&str, (usize, &str)> = Default::default();
        let mut checked = super::Tensors::new();
        for field in fields {
            let Some(input) = inputs.get(&field.name) else {
                ensure!(field.optional, InvalidArgument, "inputs: {:?} is missing: {}", field.name, field.about);
                continue;
            };
            let wanted = field.shape.join(", ");
            let dims = input.dims();
            ensure!(
                dims.len() == field.shape.len(),
                Shape,
                "inputs: {:?} has shape {dims:?}, must be [{wanted}]",
                field.name
            );
            for (&length, letter) in dims.iter().zip(&field.shape) {
                let fixed = letter.parse::<usize>().ok();
                let (want, whose) = match fixed {
                    Some(n) => (n, "the model"),
                    None => *lengths.entry(letter).or_insert((length, &field.name)),
                };
                ensure!(
                    length == want,
                    Shape,
                    "inputs: {:?} has shape {dims:?}, must be [{wanted}] with {letter} = {want}, as {whose} has it",
                    field.name
                );
            }
            let floats = field.dtype.is_float();
            ensure!(
                floats || !input.dtype().is_float(),
                Type,
                "inputs: {:?} is {}, must be {}",
                field.name,
                input.dtype().as_str(),
                field.dtype.as_str()
            );
            checked.insert(field.name.clone(), input.to_dtype(field.dtype)?.contiguous()?);
        }
        Ok(checked)
    }
}

pub fn unknown_task(model: &(impl Model + ?Sized), task: &str) -> Error {
    let names: Vec<&str> = model.io().tasks.iter().map(|task| task.name).collect();
    Error::new(
        ErrorKind::InvalidArgument,
        format!("task: is {task:?}, a model of the family {} has {}", model.family(), listed(&names)),
    )
}

/// An integer tensor's elements, checked to be row numbers of a table.
pub fn row_numbers(name: &str, ids: &Tensor, rows: usize) -> Result<Vec<u32>> {
    let ids = ids.to_dtype(DType::I64)?.flatten_all()?.to_vec1::<i64>()?;
    match ids.iter().find(|&&id| id < 0 || id >= rows as i64) {
        Some(id) => bail!(InvalidArgument, "inputs: {name:?} has {id}, must be from 0 to {}", rows.saturating_sub(1)),
        None => Ok(ids.into_iter().map(|id| id as u32).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_of_a_task_are_told_from_arrays_of_cells() {
        let states = vec![field("states", DType::F32, ["S", "4"], "").optional()];
        let tasks = vec![Task { name: "perturb", cells: true, inputs: states, ..Default::default() }];
        let io = Io { tasks, ..Default::default() };
        let array = |n: usize| Tensor::zeros((n, 4), DType::F32, &candle_core::Device::Cpu).unwrap();
        let given = crate::models::Tensors::from([("states".into(), array(2)), ("n_counts".into(), array(9))]);
        let (inputs, of_cells) = io.parted("perturb", given.clone());
        assert!(inputs.keys().eq(["states"]) && of_cells.keys().eq(["n_counts"]));
        Io::checked(&io.tasks[0].inputs, &inputs).unwrap();
        let (inputs, of_cells) = io.parted("another", given);
        assert!(inputs.is_empty() && of_cells.len() == 2);
    }
}
