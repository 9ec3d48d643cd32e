// SPDX-License-Identifier: GPL-2.0

//! Reads a captured topology folder.

use std::{
    fmt,
    fs,
    io::{
        self,
        Read, //
    },
    path::{
        Path,
        PathBuf, //
    }, //
};

use anyhow::{
    bail,
    Result, //
};

use crate::facts::{
    numbers::Numbers,
    path::Path as SysfsPath,
    properties::decimal,
    topology::{
        File,
        Folder,
        ReadError,
        Topology,
        MAX_FILE_BYTES, //
    }, //
};

/// A captured topology.
pub struct Capture {
    root: PathBuf,
    text: Vec<u8>,
}

impl Capture {
    /// The topology that is in `folder`, or that `folder` itself is.
    pub fn open(folder: &Path) -> Result<Self> {
        let roots = [folder.join("topology"), folder.to_owned()];
        let Some(root) = roots.into_iter().find(|root| root.join("nodes").is_dir()) else {
            bail!(
                "there is no topology in {}: name a folder that holds `topology/nodes` or `nodes`, \
                 copied from /sys/class/kfd/kfd/topology",
                folder.display()
            );
        };
        Ok(Self::at(root))
    }

    /// The topology at `root`, which need not exist.
    pub(super) fn at(root: PathBuf) -> Self {
        Self {
            root,
            text: Vec::new(),
        }
    }
}

impl Topology for Capture {
    fn read(&mut self, file: File) -> Result<&[u8], ReadError> {
        let path = self.root.join(file.to_string());
        // A pipe or a device in a capture must not block the reader.
        if !fs::metadata(&path).map_err(reason)?.is_file() {
            return Err(ReadError::Other);
        }
        let limit = u64::try_from(MAX_FILE_BYTES).map_err(|_| ReadError::Other)?;
        self.text.clear();
        fs::File::open(path)
            .and_then(|opened| opened.take(limit).read_to_end(&mut self.text))
            .map_err(reason)?;
        if self.text.len() >= MAX_FILE_BYTES {
            return Err(ReadError::TooLarge);
        }
        Ok(&self.text)
    }

    fn list(&mut self, folder: Folder, numbers: &mut Numbers) -> Result<(), ReadError> {
        let entries = fs::read_dir(self.root.join(folder.to_string())).map_err(reason)?;
        for entry in entries {
            let name = entry.map_err(reason)?.file_name();
            let number = decimal(name.as_encoded_bytes()).and_then(|n| u32::try_from(n).ok());
            let Some(number) = number else { continue };
            numbers.insert(number)?;
        }
        Ok(())
    }

    /// A capture does not change.
    fn wait(&mut self, _attempt: u32) {}
}

impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(|path| self.path(path), f)
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show(|path| self.path(path), f)
    }
}

fn show(
    write: impl FnOnce(&mut SysfsPath) -> fmt::Result,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let path = SysfsPath::of(write).map_err(|_| fmt::Error)?;
    let path = path.after(0).map_err(|_| fmt::Error)?;
    f.write_str(&path.to_string_lossy())
}

fn reason(error: io::Error) -> ReadError {
    /// kernfs returns ENODEV if an entry is removed while it is open.
    const ENODEV: i32 = 19;
    match error.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => ReadError::Absent,
        _ if error.raw_os_error() == Some(ENODEV) => ReadError::Absent,
        io::ErrorKind::PermissionDenied => ReadError::Denied,
        _ => ReadError::Other,
    }
}
