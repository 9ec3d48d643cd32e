// SPDX-License-Identifier: GPL-2.0

//! Reads files. [`Files`] and [`KeptOpen`] make only the system calls that a C program makes.

use std::ffi::CString;
use std::fs::File;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anyhow::{ensure, Context, Result};
use nix::fcntl::{open, OFlag};
use nix::sys::stat::Mode;
use nix::unistd::read;

/// The size of one read: no file under test is longer.
const ROOM: usize = 64 * 1024;

/// Files to open, read and close in turn.
pub struct Files {
    paths: Vec<CString>,
    buffer: Vec<u8>,
}

impl Files {
    /// Prepares the files of these paths, and opens none.
    pub fn new(paths: &[PathBuf]) -> Result<Self> {
        let paths = paths.iter().map(|path| c_path(path));
        Ok(Self {
            paths: paths.collect::<Result<_>>()?,
            buffer: vec![0; ROOM],
        })
    }

    /// Opens, reads and closes each file, and returns the sum of the lengths.
    pub fn read(&mut self) -> Result<usize> {
        let mut length = 0;
        for path in &self.paths {
            let file = open(path.as_c_str(), OFlag::O_RDONLY, Mode::empty())?;
            length += read(&file, &mut self.buffer)?;
        }
        Ok(length)
    }
}

/// Files that stay open. Each read starts at offset 0.
pub struct KeptOpen {
    files: Vec<File>,
    buffer: Vec<u8>,
}

impl KeptOpen {
    /// Opens the files of these paths.
    pub fn new(paths: &[PathBuf]) -> Result<Self> {
        let files = paths
            .iter()
            .map(|path| File::open(path).with_context(|| format!("open {}", path.display())));
        Ok(Self {
            files: files.collect::<Result<_>>()?,
            buffer: vec![0; ROOM],
        })
    }

    /// Reads each file, and returns the sum of the lengths.
    pub fn read(&mut self) -> Result<usize> {
        let mut length = 0;
        for file in &self.files {
            length += file.read_at(&mut self.buffer, 0)?;
        }
        Ok(length)
    }
}

/// Reads a whole file, `chunk` bytes with each read(2), through one open.
pub fn read_chunked(path: &Path, chunk: usize) -> Result<String> {
    let mut file = File::open(path).with_context(|| format!("open {}", path.display()))?;
    let mut bytes = Vec::new();
    let mut buffer = vec![0; chunk];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(length) => bytes.extend_from_slice(&buffer[..length]),
            Err(error) => return Err(error).with_context(|| format!("read {}", path.display())),
        }
    }
    String::from_utf8(bytes).with_context(|| format!("{} holds no text", path.display()))
}

/// Reads the text of a file.
pub fn text(path: &Path) -> Result<String> {
    read_chunked(path, ROOM)
}

/// The length of a file's text. Fails unless one read gives all of it.
pub fn length(path: &Path) -> Result<usize> {
    let text = text(path)?;
    let once = Files::new(&[path.to_owned()])?.read()?;
    ensure!(
        text.len() == once,
        "{}: one read gives {once} of {} bytes",
        path.display(),
        text.len()
    );
    Ok(once)
}

fn c_path(path: &Path) -> Result<CString> {
    CString::new(path.as_os_str().as_bytes()).context("a path with a NUL")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_ways_give_the_whole_text_again_and_again() {
        let folder = tempfile::tempdir().unwrap();
        let paths = ["a", "b"].map(|name| folder.path().join(name));
        std::fs::write(&paths[0], "12345").unwrap();
        std::fs::write(&paths[1], "678").unwrap();
        let mut opened = Files::new(&paths).unwrap();
        let mut kept = KeptOpen::new(&paths).unwrap();
        for _ in 0..2 {
            assert_eq!(opened.read().unwrap(), 8);
            assert_eq!(kept.read().unwrap(), 8);
        }
        std::fs::remove_file(&paths[0]).unwrap();
        assert!(opened.read().is_err());
    }
}
