// SPDX-License-Identifier: GPL-2.0

//! The root folder through which all files of the system are read: `/`, or a folder in its place.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// The most bytes that are read of a file. The largest expected file is dpkg's list of packages,
/// with about 10 MB.
const MAX_BYTES: u64 = 64 << 20;

/// The root folder of a system.
#[derive(Debug, Clone)]
pub struct Root(PathBuf);

impl Root {
    /// The system with that root folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// The root folder.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Converts a path that is absolute in that system to a path for this process.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.0.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// Opens a regular file. Refuses pipes and devices, because a read of them could block.
    pub fn open(&self, path: impl AsRef<Path>) -> io::Result<fs::File> {
        let path = self.path(path);
        if !fs::metadata(&path)?.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        fs::File::open(path)
    }

    /// The bytes of a file.
    pub fn bytes(&self, path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open(path)?.take(MAX_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// The text of a file, without blanks at its end. Bytes that are not UTF-8 are replaced.
    pub fn text(&self, path: impl AsRef<Path>) -> Option<String> {
        let bytes = self.bytes(path).ok()?;
        Some(String::from_utf8_lossy(&bytes).trim_end().to_owned())
    }

    /// The start of a file's text, at most `bytes` bytes of it.
    pub fn start(&self, path: impl AsRef<Path>, bytes: u64) -> Option<String> {
        let mut start = Vec::new();
        let file = self.open(path).ok()?;
        file.take(bytes).read_to_end(&mut start).ok()?;
        Some(String::from_utf8_lossy(&start).trim_end().to_owned())
    }

    /// Whether such a file or folder exists.
    pub fn has(&self, path: impl AsRef<Path>) -> bool {
        self.path(path).exists()
    }

    /// The names in a folder, sorted; none if it can't be listed.
    pub fn names(&self, folder: impl AsRef<Path>) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.path(folder)) else {
            return Vec::new();
        };
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<_> = names.collect();
        names.sort();
        names
    }

    /// The numbers among the names in a folder, sorted as numbers.
    pub fn numbers(&self, folder: impl AsRef<Path>) -> Vec<u32> {
        let names = self.names(folder);
        let mut numbers: Vec<_> = names.iter().filter_map(|name| name.parse().ok()).collect();
        numbers.sort_unstable();
        numbers
    }
}
