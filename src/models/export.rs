//! A model as a folder that loads again: config.json, model.safetensors, and the files of its vocabulary.
//!
//! Weights keep the type in which the model holds them and the names by which its family asks for them, so that what was
//! published in another format or under other names is written in one layout. The folder appears complete or not at all.

use super::Model;
use super::weights::safetensors::{self, failed};
use crate::error::Result;
use crate::models::folder::json;
use crate::parallel::Ctx;
use crate::{bail, ensure};
use serde_json::Value;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

const CONFIG: &str = "config.json";
const WEIGHTS: &str = "model.safetensors";

/// The key of config.json by which an export is known again.
const VERSION: &str = "scnative_version";

/// Writes a model into a new or an empty folder; with `overwrite` an earlier export of such a model is replaced, a folder with
/// anything else in it never.
pub fn export(ctx: &Ctx, model: &dyn Model, folder: &Path, overwrite: bool) -> Result<()> {
    let files = model.files()?;
    let mut names = vec![CONFIG, WEIGHTS];
    names.extend(files.iter().map(|(name, _)| name.as_str()));
    let place = Place::new(folder)?;
    place.check(&names, overwrite)?;
    let temporary = place.beside("new");
    // If there is such a folder already it is another call's, and is left alone.
    fs::create_dir(&temporary).map_err(|error| failed(&temporary, error))?;
    let written = fill(ctx, model, &files, &temporary).and_then(|()| {
        // Writing takes a while, in which somebody may have put something else there.
        let filled = place.check(&names, overwrite)?;
        place.publish(&temporary, filled)
    });
    if written.is_err() {
        // What is half written is of no use; that it cannot be removed is the lesser error.
        let _ = fs::remove_dir_all(&temporary);
    }
    written
}

fn fill(ctx: &Ctx, model: &dyn Model, files: &[(String, Vec<u8>)], folder: &Path) -> Result<()> {
    ctx.poll(0.0)?;
    for (name, bytes) in files {
        write(&folder.join(name), bytes)?;
    }
    let metadata = BTreeMap::from([("format".to_string(), "pt".to_string())]);
    let mut tensors = model.weights().tensors.clone();
    for (name, file, there) in model.tables() {
        tensors.insert(name.into(), file.tensor(there)?);
    }
    safetensors::save(&folder.join(WEIGHTS), &tensors, &metadata)?;
    let mut config = model.config();
    config[VERSION] = env!("CARGO_PKG_VERSION").into();
    // Indented as people read it; the format of a JSON value cannot fail.
    write(&folder.join(CONFIG), format!("{config:#}\n").as_bytes())?;
    ctx.poll(1.0)
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    let write = || {
        let mut file = File::create_new(path)?;
        file.write_all(bytes)?;
        file.sync_all()
    };
    write().map_err(|error| failed(path, error))
}

/// Where the folder is to be.
struct Place {
    folder: PathBuf,
    parent: PathBuf,
    name: OsString,
}

impl Place {
    fn new(folder: &Path) -> Result<Self> {
        // What a link points to is replaced, not the link.
        let folder = fs::canonicalize(folder).unwrap_or_else(|_| folder.to_path_buf());
        let Some(name) = folder.file_name().map(OsString::from) else {
            bail!(InvalidArgument, "folder: is {:?}, must have a name", folder.display().to_string());
        };
        let parent = match folder.parent() {
            Some(parent) if parent != Path::new("") => parent.to_path_buf(),
            _ => PathBuf::from("."),
        };
        fs::create_dir_all(&parent).map_err(|error| failed(&parent, error))?;
        Ok(Self { folder, parent, name })
    }

    /// Whether there is an earlier export to replace; an error if anything else is there.
    fn check(&self, names: &[&str], overwrite: bool) -> Result<bool> {
        let entries = match fs::read_dir(&self.folder) {
            Ok(entries) => entries.collect::<io::Result<Vec<_>>>().map_err(|error| failed(&self.folder, error))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(failed(&self.folder, error)),
        };
        if entries.is_empty() {
            return Ok(false);
        }
        let folder = self.folder.display();
        let config = self.folder.join(CONFIG);
        let ours =
            config.is_file() && matches!(json(&config), Ok(Value::Object(config)) if config.contains_key(VERSION));
        let strange =
            entries.iter().map(|entry| entry.file_name()).find(|name| !names.iter().any(|known| name == known));
        ensure!(ours, InvalidArgument, "folder: {folder} is not empty and no export of a model, must be new or empty");
        if let Some(name) = strange {
            bail!(
                InvalidArgument,
                "folder: {folder} has {:?}, which an export of this model does not write, must be new or empty",
                name.to_string_lossy()
            );
        }
        ensure!(
            overwrite,
            InvalidArgument,
            "folder: {folder} has an export of a model, must be new or empty, or overwrite set"
        );
        Ok(true)
    }

    /// A name in the same folder, and so on the same disk, that no other call of this process or another one has.
    fn beside(&self, what: &str) -> PathBuf {
        let name = self.name.to_string_lossy();
        self.parent.join(format!(".{name}.{what}.{}", safetensors::unique()))
    }

    /// Gives the folder that was written its name. An earlier one is moved aside first, and comes back if that fails.
    fn publish(&self, written: &Path, filled: bool) -> Result<()> {
        let rename = |from: &Path, to: &Path| fs::rename(from, to).map_err(|error| failed(&self.folder, error));
        if filled {
            let aside = self.beside("old");
            rename(&self.folder, &aside)?;
            if let Err(error) = rename(written, &self.folder) {
                let _ = fs::rename(&aside, &self.folder);
                return Err(error);
            }
            let _ = fs::remove_dir_all(&aside);
        } else {
            // In place of an empty folder, if there is one: not every system does that by itself.
            let _ = fs::remove_dir(&self.folder);
            rename(written, &self.folder)?;
        }
        // The new name is on the disk when its folder is. Not every file system lets a folder be synchronised.
        if let Ok(parent) = File::open(&self.parent) {
            let _ = parent.sync_all();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ErrorKind;
    use crate::models::Tensors;
    use crate::models::arch::FAMILIES;
    use crate::models::fixtures::{fixture, tensors};
    use crate::models::folder::Folder;
    use crate::models::nn::floats;
    use crate::models::options::Options;

    /// The families' fixtures. One that a family cannot load fails the test.
    const NAMES: &[&str] = &["scfoundation-base", "scfoundation-tfdec"];

    /// A new folder of this test's own.
    fn scratch(name: &str) -> PathBuf {
        let folder = std::env::temp_dir().join(format!("scnative-export-{name}-{}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        fs::create_dir_all(&folder).unwrap();
        folder
    }

    fn load(folder: &Path) -> Box<dyn Model> {
        let config = json(&folder.join(CONFIG)).unwrap();
        let family = config["model_type"].as_str().unwrap();
        let family = FAMILIES.iter().find(|known| known.name == family || known.aliases.contains(&family)).unwrap();
        (family.load)(&Folder::new(folder)).unwrap()
    }

    fn same(one: &Tensors, other: &Tensors) {
        assert!(one.keys().eq(other.keys()));
        for (name, x) in one {
            let y = &other[name];
            assert_eq!((x.dims(), x.dtype()), (y.dims(), y.dtype()), "{name}");
            let (x, y) = (floats(x).unwrap(), floats(y).unwrap());
            assert!(x.iter().zip(&y).all(|(x, y)| x.to_bits() == y.to_bits()), "{name}");
        }
    }

    #[test]
    fn what_is_exported_loads_and_computes_the_same() {
        let ctx = Ctx::new(2);
        for name in NAMES {
            let Some(path) = fixture(name) else { return };
            let (model, folder) = (load(&path), scratch(name).join("within").join(name));
            export(&ctx, model.as_ref(), &folder, false).unwrap();
            let again = load(&folder);
            same(&model.weights().tensors, &again.weights().tensors);
            assert!(again.weights().report.ignored.is_empty());
            assert_eq!((model.config(), model.genes()), (again.config(), again.genes()));
            assert_eq!(model.files().unwrap(), again.files().unwrap());
            let takes: Vec<String> = model.io().inputs.into_iter().map(|field| field.name).collect();
            let mut inputs = tensors(path.join("inputs.safetensors"));
            inputs.retain(|name, _| takes.contains(name));
            let of = |model: &dyn Model| model.forward(&ctx, &inputs, &Options::default()).unwrap();
            same(&of(model.as_ref()), &of(again.as_ref()));
            // One more generation is the same to the byte.
            let second = folder.with_extension("second");
            export(&ctx, again.as_ref(), &second, false).unwrap();
            for entry in fs::read_dir(&folder).unwrap() {
                let name = entry.unwrap().file_name();
                assert_eq!(fs::read(folder.join(&name)).unwrap(), fs::read(second.join(&name)).unwrap(), "{name:?}");
            }
        }
    }

    #[test]
    fn only_an_export_is_replaced_and_only_when_told_to() {
        let Some(path) = fixture(NAMES[0]) else { return };
        let (ctx, model, base) = (Ctx::new(1), load(&path), scratch("replace"));
        let run =
            |folder: &Path, overwrite: bool| export(&ctx, model.as_ref(), folder, overwrite).map_err(|e| e.message);
        let folder = base.join("model");
        fs::create_dir(&folder).unwrap();
        run(&folder, false).unwrap();
        assert!(run(&folder, false).unwrap_err().contains("overwrite"));
        run(&folder, true).unwrap();
        fs::write(folder.join("notes.txt"), "mine").unwrap();
        assert!(run(&folder, true).unwrap_err().contains("notes.txt"));
        assert_eq!(fs::read_to_string(folder.join("notes.txt")).unwrap(), "mine");
        let other = base.join("other");
        fs::create_dir(&other).unwrap();
        fs::write(other.join(CONFIG), "{}").unwrap();
        assert!(run(&other, true).unwrap_err().contains("no export"));
        assert!(run(&other.join(CONFIG), true).is_err());
        assert!(run(Path::new("/"), true).is_err());
        let left: Vec<_> = fs::read_dir(&base).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left.len(), 2, "{left:?}");
    }

    #[test]
    fn what_is_added_while_writing_is_not_lost() {
        let Some(path) = fixture(NAMES[0]) else { return };
        let (model, base) = (load(&path), scratch("added"));
        let folder = base.join("model");
        export(&Ctx::new(1), model.as_ref(), &folder, false).unwrap();
        let notes = folder.join("notes.txt");
        let mut calls = 0;
        let mut add = |_| {
            calls += 1;
            fs::write(&notes, "mine").unwrap();
            true
        };
        let ctx = Ctx::new(1).with_progress(&mut add);
        // The first poll of a context is silent, the next one comes when this time has passed.
        ctx.poll(0.0).unwrap();
        std::thread::sleep(std::time::Duration::from_millis(60));
        let error = export(&ctx, model.as_ref(), &folder, true).unwrap_err();
        assert!(error.message.contains("notes.txt"), "{error}");
        drop(ctx);
        assert!(calls > 0);
        assert_eq!(fs::read_to_string(&notes).unwrap(), "mine");
        assert_eq!(fs::read_dir(&base).unwrap().count(), 1);
    }

    #[test]
    fn what_is_cancelled_leaves_nothing() {
        let Some(path) = fixture(NAMES[0]) else { return };
        let (model, base) = (load(&path), scratch("cancel"));
        let stop = std::sync::atomic::AtomicBool::new(true);
        let ctx = Ctx::new(1).with_cancel(&stop);
        let error = export(&ctx, model.as_ref(), &base.join("model"), false).unwrap_err();
        assert_eq!(error.kind, ErrorKind::Cancelled);
        assert_eq!(fs::read_dir(&base).unwrap().count(), 0);
    }
}
