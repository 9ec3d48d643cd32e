// SPDX-License-Identifier: GPL-2.0

//! A set of small numbers, such as the entries of one of KFD's folders.

use super::{
    error::ReadError,
    map::count, //
};

/// The most entries of a folder. All numbers in it must be smaller.
///
/// KFD numbers nodes, banks and links by counting; a machine has at most a few hundred of each.
/// Reading stops at a larger number, so that a broken tree costs bounded work.
pub const MAX_ENTRIES: usize = 4096;

/// A set of numbers below [`MAX_ENTRIES`]. It does not allocate.
#[derive(Clone, Debug)]
pub struct Numbers {
    words: [u64; MAX_ENTRIES / u64::BITS as usize],
    /// The largest number plus one; 0 for an empty set.
    end: u32,
}

impl Default for Numbers {
    fn default() -> Self {
        Self {
            words: [0; MAX_ENTRIES / u64::BITS as usize],
            end: 0,
        }
    }
}

impl Numbers {
    /// Adds a number. Fails if it is not below [`MAX_ENTRIES`].
    pub fn insert(&mut self, number: u32) -> Result<(), ReadError> {
        let (place, bit) = Self::place(number);
        let word = self.words.get_mut(place).ok_or(ReadError::TooLarge)?;
        *word |= bit;
        self.end = self.end.max(number.saturating_add(1));
        Ok(())
    }

    /// The numbers in ascending order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.end).filter(|&number| {
            let (place, bit) = Self::place(number);
            self.words.get(place).is_some_and(|word| word & bit != 0)
        })
    }

    /// The size of the set.
    pub fn count(&self) -> u64 {
        count(self.iter())
    }

    /// Whether the set is 0, 1, 2 and so on, without a gap.
    pub fn has_no_gap(&self) -> bool {
        self.count() == self.end.into()
    }

    /// The index of a number's word, and the number's bit in it.
    fn place(number: u32) -> (usize, u64) {
        let bit = 1u64.wrapping_shl(number);
        ((number / u64::BITS) as usize, bit)
    }
}
