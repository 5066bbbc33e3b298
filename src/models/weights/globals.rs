//! What a pickle may refer to: the allow-list. Everything else is refused.

use super::value::Kind;

/// What a global stands for. None of them is looked up or called in any Python: the machine in [`super::pickle`] makes a
/// plain value of its arguments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Global {
    /// Containers and scalars.
    Dict,
    DefaultDict,
    Namespace,
    List,
    Tuple,
    Scalar,
    Bytes,
    Complex,
    /// Only named, never made: a base class.
    Class,
    /// How old protocols write bytes, and objects.
    Encode,
    Reconstructor,
    NewObject,
    /// numpy.
    NumpyScalar,
    NumpyDtype,
    NumpyReconstruct,
    NumpyFromBuffer,
    /// torch.
    TypedStorage(Kind),
    UntypedStorage,
    LoadFromBytes,
    RebuildTensor,
    RebuildTensorV3,
    RebuildParameter,
    RebuildFromType,
    Size,
    Device,
    Dtype(Kind),
}

/// One allowed global.
#[derive(Debug)]
pub struct Allowed {
    pub module: &'static str,
    pub name: &'static str,
    pub global: Global,
}

const fn allow(module: &'static str, name: &'static str, global: Global) -> Allowed {
    Allowed { module, name, global }
}

const COMPLEX32: Kind = Kind::Unread("complex32", 4);
pub const COMPLEX64: Kind = Kind::Unread("complex64", 8);
pub const COMPLEX128: Kind = Kind::Unread("complex128", 16);
const FLOAT8_E4M3: Kind = Kind::Unread("float8_e4m3fn", 1);
const FLOAT8_E5M2: Kind = Kind::Unread("float8_e5m2", 1);

/// The whole list. Each is here because files of weights or dictionaries of genes have it, and because a value can be made
/// of its arguments without running anything.
const ALLOWED: &[Allowed] = &[
    // State dicts, and what training scripts store beside them: their options, counts of cells.
    allow("collections", "OrderedDict", Global::Dict),
    allow("collections", "Counter", Global::Dict),
    allow("collections", "defaultdict", Global::DefaultDict),
    allow("argparse", "Namespace", Global::Namespace),
    allow("types", "SimpleNamespace", Global::Namespace),
    // Python's own types: sets of old protocols, bytes, and the factories of a defaultdict.
    allow("builtins", "dict", Global::Dict),
    allow("builtins", "list", Global::List),
    allow("builtins", "set", Global::List),
    allow("builtins", "frozenset", Global::List),
    allow("builtins", "tuple", Global::Tuple),
    allow("builtins", "int", Global::Scalar),
    allow("builtins", "long", Global::Scalar),
    allow("builtins", "float", Global::Scalar),
    allow("builtins", "bool", Global::Scalar),
    allow("builtins", "str", Global::Scalar),
    allow("builtins", "unicode", Global::Scalar),
    allow("builtins", "bytes", Global::Bytes),
    allow("builtins", "bytearray", Global::Bytes),
    allow("builtins", "complex", Global::Complex),
    allow("builtins", "object", Global::Class),
    // Protocols 0 to 2 write bytes as text in Latin 1, and objects through copyreg.
    allow("_codecs", "encode", Global::Encode),
    allow("copyreg", "_reconstructor", Global::Reconstructor),
    allow("copyreg", "__newobj__", Global::NewObject),
    // Numbers and arrays of numpy: Geneformer's dictionaries, scELMo's embeddings.
    allow("numpy", "dtype", Global::NumpyDtype),
    allow("numpy", "ndarray", Global::Class),
    allow("numpy.core.multiarray", "scalar", Global::NumpyScalar),
    allow("numpy.core.multiarray", "_reconstruct", Global::NumpyReconstruct),
    allow("numpy.core.numeric", "_frombuffer", Global::NumpyFromBuffer),
    // torch's storages.
    allow("torch", "DoubleStorage", Global::TypedStorage(Kind::F64)),
    allow("torch", "FloatStorage", Global::TypedStorage(Kind::F32)),
    allow("torch", "HalfStorage", Global::TypedStorage(Kind::F16)),
    allow("torch", "BFloat16Storage", Global::TypedStorage(Kind::BF16)),
    allow("torch", "LongStorage", Global::TypedStorage(Kind::I64)),
    allow("torch", "IntStorage", Global::TypedStorage(Kind::I32)),
    allow("torch", "ShortStorage", Global::TypedStorage(Kind::I16)),
    allow("torch", "CharStorage", Global::TypedStorage(Kind::I8)),
    allow("torch", "ByteStorage", Global::TypedStorage(Kind::U8)),
    allow("torch", "BoolStorage", Global::TypedStorage(Kind::Bool)),
    allow("torch", "ComplexFloatStorage", Global::TypedStorage(COMPLEX64)),
    allow("torch", "ComplexDoubleStorage", Global::TypedStorage(COMPLEX128)),
    allow("torch", "UntypedStorage", Global::UntypedStorage),
    allow("torch.storage", "UntypedStorage", Global::UntypedStorage),
    // A storage within a plain pickle: torch's own format as bytes, as in the config.pkl of GEARS.
    allow("torch.storage", "_load_from_bytes", Global::LoadFromBytes),
    // torch's tensors.
    allow("torch._utils", "_rebuild_tensor", Global::RebuildTensor),
    allow("torch._utils", "_rebuild_tensor_v2", Global::RebuildTensor),
    allow("torch._utils", "_rebuild_tensor_v3", Global::RebuildTensorV3),
    allow("torch._utils", "_rebuild_parameter", Global::RebuildParameter),
    allow("torch._utils", "_rebuild_parameter_with_state", Global::RebuildParameter),
    allow("torch._tensor", "_rebuild_from_type_v2", Global::RebuildFromType),
    allow("torch", "Tensor", Global::Class),
    allow("torch.nn.parameter", "Parameter", Global::Class),
    allow("torch.nn.parameter", "Buffer", Global::Class),
    // What stands beside tensors: where they were, their shapes and types.
    allow("torch", "Size", Global::Size),
    allow("torch", "device", Global::Device),
    allow("torch", "float64", Global::Dtype(Kind::F64)),
    allow("torch", "float32", Global::Dtype(Kind::F32)),
    allow("torch", "float16", Global::Dtype(Kind::F16)),
    allow("torch", "bfloat16", Global::Dtype(Kind::BF16)),
    allow("torch", "int64", Global::Dtype(Kind::I64)),
    allow("torch", "int32", Global::Dtype(Kind::I32)),
    allow("torch", "int16", Global::Dtype(Kind::I16)),
    allow("torch", "int8", Global::Dtype(Kind::I8)),
    allow("torch", "uint64", Global::Dtype(Kind::U64)),
    allow("torch", "uint32", Global::Dtype(Kind::U32)),
    allow("torch", "uint16", Global::Dtype(Kind::U16)),
    allow("torch", "uint8", Global::Dtype(Kind::U8)),
    allow("torch", "bool", Global::Dtype(Kind::Bool)),
    allow("torch", "complex32", Global::Dtype(COMPLEX32)),
    allow("torch", "complex64", Global::Dtype(COMPLEX64)),
    allow("torch", "complex128", Global::Dtype(COMPLEX128)),
    allow("torch", "float8_e4m3fn", Global::Dtype(FLOAT8_E4M3)),
    allow("torch", "float8_e5m2", Global::Dtype(FLOAT8_E5M2)),
];

/// A global of the list. Python 2, numpy 2 and storages of a graphics card have other names for the same modules.
pub fn find(module: &str, name: &str) -> Option<&'static Allowed> {
    let module = match module {
        "__builtin__" => "builtins",
        "copy_reg" => "copyreg",
        "numpy._core.multiarray" => "numpy.core.multiarray",
        "numpy._core.numeric" => "numpy.core.numeric",
        "torch.cuda" => "torch",
        other => other,
    };
    ALLOWED.iter().find(|allowed| allowed.module == module && allowed.name == name)
}
