// SPDX-License-Identifier: GPL-2.0

//! The one place by which files of the system are reached: `/`, or a folder that stands for it.

use std::fs;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

/// The longest file that is held in memory, in bytes. What is longer is cut off; the largest that is
/// meant to be held is dpkg's list of packages, some 10 MB.
const MAX_BYTES: u64 = 64 << 20;

/// The root of the system that is looked at.
#[derive(Debug, Clone)]
pub struct Root(PathBuf);

impl Root {
    /// A system whose root folder is `folder`.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self(folder.into())
    }

    /// The root folder.
    pub fn folder(&self) -> &Path {
        &self.0
    }

    /// Where a file of that system is for us. `path` is absolute there.
    pub fn path(&self, path: impl AsRef<Path>) -> PathBuf {
        let path = path.as_ref();
        self.0.join(path.strip_prefix("/").unwrap_or(path))
    }

    /// A file. A pipe or a device is refused: it could make us wait.
    pub fn open(&self, path: impl AsRef<Path>) -> io::Result<fs::File> {
        let path = self.path(path);
        if !fs::metadata(&path)?.is_file() {
            return Err(io::Error::other("it is no regular file"));
        }
        fs::File::open(path)
    }

    /// What a file holds.
    pub fn bytes(&self, path: impl AsRef<Path>) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.open(path)?.take(MAX_BYTES).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// What a file holds as text, without blanks at its end. What is not UTF-8 is replaced.
    pub fn text(&self, path: impl AsRef<Path>) -> Option<String> {
        let bytes = self.bytes(path).ok()?;
        Some(String::from_utf8_lossy(&bytes).trim_end().to_owned())
    }

    /// Whether there is such a file or folder.
    pub fn has(&self, path: impl AsRef<Path>) -> bool {
        self.path(path).exists()
    }

    /// The names in a folder, sorted; none where it can't be listed.
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
