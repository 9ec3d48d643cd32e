// SPDX-License-Identifier: GPL-2.0

//! A set of small numbers, as a folder of KFD's lists them.

use super::map::count;

/// The most entries that a folder may have, and more than the largest number in it.
///
/// KFD numbers nodes, banks and links by counting; a machine has at most some hundred of each. A
/// folder with more is not read to its end, so that a broken tree costs bounded work.
pub const MAX_ENTRIES: usize = 4096;

/// A number that is larger than any that KFD counts to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLarge;

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
    pub fn insert(&mut self, number: u32) -> Result<(), TooLarge> {
        let (place, bit) = Self::place(number);
        let word = self.words.get_mut(place).ok_or(TooLarge)?;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn of(numbers: &[u32]) -> Numbers {
        let mut set = Numbers::default();
        for &number in numbers {
            set.insert(number).unwrap();
        }
        set
    }

    #[test]
    fn numbers_come_back_in_order() {
        for numbers in [&[][..], &[0], &[63, 64, 65], &[1, 300, 4095]] {
            let set = of(numbers);
            assert!(set.iter().eq(numbers.iter().copied()));
            assert_eq!(set.count(), numbers.len() as u64);
        }
        assert!(of(&[7, 3, 7]).iter().eq([3, 7]));
        assert_eq!(Numbers::default().insert(MAX_ENTRIES as u32), Err(TooLarge));
    }

    #[test]
    fn a_gap_is_seen() {
        let all: Vec<u32> = (0..200).collect();
        for end in 0..all.len() {
            assert!(of(&all[..end]).has_no_gap(), "{end}");
        }
        for numbers in [&[1][..], &[0, 2], &all[1..], &[64]] {
            assert!(!of(numbers).has_no_gap(), "{numbers:?}");
        }
    }
}
