// SPDX-License-Identifier: GPL-2.0

//! The ordered map for facts.
//!
//! The module uses neither `KVec` nor growth like `Vec`'s: their arithmetic can panic in it.

/// The kernel's red-black tree.
#[cfg(MODULE)]
pub type Map<K, V> = kernel::rbtree::RBTree<K, V>;

/// Its counterpart on the host.
#[cfg(not(MODULE))]
pub type Map<K, V> = alloc::collections::BTreeMap<K, V>;

/// No memory for one more entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfMemory;

/// Sets the value of `key`, or fails and leaves the map as it was.
#[cfg(MODULE)]
pub fn insert<K: Ord, V>(map: &mut Map<K, V>, key: K, value: V) -> Result<(), OutOfMemory> {
    map.try_create_and_insert(key, value, kernel::alloc::flags::GFP_KERNEL)
        .map(drop)
        .map_err(|_| OutOfMemory)
}

/// Sets the value of `key`.
#[cfg(not(MODULE))]
pub fn insert<K: Ord, V>(map: &mut Map<K, V>, key: K, value: V) -> Result<(), OutOfMemory> {
    map.insert(key, value);
    Ok(())
}

/// The number of items.
pub fn count<T>(items: impl Iterator<Item = T>) -> u64 {
    items.fold(0, |count: u64, _| count.saturating_add(1))
}
