//! Rows with named columns, read from and written to slices.

use super::F;

/// A part of a row: one column, or an array of them.
pub trait Part<T> {
    const LEN: usize;
    fn read(row: &[T]) -> Self;
    fn write(&self, row: &mut [T]);
}

impl<T: Copy> Part<T> for T {
    const LEN: usize = 1;
    fn read(row: &[T]) -> Self {
        row[0]
    }
    fn write(&self, row: &mut [T]) {
        row[0] = *self;
    }
}

impl<T: Copy, const N: usize> Part<T> for [T; N] {
    const LEN: usize = N;
    fn read(row: &[T]) -> Self {
        std::array::from_fn(|i| row[i])
    }
    fn write(&self, row: &mut [T]) {
        row.copy_from_slice(self);
    }
}

/// Reads a part and steps over it.
pub fn take<T, P: Part<T>>(row: &mut &[T]) -> P {
    let (part, rest) = row.split_at(P::LEN);
    *row = rest;
    P::read(part)
}

/// Writes a part and steps over it.
pub fn put<T, P: Part<T>>(part: &P, row: &mut [T], at: &mut usize) {
    part.write(&mut row[*at..*at + P::LEN]);
    *at += P::LEN;
}

/// A row of named columns.
pub trait Columns<T>: Sized {
    /// Number of columns.
    const WIDTH: usize;
    /// Names and numbers of columns of the parts, in order.
    const NAMES: &'static [(&'static str, usize)];
    /// Reads the first [`Self::WIDTH`] elements.
    fn read(row: &[T]) -> Self;
    /// Writes the first [`Self::WIDTH`] elements.
    fn write(&self, row: &mut [T]);
}

/// What the witness columns of a row are filled from.
pub trait Row: Sync {
    const WIDTH: usize;
    fn fill(&self, row: &mut [F]);
}

/// Makes a generic struct of columns and its [`Columns`]: `columns! { /// doc  Name<T> { a: T, b: [T; 8] } }`.
macro_rules! columns {
    ($(#[$doc:meta])* $name:ident<$t:ident> { $($field:ident: $ty:ty),* $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        #[repr(C)]
        pub struct $name<$t> {
            $(pub $field: $ty,)*
        }

        impl<$t: Copy> $crate::tables::columns::Columns<$t> for $name<$t> {
            const WIDTH: usize = 0 $(+ <$ty as $crate::tables::columns::Part<$t>>::LEN)*;
            const NAMES: &'static [(&'static str, usize)] =
                &[$((stringify!($field), <$ty as $crate::tables::columns::Part<$t>>::LEN),)*];

            fn read(mut row: &[$t]) -> Self {
                $(
                    let $field = $crate::tables::columns::take::<$t, $ty>(&mut row);
                )*
                Self { $($field),* }
            }

            fn write(&self, row: &mut [$t]) {
                let mut at = 0;
                $(
                    $crate::tables::columns::put::<$t, $ty>(&self.$field, row, &mut at);
                )*
            }
        }
    };
}
