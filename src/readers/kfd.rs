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

use crate::facts::{
    prelude::*,
    properties::decimal,
    topology::{
        PathWriter,
        MAX_FILE_BYTES, //
    }, //
};

use super::pci::Detail;

use crate::raw::sysfs::{
    OpenFile,
    OpenFolder,
    Page,
    Sysfs, //
};

/// Where KFD's device keeps its topology; `/sys/class/kfd/kfd` leads there
/// (`kfd_chardev_init()`, `kfd_chardev.c`).
const TOPOLOGY: &str = "devices/virtual/kfd/kfd/topology";

/// KFD's topology, as sysfs shows it.
pub(crate) struct KfdTopology {
    sysfs: Arc<Sysfs>,
    detail: Detail,
    page: Page,
    /// Open from the first read of a walk to the last: what it shows is made anew for each.
    generation: Option<OpenFile>,
    /// The folder of all nodes, from which paths are shorter. KFD may replace it meanwhile.
    nodes: Option<OpenFolder>,
}

impl KfdTopology {
    pub(crate) fn new(sysfs: &Arc<Sysfs>, detail: Detail) -> Result<Self, OutOfMemory> {
        Ok(Self {
            sysfs: sysfs.clone(),
            detail,
            page: Page::new().map_err(|_| OutOfMemory)?,
            generation: None,
            nodes: None,
        })
    }

    fn nodes(&mut self) -> Result<&OpenFolder, ReadError> {
        match &mut self.nodes {
            Some(nodes) => Ok(nodes),
            none => {
                let path = Path::of_topology(|path| Folder::Nodes.path(path))?;
                let nodes = self.sysfs.open_folder(path.whole()?).map_err(reason)?;
                Ok(none.insert(nodes))
            }
        }
    }

    fn open(&mut self, file: File) -> Result<OpenFile, ReadError> {
        let path = Path::of(|path| file.path(path))?;
        self.nodes()?.open(path.below_nodes()?).map_err(reason)
    }
}

impl Topology for KfdTopology {
    fn read(&mut self, file: File) -> Result<&[u8], ReadError> {
        if file == File::GenerationId {
            if let Some(open) = self.generation.take() {
                return whole(&open, &mut self.page);
            }
            let path = Path::of_topology(|path| file.path(path))?;
            let open = self.sysfs.open(path.whole()?).map_err(reason)?;
            return whole(self.generation.insert(open), &mut self.page);
        }
        if matches!(file, File::GpuId(_)) && self.detail == Detail::Compared {
            // No rule needs it.
            return Err(ReadError::Absent);
        }
        let open = self.open(file)?;
        whole(&open, &mut self.page)
    }

    fn list(&mut self, folder: Folder, numbers: &mut Numbers) -> Result<(), ReadError> {
        if folder == Folder::Nodes {
            // Opened anew: the last one has been listed.
            self.nodes = None;
            return list(self.nodes()?, numbers);
        }
        let path = Path::of(|path| folder.path(path))?;
        let open = self
            .nodes()?
            .open_folder(path.below_nodes()?)
            .map_err(reason)?;
        list(&open, numbers)
    }

    fn wait(&mut self, attempt: u32) {
        self.nodes = None;
        // 1, 2, 4, 8, 16 ms.
        let milliseconds = 1i64.checked_shl(attempt.saturating_sub(1)).unwrap_or(1);
        fsleep(Delta::from_millis(milliseconds));
    }
}

/// All that a file says.
pub(super) fn whole<'b>(file: &OpenFile, page: &'b mut Page) -> Result<&'b [u8], ReadError> {
    let text = file.read(page).map_err(reason)?;
    // sysfs shows less than a page; a full one would be cut off.
    if text.len() >= MAX_FILE_BYTES {
        return Err(ReadError::TooLarge);
    }
    Ok(text)
}

/// The entries of a folder that are numbers.
fn list(folder: &OpenFolder, numbers: &mut Numbers) -> Result<(), ReadError> {
    let mut each = |name: &[u8]| match decimal(name).and_then(|name| u32::try_from(name).ok()) {
        Some(number) => numbers.insert(number).map_err(|_| E2BIG),
        None => Ok(()),
    };
    folder.list(&mut each).map_err(reason)
}

/// A path in sysfs. Made without allocating: paths are made often.
pub(super) struct Path {
    bytes: [u8; Self::CAPACITY],
    length: usize,
}

impl Path {
    /// More than any path has that is made here, and a NUL.
    const CAPACITY: usize = 128;

    /// The path that `write` writes.
    pub(super) fn of(write: impl FnOnce(&mut Self) -> fmt::Result) -> Result<Self, ReadError> {
        let mut new = Self {
            bytes: [0; Self::CAPACITY],
            length: 0,
        };
        write(&mut new).map_err(|_| ReadError::Other)?;
        Ok(new)
    }

    /// The path below KFD's topology that `write` writes.
    fn of_topology(write: impl FnOnce(&mut Self) -> fmt::Result) -> Result<Self, ReadError> {
        Self::of(|path| {
            path.text(TOPOLOGY)?;
            path.text("/")?;
            write(path)
        })
    }

    pub(super) fn whole(&self) -> Result<&CStr, ReadError> {
        self.after(0)
    }

    /// What follows the name of the folder of all nodes.
    fn below_nodes(&self) -> Result<&CStr, ReadError> {
        self.after("nodes/".len())
    }

    fn after(&self, start: usize) -> Result<&CStr, ReadError> {
        let bytes = self.bytes.get(start..).unwrap_or_default();
        CStr::from_bytes_until_nul(bytes).map_err(|_| ReadError::Other)
    }
}

impl fmt::Write for Path {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.text(text)
    }
}

impl PathWriter for Path {
    fn number(&mut self, number: u32) -> fmt::Result {
        if number >= 10 {
            self.number(number / 10)?;
        }
        let digit = usize::try_from(number % 10).unwrap_or(0);
        self.text("0123456789".get(digit..=digit).unwrap_or_default())
    }

    fn text(&mut self, text: &str) -> fmt::Result {
        let end = self.length.saturating_add(text.len());
        // The last byte stays NUL.
        if end >= Self::CAPACITY {
            return Err(fmt::Error);
        }
        let room = self.bytes.get_mut(self.length..).unwrap_or_default();
        for (place, &byte) in room.iter_mut().zip(text.as_bytes()) {
            *place = byte;
        }
        self.length = end;
        Ok(())
    }
}

/// What an errno of the VFS means for a fact.
pub(super) fn reason(error: Error) -> ReadError {
    if error == ENOMEM {
        ReadError::OutOfMemory
    } else if error == ENOENT || error == ENODEV || error == ENOTDIR {
        // kernfs answers ENODEV when an entry goes while it is open.
        ReadError::Absent
    } else if error == EPERM || error == EACCES {
        ReadError::Denied
    } else if error == E2BIG {
        ReadError::TooLarge
    } else {
        ReadError::Other
    }
}
