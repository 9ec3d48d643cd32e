// SPDX-License-Identifier: GPL-2.0

//! Reads the running system's topology without the module.

use std::{
    path::Path,
    thread,
    time::Duration, //
};

use crate::facts::{
    numbers::Numbers,
    topology::{
        File,
        Folder,
        ReadError,
        Topology, //
    }, //
};

use super::Capture;

/// KFD's topology below `/sys`.
const TOPOLOGY: &str = "sys/class/kfd/kfd/topology";

/// The topology of a running system. Unlike a capture, it may change or not exist.
pub struct LiveTopology(Capture);

impl LiveTopology {
    /// The topology of the system whose root folder is `root`.
    pub fn new(root: &Path) -> Self {
        Self(Capture::at(root.join(TOPOLOGY)))
    }
}

impl Topology for LiveTopology {
    fn read(&mut self, file: File) -> Result<&[u8], ReadError> {
        self.0.read(file)
    }

    fn list(&mut self, folder: Folder, numbers: &mut Numbers) -> Result<(), ReadError> {
        self.0.list(folder, numbers)
    }

    /// 1, 2, 4, 8, 16 ms, as the module does.
    fn wait(&mut self, attempt: u32) {
        let milliseconds = 1u64.checked_shl(attempt.saturating_sub(1)).unwrap_or(1);
        thread::sleep(Duration::from_millis(milliseconds));
    }
}
