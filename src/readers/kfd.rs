// SPDX-License-Identifier: GPL-2.0

//! Reads KFD's topology through sysfs.

use kernel::{
    fmt,
    prelude::*,
    str::CString,
    sync::Arc,
    time::{
        delay::fsleep,
        Delta, //
    },
};

use crate::facts::{
    map::{
        count,
        Map,
        OutOfMemory, //
    },
    properties::decimal,
    topology::{
        File,
        Folder,
        ReadError,
        Topology,
        MAX_ENTRIES,
        MAX_FILE_BYTES, //
    }, //
};

use crate::{
    kept::Keep,
    raw::sysfs::{
        OpenFile,
        OpenFolder,
        Page,
        Sysfs, //
    }, //
};

/// Where KFD's device keeps its topology; `/sys/class/kfd/kfd` leads there
/// (`kfd_chardev_init()`, `kfd_chardev.c`).
const TOPOLOGY: &CStr = c"devices/virtual/kfd/kfd/topology";

/// How many files are kept open: those of a machine with a card or two. Each holds a page and some
/// more; beyond that, files are opened again to be read again.
const MOST_OPEN: u32 = 16;

/// KFD's topology, as sysfs shows it.
pub(crate) struct KfdTopology {
    sysfs: Arc<Sysfs>,
    page: Page,
    /// The topology's folder, from which paths are shorter. It can have gone, and another have come.
    folder: Option<OpenFolder>,
    open: u32,
}

/// A file of KFD's, and what it said.
pub(crate) struct KfdFile {
    file: File,
    open: Option<OpenFile>,
    text: CString,
}

/// A folder of KFD's, and how many it held.
pub(crate) struct KfdFolder {
    folder: Folder,
    open: Option<OpenFolder>,
    entries: u32,
}

impl KfdTopology {
    pub(crate) fn new(sysfs: &Arc<Sysfs>) -> Result<Self, OutOfMemory> {
        Ok(Self {
            sysfs: sysfs.clone(),
            page: Page::new().map_err(|_| OutOfMemory)?,
            folder: None,
            open: 0,
        })
    }

    /// Forgets what it keeps open for itself.
    pub(crate) fn forget(&mut self) {
        self.folder = None;
        self.open = 0;
    }

    /// The topology's folder.
    fn folder(&mut self) -> Result<&OpenFolder, ReadError> {
        match &mut self.folder {
            Some(folder) => Ok(folder),
            none => {
                let folder = self.sysfs.open_folder(TOPOLOGY).map_err(reason)?;
                Ok(none.insert(folder))
            }
        }
    }

    fn open(&mut self, file: File) -> Result<OpenFile, ReadError> {
        let path = path(format_args!("{file}"))?;
        self.folder()?.open(&path).map_err(reason)
    }

    fn open_folder(&mut self, folder: Folder) -> Result<OpenFolder, ReadError> {
        let path = path(format_args!("{folder}"))?;
        self.folder()?.open_folder(&path).map_err(reason)
    }

    fn may_stay_open(&mut self) -> bool {
        let may = self.open < MOST_OPEN;
        self.open = self.open.saturating_add(may.into());
        may
    }
}

impl Topology for KfdTopology {
    fn read(&mut self, file: File) -> Result<&[u8], ReadError> {
        let open = self.open(file)?;
        whole(&open, &mut self.page)
    }

    fn list<N: Map<u32, ()>>(&mut self, folder: Folder, numbers: &mut N) -> Result<(), ReadError> {
        let open = self.open_folder(folder)?;
        list(&open, numbers)
    }

    fn wait(&mut self, attempt: u32) {
        self.forget();
        // 1, 2, 4, 8, 16 ms.
        let milliseconds = 1i64.checked_shl(attempt.saturating_sub(1)).unwrap_or(1);
        fsleep(Delta::from_millis(milliseconds));
    }
}

impl Keep for KfdTopology {
    type File = KfdFile;
    type Folder = KfdFolder;

    fn read_to_keep(&mut self, file: File) -> Result<(&[u8], KfdFile), ReadError> {
        let open = self.open(file)?;
        let stays_open = self.may_stay_open();
        let text = whole(&open, &mut self.page)?;
        // No text of KFD's is anything but ASCII.
        let kept = core::str::from_utf8(text).map_err(|_| ReadError::Other)?;
        let kept = KfdFile {
            file,
            text: CString::try_from_fmt(fmt!("{kept}")).map_err(reason)?,
            open: stays_open.then_some(open),
        };
        Ok((text, kept))
    }

    fn list_to_keep<N: Map<u32, ()>>(
        &mut self,
        folder: Folder,
        numbers: &mut N,
    ) -> Result<KfdFolder, ReadError> {
        let open = self.open_folder(folder)?;
        list(&open, numbers)?;
        let entries = u32::try_from(count(numbers.values())).unwrap_or(u32::MAX);
        let stays_open = self.may_stay_open();
        Ok(KfdFolder {
            folder,
            open: stays_open.then_some(open),
            entries,
        })
    }

    fn reads_the_same(&mut self, kept: &KfdFile) -> Result<bool, ReadError> {
        let text = match &kept.open {
            Some(open) => whole(open, &mut self.page)?,
            None => self.read(kept.file)?,
        };
        // `to_bytes()`, compiled into this module, can panic.
        let kept = kept.text.to_bytes_with_nul().split_last();
        Ok(kept.is_some_and(|(_, kept)| kept == text))
    }

    fn holds_the_same(&mut self, kept: &KfdFolder) -> Result<bool, ReadError> {
        let folders = match &kept.open {
            Some(open) => open.folders(),
            None => self.open_folder(kept.folder)?.folders(),
        };
        Ok(folders.map_err(reason)? == kept.entries)
    }
}

/// All that a file says.
fn whole<'b>(file: &OpenFile, page: &'b mut Page) -> Result<&'b [u8], ReadError> {
    let text = file.read(page).map_err(reason)?;
    // sysfs shows less than a page; a full one would be cut off.
    if text.len() >= MAX_FILE_BYTES {
        return Err(ReadError::TooLarge);
    }
    Ok(text)
}

/// The entries of a folder that are numbers.
fn list<N: Map<u32, ()>>(folder: &OpenFolder, numbers: &mut N) -> Result<(), ReadError> {
    let mut entries = 0usize;
    let mut each = |name: &[u8]| {
        let Some(number) = decimal(name).and_then(|number| u32::try_from(number).ok()) else {
            return Ok(());
        };
        entries = entries.saturating_add(1);
        if entries > MAX_ENTRIES {
            return Err(E2BIG);
        }
        numbers.insert(number, ()).map_err(|_| ENOMEM)
    };
    folder.list(&mut each).map_err(reason)
}

/// A path in sysfs.
pub(super) fn path(path: fmt::Arguments<'_>) -> Result<CString, ReadError> {
    CString::try_from_fmt(path).map_err(reason)
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
