// SPDX-License-Identifier: GPL-2.0

//! A set of small numbers, as a folder of KFD's lists them.

use super::{
    error::ReadError,
    map::count, //
};

/// The most entries that a folder may have, and more than the largest number in it.
///
/// KFD numbers nodes, banks and links by counting; a machine has at most some hundred of each. A
/// folder with more is not read to its end, so that a broken tree costs bounded work.
pub const MAX_ENTRIES: usize = 4096;

/// Numbers below [`MAX_ENTRIES`]. Takes no memory of its own.
#[derive(Clone, Debug)]
pub struct Numbers {
    words: [u64; MAX_ENTRIES / u64::BITS as usize],
    /// One more than the largest number; 0 for none.
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

    /// The numbers, in their order.
    pub fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        (0..self.end).filter(|&number| {
            let (place, bit) = Self::place(number);
            self.words.get(place).is_some_and(|word| word & bit != 0)
        })
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        count(self.iter())
    }

    /// Whether they are 0, 1, 2 and so on, and none is left out.
    pub fn has_no_gap(&self) -> bool {
        self.count() == self.end.into()
    }

    /// The word that a number is in, and its bit there.
    fn place(number: u32) -> (usize, u64) {
        let bit = 1u64.wrapping_shl(number);
        ((number / u64::BITS) as usize, bit)
    }
}
