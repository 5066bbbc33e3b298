//! What a pickle or a checkpoint holds, as plain values.

use candle_core::DType;

/// A tree of values. Nothing in it was run: an object of a class that is not known is [`Value::Object`], its parts as data.
#[derive(Clone, Debug)]
pub enum Value {
    None,
    Bool(bool),
    Int(i64),
    Float(f64),
    Text(String),
    Bytes(Vec<u8>),
    List(Vec<Value>),
    Tuple(Vec<Value>),
    /// In the order in which it was filled.
    Dict(Vec<(Value, Value)>),
    Tensor(TensorView),
    /// A class that may appear in data and that is not known here: its name, what it was made of, its state.
    Object { class: String, parts: Vec<Value> },
}

/// Where a tensor lies: in a storage of its file, with any strides.
#[derive(Clone, Debug)]
pub struct TensorView {
    pub dtype: DType,
    /// torch's bool, which is held as u8.
    pub is_bool: bool,
    pub shape: Vec<usize>,
    /// In elements.
    pub strides: Vec<usize>,
    /// In elements, from the start of the storage.
    pub offset: usize,
    /// Which storage of the file.
    pub storage: usize,
}

impl Value {
    pub fn get(&self, key: &str) -> Option<&Value> {
        match self {
            Value::Dict(items) => items.iter().find(|(k, _)| matches!(k, Value::Text(text) if text == key)).map(|(_, v)| v),
            _ => None,
        }
    }
}
