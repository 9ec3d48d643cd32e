// SPDX-License-Identifier: GPL-2.0

//! The growable list that facts are kept in: `KVec` in the kernel, `Vec` on the host.

/// No memory for one more item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

/// A list whose growth can fail.
pub trait List<T>: Default {
    /// Appends `item`, or fails and leaves the list as it was.
    fn push(&mut self, item: T) -> Result<(), OutOfMemory>;

    /// Removes all items.
    fn clear(&mut self);

    /// The items, in the order in which they came.
    fn as_slice(&self) -> &[T];

    /// The items, to be changed in place.
    fn as_mut_slice(&mut self) -> &mut [T];
}

/// Names the kind of list to use.
pub trait Lists {
    /// A list of `T`.
    type List<T>: List<T>;
}

/// The smallest number of `numbers` that is greater than `previous`, or the smallest of all.
///
/// Directories list their entries in an order of their own; calling this again and again goes
/// through them in ascending order without a sort, whose library code can panic.
pub fn next_above(numbers: &[u32], previous: Option<u32>) -> Option<u32> {
    numbers
        .iter()
        .copied()
        .filter(|&number| previous.is_none_or(|previous| number > previous))
        .min()
}
