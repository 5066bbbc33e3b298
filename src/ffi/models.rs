//! Models: the registry, the hub, and models that are run. Settings and reports cross as JSON, arrays as `ScnTensors`.
//!
//! A build without the cargo feature `models` has the same functions, which say so.

#[cfg(not(feature = "models"))]
#[path = "models/absent.rs"]
mod engine;
#[cfg(feature = "models")]
mod engine;

use super::context::{ScnContext, run};
use super::io::text;
use super::matrix::{ScnMatrix, view};
use super::status::{ScnStatus, guard, non_null, put};
use super::tensors::{NamedArray, ScnTensors};
use super::text::ScnText;
use crate::error::Result;
use crate::matrix::Matrix;
use libc::c_char;
use safer_ffi::derive_ReprC;

/// A model that can be run. Shared use of a const handle is safe; free it once, with `scn_model_free`.
#[derive_ReprC]
#[repr(opaque)]
pub struct ScnModel {
    opened: engine::Opened,
}

/// Cells as they cross the boundary.
#[cfg_attr(not(feature = "models"), allow(dead_code))]
pub(crate) struct Given<'a> {
    pub matrix: Option<Matrix<'a>>,
    pub genes: Vec<String>,
    pub arrays: &'a [NamedArray],
}

/// A text that may be left out: "" then.
///
/// # Safety
/// As [`text`].
unsafe fn maybe<'a>(pointer: *const c_char, name: &str) -> Result<&'a str> {
    // SAFETY: as this function's own contract.
    if pointer.is_null() { Ok("") } else { unsafe { text(pointer, name) } }
}

/// # Safety
/// `matrix` is null or a descriptor as `ScnMatrix` describes it; `genes` is null or a string that ends in NUL; `arrays` is
/// null or a live handle; all of them outlive `'a`.
unsafe fn given<'a>(matrix: *const ScnMatrix, genes: *const c_char, arrays: *const ScnTensors) -> Result<Given<'a>> {
    // SAFETY: as this function's own contract.
    unsafe {
        let matrix = if matrix.is_null() { None } else { Some(view(matrix, "matrix")?) };
        let genes = maybe(genes, "genes")?;
        let genes = genes.strip_suffix('\n').unwrap_or(genes);
        let genes = if genes.is_empty() { Vec::new() } else { genes.split('\n').map(String::from).collect() };
        Ok(Given { matrix, genes, arrays: arrays.as_ref().map_or(&[], |set| &set.arrays) })
    }
}

/// All models that the registry knows, as a JSON array of cards: `id`, `family`, `task`, `title`, `source`, `files` (with size and
/// sha256 where they are pinned), `licence`, `parameters`, `species`, `gene_ids`, `citation`. Reads no network and no cache. Free
/// the text with `scn_text_free`.
///
/// The cards are those of the library, of the files and folders that `SCNATIVE_MODELS` names (separated by colons), and those
/// given to `scn_models_register`; of two with one `id` a registered one wins over one of a file, that over one of the library, and of two
/// files the first named.
///
/// Errors: `SCN_ERR_NULL`; `SCN_ERR_CONFIG` for a card file that is malformed; `SCN_ERR_NOT_FOUND` for a path of `SCNATIVE_MODELS` where
/// nothing is; `SCN_ERR_IO`; `SCN_ERR_UNSUPPORTED`.
///
/// @since 0.1.0
///
/// # Safety
/// `result` is null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_models_list(result: *mut *mut ScnText) -> ScnStatus {
    guard(|| {
        non_null(result, "result")?;
        // SAFETY: not null, the rest is this function's own contract.
        unsafe { put(result, "result", ScnText::boxed(engine::list()?)) }
    })
}

/// One model's card, as a JSON object: see `scn_models_list`. `name` is an `id`, in any case, also dotted or slashed
/// (`scgpt/human`), or an alias.
///
/// Errors: `SCN_ERR_NOT_FOUND`, with the nearest names; else as `scn_models_list`.
///
/// @since 0.1.0
///
/// # Safety
/// `name` is null or a string that ends in NUL; `result` is null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_models_info(name: *const c_char, result: *mut *mut ScnText) -> ScnStatus {
    guard(|| {
        non_null(result, "result")?;
        // SAFETY: as this function's own contract.
        unsafe { put(result, "result", ScnText::boxed(engine::info(text(name, "name")?)?)) }
    })
}

/// Adds a card to the registry of this process; one of the same `id` is replaced. `card` is a JSON object with the fields that
/// `scn_models_list` shows, or an array of them; `id`, `family`, `source` and, unless the source is local, `files` must be there.
///
/// Errors: `SCN_ERR_CONFIG` for a card that is malformed, naming the field; `SCN_ERR_NULL`.
///
/// @since 0.1.0
///
/// # Safety
/// `card` is null or a string that ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_models_register(card: *const c_char) -> ScnStatus {
    // SAFETY: as this function's own contract.
    guard(|| engine::register(unsafe { text(card, "card")? }))
}

/// Takes a card that was registered in this process out of the registry again.
///
/// Errors: `SCN_ERR_NOT_FOUND`, `SCN_ERR_NULL`.
///
/// @since 0.1.0
///
/// # Safety
/// `id` is null or a string that ends in NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_models_unregister(id: *const c_char) -> ScnStatus {
    // SAFETY: as this function's own contract.
    guard(|| engine::unregister(unsafe { text(id, "id")? }))
}

/// Downloads a model's files into the cache, verifies them, and says as JSON where they are: `id`, `folder`, `commit`, `files`
/// (`path`, `file`, `size`), `elsewhere`, `downloaded_bytes`. What is there already is not downloaded again.
///
/// `name` is a name of the registry, or a Hugging Face repository: `org/repo`, `org/repo@revision`, `org/repo@revision:subfolder`.
/// Options (a JSON object; null is none): `revision`, `cache_dir`, `endpoint`, `token`, `offline`, `force`,
/// `acknowledge_licence`, `allow` and `ignore` (lists of patterns of files), `workers`, `retries`, `retry_wait`, `timeout`. Without them `HF_HUB_CACHE`, `HF_HOME`, `HF_ENDPOINT`, `HF_TOKEN`, `HF_TOKEN_PATH` and `HF_HUB_OFFLINE`
/// mean what they mean for huggingface_hub, and the cache has its layout. An interrupted download goes on where it stopped, also
/// in another process; several processes wait for each other.
///
/// Errors: `SCN_ERR_NOT_FOUND` (with the nearest names), `SCN_ERR_ACCESS`, `SCN_ERR_LICENCE`, `SCN_ERR_OFFLINE`,
/// `SCN_ERR_NETWORK`, `SCN_ERR_CHECKSUM`, `SCN_ERR_DISK_FULL`, `SCN_ERR_IO`, `SCN_ERR_INVALID_ARGUMENT` for an unknown option,
/// `SCN_ERR_CANCELLED`, `SCN_ERR_UNSUPPORTED`. Nothing half-written is left where a model is looked for.
///
/// @since 0.1.0
///
/// # Safety
/// `context` is null or a valid context; `name` and `options` are null or strings that end in NUL; `result` is null or valid
/// for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_models_download(
    context: *const ScnContext,
    name: *const c_char,
    options: *const c_char,
    result: *mut *mut ScnText,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            non_null(result, "result")?;
            let (name, options) = (text(name, "name")?, maybe(options, "options")?);
            put(result, "result", ScnText::boxed(engine::download(ctx, name, options)?))
        })
    }
}

/// What is in the cache, as JSON: `folder`, `size`, `repositories`, each with `id`, `size`, `last_access`, its `revisions` with their
/// files, `partial` and `dangling` ones, and `addresses`, files that came from a plain address. Options: `cache_dir`. Reads no network.
///
/// Errors: `SCN_ERR_IO`, `SCN_ERR_INVALID_ARGUMENT`, `SCN_ERR_NULL`, `SCN_ERR_UNSUPPORTED`.
///
/// @since 0.1.0
///
/// # Safety
/// `options` is null or a string that ends in NUL; `result` is null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_models_cache(options: *const c_char, result: *mut *mut ScnText) -> ScnStatus {
    guard(|| {
        non_null(result, "result")?;
        // SAFETY: as this function's own contract.
        unsafe { put(result, "result", ScnText::boxed(engine::cache(maybe(options, "options")?)?)) }
    })
}

/// Removes a model from the cache: the snapshot of one revision (option `revision`) or all of its repository; and what no other
/// snapshot needs. `name` as in `scn_models_download`. The result says `freed_bytes` and what was removed.
///
/// Errors: `SCN_ERR_NOT_FOUND` if it is not in the cache; `SCN_ERR_IO`, `SCN_ERR_INVALID_ARGUMENT`, `SCN_ERR_NULL`,
/// `SCN_ERR_UNSUPPORTED`.
///
/// @since 0.1.0
///
/// # Safety
/// `name` and `options` are null or strings that end in NUL; `result` is null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_models_remove(
    name: *const c_char,
    options: *const c_char,
    result: *mut *mut ScnText,
) -> ScnStatus {
    guard(|| {
        non_null(result, "result")?;
        // SAFETY: as this function's own contract.
        unsafe {
            let (name, options) = (text(name, "name")?, maybe(options, "options")?);
            put(result, "result", ScnText::boxed(engine::remove(name, options)?))
        }
    })
}

/// Removes from the cache what nothing needs: partial files, contents without a snapshot, broken snapshots. Options: `cache_dir`. The
/// result says `freed_bytes` and what was removed.
///
/// Errors: `SCN_ERR_IO`, `SCN_ERR_INVALID_ARGUMENT`, `SCN_ERR_NULL`, `SCN_ERR_UNSUPPORTED`.
///
/// @since 0.1.0
///
/// # Safety
/// `options` is null or a string that ends in NUL; `result` is null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_models_prune(options: *const c_char, result: *mut *mut ScnText) -> ScnStatus {
    guard(|| {
        non_null(result, "result")?;
        // SAFETY: as this function's own contract.
        unsafe { put(result, "result", ScnText::boxed(engine::prune(maybe(options, "options")?)?)) }
    })
}

/// Reads a model's files in the cache again and compares them with what they must be: the sizes and hashes of its card, and those
/// that the server promised. The result lists `ok`, `corrupt`, `missing` and `unpinned` files. Options: `revision`, `cache_dir`,
/// `remove_corrupt`. Reads no network.
///
/// Errors: `SCN_ERR_NOT_FOUND` if it is not in the cache; `SCN_ERR_IO`, `SCN_ERR_INVALID_ARGUMENT`, `SCN_ERR_CANCELLED`,
/// `SCN_ERR_NULL`, `SCN_ERR_UNSUPPORTED`.
///
/// @since 0.1.0
///
/// # Safety
/// As `scn_models_download`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_models_verify(
    context: *const ScnContext,
    name: *const c_char,
    options: *const c_char,
    result: *mut *mut ScnText,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            non_null(result, "result")?;
            let (name, options) = (text(name, "name")?, maybe(options, "options")?);
            put(result, "result", ScnText::boxed(engine::verify(ctx, name, options)?))
        })
    }
}

/// Opens a model: a folder (a path that exists, or that begins with `/`, `./`, `../` or `~/`), a name of the registry, or a Hugging Face
/// repository as in `scn_models_download`. What is not in the cache is downloaded; for a branch the server is asked whether it moved, unless
/// it cannot be reached, while a commit that is cached needs no network. `model_type` in config.json says which family it is. Free it with
/// `scn_model_free`.
///
/// Options: those of `scn_models_download`; `family`, for a folder whose configuration does not say it; `dtype`, the type in which
/// weights are held: `f32` (default), `bf16`, `f16`, or `auto` for that of the file; `weights`: `file` (default), or `random` for a model of
/// a configuration without a checkpoint, drawn by the context's seed; and those of the family.
/// Nothing in a model's files is ever run. Memory: the weights once.
///
/// Errors: those of `scn_models_download`; `SCN_ERR_CONFIG` for a configuration with an unknown key, value or family;
/// `SCN_ERR_WEIGHTS` for weights that do not fit it, listing what is missing, unexpected or of another shape;
/// `SCN_ERR_CHECKPOINT` for a file that is truncated, malformed or hostile.
///
/// @since 0.1.0
///
/// # Safety
/// `context` is null or a valid context; `name` and `options` are null or strings that end in NUL; `model` is null or valid
/// for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_model_open(
    context: *const ScnContext,
    name: *const c_char,
    options: *const c_char,
    model: *mut *mut ScnModel,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            non_null(model, "model")?;
            let opened = engine::open(ctx, text(name, "name")?, maybe(options, "options")?)?;
            put(model, "model", Box::into_raw(Box::new(ScnModel { opened })))
        })
    }
}

/// What a model is, as a JSON object: `family`, `title`, `config`, `io` (names, types and shapes of inputs and outputs, options, and
/// tasks), `weights` (what was missing or left over), `parameters`, `dtypes`, `n_genes`, `folder`, `id` and its `card`, or null.
///
/// Errors: `SCN_ERR_NULL`.
///
/// @since 0.1.0
///
/// # Safety
/// `model` is null or a live handle; `result` is null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_model_describe(model: *const ScnModel, result: *mut *mut ScnText) -> ScnStatus {
    guard(|| {
        non_null(model, "model")?;
        non_null(result, "result")?;
        // SAFETY: not null, the rest is this function's own contract.
        unsafe { put(result, "result", ScnText::boxed(engine::describe(&(*model).opened)?)) }
    })
}

/// The genes that a model knows, as a JSON array of texts, in the order of the rows of `scn_model_gene_embeddings`.
///
/// Errors: `SCN_ERR_NULL`.
///
/// @since 0.1.0
///
/// # Safety
/// `model` is null or a live handle; `result` is null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_model_genes(model: *const ScnModel, result: *mut *mut ScnText) -> ScnStatus {
    guard(|| {
        non_null(model, "model")?;
        non_null(result, "result")?;
        // SAFETY: not null, the rest is this function's own contract.
        unsafe { put(result, "result", ScnText::boxed(engine::genes(&(*model).opened)?)) }
    })
}

/// One vector for each of the model's genes: the array `gene_embeddings`, float, genes x dimensions. Free it with
/// `scn_tensors_free`.
///
/// Errors: `SCN_ERR_NULL`; `SCN_ERR_UNSUPPORTED` for a family without them.
///
/// @since 0.1.0
///
/// # Safety
/// `context` is null or a valid context; `model` is null or a live handle; `result` is null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_model_gene_embeddings(
    context: *const ScnContext,
    model: *const ScnModel,
    result: *mut *mut ScnTensors,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            non_null(model, "model")?;
            non_null(result, "result")?;
            put(result, "result", ScnTensors::boxed(engine::gene_embeddings(ctx, &(*model).opened)?))
        })
    }
}

/// The original implementation's forward pass on named arrays; `io` of `scn_model_describe` says what goes in and what comes out.
/// Whole numbers may come in any integer type, floats in either. Free the result with `scn_tensors_free`.
///
/// Errors: `SCN_ERR_INVALID_ARGUMENT` for an array or option that is unknown or missing, or a number out of range;
/// `SCN_ERR_SHAPE`, `SCN_ERR_TYPE`, `SCN_ERR_CANCELLED`, `SCN_ERR_NULL`.
///
/// @since 0.1.0
///
/// # Safety
/// `context` is null or a valid context; `model` and `inputs` are null or live handles; `options` is null or a string that ends in
/// NUL; `result` is null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_model_forward(
    context: *const ScnContext,
    model: *const ScnModel,
    inputs: *const ScnTensors,
    options: *const c_char,
    result: *mut *mut ScnTensors,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            non_null(model, "model")?;
            non_null(inputs, "inputs")?;
            non_null(result, "result")?;
            let outputs = engine::forward(ctx, &(*model).opened, &(*inputs).arrays, maybe(options, "options")?)?;
            put(result, "result", ScnTensors::boxed(outputs))
        })
    }
}

/// From counts to one vector for each cell: the array `embedding`, float, cells x dimensions, in the order of the cells. Cells with no gene
/// of the model's vocabulary are NaN, and a warning says how many.
///
/// `genes` names the columns of the matrix: one after the other, each with a newline behind it. They are found in the model's vocabulary by
/// the option `aliases` (an object from your names to the model's), exactly, without the version of an Ensembl identifier, and in any case.
/// `arrays`, which may be null, has arrays with one entry for each cell that a family asks for (`batch_labels`, `n_counts`).
/// Options of every family: `aliases`; `min_matched` (0.0), the least part of the genes that must be found; `max_batch_tokens` (65536), how
/// many tokens are worked on at once, which bounds memory. Those of the family are listed by `io` of `scn_model_describe`.
///
/// `report`, if not null, gets a JSON object: `name` (for `obsm`: "scgpt" of `X_scgpt`), `genes` (how many matched, by which
/// rule, which did not, which are there twice) and what the family adds. Cells are run by themselves, sorted by length: a cell's bits
/// depend neither on the cells that are run with it nor on the number of threads (what is random is drawn by the seed and the cell's
/// number in the matrix). Progress is in cells; the call can be stopped after each.
///
/// Errors: `SCN_ERR_GENE_NAMES`, `SCN_ERR_VOCABULARY`, `SCN_ERR_COUNTS` for values that are no counts where counts are needed,
/// `SCN_ERR_BUDGET`, `SCN_ERR_VALUE`, `SCN_ERR_MATRIX`, `SCN_ERR_INVALID_ARGUMENT`, `SCN_ERR_CANCELLED`, `SCN_ERR_NULL`,
/// `SCN_ERR_UNSUPPORTED` for a family that has no cell embeddings.
///
/// @since 0.1.0
///
/// # Safety
/// As `scn_matrix_validate`; `model` is null or a live handle; `genes` and `options` are null or strings that end in NUL; `arrays` is null
/// or a live handle; `result` and `report` are null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_model_embed(
    context: *const ScnContext,
    model: *const ScnModel,
    matrix: *const ScnMatrix,
    genes: *const c_char,
    arrays: *const ScnTensors,
    options: *const c_char,
    result: *mut *mut ScnTensors,
    report: *mut *mut ScnText,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            non_null(model, "model")?;
            non_null(matrix, "matrix")?;
            non_null(result, "result")?;
            let given = given(matrix, genes, arrays)?;
            let (outputs, said) = engine::embed(ctx, &(*model).opened, &given, maybe(options, "options")?)?;
            if !report.is_null() {
                put(report, "report", ScnText::boxed(said))?;
            }
            put(result, "result", ScnTensors::boxed(outputs))
        })
    }
}

/// What else a family does, by the name of the task: "predict" and "gi_scores" of GEARS, "perturb" and "classify" of Geneformer, "enhance" of
/// scFoundation, ...; `io` of `scn_model_describe` lists them with their options, and the arrays that they take and give.
///
/// `matrix` and `genes` are cells as in `scn_model_embed`, or null for a task that takes none; `arrays` has one entry for each cell if there are
/// cells, else the task's inputs. `report`, if not null, gets a JSON object.
///
/// Errors: as `scn_model_embed`; `SCN_ERR_INVALID_ARGUMENT` for a task that the model does not have.
///
/// @since 0.1.0
///
/// # Safety
/// As `scn_model_embed`; `task` is null or a string that ends in NUL; `matrix` may be null.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_model_run(
    context: *const ScnContext,
    model: *const ScnModel,
    task: *const c_char,
    matrix: *const ScnMatrix,
    genes: *const c_char,
    arrays: *const ScnTensors,
    options: *const c_char,
    result: *mut *mut ScnTensors,
    report: *mut *mut ScnText,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            non_null(model, "model")?;
            non_null(result, "result")?;
            let (task, given) = (text(task, "task")?, given(matrix, genes, arrays)?);
            let (outputs, said) = engine::run(ctx, &(*model).opened, task, &given, maybe(options, "options")?)?;
            if !report.is_null() {
                put(report, "report", ScnText::boxed(said))?;
            }
            put(result, "result", ScnTensors::boxed(outputs))
        })
    }
}

/// Saves a model as a folder that `scn_model_open` reads: config.json, model.safetensors and its vocabulary. The folder is made, and must be
/// empty if it is there; the option `overwrite` replaces an earlier export.
///
/// Errors: `SCN_ERR_IO`, `SCN_ERR_DISK_FULL`, `SCN_ERR_INVALID_ARGUMENT` for a folder that holds something else, `SCN_ERR_NULL`,
/// `SCN_ERR_CANCELLED`. The folder is complete or not there.
///
/// @since 0.1.0
///
/// # Safety
/// `context` is null or a valid context; `model` is null or a live handle; `folder` and `options` are null or strings that end in
/// NUL.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_model_export(
    context: *const ScnContext,
    model: *const ScnModel,
    folder: *const c_char,
    options: *const c_char,
) -> ScnStatus {
    // SAFETY: as this function's own contract.
    unsafe {
        run(context, |ctx| {
            non_null(model, "model")?;
            engine::export(ctx, &(*model).opened, text(folder, "folder")?, maybe(options, "options")?)
        })
    }
}

/// Frees a model. Null is a no-op.
///
/// @since 0.1.0
///
/// # Safety
/// `model` is null or a live handle that no call uses any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_model_free(model: *mut ScnModel) {
    guard(|| {
        if !model.is_null() {
            // SAFETY: made by Box::into_raw in scn_model_open, and freed once by the caller's contract.
            drop(unsafe { Box::from_raw(model) });
        }
        Ok(())
    });
}
