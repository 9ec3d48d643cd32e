// SPDX-License-Identifier: GPL-2.0

//! Reads KFD's topology through sysfs.

use kernel::{
    fmt,
    prelude::*,
    sync::Arc,
    time::{
        delay::fsleep,
        Delta, //
    },
};

use crate::{
    facts::{
        path::Path,
        prelude::*,
        properties::decimal, //
    },
    raw::sysfs::{
        FileBuffer,
        OpenFile,
        OpenFolder,
        Sysfs, //
    }, //
};

use super::{
    detail::Detail,
    file::{
        reason,
        whole, //
    }, //
};

/// KFD's topology below the root of sysfs. `/sys/class/kfd/kfd` links to the device that holds it
/// (`kfd_chardev_init()`, `kfd_chardev.c`).
const TOPOLOGY: &str = "devices/virtual/kfd/kfd/topology/";

/// The folder of all nodes, below [`TOPOLOGY`].
const NODES: &str = "nodes/";

/// Reads KFD's topology from sysfs.
pub(crate) struct KfdTopology {
    sysfs: Arc<Sysfs>,
    detail: Detail,
    page: FileBuffer,
    /// `generation_id`, open between a walk's two reads of it. sysfs formats it anew for each.
    generation: Option<OpenFile>,
    /// The folder of all nodes, to look up shorter paths. KFD may replace it during a walk.
    nodes: Option<OpenFolder>,
}

impl KfdTopology {
    pub(crate) fn new(sysfs: &Arc<Sysfs>, detail: Detail) -> Result<Self, OutOfMemory> {
        Ok(Self {
            sysfs: sysfs.clone(),
            detail,
            page: FileBuffer::new().map_err(|_| OutOfMemory)?,
            generation: None,
            nodes: None,
        })
    }

    fn nodes(&mut self) -> Result<&OpenFolder, ReadError> {
        match &mut self.nodes {
            Some(nodes) => Ok(nodes),
            none => {
                let path = of_topology(|path| Folder::Nodes.path(path))?;
                let nodes = self.sysfs.open_folder(path.after(0)?).map_err(reason)?;
                Ok(none.insert(nodes))
            }
        }
    }

    fn open(&mut self, file: File) -> Result<OpenFile, ReadError> {
        let path = Path::of(|path| file.path(path))?;
        self.nodes()?.open(path.after(NODES.len())?).map_err(reason)
    }
}

impl Topology for KfdTopology {
    fn read(&mut self, file: File) -> Result<&[u8], ReadError> {
        if file == File::GenerationId {
            if let Some(open) = self.generation.take() {
                return whole(&open, &mut self.page);
            }
            let path = of_topology(|path| file.path(path))?;
            let open = self.sysfs.open(path.after(0)?).map_err(reason)?;
            return whole(self.generation.insert(open), &mut self.page);
        }
        if matches!(file, File::GpuId(_)) && self.detail == Detail::RuleFacts {
            // No rule needs `gpu_id`.
            return Err(ReadError::Absent);
        }
        let open = self.open(file)?;
        whole(&open, &mut self.page)
    }

    fn list(&mut self, folder: Folder, numbers: &mut Numbers) -> Result<(), ReadError> {
        if folder == Folder::Nodes {
            // Opens the folder anew: an open folder lists its entries only once.
            self.nodes = None;
            return list(self.nodes()?, numbers);
        }
        let path = Path::of(|path| folder.path(path))?;
        let open = self
            .nodes()?
            .open_folder(path.after(NODES.len())?)
            .map_err(reason)?;
        list(&open, numbers)
    }

    fn wait(&mut self, attempt: u32) {
        self.nodes = None;
        // 1, 2, 4, 8, 16 ms: `observe` waits `ATTEMPTS - 1` times.
        let milliseconds = 1i64.checked_shl(attempt.saturating_sub(1)).unwrap_or(1);
        fsleep(Delta::from_millis(milliseconds));
    }
}

/// The path that `write` writes, below the topology.
fn of_topology(write: impl FnOnce(&mut Path) -> fmt::Result) -> Result<Path, ReadError> {
    Path::of(|path| {
        path.text(TOPOLOGY)?;
        write(path)
    })
}

/// Collects the entries of a folder that are numbers.
fn list(folder: &OpenFolder, numbers: &mut Numbers) -> Result<(), ReadError> {
    let each = |name: &[u8]| match decimal(name).and_then(|name| u32::try_from(name).ok()) {
        Some(number) => numbers.insert(number).map_err(|_| E2BIG),
        None => Ok(()),
    };
    folder.list(each).map_err(reason)
}
