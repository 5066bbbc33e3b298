//! What the pickle machine makes of the globals that it takes: plain values of their arguments.
//!
//! The arguments are those that the `__reduce__` methods of Python, numpy and torch write.

use super::globals::{COMPLEX64, COMPLEX128, Global};
use super::map::Bytes;
use super::pickle::{Elements, Item, Machine, Node, Storages, Stored};
use super::torch::Torch;
use super::value::{Kind, Layout, Storage, TensorView, c_strides};
use crate::error::Result;
use std::sync::Arc;

impl Stored {
    /// All of it, as a vector: what a storage is where a value is asked for.
    pub fn view(&self) -> TensorView {
        let kind = self.kind.unwrap_or(Kind::U8);
        let layout = Layout::contiguous(kind, vec![self.bytes / kind.size().max(1)]);
        TensorView { layout, storage: self.place.clone() }
    }
}

impl Machine<'_> {
    /// What a class or function would give for these arguments.
    pub fn build(&mut self, global: Global, arguments: &[Item]) -> Result<Item> {
        match global {
            Global::Dict => self.dict(arguments),
            Global::DefaultDict => self.dict(arguments.get(1..).unwrap_or_default()),
            Global::Namespace if arguments.is_empty() => self.make(Node::Namespace(Vec::new())),
            Global::List => {
                let items = self.copied(arguments)?;
                self.make(Node::List(items))
            }
            Global::Tuple | Global::Size => {
                let items = self.copied(arguments)?;
                self.make(Node::Tuple(items))
            }
            Global::Scalar => match arguments {
                [scalar @ (Item::Int(_) | Item::Float(_) | Item::Bool(_))] => Ok(*scalar),
                [text] => Ok(self.text(*text).map(|_| *text)?),
                _ => Err(self.wrong("a number or text of other than one part")),
            },
            Global::Bytes | Global::Encode => self.encoded(arguments),
            Global::Complex => self.make(Node::Object("builtins.complex", arguments.to_vec())),
            Global::Reconstructor | Global::NewObject => self.reconstructed(global, arguments),
            Global::NumpyDtype => self.elements(arguments),
            Global::NumpyScalar => self.scalar(arguments),
            Global::NumpyReconstruct => self.make(Node::Blank),
            Global::NumpyFromBuffer => self.buffered(arguments),
            Global::LoadFromBytes => self.blob(arguments),
            Global::RebuildTensor => match arguments {
                [storage, offset, shape, strides, ..] => self.tensor(*storage, *offset, *shape, *strides, None),
                _ => Err(self.wrong("a tensor has too few parts")),
            },
            Global::RebuildTensorV3 => match arguments {
                [storage, offset, shape, strides, _, _, kind, ..] => {
                    let Global::Dtype(kind) = self.global(*kind)? else {
                        return Err(self.wrong("a tensor has no type"));
                    };
                    self.tensor(*storage, *offset, *shape, *strides, Some(kind))
                }
                _ => Err(self.wrong("a tensor has too few parts")),
            },
            Global::RebuildParameter => match arguments.first() {
                Some(&tensor) if matches!(self.node(tensor), Some(Node::Tensor(_))) => Ok(tensor),
                _ => Err(self.wrong("a parameter has no tensor")),
            },
            Global::RebuildFromType => match arguments {
                [function, _, parts, ..] => {
                    let global = self.global(*function)?;
                    if !matches!(global, Global::RebuildTensor | Global::RebuildTensorV3 | Global::RebuildParameter) {
                        return Err(self.wrong("a tensor of a type that is not known"));
                    }
                    let parts = self.items(*parts)?;
                    self.build(global, &parts)
                }
                _ => Err(self.wrong("a tensor has too few parts")),
            },
            Global::Device => self.device(arguments),
            _ => Err(self.wrong("it makes an object of a class that is only known by name")),
        }
    }

    /// What state does to an object: numpy's types and arrays get what they are, a namespace its variables. Attributes of
    /// dicts and tensors are not kept.
    pub fn fill(&mut self, object: Item, state: Item) -> Result<()> {
        match self.node(object) {
            Some(&Node::Elements(elements)) => {
                let parts = self.items(state)?;
                let order = parts.get(1).map(|&order| self.text(order)).transpose()?;
                if order.as_deref() == Some(">") && elements != Elements::Objects {
                    return Err(self.wrong("numbers of numpy are big-endian, only little-endian ones are read"));
                }
                Ok(())
            }
            Some(Node::Blank) => {
                let parts = self.items(state)?;
                let [_, shape, elements, fortran, data] = parts[..] else {
                    return Err(self.wrong("an array of numpy has other than five parts"));
                };
                let filled = self.filled(shape, elements, matches!(fortran, Item::Bool(true)), data)?;
                let filled = self.node(filled).cloned();
                if let (Some(place), Some(filled)) = (self.node_mut(object), filled) {
                    *place = filled;
                }
                Ok(())
            }
            Some(Node::Namespace(_)) => {
                let items = match self.node(state) {
                    Some(Node::Dict(items)) => items.clone(),
                    _ => return Err(self.wrong("a namespace's state is not a dict")),
                };
                self.spend_values(items.len())?;
                if let Some(Node::Namespace(variables)) = self.node_mut(object) {
                    variables.extend(items);
                }
                Ok(())
            }
            Some(Node::Tensor(_) | Node::Dict(_)) => Ok(()),
            _ => Err(self.wrong("it sets the state of what has none")),
        }
    }

    /// The storage that a persistent id of torch names: ("storage", type, key, where it was, number of elements, ...).
    pub fn persistent(&mut self, reference: Item) -> Result<Item> {
        if matches!(self.mode, Storages::InPlace | Storages::Nowhere) {
            return Err(self.wrong("it refers to a storage beside it, which a bare pickle does not have"));
        }
        let parts = self.items(reference)?;
        let [tag, kind, key, _, elements, ref more @ ..] = parts[..] else {
            return Err(self.wrong("a reference to a storage has too few parts"));
        };
        if self.text(tag)?.as_ref() != "storage" {
            return Err(self.wrong("it refers to something beside it that is not a storage"));
        }
        if !matches!(more, [] | [Item::None]) {
            return Err(self.wrong("it refers to a part of a storage, as torch did before 0.4"));
        }
        let kind = match self.global(kind)? {
            Global::TypedStorage(kind) => Some(kind),
            Global::UntypedStorage => None,
            _ => return Err(self.wrong("a storage has no type")),
        };
        let (key, elements) = (self.text(key)?, self.size(elements)?);
        let size = kind.unwrap_or(Kind::U8);
        let number = self.storage(&key, size, elements)?;
        let bytes = elements * size.size();
        self.make(Node::Storage(Stored { kind, bytes, place: Storage::File(number) }))
    }

    fn size(&self, item: Item) -> Result<usize> {
        match item {
            Item::Int(x) if x >= 0 => Ok(x as usize),
            other => Err(self.wrong(format_args!("{other:?} is not a size"))),
        }
    }

    fn sizes(&mut self, item: Item) -> Result<Vec<usize>> {
        // numpy has 64 dimensions at most, torch as well.
        const DIMENSIONS: usize = 64;
        let items = self.items(item)?;
        if items.len() > DIMENSIONS {
            return Err(self.wrong(format_args!("a tensor has {} dimensions, the limit is {DIMENSIONS}", items.len())));
        }
        items.into_iter().map(|item| self.size(item)).collect()
    }

    /// The items of the one container that is given, if one is.
    fn copied(&mut self, arguments: &[Item]) -> Result<Vec<Item>> {
        match arguments {
            [] => Ok(Vec::new()),
            [container] => self.items(*container),
            _ => Err(self.wrong("a container of more than one part")),
        }
    }

    /// A dict of nothing, of another dict, or of a list of pairs.
    fn dict(&mut self, arguments: &[Item]) -> Result<Item> {
        let Some(&given) = arguments.first() else { return self.make(Node::Dict(Vec::new())) };
        let items = match self.node(given) {
            Some(Node::Dict(items)) => {
                let items = items.clone();
                self.spend_values(items.len())?;
                items
            }
            _ => {
                let mut items = Vec::new();
                for pair in self.items(given)? {
                    match self.items(pair)?[..] {
                        [key, value] => items.extend([key, value]),
                        _ => return Err(self.wrong("a dict is made of what are no pairs")),
                    }
                }
                items
            }
        };
        self.make(Node::Dict(items))
    }

    /// Bytes of nothing, of bytes, or of a text in Latin 1.
    fn encoded(&mut self, arguments: &[Item]) -> Result<Item> {
        let Some(&given) = arguments.first() else { return self.make(Node::Bytes(Default::default())) };
        if let Some(encoding) = arguments.get(1) {
            let encoding = self.text(*encoding)?;
            if !matches!(encoding.as_ref(), "latin1" | "latin-1" | "latin_1" | "iso-8859-1") {
                return Err(self.wrong("bytes are written as text in another encoding than Latin 1"));
            }
        }
        let bytes = self.raw(given)?;
        self.make(Node::Bytes(bytes))
    }

    /// The bytes of a value: themselves, or a text's characters in Latin 1.
    fn raw(&mut self, item: Item) -> Result<Arc<Vec<u8>>> {
        let text = match self.node(item) {
            Some(Node::Bytes(bytes)) => return Ok(bytes.clone()),
            Some(Node::Text(text)) => text.clone(),
            _ => return Err(self.wrong("bytes are needed")),
        };
        self.spend_bytes(text.len())?;
        let bytes: Option<Vec<u8>> = text.chars().map(|c| u8::try_from(u32::from(c)).ok()).collect();
        bytes.map(Arc::new).ok_or_else(|| self.wrong("a text that stands for bytes has other characters than those"))
    }

    /// copyreg's two ways to an object: (class, base, state of the base) and (class, arguments...).
    fn reconstructed(&mut self, global: Global, arguments: &[Item]) -> Result<Item> {
        let (&class, rest) = match arguments.split_first() {
            Some(parts) => parts,
            None => return Err(self.wrong("it makes an object of no class")),
        };
        let arguments = match (global, rest) {
            (Global::NewObject, arguments) => arguments,
            (_, [_, Item::None]) => &[],
            (_, [_, state]) => std::slice::from_ref(state),
            _ => return Err(self.wrong("an object has other than three parts")),
        };
        let global = self.global(class)?;
        if matches!(global, Global::Reconstructor | Global::NewObject | Global::RebuildFromType) {
            return Err(self.wrong("it makes an object of what is not a class"));
        }
        self.build(global, arguments)
    }

    /// torch.device: a type, or a type and a number.
    fn device(&mut self, arguments: &[Item]) -> Result<Item> {
        match *arguments {
            [kind] => Ok(self.text(kind).map(|_| kind)?),
            [kind, Item::Int(number)] => {
                let text = format!("{}:{number}", self.text(kind)?);
                self.spend_bytes(text.len())?;
                self.make(Node::Text(text.into()))
            }
            _ => Err(self.wrong("a device has other than a type and a number")),
        }
    }

    fn tensor(&mut self, storage: Item, offset: Item, shape: Item, strides: Item, kind: Option<Kind>) -> Result<Item> {
        let Some(Node::Storage(stored)) = self.node(storage).cloned() else {
            return Err(self.wrong("a tensor has no storage"));
        };
        let Some(kind) = kind.or(stored.kind) else { return Err(self.wrong("a tensor has no type")) };
        let (offset, shape, strides) = (self.size(offset)?, self.sizes(shape)?, self.sizes(strides)?);
        let layout = Layout { kind, shape, strides, offset };
        layout.check("a tensor", stored.bytes).map_err(|error| self.wrong(error))?;
        self.make(Node::Tensor(Arc::new(TensorView { layout, storage: stored.place })))
    }

    /// A storage that is a torch file within the pickle, as bytes.
    fn blob(&mut self, arguments: &[Item]) -> Result<Item> {
        let [bytes] = *arguments else { return Err(self.wrong("a torch blob has other than one part")) };
        if matches!(self.mode, Storages::BesideNested | Storages::Nowhere) {
            return Err(self.wrong("a torch blob lies in another one, as no torch writes"));
        }
        let bytes = self.raw(bytes)?;
        // Reading it costs the time of its length, and its storage is copied.
        self.spend_bytes(bytes.len())?;
        let name = format!("{}: a torch blob in its pickle", self.source);
        let (layout, bytes) = Torch::storage(Bytes::held(name, bytes))?;
        // It may have been compressed.
        self.spend_bytes(bytes.len())?;
        let place = Storage::Held(Arc::new(bytes));
        let length = layout.shape.iter().product::<usize>() * layout.kind.size();
        self.make(Node::Storage(Stored { kind: Some(layout.kind), bytes: length, place }))
    }

    /// numpy.dtype("f8", ...).
    fn elements(&mut self, arguments: &[Item]) -> Result<Item> {
        let code = match arguments.first() {
            Some(&code) => self.text(code)?,
            None => return Err(self.wrong("a type of numpy has no code")),
        };
        let order = code.chars().next().filter(|c| "<>=|".contains(*c));
        if order == Some('>') {
            return Err(self.wrong("numbers of numpy are big-endian, only little-endian ones are read"));
        }
        let bare = code.trim_start_matches(['<', '=', '|']);
        let kind = match bare {
            "f8" => Kind::F64,
            "f4" => Kind::F32,
            "f2" => Kind::F16,
            "i8" => Kind::I64,
            "i4" => Kind::I32,
            "i2" => Kind::I16,
            "i1" => Kind::I8,
            "u8" => Kind::U64,
            "u4" => Kind::U32,
            "u2" => Kind::U16,
            "u1" => Kind::U8,
            "b1" => Kind::Bool,
            "c8" => COMPLEX64,
            "c16" => COMPLEX128,
            "O8" | "O4" | "O" => return self.make(Node::Elements(Elements::Objects)),
            _ => match bare.strip_prefix('U').and_then(|width| width.parse().ok()) {
                Some(width) => return self.make(Node::Elements(Elements::Texts(width))),
                None => {
                    let code: String = bare.chars().take(20).collect();
                    return Err(self.wrong(format_args!("type {code:?} of numpy is not read")));
                }
            },
        };
        self.make(Node::Elements(Elements::Numbers(kind)))
    }

    /// A single number or text of numpy.
    fn scalar(&mut self, arguments: &[Item]) -> Result<Item> {
        let [elements, data] = *arguments else { return Err(self.wrong("a number of numpy has other than two parts")) };
        let elements = self.elements_of(elements)?;
        let kind = match elements {
            Elements::Objects => return Ok(data),
            Elements::Texts(width) => {
                let raw = self.raw(data)?;
                let text = self.wide_text(&raw, width)?;
                return self.make(Node::Text(text.into()));
            }
            Elements::Numbers(kind) => kind,
        };
        let raw = self.raw(data)?;
        number(kind, &raw).ok_or_else(|| self.wrong("a number of numpy is of a type or length that is not read"))
    }

    fn elements_of(&self, item: Item) -> Result<Elements> {
        match self.node(item) {
            Some(&Node::Elements(elements)) => Ok(elements),
            _ => Err(self.wrong("an array of numpy has no type")),
        }
    }

    /// numpy's text: characters of four bytes, filled up with zeros.
    fn wide_text(&mut self, raw: &[u8], width: usize) -> Result<String> {
        self.spend_bytes(raw.len())?;
        let (characters, []) = raw.as_chunks::<4>() else {
            return Err(self.wrong("a text of numpy has a broken length"));
        };
        if characters.len() != width {
            return Err(self.wrong("a text of numpy has another length than its type"));
        }
        let text: Option<String> = characters.iter().map(|&c| char::from_u32(u32::from_le_bytes(c))).collect();
        text.map(|text| text.trim_end_matches('\0').to_string()).ok_or_else(|| self.wrong("a text of numpy is broken"))
    }

    /// Protocol 5: (buffer, type, shape, order).
    fn buffered(&mut self, arguments: &[Item]) -> Result<Item> {
        let [data, elements, shape, order] = *arguments else {
            return Err(self.wrong("an array of numpy has other than four parts"));
        };
        let fortran = self.text(order)?.as_ref() == "F";
        self.filled(shape, elements, fortran, data)
    }

    /// An array: numbers are a tensor, texts and objects a list.
    fn filled(&mut self, shape: Item, elements: Item, fortran: bool, data: Item) -> Result<Item> {
        let shape = self.sizes(shape)?;
        let Some(length) = shape.iter().try_fold(1usize, |n, &d| n.checked_mul(d)) else {
            return Err(self.wrong(format_args!("an array of numpy has shape {shape:?}, more than there can be")));
        };
        let flat = shape.len() <= 1;
        match self.elements_of(elements)? {
            Elements::Numbers(kind) => {
                let bytes = self.raw(data)?;
                if length.checked_mul(kind.size()) != Some(bytes.len()) {
                    return Err(self.wrong(format_args!("an array of shape {shape:?} has {} bytes", bytes.len())));
                }
                let strides = if fortran {
                    c_strides(&shape.iter().rev().copied().collect::<Vec<_>>()).into_iter().rev().collect()
                } else {
                    c_strides(&shape)
                };
                let layout = Layout { kind, shape, strides, offset: 0 };
                self.make(Node::Tensor(Arc::new(TensorView { layout, storage: Storage::Held(bytes) })))
            }
            Elements::Objects if flat => {
                let items = self.items(data)?;
                self.make(Node::List(items))
            }
            Elements::Texts(width) if flat => {
                let bytes = self.raw(data)?;
                let size = width.saturating_mul(4);
                if length.checked_mul(size) != Some(bytes.len()) {
                    return Err(self.wrong("an array of texts has another length than its shape"));
                }
                self.spend_values(length)?;
                let mut items = Vec::new();
                for i in 0..length {
                    let text = self.wide_text(&bytes[i * size..(i + 1) * size], width)?;
                    items.push(self.make(Node::Text(text.into()))?);
                }
                self.make(Node::List(items))
            }
            _ => Err(self.wrong("an array of texts or objects has more than one dimension")),
        }
    }
}

/// A number from its bytes; none if they are not as many as its type has, or it has no place in 64 bits.
fn number(kind: Kind, raw: &[u8]) -> Option<Item> {
    use half::f16;
    Some(match kind {
        Kind::F64 => Item::Float(f64::from_le_bytes(raw.try_into().ok()?)),
        Kind::F32 => Item::Float(f32::from_le_bytes(raw.try_into().ok()?).into()),
        Kind::F16 => Item::Float(f16::from_le_bytes(raw.try_into().ok()?).into()),
        Kind::I64 => Item::Int(i64::from_le_bytes(raw.try_into().ok()?)),
        Kind::I32 => Item::Int(i32::from_le_bytes(raw.try_into().ok()?).into()),
        Kind::I16 => Item::Int(i16::from_le_bytes(raw.try_into().ok()?).into()),
        Kind::I8 => Item::Int(i8::from_le_bytes(raw.try_into().ok()?).into()),
        Kind::U64 => Item::Int(u64::from_le_bytes(raw.try_into().ok()?).try_into().ok()?),
        Kind::U32 => Item::Int(u32::from_le_bytes(raw.try_into().ok()?).into()),
        Kind::U16 => Item::Int(u16::from_le_bytes(raw.try_into().ok()?).into()),
        Kind::U8 => Item::Int(u8::from_le_bytes(raw.try_into().ok()?).into()),
        Kind::Bool => Item::Bool(u8::from_le_bytes(raw.try_into().ok()?) != 0),
        Kind::BF16 | Kind::Unread(..) => return None,
    })
}
