//! Named arrays of any number of axes: what models take and give.

use super::matrix::{
    SCN_F32, SCN_F64, SCN_I8, SCN_I16, SCN_I32, SCN_I64, SCN_U8, SCN_U16, SCN_U32, SCN_U64, slice, value_tag,
    value_type,
};
use super::options::{self, Sized32};
use super::status::{ScnStatus, guard, non_null, put, put_text};
use crate::error::{Error, ErrorKind, Result};
use crate::matrix::ValueVec;
use crate::{ensure, with_values};
use libc::{c_char, c_void};
use safer_ffi::derive_ReprC;

/// One array, borrowed: its elements follow each other, the last axis fastest. Set up by `scn_tensor_init`.
#[derive_ReprC]
#[derive(Clone, Copy)]
#[repr(C)]
pub struct ScnTensor {
    /// sizeof(ScnTensor) of the header compiled against.
    pub struct_size: u32,
    /// `SCN_F32` (default) or any other of the type tags.
    pub value_type: i32,
    /// The number of axes, 0 to 8; 0 (default) is a single number.
    pub n_dims: i32,
    /// Must be 0.
    pub reserved: u32,
    /// The length of each axis, `n_dims` of them.
    pub shape: *const i64,
    /// The elements.
    pub values: *const c_void,
}

// SAFETY: repr(C), struct_size first, numbers and raw pointers only.
unsafe impl Sized32 for ScnTensor {
    const NAME: &'static str = "ScnTensor";
    const FIRST_SIZE: usize = 32;
    fn defaults() -> Self {
        Self {
            struct_size: size_of::<Self>() as u32,
            value_type: SCN_F32,
            n_dims: 0,
            reserved: 0,
            shape: std::ptr::null(),
            values: std::ptr::null(),
        }
    }
}

/// Named arrays that the library owns. Shared use of a const handle is safe; free it once, with `scn_tensors_free`.
#[derive_ReprC]
#[repr(opaque)]
pub struct ScnTensors {
    pub(crate) arrays: Vec<NamedArray>,
}

pub(crate) struct NamedArray {
    pub(crate) name: String,
    pub(crate) shape: Vec<i64>,
    pub(crate) values: ValueVec,
}

impl ScnTensors {
    pub(crate) fn boxed(arrays: Vec<NamedArray>) -> *mut Self {
        Box::into_raw(Box::new(Self { arrays }))
    }

    fn at(&self, i: i64) -> Result<&NamedArray> {
        let n = self.arrays.len();
        usize::try_from(i).ok().and_then(|i| self.arrays.get(i)).ok_or_else(|| {
            Error::new(ErrorKind::InvalidArgument, format!("i: is {i}, must be from 0 to {}", n as i64 - 1))
        })
    }
}

/// Writes the defaults into a tensor's descriptor. `struct_size` is `sizeof(ScnTensor)` as the caller knows it.
///
/// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`.
///
/// @since 0.1.0
///
/// # Safety
/// `tensor` is null or valid for writes of `struct_size` bytes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_tensor_init(tensor: *mut ScnTensor, struct_size: usize) -> ScnStatus {
    // SAFETY: as this function's own contract.
    guard(|| unsafe { options::init(tensor, "tensor", struct_size) })
}

/// Makes an empty set of named arrays. Fill it with `scn_tensors_add`, free it with `scn_tensors_free`.
///
/// Errors: `SCN_ERR_NULL`.
///
/// @since 0.1.0
///
/// # Safety
/// `tensors` is null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_tensors_new(tensors: *mut *mut ScnTensors) -> ScnStatus {
    guard(|| {
        non_null(tensors, "tensors")?;
        // SAFETY: not null, the rest is this function's own contract.
        unsafe { put(tensors, "tensors", ScnTensors::boxed(Vec::new())) }
    })
}

/// Copies an array into the set under a name; one that is there already under that name is replaced.
///
/// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`, `SCN_ERR_TYPE`, `SCN_ERR_INVALID_ARGUMENT`, `SCN_ERR_OVERFLOW`.
///
/// @since 0.1.0
///
/// # Safety
/// `tensors` is null or a live handle that no other thread uses; `name` is null or a string that ends in NUL; `tensor` is null
/// or a descriptor set up by `scn_tensor_init` whose pointers are valid for reads of what it describes.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_tensors_add(
    tensors: *mut ScnTensors,
    name: *const c_char,
    tensor: *const ScnTensor,
) -> ScnStatus {
    guard(|| {
        non_null(tensors, "tensors")?;
        non_null(tensor, "tensor")?;
        // SAFETY: as this function's own contract.
        let (name, array) = unsafe { (super::io::text(name, "name")?, copied(&options::read(tensor)?)?) };
        let array = NamedArray { name: name.into(), ..array };
        // SAFETY: not null, and ours alone by the caller's contract.
        let arrays = unsafe { &mut (*tensors).arrays };
        match arrays.iter_mut().find(|other| other.name == name) {
            Some(other) => *other = array,
            None => arrays.push(array),
        }
        Ok(())
    })
}

/// # Safety
/// The tensor's pointers are valid for reads of what it describes.
unsafe fn copied(tensor: &ScnTensor) -> Result<NamedArray> {
    value_type(tensor.value_type, "tensor.value_type")?;
    ensure!((0..=8).contains(&tensor.n_dims), InvalidArgument, "tensor.n_dims: is {}, must be 0 to 8", tensor.n_dims);
    // SAFETY: as this function's own contract.
    let shape = unsafe { slice(tensor.shape, i64::from(tensor.n_dims), "tensor.shape")? };
    let mut len = 1i64;
    for &n in shape {
        ensure!(n >= 0, InvalidArgument, "tensor.shape: has {n}, must not be negative");
        len = len.checked_mul(n).ok_or_else(|| {
            Error::new(ErrorKind::Overflow, format!("tensor.shape: is {shape:?}, which is more than can be addressed"))
        })?;
    }
    macro_rules! copy {
        ($($tag:ident $variant:ident $type:ty),+) => {
            match tensor.value_type {
                // SAFETY: as this function's own contract.
                $($tag => ValueVec::$variant(unsafe { slice(tensor.values.cast::<$type>(), len, "tensor.values")? }.to_vec()),)+
                _ => unreachable!("value_type has been checked"),
            }
        };
    }
    let values = copy!(
        SCN_F32 F32 f32, SCN_F64 F64 f64, SCN_I8 I8 i8, SCN_U8 U8 u8, SCN_I16 I16 i16, SCN_U16 U16 u16, SCN_I32 I32 i32,
        SCN_U32 U32 u32, SCN_I64 I64 i64, SCN_U64 U64 u64
    );
    Ok(NamedArray { name: String::new(), shape: shape.to_vec(), values })
}

/// How many arrays there are.
///
/// Errors: `SCN_ERR_NULL`.
///
/// @since 0.1.0
///
/// # Safety
/// `tensors` is null or a live handle; `n` is null or valid for a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_tensors_len(tensors: *const ScnTensors, n: *mut i64) -> ScnStatus {
    guard(|| {
        non_null(tensors, "tensors")?;
        // SAFETY: not null, the rest is this function's own contract.
        unsafe { put(n, "n", (*tensors).arrays.len() as i64) }
    })
}

/// Copies the name of the `i`-th array (from 0) into `buffer`, as `scn_text_copy` does.
///
/// Errors: `SCN_ERR_NULL`, `SCN_ERR_INVALID_ARGUMENT`.
///
/// @since 0.1.0
///
/// # Safety
/// `tensors` is null or a live handle; `buffer` is null or valid for writes of `capacity` bytes; `needed` is null or valid for
/// a write.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_tensors_name(
    tensors: *const ScnTensors,
    i: i64,
    buffer: *mut c_char,
    capacity: usize,
    needed: *mut usize,
) -> ScnStatus {
    guard(|| {
        non_null(tensors, "tensors")?;
        // SAFETY: not null, the rest is this function's own contract.
        unsafe { put_text(&(*tensors).at(i)?.name, buffer, capacity, needed) };
        Ok(())
    })
}

/// Fills a descriptor that borrows the `i`-th array (from 0): valid until `scn_tensors_free`, or until the set is added to.
/// `tensor` must have been set up by `scn_tensor_init`.
///
/// Errors: `SCN_ERR_NULL`, `SCN_ERR_STRUCT_SIZE`, `SCN_ERR_INVALID_ARGUMENT`.
///
/// @since 0.1.0
///
/// # Safety
/// `tensors` is null or a live handle; `tensor` is null or a descriptor set up by `scn_tensor_init`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_tensors_get(tensors: *const ScnTensors, i: i64, tensor: *mut ScnTensor) -> ScnStatus {
    guard(|| {
        non_null(tensors, "tensors")?;
        non_null(tensor, "tensor")?;
        // SAFETY: not null, the rest is this function's own contract.
        let (array, mut out) = unsafe { ((*tensors).at(i)?, options::read(tensor)?) };
        out.value_type = value_tag(array.values.value_type());
        out.n_dims = array.shape.len() as i32;
        out.shape = array.shape.as_ptr();
        out.values = with_values!(array.values.as_slice(), |values| values.as_ptr().cast::<c_void>());
        // SAFETY: as this function's own contract; all that is written is within the first size of the struct.
        unsafe {
            std::ptr::copy_nonoverlapping((&raw const out).cast::<u8>(), tensor.cast::<u8>(), ScnTensor::FIRST_SIZE)
        };
        Ok(())
    })
}

/// Frees the arrays. Null is a no-op.
///
/// @since 0.1.0
///
/// # Safety
/// `tensors` is null or a live handle; nothing borrows from it any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn scn_tensors_free(tensors: *mut ScnTensors) {
    guard(|| {
        if !tensors.is_null() {
            // SAFETY: made by Box::into_raw in ScnTensors::boxed, and freed once by the caller's contract.
            drop(unsafe { Box::from_raw(tensors) });
        }
        Ok(())
    });
}
