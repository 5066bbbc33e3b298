//! A virtual machine for pickles, protocols 0 to 5, that builds values and calls nothing.
//!
//! The operations are those of Python's pickletools. Where a pickle refers to a class or a function, only the names of
//! [`super::globals`] are taken; their "calls" are a match in [`super::build`] that makes a value of the arguments.
//!
//! A small pickle can describe a huge tree, because it may refer to a part of itself again and again. So the machine keeps
//! its values flat, in nodes that refer to each other by number, and counts: the work of each operation, the values and the
//! bytes of the tree that comes out, and how deep it is.

use super::globals::{self, Allowed, Global};
use super::map::Bytes;
use super::value::{Kind, Object, TensorView, Value};
use crate::error::{Error, ErrorKind, Result};
use crate::{bail, ensure};
use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

/// How deep a tree may be: recursion over it, also when it is dropped, cannot overflow a stack.
const DEPTH: usize = 128;
/// Containers and texts of one pickle.
const NODES: usize = 1 << 23;
/// Values that are made or copied; and how many for each byte of the pickle, above a million.
const VALUES: usize = 1 << 26;
const VALUES_A_BYTE: usize = 3;
/// Bytes of texts and arrays that are copied, for each byte of the pickle, above 64 MiB.
const COPIES: usize = 4;
/// Bytes of a pickle without the storages that lie beside it.
const SIZE: usize = 1 << 30;

/// A pickle's value. Its tensors and arrays hold their own numbers.
pub fn read(path: &Path) -> Result<Value> {
    let bytes = Bytes::open(path)?;
    super::file::recognisable(&bytes)?;
    Ok(run(bytes.all(), &bytes.name, Storages::InPlace)?.value)
}

/// Where the storages of a pickle's tensors are.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Storages {
    /// In the pickle, as torch blobs.
    InPlace,
    /// In the file around the pickle, by key.
    Beside,
    /// As `Beside`, in a blob that is in a pickle itself and may not have another one within.
    BesideNested,
    /// Nowhere: the pickle has none.
    Nowhere,
}

/// What a pickle held.
pub(super) struct Pickled {
    pub value: Value,
    /// The storages that [`super::value::Storage::File`] numbers.
    pub storages: Vec<StorageKey>,
    /// How many bytes the pickle had.
    pub end: usize,
}

pub(super) struct StorageKey {
    pub key: String,
    pub kind: Kind,
    pub bytes: usize,
}

pub(super) fn run(bytes: &[u8], source: &str, storages: Storages) -> Result<Pickled> {
    run_within(bytes, bytes.len(), source, storages)
}

/// A pickle that may make as much as one of `size` bytes: of a compressed one, what the file holds of it.
pub(super) fn run_within(bytes: &[u8], size: usize, source: &str, storages: Storages) -> Result<Pickled> {
    ensure!(bytes.len() <= SIZE, Checkpoint, "{source}: is a pickle of {} bytes, the limit is {SIZE}", bytes.len());
    let mut machine = Machine {
        bytes,
        at: 0,
        source,
        mode: storages,
        stack: Vec::new(),
        marks: Vec::new(),
        memo: HashMap::new(),
        nodes: Vec::new(),
        storages: Vec::new(),
        keys: HashMap::new(),
        values_left: (1 << 20) + size.saturating_mul(VALUES_A_BYTE).min(VALUES),
        bytes_left: (64 << 20) + size.saturating_mul(COPIES),
    };
    let top = machine.run()?;
    let end = machine.at;
    let value = machine.tree(top, 0)?;
    Ok(Pickled { value, storages: machine.storages, end })
}

/// A value on the stack: small ones themselves, others by the number of their node.
#[derive(Clone, Copy, Debug)]
pub(super) enum Item {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Node(u32),
}

#[derive(Clone, Debug)]
pub(super) enum Node {
    Text(Arc<str>),
    Bytes(Arc<Vec<u8>>),
    List(Vec<Item>),
    Tuple(Vec<Item>),
    /// Key, value, key, value.
    Dict(Vec<Item>),
    /// As a dict, but filled by its state.
    Namespace(Vec<Item>),
    Global(&'static Allowed),
    Object(&'static str, Vec<Item>),
    Tensor(Arc<TensorView>),
    Storage(Stored),
    /// numpy's type of elements.
    Elements(Elements),
    /// numpy's array before it is filled.
    Blank,
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Elements {
    Numbers(Kind),
    /// Texts of this many characters of 4 bytes each.
    Texts(usize),
    Objects,
}

/// A storage of torch; without a kind it is bytes, whose type comes with the tensor.
#[derive(Clone, Debug)]
pub(super) struct Stored {
    pub kind: Option<Kind>,
    pub bytes: usize,
    pub place: super::value::Storage,
}

pub(super) struct Machine<'a> {
    bytes: &'a [u8],
    at: usize,
    pub source: &'a str,
    pub mode: Storages,
    stack: Vec<Item>,
    marks: Vec<usize>,
    memo: HashMap<u32, Item>,
    nodes: Vec<Node>,
    storages: Vec<StorageKey>,
    keys: HashMap<String, usize>,
    values_left: usize,
    bytes_left: usize,
}

impl<'a> Machine<'a> {
    pub fn wrong(&self, what: impl std::fmt::Display) -> Error {
        Error::new(
            ErrorKind::Checkpoint,
            format!("{}: its pickle cannot be read, at byte {}: {what}", self.source, self.at),
        )
    }

    pub fn spend_values(&mut self, values: usize) -> Result<()> {
        match self.values_left.checked_sub(values) {
            Some(left) => self.values_left = left,
            None => return Err(self.wrong("it makes more values than a file of its size may")),
        }
        Ok(())
    }

    pub fn spend_bytes(&mut self, bytes: usize) -> Result<()> {
        match self.bytes_left.checked_sub(bytes) {
            Some(left) => self.bytes_left = left,
            None => return Err(self.wrong("it makes more bytes of texts and arrays than a file of its size may")),
        }
        Ok(())
    }

    pub fn make(&mut self, node: Node) -> Result<Item> {
        if self.nodes.len() >= NODES {
            return Err(self.wrong(format_args!("it has more than {NODES} texts and containers")));
        }
        self.nodes.push(node);
        Ok(Item::Node(self.nodes.len() as u32 - 1))
    }

    /// The node of an item, if it has one.
    pub fn node(&self, item: Item) -> Option<&Node> {
        match item {
            Item::Node(number) => self.nodes.get(number as usize),
            _ => None,
        }
    }

    pub fn node_mut(&mut self, item: Item) -> Option<&mut Node> {
        match item {
            Item::Node(number) => self.nodes.get_mut(number as usize),
            _ => None,
        }
    }

    /// Enters a storage of the file around the pickle.
    pub fn storage(&mut self, key: &str, kind: Kind, elements: usize) -> Result<usize> {
        let Some(bytes) = elements.checked_mul(kind.size()) else {
            return Err(self.wrong(format_args!("storage {key} has {elements} elements, more than there can be")));
        };
        if let Some(&known) = self.keys.get(key) {
            if self.storages[known].bytes != bytes {
                return Err(self.wrong(format_args!("storage {key} has two sizes")));
            }
            return Ok(known);
        }
        self.keys.insert(key.into(), self.storages.len());
        self.storages.push(StorageKey { key: key.into(), kind, bytes });
        Ok(self.storages.len() - 1)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8]> {
        let bytes = self.bytes;
        match self.at.checked_add(length).and_then(|end| bytes.get(self.at..end)) {
            Some(part) => {
                self.at += length;
                Ok(part)
            }
            None => Err(self.wrong(format_args!("it is truncated: {length} more bytes are needed"))),
        }
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N]> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N)?);
        Ok(array)
    }

    /// A length of N bytes.
    fn length<const N: usize>(&mut self) -> Result<usize> {
        let mut wide = [0; 8];
        wide[..N].copy_from_slice(&self.array::<N>()?);
        usize::try_from(u64::from_le_bytes(wide)).map_err(|_| self.wrong("a length is too large"))
    }

    fn line(&mut self) -> Result<&'a [u8]> {
        let bytes = self.bytes;
        let rest = bytes.get(self.at..).unwrap_or_default();
        match rest.iter().position(|&b| b == b'\n') {
            Some(end) => {
                self.at += end + 1;
                Ok(&rest[..end])
            }
            None => Err(self.wrong("a line has no end")),
        }
    }

    fn line_text(&mut self) -> Result<String> {
        let text = std::str::from_utf8(self.line()?).map(|text| text.trim_end_matches('\r').to_string());
        text.map_err(|_| self.wrong("a line is not text"))
    }

    fn push(&mut self, item: Item) -> Result<()> {
        self.spend_values(1)?;
        self.stack.push(item);
        Ok(())
    }

    fn push_node(&mut self, node: Node) -> Result<()> {
        let item = self.make(node)?;
        self.push(item)
    }

    fn push_text(&mut self, length: usize) -> Result<()> {
        let text = std::str::from_utf8(self.take(length)?).map(Arc::from);
        match text {
            Ok(text) => self.push_node(Node::Text(text)),
            Err(_) => Err(self.wrong("a text is not UTF-8")),
        }
    }

    fn push_bytes(&mut self, length: usize) -> Result<()> {
        let bytes = self.take(length)?.to_vec();
        self.push_node(Node::Bytes(Arc::new(bytes)))
    }

    /// Python 2's strings: text where they are ASCII, bytes elsewhere.
    fn push_string(&mut self, bytes: Vec<u8>) -> Result<()> {
        match String::from_utf8(bytes) {
            Ok(text) if text.is_ascii() => self.push_node(Node::Text(text.into())),
            Ok(text) => self.push_node(Node::Bytes(Arc::new(text.into_bytes()))),
            Err(error) => self.push_node(Node::Bytes(Arc::new(error.into_bytes()))),
        }
    }

    fn pop(&mut self) -> Result<Item> {
        if self.stack.len() <= self.marks.last().copied().unwrap_or(0) {
            return Err(self.wrong("it takes from an empty stack"));
        }
        self.stack.pop().ok_or_else(|| self.wrong("it takes from an empty stack"))
    }

    fn top(&self) -> Result<Item> {
        match self.stack.last() {
            Some(&top) if self.stack.len() > self.marks.last().copied().unwrap_or(0) => Ok(top),
            _ => Err(self.wrong("it looks at an empty stack")),
        }
    }

    fn pop_mark(&mut self) -> Result<Vec<Item>> {
        match self.marks.pop() {
            Some(mark) => Ok(self.stack.split_off(mark)),
            None => Err(self.wrong("it has no mark")),
        }
    }

    fn pop_tuple(&mut self, length: usize) -> Result<()> {
        let mut items = vec![Item::None; length];
        for item in items.iter_mut().rev() {
            *item = self.pop()?;
        }
        self.push_node(Node::Tuple(items))
    }

    fn put(&mut self, key: usize) -> Result<()> {
        let top = self.top()?;
        let Ok(key) = u32::try_from(key) else { return Err(self.wrong("a number of its memo is too large")) };
        if self.memo.len() >= 2 * NODES {
            return Err(self.wrong(format_args!("its memo has more than {} entries", 2 * NODES)));
        }
        self.memo.insert(key, top);
        Ok(())
    }

    fn get(&mut self, key: usize) -> Result<()> {
        match u32::try_from(key).ok().and_then(|key| self.memo.get(&key)) {
            Some(&item) => self.push(item),
            None => Err(self.wrong(format_args!("its memo has no entry {key}"))),
        }
    }

    fn number(&mut self) -> Result<usize> {
        let text = self.line_text()?;
        text.trim().parse().map_err(|_| self.wrong(format_args!("{text:?} is not a number")))
    }

    /// Puts items into the list on top of the stack.
    fn append(&mut self, items: Vec<Item>) -> Result<()> {
        let top = self.top()?;
        match self.node_mut(top) {
            Some(Node::List(list)) => list.extend(items),
            _ => return Err(self.wrong("it appends to what is not a list")),
        }
        Ok(())
    }

    /// Puts keys and values into the dict on top of the stack.
    fn set(&mut self, items: Vec<Item>) -> Result<()> {
        let top = self.top()?;
        match self.node_mut(top) {
            Some(Node::Dict(dict)) if items.len().is_multiple_of(2) => dict.extend(items),
            _ => return Err(self.wrong("it sets keys of what is not a dict, or a key without a value")),
        }
        Ok(())
    }

    fn push_global(&mut self, module: &str, name: &str) -> Result<()> {
        match globals::find(module, name) {
            Some(allowed) => self.push_node(Node::Global(allowed)),
            None => bail!(
                Checkpoint,
                "{}: refers to {}.{}, which is not data: refused; nothing was run",
                self.source,
                shortened(module),
                shortened(name)
            ),
        }
    }

    pub fn global(&self, item: Item) -> Result<Global> {
        match self.node(item) {
            Some(Node::Global(allowed)) => Ok(allowed.global),
            _ => Err(self.wrong("it calls what is not a class or function")),
        }
    }

    /// A copy of the items of a tuple or list.
    pub fn items(&mut self, item: Item) -> Result<Vec<Item>> {
        match self.node(item) {
            Some(Node::Tuple(items) | Node::List(items)) => {
                let items = items.clone();
                self.spend_values(items.len())?;
                Ok(items)
            }
            _ => Err(self.wrong("a tuple is needed")),
        }
    }

    fn call(&mut self, function: Item, arguments: Vec<Item>) -> Result<()> {
        let global = self.global(function)?;
        let made = self.build(global, &arguments)?;
        self.push(made)
    }

    /// Runs all operations; gives what was on the stack at the end.
    fn run(&mut self) -> Result<Item> {
        loop {
            let [operation] = self.array()?;
            match operation {
                b'.' => return self.pop(),
                b'c' | 0x93 | b'i' | b'o' | b'R' | b'b' | 0x81 | 0x92 | b'P' | b'Q' => self.refer(operation)?,
                b'(' | b'0' | b'1' | b'2' | b'p' | b'q' | b'r' | 0x94 | b'g' | b'h' | b'j' => {
                    self.arrange(operation)?
                }
                0x80 => {
                    let [version] = self.array()?;
                    if version > 5 {
                        return Err(self.wrong(format_args!("it is of protocol {version}, 0 to 5 are read")));
                    }
                }
                // A frame is a hint for reading ahead.
                0x95 => {
                    let length = self.length::<8>()?;
                    if self.bytes.len() - self.at < length {
                        return Err(self.wrong(format_args!("it is truncated: a frame has {length} bytes")));
                    }
                }
                b']'
                | b')'
                | b'}'
                | 0x8f
                | b'l'
                | b't'
                | b'd'
                | 0x91
                | 0x85..=0x87
                | b'a'
                | b'e'
                | 0x90
                | b's'
                | b'u' => self.contain(operation)?,
                _ => self.literal(operation)?,
            }
        }
    }

    /// Stack and memo.
    fn arrange(&mut self, operation: u8) -> Result<()> {
        match operation {
            b'(' => {
                self.spend_values(1)?;
                self.marks.push(self.stack.len());
            }
            // A mark may lie on top where an item would.
            b'0' if self.marks.last() == Some(&self.stack.len()) => drop(self.marks.pop()),
            b'0' => drop(self.pop()?),
            b'1' => drop(self.pop_mark()?),
            b'2' => {
                let top = self.top()?;
                self.push(top)?;
            }
            b'p' => {
                let key = self.number()?;
                self.put(key)?;
            }
            b'q' => {
                let key = self.length::<1>()?;
                self.put(key)?;
            }
            b'r' => {
                let key = self.length::<4>()?;
                self.put(key)?;
            }
            0x94 => self.put(self.memo.len())?,
            b'g' => {
                let key = self.number()?;
                self.get(key)?;
            }
            b'h' => {
                let key = self.length::<1>()?;
                self.get(key)?;
            }
            _ => {
                let key = self.length::<4>()?;
                self.get(key)?;
            }
        }
        Ok(())
    }

    /// Lists, tuples, dicts and sets.
    fn contain(&mut self, operation: u8) -> Result<()> {
        match operation {
            b']' | 0x8f => self.push_node(Node::List(Vec::new())),
            b')' => self.push_node(Node::Tuple(Vec::new())),
            b'}' => self.push_node(Node::Dict(Vec::new())),
            b'l' | 0x91 => {
                let items = self.pop_mark()?;
                self.push_node(Node::List(items))
            }
            b't' => {
                let items = self.pop_mark()?;
                self.push_node(Node::Tuple(items))
            }
            b'd' => {
                let items = self.pop_mark()?;
                self.push_node(Node::Dict(Vec::new()))?;
                self.set(items)
            }
            0x85..=0x87 => self.pop_tuple(usize::from(operation - 0x84)),
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])
            }
            b'e' | 0x90 => {
                let items = self.pop_mark()?;
                self.append(items)
            }
            b's' => {
                let value = self.pop()?;
                let key = self.pop()?;
                self.set(vec![key, value])
            }
            _ => {
                let items = self.pop_mark()?;
                self.set(items)
            }
        }
    }

    /// Numbers, texts, bytes.
    fn literal(&mut self, operation: u8) -> Result<()> {
        match operation {
            b'N' => self.push(Item::None),
            0x88 => self.push(Item::Bool(true)),
            0x89 => self.push(Item::Bool(false)),
            b'K' => {
                let [x] = self.array()?;
                self.push(Item::Int(x.into()))
            }
            b'M' => {
                let x = u16::from_le_bytes(self.array()?);
                self.push(Item::Int(x.into()))
            }
            b'J' => {
                let x = i32::from_le_bytes(self.array()?);
                self.push(Item::Int(x.into()))
            }
            b'G' => {
                let x = f64::from_be_bytes(self.array()?);
                self.push(Item::Float(x))
            }
            b'F' => {
                let text = self.line_text()?;
                match text.trim().parse() {
                    Ok(x) => self.push(Item::Float(x)),
                    Err(_) => Err(self.wrong(format_args!("{text:?} is not a number"))),
                }
            }
            b'I' | b'L' => {
                let text = self.line_text()?;
                self.decimal(&text)
            }
            0x8a => {
                let length = self.length::<1>()?;
                self.long(length)
            }
            0x8b => {
                let length = self.length::<4>()?;
                self.long(length)
            }
            b'S' => {
                let line = self.line()?.to_vec();
                match unquoted(&line) {
                    Some(bytes) => self.push_string(bytes),
                    None => Err(self.wrong("a string has no quotes or a broken escape")),
                }
            }
            b'V' => {
                let line = self.line()?.to_vec();
                match unescaped(&line) {
                    Some(text) => self.push_node(Node::Text(text.into())),
                    None => Err(self.wrong("a text has a broken escape")),
                }
            }
            b'U' | b'T' => {
                let length = if operation == b'U' { self.length::<1>()? } else { self.length::<4>()? };
                let bytes = self.take(length)?.to_vec();
                self.push_string(bytes)
            }
            0x8c => {
                let length = self.length::<1>()?;
                self.push_text(length)
            }
            b'X' => {
                let length = self.length::<4>()?;
                self.push_text(length)
            }
            0x8d => {
                let length = self.length::<8>()?;
                self.push_text(length)
            }
            b'C' => {
                let length = self.length::<1>()?;
                self.push_bytes(length)
            }
            b'B' => {
                let length = self.length::<4>()?;
                self.push_bytes(length)
            }
            0x8e | 0x96 => {
                let length = self.length::<8>()?;
                self.push_bytes(length)
            }
            other => Err(self.wrong(format_args!("operation {other:#04x} is none of data"))),
        }
    }

    /// A number in decimal digits: `00` and `01` are the booleans of protocols 0 and 1.
    fn decimal(&mut self, text: &str) -> Result<()> {
        let digits = text.trim().trim_end_matches('L');
        match (text, digits.parse()) {
            ("00", _) => self.push(Item::Bool(false)),
            ("01", _) => self.push(Item::Bool(true)),
            (_, Ok(x)) => self.push(Item::Int(x)),
            _ if digits.trim_start_matches('-').bytes().all(|b| b.is_ascii_digit()) && digits.len() > 1 => {
                let digits = self.make(Node::Text(digits.into()))?;
                self.push_node(Node::Object("builtins.int", vec![digits]))
            }
            _ => Err(self.wrong(format_args!("{:?} is not a number", shortened(text)))),
        }
    }

    /// A number of that many bytes; one of more than 64 bits is kept as its bytes.
    fn long(&mut self, length: usize) -> Result<()> {
        let bytes = self.take(length)?.to_vec();
        if length > 8 {
            let bytes = self.make(Node::Bytes(Arc::new(bytes)))?;
            return self.push_node(Node::Object("builtins.int", vec![bytes]));
        }
        let negative = bytes.last().is_some_and(|&b| b >= 0x80);
        let mut wide = [if negative { 0xff } else { 0 }; 8];
        wide[..length].copy_from_slice(&bytes);
        self.push(Item::Int(i64::from_le_bytes(wide)))
    }

    /// Classes, functions, and what is made with them.
    fn refer(&mut self, operation: u8) -> Result<()> {
        match operation {
            b'c' => {
                let (module, name) = (self.line_text()?, self.line_text()?);
                self.push_global(&module, &name)
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (module, name) = (self.text(module)?, self.text(name)?);
                self.push_global(&module, &name)
            }
            b'i' => {
                let (module, name) = (self.line_text()?, self.line_text()?);
                let arguments = self.pop_mark()?;
                self.push_global(&module, &name)?;
                let function = self.pop()?;
                self.call(function, arguments)
            }
            b'o' => {
                let mut arguments = self.pop_mark()?;
                if arguments.is_empty() {
                    return Err(self.wrong("it makes an object of no class"));
                }
                let class = arguments.remove(0);
                self.call(class, arguments)
            }
            b'R' | 0x81 => {
                let (arguments, function) = (self.pop()?, self.pop()?);
                let arguments = self.items(arguments)?;
                self.call(function, arguments)
            }
            0x92 => {
                let (named, arguments, class) = (self.pop()?, self.pop()?, self.pop()?);
                match self.node(named) {
                    Some(Node::Dict(items)) if items.is_empty() => {}
                    _ => return Err(self.wrong("it makes an object by named arguments")),
                }
                let arguments = self.items(arguments)?;
                self.call(class, arguments)
            }
            b'b' => {
                let state = self.pop()?;
                let object = self.top()?;
                self.fill(object, state)
            }
            b'P' => Err(self.wrong("it refers to a storage by a line of text, as no torch does")),
            _ => {
                let reference = self.pop()?;
                let storage = self.persistent(reference)?;
                self.push(storage)
            }
        }
    }

    pub fn text(&self, item: Item) -> Result<Arc<str>> {
        match self.node(item) {
            Some(Node::Text(text)) => Ok(text.clone()),
            _ => Err(self.wrong("a text is needed")),
        }
    }

    /// The tree of an item.
    fn tree(&mut self, item: Item, depth: usize) -> Result<Value> {
        if depth > DEPTH {
            return Err(self.wrong(format_args!("its values lie more than {DEPTH} deep in each other")));
        }
        let number = match item {
            Item::None => return Ok(Value::None),
            Item::Bool(x) => return Ok(Value::Bool(x)),
            Item::Int(x) => return Ok(Value::Int(x)),
            Item::Float(x) => return Ok(Value::Float(x)),
            Item::Node(number) => number as usize,
        };
        match self.nodes.get(number) {
            Some(Node::Text(text)) => {
                let text = text.clone();
                self.spend_bytes(text.len())?;
                Ok(Value::Text(text.as_ref().into()))
            }
            Some(Node::Bytes(bytes)) => {
                let bytes = bytes.clone();
                self.spend_bytes(bytes.len())?;
                Ok(Value::Bytes(bytes.as_ref().clone()))
            }
            Some(Node::List(items)) => {
                let length = items.len();
                Ok(Value::List(self.trees(number, length, depth)?))
            }
            Some(Node::Tuple(items)) => {
                let length = items.len();
                Ok(Value::Tuple(self.trees(number, length, depth)?))
            }
            Some(Node::Dict(items) | Node::Namespace(items)) => {
                let length = items.len();
                let mut pairs = Vec::new();
                let mut key = None;
                for part in self.trees(number, length, depth)? {
                    match key.take() {
                        None => key = Some(part),
                        Some(key) => pairs.push((key, part)),
                    }
                }
                Ok(Value::Dict(pairs))
            }
            Some(Node::Object(class, items)) => {
                let (class, length) = (class.to_string(), items.len());
                self.spend_bytes(class.len())?;
                let parts = self.trees(number, length, depth)?;
                Ok(Value::Object(Box::new(Object { class, parts })))
            }
            Some(Node::Global(Allowed { global: Global::Dtype(_), name, .. })) => {
                let text = format!("torch.{name}");
                self.spend_bytes(text.len())?;
                Ok(Value::Text(text))
            }
            Some(Node::Global(allowed)) => {
                let class = format!("{}.{}", allowed.module, allowed.name);
                self.spend_bytes(class.len() + size_of::<Object>())?;
                Ok(Value::Object(Box::new(Object { class, parts: Vec::new() })))
            }
            Some(Node::Tensor(view)) => Ok(Value::Tensor(view.clone())),
            Some(Node::Storage(stored)) => {
                let view = stored.view();
                self.spend_bytes(size_of::<TensorView>() + 2 * size_of::<usize>())?;
                Ok(Value::Tensor(Arc::new(view)))
            }
            Some(Node::Elements(_)) => {
                self.spend_bytes(size_of::<Object>())?;
                Ok(Value::Object(Box::new(Object { class: "numpy.dtype".into(), parts: vec![] })))
            }
            Some(Node::Blank) | None => Err(self.wrong("an array has no numbers")),
        }
    }

    /// The trees of a node's items: its first `length` items stay as they are while this runs.
    fn trees(&mut self, node: usize, length: usize, depth: usize) -> Result<Vec<Value>> {
        self.spend_values(length)?;
        let mut values = Vec::with_capacity(length);
        for i in 0..length {
            let item = match self.nodes.get(node) {
                Some(
                    Node::List(items)
                    | Node::Tuple(items)
                    | Node::Dict(items)
                    | Node::Namespace(items)
                    | Node::Object(_, items),
                ) => items.get(i).copied(),
                _ => None,
            };
            values.push(self.tree(item.unwrap_or(Item::None), depth + 1)?);
        }
        Ok(values)
    }
}

/// A name of a file for a message, which may not be as long as the file.
fn shortened(text: &str) -> String {
    text.chars().take(80).flat_map(char::escape_debug).collect()
}

/// A Python 2 string in quotes.
fn unquoted(line: &[u8]) -> Option<Vec<u8>> {
    let line = line.trim_ascii();
    let quote = *line.first().filter(|b| matches!(b, b'\'' | b'"'))?;
    let inner = line.get(1..line.len().checked_sub(1)?)?;
    if line.last() != Some(&quote) {
        return None;
    }
    let mut bytes = Vec::with_capacity(inner.len());
    let mut rest = inner.iter();
    while let Some(&b) = rest.next() {
        if b != b'\\' {
            bytes.push(b);
            continue;
        }
        bytes.push(match rest.next()? {
            b'n' => b'\n',
            b't' => b'\t',
            b'r' => b'\r',
            b'x' => (hex(rest.next()?)? * 16 + hex(rest.next()?)?) as u8,
            &b @ (b'\\' | b'\'' | b'"') => b,
            _ => return None,
        });
    }
    Some(bytes)
}

fn hex(digit: &u8) -> Option<u32> {
    char::from(*digit).to_digit(16)
}

/// Text of protocol 0: Latin 1 with `\u` and `\U`.
fn unescaped(line: &[u8]) -> Option<String> {
    let mut text = String::with_capacity(line.len());
    let mut rest = line;
    while let Some((&b, after)) = rest.split_first() {
        let digits = match (b, after.first()) {
            (b'\\', Some(b'u')) => 4,
            (b'\\', Some(b'U')) => 8,
            _ => 0,
        };
        if digits == 0 {
            text.push(char::from(b));
            rest = after;
        } else {
            let code = after.get(1..1 + digits)?.iter().try_fold(0u32, |x, d| Some((x << 4) | hex(d)?))?;
            text.push(char::from_u32(code)?);
            rest = &after[1 + digits..];
        }
    }
    Some(text)
}
