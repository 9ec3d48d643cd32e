// SPDX-License-Identifier: GPL-2.0

//! The files below a root folder, as a program with that root sees them: a container's root, or
//! that of another process. The kernel resolves each link below the root (`openat2(2)`), so no link
//! of a container leads to the host's files.

use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, Read as _};
use std::os::fd::{AsRawFd as _, OwnedFd};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{openat2, readlinkat, OFlag, OpenHow, ResolveFlag};

use crate::root::Root;

/// How often to try a resolution that a concurrent rename disturbs.
const TRIES: u32 = 8;

/// The most links that are followed, the kernel's own limit (`MAXSYMLINKS`).
const MOST_LINKS: usize = 40;

/// The most names of a folder that are listed at once.
const MOST_NAMES: usize = 200_000;

/// The files below a root folder.
#[derive(Debug)]
pub struct Tree(OwnedFd);

impl Tree {
    /// The files of that system.
    pub fn of(root: &Root) -> io::Result<Self> {
        Self::at(root.folder())
    }

    /// The files below that folder of this process's own root.
    pub fn at(folder: &Path) -> io::Result<Self> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let folder = nix::fcntl::open(folder, flags, nix::sys::stat::Mode::empty())?;
        Ok(Self(folder))
    }

    /// The files below a folder of this tree.
    pub fn below(&self, folder: &Path) -> io::Result<Self> {
        Ok(Self(self.reach(folder, OFlag::O_DIRECTORY)?))
    }

    /// Finds a file without opening it: opening can wake a device, and can block on a pipe.
    fn reach(&self, path: &Path, flags: OFlag) -> io::Result<OwnedFd> {
        let how = OpenHow::new()
            .flags(OFlag::O_PATH | OFlag::O_CLOEXEC | flags)
            .resolve(ResolveFlag::RESOLVE_IN_ROOT);
        let mut tries = 0;
        loop {
            tries += 1;
            match openat2(&self.0, path, how) {
                Err(Errno::EAGAIN | Errno::EINTR) if tries < TRIES => {}
                result => return Ok(result?),
            }
        }
    }

    /// The metadata of a file; links are followed.
    pub fn about(&self, path: &Path) -> io::Result<Metadata> {
        let found = self.reach(path, OFlag::empty())?;
        fs::metadata(place(&found))
    }

    /// Whether there is such a file or folder.
    pub fn has(&self, path: &Path) -> bool {
        self.reach(path, OFlag::empty()).is_ok()
    }

    /// Opens a regular file, and nothing else.
    pub fn file(&self, path: &Path) -> io::Result<File> {
        let found = self.reach(path, OFlag::empty())?;
        if !fs::metadata(place(&found))?.is_file() {
            return Err(io::Error::other("it is not a regular file"));
        }
        File::open(place(&found))
    }

    /// The beginning of a text file, without blanks around it.
    pub fn text(&self, path: &Path, most: u64) -> Option<String> {
        let mut bytes = Vec::new();
        let file = self.file(path).ok()?;
        file.take(most).read_to_end(&mut bytes).ok()?;
        Some(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    /// At most `most` entries of a folder, sorted by name, and their kinds.
    pub fn entries(&self, folder: &Path, most: usize) -> io::Result<Vec<(OsString, Kind)>> {
        let found = self.reach(folder, OFlag::O_DIRECTORY)?;
        let entries = fs::read_dir(place(&found))?;
        let mut entries: Vec<_> = entries
            .filter_map(|entry| {
                let entry = entry.ok()?;
                let kind = match entry.file_type().ok()? {
                    kind if kind.is_dir() => Kind::Folder,
                    kind if kind.is_file() => Kind::File,
                    kind if kind.is_symlink() => Kind::Link,
                    _ => Kind::Other,
                };
                Some((entry.file_name(), kind))
            })
            .take(most)
            .collect();
        entries.sort_by(|(one, _), (other, _)| one.cmp(other));
        Ok(entries)
    }

    /// The names in a folder that are text, sorted; none if it cannot be listed.
    pub fn names(&self, folder: &Path) -> Vec<String> {
        let entries = self.entries(folder, MOST_NAMES).unwrap_or_default();
        let names = entries.into_iter();
        names
            .filter_map(|(name, _)| name.into_string().ok())
            .collect()
    }

    /// The targets that a link leads to, one after the other; none if the file is not a link.
    pub fn links(&self, path: &Path) -> Vec<PathBuf> {
        let mut path = path.to_owned();
        let mut steps = Vec::new();
        while steps.len() < MOST_LINKS {
            let Ok(link) = self.reach(&path, OFlag::O_NOFOLLOW) else {
                break;
            };
            let Ok(target) = readlinkat(&link, "") else {
                break;
            };
            let folder = path.parent().unwrap_or(Path::new("/"));
            path = folder.join(target);
            steps.push(path.clone());
        }
        steps
    }
}

/// An entry of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A folder.
    Folder,
    /// A regular file.
    File,
    /// A symbolic link.
    Link,
    /// A device file, a pipe or a socket.
    Other,
}

/// A path to a file that was reached, valid while its descriptor is open.
fn place(file: &OwnedFd) -> PathBuf {
    PathBuf::from(format!("/proc/self/fd/{}", file.as_raw_fd()))
}
