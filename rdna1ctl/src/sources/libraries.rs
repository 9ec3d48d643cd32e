// SPDX-License-Identifier: GPL-2.0

//! Libraries with GPU code, or of ROCm, that a program has mapped or that a folder contains.

use std::collections::HashSet;
use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};

use super::code::{self, Code};
use super::rocblas::{self, Kernels};
use super::tree::Tree;

/// A library, or a program with GPU code of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    /// Its path, as the program sees it.
    pub path: String,
    /// Its GPU code; `None` if it has none.
    pub code: Option<Code>,
    /// Why it could not be read.
    pub unreadable: Option<String>,
}

impl Library {
    /// Its name without its folder.
    pub fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or_default()
    }

    /// Its folder.
    pub fn folder(&self) -> &str {
        self.path.rsplit_once('/').map_or("/", |(folder, _)| folder)
    }
}

/// Libraries that belong together.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Libraries {
    /// ROCm's libraries, and all others that have GPU code.
    pub list: Vec<Library>,
    /// The folders of rocBLAS's kernels.
    pub kernels: Vec<Kernels>,
    /// The folders of each rocBLAS that has no kernels where it looks for them.
    pub without_kernels: Vec<String>,
    /// The version of ROCm, if a file names it.
    pub version: Option<String>,
    /// The version of a PyTorch that was built for another kind of GPU, or for none.
    pub torch_without_rocm: Option<String>,
    /// Why there may be more libraries.
    pub unseen: Vec<String>,
}

/// The libraries that identify a program as one that uses ROCm.
const ROCM: [&str; 4] = ["librocblas", "libMIOpen", "libhsa-runtime64", "libamdhip64"];

/// Whether that is the name of a ROCm library. Wheels add a hash: `libamdhip64-0f1d5a24.so`.
pub fn is_of_rocm(name: &str) -> bool {
    let is = |start: &&str| {
        let rest = name.strip_prefix(*start);
        rest.is_some_and(|rest| rest.starts_with(['.', '-']))
    };
    is_library(name) && ROCM.iter().any(is)
}

/// Whether that is the name of a shared library: `libx.so`, `libx.so.4.1`.
pub fn is_library(name: &str) -> bool {
    name.ends_with(".so") || name.contains(".so.")
}

impl Libraries {
    /// Whether there are neither libraries nor kernels.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty() && self.kernels.is_empty() && self.without_kernels.is_empty()
    }

    /// Adds a file if it is one of ROCm's libraries or has GPU code. Reads at most `most` of its
    /// compressed bundles.
    pub fn add(&mut self, path: &Path, file: std::io::Result<File>, most: usize) {
        let code = file
            .map_err(|error| error.to_string())
            .and_then(|file| code::of(&file, most));
        let named = path.file_name().and_then(OsStr::to_str).unwrap_or_default();
        let is_known = is_of_rocm(named);
        let (code, unreadable) = match code {
            Ok(code) => (code, None),
            Err(_) if !is_known => return,
            Err(why) => (None, Some(why)),
        };
        if is_known || code.is_some() {
            self.list.push(Library {
                path: path.display().to_string(),
                code,
                unreadable,
            });
        }
    }

    /// Adds the kernels that each rocBLAS among these libraries loads. `named` is the folder that
    /// `ROCBLAS_TENSILE_LIBPATH` names.
    pub fn add_kernels(&mut self, tree: &Tree, named: Option<&str>) {
        let of_rocblas = self
            .list
            .iter()
            .filter(|one| one.name().starts_with(ROCM[0]));
        let folders: Vec<_> = of_rocblas.map(|one| one.folder().to_owned()).collect();
        for library in folders {
            let found = named
                .map(PathBuf::from)
                .or_else(|| rocblas::folder_of(tree, Path::new(&library)));
            match found {
                Some(folder) => self.add_folder(Kernels::read(tree, &folder)),
                None => self.without_kernels.push(library),
            }
        }
        self.without_kernels.dedup();
    }

    /// Adds a folder of kernels, unless it is known.
    pub fn add_folder(&mut self, kernels: Kernels) {
        if !self.kernels.iter().any(|one| one.folder == kernels.folder) {
            self.kernels.push(kernels);
        }
    }

    /// Looks for the version of ROCm beside the libraries.
    pub fn find_version(&mut self, tree: &Tree) {
        let mut folders: Vec<_> = self.list.iter().map(Library::folder).collect();
        folders.extend(self.kernels.iter().map(|one| one.folder.as_str()));
        folders.dedup();
        let beside = folders
            .iter()
            .find_map(|folder| version(tree, Path::new(folder)));
        let names = || self.list.iter().find_map(|one| version_of_name(one.name()));
        self.version = beside.or_else(names);
    }
}

/// The most bytes of a file that names a version.
const VERSION: u64 = 4096;

/// The version that files beside a folder of libraries name: AMD's `.info/version`, or PyTorch's.
fn version(tree: &Tree, folder: &Path) -> Option<String> {
    let mut above = folder.ancestors().take(4);
    above.find_map(|folder| {
        let named = tree.text(&folder.join(".info/version"), VERSION);
        let named = named.and_then(|text| text.lines().next().map(str::to_owned));
        named.filter(|text| !text.is_empty()).or_else(|| {
            let torch = Torch::read(tree, folder)?;
            torch.rocm
        })
    })
}

/// The version in a name: `librocblas.so.4.4.60402` is ROCm 6.4.2's.
fn version_of_name(name: &str) -> Option<String> {
    let digits = name.rsplit('.').next()?;
    let number: u32 = digits.parse().ok()?;
    let (major, minor, patch) = (number / 10_000, number / 100 % 100, number % 100);
    let is_one = matches!(digits.len(), 5 | 6) && is_of_rocm(name);
    is_one.then(|| format!("{major}.{minor}.{patch}"))
}

/// The versions that a PyTorch names in `torch/version.py`.
pub struct Torch {
    /// Its version: `2.6.0+rocm6.2.4`.
    pub version: String,
    /// The ROCm that it was built with; `None` if it was built without.
    pub rocm: Option<String>,
}

impl Torch {
    /// Reads it in the folder `torch`.
    pub fn read(tree: &Tree, folder: &Path) -> Option<Self> {
        if folder.file_name()? != "torch" {
            return None;
        }
        let text = tree.text(&folder.join("version.py"), VERSION)?;
        let value = |name: &str| {
            let mut lines = text.lines();
            lines.find_map(|line| {
                let rest = line.strip_prefix(name)?;
                let (before, value) = rest.split_once('=')?;
                let is_name = before.trim().is_empty() || before.trim_start().starts_with(':');
                let value = value.trim();
                let quoted = value.trim_matches(['\'', '"']);
                (is_name && quoted.len() + 2 == value.len()).then(|| quoted.to_owned())
            })
        };
        let version = value("__version__")?;
        let named = version.split_once("+rocm").map(|(_, rocm)| rocm.to_owned());
        Some(Self {
            rocm: named.or_else(|| value("rocm")).or_else(|| value("hip")),
            version,
        })
    }
}

/// The paths of files in `/proc/PID/maps` (`proc_pid_maps(5)`), each once.
pub fn mapped(maps: &[u8]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut seen = HashSet::new();
    for line in maps.split(|byte| *byte == b'\n') {
        // address perms offset dev inode path: the path begins with the first slash.
        let Some(at) = line.iter().position(|byte| *byte == b'/') else {
            continue;
        };
        let path = unescaped(line.get(at..).unwrap_or_default());
        let path = PathBuf::from(OsStr::from_bytes(&path));
        if seen.insert(path.clone()) {
            found.push(path);
        }
    }
    found
}

/// The kernel writes a line break in a path as `\012`.
fn unescaped(path: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((first, after)) = rest.split_first() {
        match rest.strip_prefix(br"\012") {
            Some(after) => {
                plain.push(b'\n');
                rest = after;
            }
            None => {
                plain.push(*first);
                rest = after;
            }
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_libraries() {
        for name in [
            "librocblas.so",
            "librocblas.so.4.1",
            "libamdhip64-0f1d5a24.so.6",
            "libMIOpen.so.1",
        ] {
            assert!(is_of_rocm(name), "{name}");
        }
        for name in [
            "librocblas",
            "librocblasx.so",
            "librocblas.txt",
            "libc.so.6",
            "xlibMIOpen.so",
        ] {
            assert!(!is_of_rocm(name), "{name}");
        }
    }

    #[test]
    fn versions_in_names() {
        for (name, version) in [
            ("librocblas.so.4.4.60402", Some("6.4.2")),
            ("libamdhip64.so.7.2.70200", Some("7.2.0")),
            ("libhsa-runtime64.so.1.11.50700", Some("5.7.0")),
            ("librocblas.so.4.1", None),
            ("librocblas.so", None),
            ("libc.so.60402", None),
        ] {
            assert_eq!(version_of_name(name).as_deref(), version, "{name}");
        }
    }

    #[test]
    fn paths_of_maps() {
        let maps = b"7f00-7f01 r-xp 00000000 fe:01 12 /a b/c.so\n7f01-7f02 rw-p 0 00:00 0 \n\
            7f02-7f03 rw-p 0 00:00 0 [heap]\n7f03-7f04 r--p 1000 fe:01 12 /a b/c.so\n\
            7f04-7f05 r--p 0 fe:01 13 /d\\012e (deleted)\n\xff\n";
        let seen = mapped(maps);
        assert_eq!(seen, [Path::new("/a b/c.so"), Path::new("/d\ne (deleted)")]);
    }
}
