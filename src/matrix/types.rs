//! The value and index types that matrices come in, and the slices that carry them with the type as a tag.

use super::buffer::Zero;
use crate::simd::widest;
use std::ops::AddAssign;

/// A type that matrix values come in. Everything is computed in f64, whatever the values are.
pub trait Value:
    Zero + Send + Sync + PartialOrd + Default + AddAssign + std::fmt::Debug + std::fmt::Display + 'static
{
    const TYPE: ValueType;
    fn to_f64(self) -> f64;
    /// The nearest value of this type; for the integer types, cut off at the ends of their range.
    fn from_f64(x: f64) -> Self;
    /// The value if it is a whole number from 0 (not -0) to 2^20 - 1, else the largest u32.
    fn count(self) -> u32;
    /// Adds as the reference (scipy's sum_duplicates) does: integers wrap.
    fn wrapping_plus(self, other: Self) -> Self;
    fn wrap_slice(slice: &[Self]) -> ValueSlice<'_>;
    fn wrap_vec(vec: Vec<Self>) -> ValueVec;
    /// The vector, if it is of this type.
    fn unwrap_vec(vec: ValueVec) -> Option<Vec<Self>>;
}

/// A type that column numbers come in.
pub trait Index: Zero + Send + Sync + Ord + Default + std::fmt::Debug + 'static {
    const TYPE: IndexType;
    const MAX: i64;
    fn to_i64(self) -> i64;
    /// The caller knows that `i` fits: see [`Index::MAX`].
    fn from_i64(i: i64) -> Self;
    fn wrap_slice(slice: &[Self]) -> IndexSlice<'_>;
    fn wrap_vec(vec: Vec<Self>) -> IndexVec;
    /// The vector, if it is of this type.
    fn unwrap_vec(vec: IndexVec) -> Option<Vec<Self>>;
}

macro_rules! index_types {
    ($($name:ident $type:ident),+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum IndexType { $($name),+ }

        /// Borrowed indices or offsets of either width.
        #[derive(Clone, Copy, Debug)]
        pub enum IndexSlice<'a> { $($name(&'a [$type])),+ }

        /// Owned indices of either width.
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub enum IndexVec { $($name(Vec<$type>)),+ }

        impl IndexSlice<'_> {
            pub fn len(&self) -> usize {
                match self { $(Self::$name(s) => s.len()),+ }
            }

            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            pub fn get(&self, i: usize) -> i64 {
                match self { $(Self::$name(s) => i64::from(s[i])),+ }
            }

            /// The first one that is less than the one before it.
            pub fn first_descent(&self) -> Option<usize> {
                match self { $(Self::$name(s) => first_descent(s)),+ }
            }
        }

        impl IndexVec {
            pub fn as_slice(&self) -> IndexSlice<'_> {
                match self { $(Self::$name(v) => IndexSlice::$name(v)),+ }
            }

            pub fn index_type(&self) -> IndexType {
                match self { $(Self::$name(_) => IndexType::$name),+ }
            }
        }

        $(impl Index for $type {
            const TYPE: IndexType = IndexType::$name;
            const MAX: i64 = $type::MAX as i64;
            #[inline(always)]
            fn to_i64(self) -> i64 { i64::from(self) }
            #[inline(always)]
            fn from_i64(i: i64) -> Self { i as $type }
            fn wrap_slice(slice: &[Self]) -> IndexSlice<'_> { IndexSlice::$name(slice) }
            fn wrap_vec(vec: Vec<Self>) -> IndexVec { IndexVec::$name(vec) }
            fn unwrap_vec(vec: IndexVec) -> Option<Vec<Self>> {
                match vec {
                    IndexVec::$name(vec) => Some(vec),
                    _ => None,
                }
            }
        })+
    };
}

index_types!(I32 i32, I64 i64);

fn first_descent<I: Index>(offsets: &[I]) -> Option<usize> {
    let later = offsets.get(1..)?;
    let none = widest(
        #[inline(always)]
        || offsets.iter().zip(later).fold(true, |ok, (a, b)| ok & (a <= b)),
    );
    if none { None } else { offsets.iter().zip(later).position(|(a, b)| a > b).map(|i| i + 1) }
}

/// Adding 2^23 (2^52) to a smaller whole number puts it into the low bits of the sum.
macro_rules! count_of_float {
    ($x:expr, $type:ident, $shift:expr) => {{
        let shifted = $x + $shift;
        let whole = (shifted - $shift).to_bits() == $x.to_bits();
        let count = shifted.to_bits().wrapping_sub($type::to_bits($shift));
        if whole & (count < 1 << 20) { count as u32 } else { u32::MAX }
    }};
}

macro_rules! count_of {
    ($x:expr, f32) => {
        count_of_float!($x, f32, 8388608.0)
    };
    ($x:expr, f64) => {
        count_of_float!($x, f64, 4503599627370496.0)
    };
    ($x:expr, $type:ident) => {
        u32::try_from($x).ok().filter(|&count| count < 1 << 20).unwrap_or(u32::MAX)
    };
}

macro_rules! value_types {
    ($($name:ident $type:ident $plus:expr;)+) => {
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum ValueType { $($name),+ }

        impl ValueType {
            pub const ALL: &'static [ValueType] = &[$(ValueType::$name),+];

            pub fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($type)),+ }
            }

            pub fn size(self) -> usize {
                match self { $(Self::$name => size_of::<$type>()),+ }
            }

            pub fn is_float(self) -> bool {
                matches!(self, Self::F32 | Self::F64)
            }
        }

        /// Borrowed values of any type.
        #[derive(Clone, Copy, Debug)]
        pub enum ValueSlice<'a> { $($name(&'a [$type])),+ }

        /// Owned values of any type.
        #[derive(Clone, Debug, PartialEq)]
        pub enum ValueVec { $($name(Vec<$type>)),+ }

        impl ValueSlice<'_> {
            pub fn len(&self) -> usize {
                match self { $(Self::$name(s) => s.len()),+ }
            }

            pub fn is_empty(&self) -> bool {
                self.len() == 0
            }

            pub fn value_type(&self) -> ValueType {
                match self { $(Self::$name(_) => ValueType::$name),+ }
            }
        }

        impl ValueVec {
            pub fn as_slice(&self) -> ValueSlice<'_> {
                match self { $(Self::$name(v) => ValueSlice::$name(v)),+ }
            }

            pub fn value_type(&self) -> ValueType {
                self.as_slice().value_type()
            }
        }

        $(impl Value for $type {
            const TYPE: ValueType = ValueType::$name;
            #[inline(always)]
            fn to_f64(self) -> f64 { self as f64 }
            #[inline(always)]
            fn from_f64(x: f64) -> Self { x as $type }
            #[inline(always)]
            fn count(self) -> u32 { count_of!(self, $type) }
            #[inline(always)]
            fn wrapping_plus(self, other: Self) -> Self { $plus(self, other) }
            fn wrap_slice(slice: &[Self]) -> ValueSlice<'_> { ValueSlice::$name(slice) }
            fn wrap_vec(vec: Vec<Self>) -> ValueVec { ValueVec::$name(vec) }
            fn unwrap_vec(vec: ValueVec) -> Option<Vec<Self>> {
                match vec {
                    ValueVec::$name(vec) => Some(vec),
                    _ => None,
                }
            }
        })+
    };
}

value_types! {
    F32 f32 |a: f32, b: f32| a + b;
    F64 f64 |a: f64, b: f64| a + b;
    I8  i8  i8::wrapping_add;
    U8  u8  u8::wrapping_add;
    I16 i16 i16::wrapping_add;
    U16 u16 u16::wrapping_add;
    I32 i32 i32::wrapping_add;
    U32 u32 u32::wrapping_add;
    I64 i64 i64::wrapping_add;
    U64 u64 u64::wrapping_add;
}

/// Runs the body once for the value type that is there: `with_values!(slice, |values| body)`.
#[macro_export]
macro_rules! with_values {
    ($slice:expr, |$values:ident| $body:expr) => {
        match $slice {
            $crate::matrix::ValueSlice::F32($values) => $body,
            $crate::matrix::ValueSlice::F64($values) => $body,
            $crate::matrix::ValueSlice::I8($values) => $body,
            $crate::matrix::ValueSlice::U8($values) => $body,
            $crate::matrix::ValueSlice::I16($values) => $body,
            $crate::matrix::ValueSlice::U16($values) => $body,
            $crate::matrix::ValueSlice::I32($values) => $body,
            $crate::matrix::ValueSlice::U32($values) => $body,
            $crate::matrix::ValueSlice::I64($values) => $body,
            $crate::matrix::ValueSlice::U64($values) => $body,
        }
    };
}

/// Values that a kernel may change: only the floating-point types have an in-place form.
#[derive(Debug)]
pub enum ValueSliceMut<'a> {
    F32(&'a mut [f32]),
    F64(&'a mut [f64]),
}

impl ValueSliceMut<'_> {
    pub fn len(&self) -> usize {
        match self {
            Self::F32(s) => s.len(),
            Self::F64(s) => s.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn reborrow(&mut self) -> ValueSliceMut<'_> {
        match self {
            Self::F32(s) => ValueSliceMut::F32(s),
            Self::F64(s) => ValueSliceMut::F64(s),
        }
    }

    pub fn as_slice(&self) -> ValueSlice<'_> {
        match self {
            Self::F32(s) => ValueSlice::F32(s),
            Self::F64(s) => ValueSlice::F64(s),
        }
    }
}

/// `with_values_mut!(slice, |values| body)`: the body once for f32 and once for f64.
#[macro_export]
macro_rules! with_values_mut {
    ($slice:expr, |$values:ident| $body:expr) => {
        match $slice {
            $crate::matrix::ValueSliceMut::F32($values) => $body,
            $crate::matrix::ValueSliceMut::F64($values) => $body,
        }
    };
}
