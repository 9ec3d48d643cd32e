// SPDX-License-Identifier: GPL-2.0

//! What only the host has: readers of captures and of a running system's sysfs, in the place of the
//! kernel's.

mod capture;
mod doubts;
mod live;
mod live_pci;
mod pci_file;

use std::collections::BTreeMap;

pub use self::{
    capture::Capture,
    doubts::doubts,
    live::LiveTopology,
    live_pci::{
        is_awake,
        LivePci, //
    },
    pci_file::PciFile, //
};

use crate::facts::map::{
    Map,
    Maps,
    OutOfMemory, //
};

/// Maps of the standard library.
pub struct Host;

impl Maps for Host {
    type Map<K: Ord, V> = BTreeMap<K, V>;
}

impl<K: Ord, V> Map<K, V> for BTreeMap<K, V> {
    fn insert(&mut self, key: K, value: V) -> Result<(), OutOfMemory> {
        BTreeMap::insert(self, key, value);
        Ok(())
    }

    fn get(&self, key: &K) -> Option<&V> {
        BTreeMap::get(self, key)
    }

    fn get_mut(&mut self, key: &K) -> Option<&mut V> {
        BTreeMap::get_mut(self, key)
    }

    fn iter<'a>(&'a self) -> impl Iterator<Item = (&'a K, &'a V)>
    where
        K: 'a,
        V: 'a,
    {
        BTreeMap::iter(self)
    }

    fn values_mut<'a>(&'a mut self) -> impl Iterator<Item = &'a mut V>
    where
        K: 'a,
        V: 'a,
    {
        BTreeMap::values_mut(self)
    }
}
