//! From what crosses the boundary to [`crate::models`], and back.

use super::Given;
use crate::error::Result;
use crate::ffi::tensors::NamedArray;
use crate::matrix::ValueVec;
use crate::models::cells::Cells;
use crate::models::options::Options;
use crate::models::{Tensors, export, open, registry};
use crate::parallel::Ctx;
use crate::{bail, ensure};
use candle_core::{DType, Device, Tensor};
use serde_json::{Value, json};
use std::path::Path;

pub use crate::models::open::Opened;

pub fn list() -> Result<String> {
    let cards: Vec<Value> = registry::cards()?.iter().map(registry::Card::json).collect();
    Ok(Value::Array(cards).to_string())
}

pub fn info(name: &str) -> Result<String> {
    Ok(registry::find(name)?.json().to_string())
}

pub fn register(card: &str) -> Result<()> {
    registry::register(card).map(drop)
}

pub fn unregister(id: &str) -> Result<()> {
    registry::unregister(id)
}

#[cfg(feature = "hub")]
mod hub {
    use super::{Options, Result};
    use crate::models::hub;
    use crate::parallel::Ctx;

    pub fn download(ctx: &Ctx, name: &str, options: &str) -> Result<String> {
        Ok(hub::download(ctx, name, &Options::parse(options)?)?.to_string())
    }

    pub fn cache(options: &str) -> Result<String> {
        Ok(hub::cache(&Options::parse(options)?)?.to_string())
    }

    pub fn remove(name: &str, options: &str) -> Result<String> {
        Ok(hub::remove(name, &Options::parse(options)?)?.to_string())
    }

    pub fn prune(options: &str) -> Result<String> {
        Ok(hub::prune(&Options::parse(options)?)?.to_string())
    }

    pub fn verify(ctx: &Ctx, name: &str, options: &str) -> Result<String> {
        Ok(hub::verify(ctx, name, &Options::parse(options)?)?.to_string())
    }
}

#[cfg(not(feature = "hub"))]
mod hub {
    use super::Result;
    use crate::bail;
    use crate::parallel::Ctx;

    fn absent() -> Result<String> {
        bail!(
            Unsupported,
            "this build of the library has no hub (cargo feature `hub`): models can be opened from folders"
        )
    }

    pub fn download(_: &Ctx, _: &str, _: &str) -> Result<String> {
        absent()
    }

    pub fn cache(_: &str) -> Result<String> {
        absent()
    }

    pub fn remove(_: &str, _: &str) -> Result<String> {
        absent()
    }

    pub fn prune(_: &str) -> Result<String> {
        absent()
    }

    pub fn verify(_: &Ctx, _: &str, _: &str) -> Result<String> {
        absent()
    }
}

pub use hub::{cache, download, prune, remove, verify};

pub fn open(ctx: &Ctx, name: &str, options: &str) -> Result<Opened> {
    open::open(ctx, name, &Options::parse(options)?)
}

pub fn describe(opened: &Opened) -> Result<String> {
    Ok(open::describe(opened).to_string())
}

pub fn genes(opened: &Opened) -> Result<String> {
    Ok(json!(opened.model.genes()).to_string())
}

/// Inside the pool: products of matrices are divided among the threads of whichever pool they are called from.
pub fn gene_embeddings(ctx: &Ctx, opened: &Opened) -> Result<Vec<NamedArray>> {
    let made = ctx.map_in_pool(1, 1, |_| opened.model.gene_embeddings())?;
    made.iter().map(|vectors| array("gene_embeddings", vectors)).collect()
}

pub fn forward(ctx: &Ctx, opened: &Opened, inputs: &[NamedArray], options: &str) -> Result<Vec<NamedArray>> {
    arrays(&opened.model.forward(ctx, &tensors(inputs)?, &Options::parse(options)?)?)
}

pub fn embed(ctx: &Ctx, opened: &Opened, given: &Given, options: &str) -> Result<(Vec<NamedArray>, String)> {
    let Some(matrix) = &given.matrix else { bail!(Null, "matrix: is null, must point to ScnMatrix") };
    let cells = Cells::new(ctx, matrix, given.genes.clone(), tensors(given.arrays)?)?;
    let embedding = opened.model.embed(ctx, &cells, &Options::parse(options)?)?;
    cells.warn_of_unused(ctx);
    let mut report = json!({ "name": embedding.name });
    if let (Value::Object(report), Value::Object(said)) = (&mut report, embedding.report) {
        report.extend(said);
    }
    Ok((vec![array("embedding", &embedding.values)?], report.to_string()))
}

pub fn run(ctx: &Ctx, opened: &Opened, task: &str, given: &Given, options: &str) -> Result<(Vec<NamedArray>, String)> {
    let options = Options::parse(options)?;
    let given_arrays = tensors(given.arrays)?;
    let output = match &given.matrix {
        Some(matrix) => {
            let (inputs, of_cells) = opened.model.io().parted(task, given_arrays);
            let cells = Cells::new(ctx, matrix, given.genes.clone(), of_cells)?;
            let output = opened.model.run(ctx, task, Some(&cells), &inputs, &options)?;
            cells.warn_of_unused(ctx);
            output
        }
        None => opened.model.run(ctx, task, None, &given_arrays, &options)?,
    };
    Ok((arrays(&output.tensors)?, output.report.to_string()))
}

pub fn export(ctx: &Ctx, opened: &Opened, folder: &str, options: &str) -> Result<()> {
    let options = Options::parse(options)?;
    let overwrite = options.flag("overwrite")?.unwrap_or(false);
    options.finish()?;
    export::export(ctx, opened.model.as_ref(), Path::new(folder), overwrite)
}

fn tensors(arrays: &[NamedArray]) -> Result<Tensors> {
    arrays.iter().map(|array| Ok((array.name.clone(), tensor(array)?))).collect()
}

/// candle has no i8, u16 and u64: they become the next type that holds them.
fn tensor(array: &NamedArray) -> Result<Tensor> {
    let shape: Vec<usize> = array.shape.iter().map(|&n| n as usize).collect();
    macro_rules! made {
        ($values:expr) => {
            Tensor::from_vec($values, shape, &Device::Cpu)?
        };
    }
    Ok(match &array.values {
        ValueVec::F32(v) => made!(v.clone()),
        ValueVec::F64(v) => made!(v.clone()),
        ValueVec::U8(v) => made!(v.clone()),
        ValueVec::I16(v) => made!(v.clone()),
        ValueVec::I32(v) => made!(v.clone()),
        ValueVec::U32(v) => made!(v.clone()),
        ValueVec::I64(v) => made!(v.clone()),
        ValueVec::I8(v) => made!(v.iter().map(|&x| i16::from(x)).collect::<Vec<_>>()),
        ValueVec::U16(v) => made!(v.iter().map(|&x| u32::from(x)).collect::<Vec<_>>()),
        ValueVec::U64(v) => {
            ensure!(
                v.iter().all(|&x| x <= i64::MAX as u64),
                Overflow,
                "{:?}: has a number beyond 2^63 - 1",
                array.name
            );
            made!(v.iter().map(|&x| x as i64).collect::<Vec<_>>())
        }
    })
}

fn arrays(tensors: &Tensors) -> Result<Vec<NamedArray>> {
    tensors.iter().map(|(name, tensor)| array(name, tensor)).collect()
}

/// bf16 and f16 are widened to f32, which C has.
fn array(name: &str, tensor: &Tensor) -> Result<NamedArray> {
    let shape = tensor.dims().iter().map(|&n| n as i64).collect();
    let flat = match tensor.dtype() {
        DType::BF16 | DType::F16 => tensor.to_dtype(DType::F32)?,
        _ => tensor.clone(),
    }
    .flatten_all()?;
    let values = match flat.dtype() {
        DType::F32 => ValueVec::F32(flat.to_vec1()?),
        DType::F64 => ValueVec::F64(flat.to_vec1()?),
        DType::U8 => ValueVec::U8(flat.to_vec1()?),
        DType::U32 => ValueVec::U32(flat.to_vec1()?),
        DType::I16 => ValueVec::I16(flat.to_vec1()?),
        DType::I32 => ValueVec::I32(flat.to_vec1()?),
        DType::I64 => ValueVec::I64(flat.to_vec1()?),
        other => bail!(Unsupported, "{name:?}: is {}, which has no type in C", other.as_str()),
    };
    Ok(NamedArray { name: name.into(), shape, values })
}
