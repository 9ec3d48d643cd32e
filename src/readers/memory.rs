// SPDX-License-Identifier: GPL-2.0

//! Kernel memory for facts.
//!
//! Neither `KVec` nor `Vec`-like growth is used: their arithmetic, compiled into this module, can
//! panic.

use kernel::{
    prelude::*,
    rbtree::RBTree, //
};

use crate::facts::prelude::*;

/// Maps in kernel memory.
pub(crate) struct Kernel;

impl Maps for Kernel {
    type Map<K: Ord, V> = Tree<K, V>;
}

/// An `RBTree` that can be made by default.
pub(crate) struct Tree<K, V>(RBTree<K, V>);

impl<K, V> Default for Tree<K, V> {
    fn default() -> Self {
        Self(RBTree::new())
    }
}

impl<K: Ord, V> Map<K, V> for Tree<K, V> {
    fn insert(&mut self, key: K, value: V) -> Result<(), OutOfMemory> {
        self.0
            .try_create_and_insert(key, value, GFP_KERNEL)
            .map(drop)
            .map_err(|_| OutOfMemory)
    }

    fn get(&self, key: &K) -> Option<&V> {
        self.0.get(key)
    }

    fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        self.0.get_mut(key)
    }

    fn iter<'a>(&'a self) -> impl Iterator<Item = (&'a K, &'a V)>
    where
        K: 'a,
        V: 'a,
    {
        self.0.iter()
    }

    fn values_mut<'a>(&'a mut self) -> impl Iterator<Item = &'a mut V>
    where
        K: 'a,
        V: 'a,
    {
        self.0.values_mut()
    }
}
