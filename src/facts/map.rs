// SPDX-License-Identifier: GPL-2.0

//! The ordered map that facts are kept in: `RBTree` in the kernel, `BTreeMap` on the host.

/// No memory for one more entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

/// An ordered map whose growth can fail.
pub trait Map<K: Ord, V>: Default {
    /// Sets the value of `key`, or fails and leaves the map as it was.
    fn insert(&mut self, key: K, value: V) -> Result<(), OutOfMemory>;

    /// The value of `key`.
    fn get(&self, key: &K) -> Option<&V>;

    /// The value of `key`, to be changed in place.
    fn get_mut(&mut self, key: &K) -> Option<&mut V>;

    /// All entries, in the order of their keys.
    fn iter<'a>(&'a self) -> impl Iterator<Item = (&'a K, &'a V)>
    where
        K: 'a,
        V: 'a;

    /// All values, in the order of their keys.
    fn values<'a>(&'a self) -> impl Iterator<Item = &'a V>
    where
        K: 'a,
        V: 'a,
    {
        self.iter().map(|(_, value)| value)
    }

    /// All values, to be changed in place, in the order of their keys.
    fn values_mut<'a>(&'a mut self) -> impl Iterator<Item = &'a mut V>
    where
        K: 'a,
        V: 'a;
}

/// Names the kind of map to use.
pub trait Maps {
    /// A map from `K` to `V`.
    type Map<K: Ord, V>: Map<K, V>;
}

/// How many there are.
pub fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    items.fold(0, |count: u64, _| count.saturating_add(1))
}
