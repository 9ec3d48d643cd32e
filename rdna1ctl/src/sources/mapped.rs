// SPDX-License-Identifier: GPL-2.0

//! The libraries that a running program uses. `/proc/PID/maps` names them, and `/proc/PID/root`
//! leads to them in the program's own mount namespace.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::root::Root;

use super::code::SOME;
use super::libraries::{is_of_rocm, mapped, Libraries};
use super::patience::{each, FOR_FILES};
use super::tree::Tree;

const FOR_LIBRARIES: Duration = Duration::from_secs(10);

/// The most bytes of a list of mappings. The kernel allows 65,530 mappings by default.
const MAPS: u64 = 16 << 20;

/// The most files of a program that are looked at.
const MOST_FILES: usize = 4096;

/// The kernel appends this to the path of a file that was deleted.
const DELETED: &str = " (deleted)";

/// The libraries of a program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mapped {
    /// Not read yet.
    NotRead,
    /// The libraries that were found; empty if the program uses none of ROCm's.
    Found(Box<Libraries>),
    /// The program has ended.
    Ended,
    /// Why they could not be read.
    Unreadable(String),
}

/// Looks for the libraries of programs, each with its `ROCBLAS_TENSILE_LIBPATH`.
pub fn libraries(root: &Root, programs: Vec<(u32, Option<String>)>) -> Vec<Mapped> {
    let pids = programs.iter().map(|(pid, _)| *pid).collect();
    let programs: Vec<_> = programs.into_iter().zip(files(root, pids)).collect();
    let root = root.clone();
    let found = each(programs, FOR_LIBRARIES, move |((pid, kernels), files)| {
        let found = match files {
            Err(error) => return of_error(error),
            Ok(files) if !files.iter().any(|file| is_rocm(file)) => {
                return Mapped::Found(Box::default())
            }
            Ok(files) => read(&root, *pid, files, kernels.as_deref()),
        };
        match found {
            Ok(found) => Mapped::Found(Box::new(found)),
            Err(error) => of_error(&error),
        }
    });
    let late = || Mapped::Unreadable("its files could not be read in time".to_owned());
    found
        .into_iter()
        .map(|found| found.unwrap_or_else(late))
        .collect()
}

fn of_error(error: &io::Error) -> Mapped {
    match error.kind() {
        ErrorKind::NotFound => Mapped::Ended,
        ErrorKind::PermissionDenied => Mapped::Unreadable("only root may read it".to_owned()),
        _ if error.raw_os_error() == Some(nix::libc::ESRCH) => Mapped::Ended,
        _ => Mapped::Unreadable(error.to_string()),
    }
}

/// The files that programs have mapped.
pub fn files(root: &Root, pids: Vec<u32>) -> Vec<io::Result<Vec<PathBuf>>> {
    let root = root.clone();
    let found = each(pids, FOR_FILES, move |pid| {
        let mut maps = Vec::new();
        let file = root.open(format!("/proc/{pid}/maps"))?;
        file.take(MAPS).read_to_end(&mut maps)?;
        Ok(mapped(&maps))
    });
    let late = || io::Error::other("it did not answer in time: it may be stuck");
    found
        .into_iter()
        .map(|found| found.unwrap_or_else(|| Err(late())))
        .collect()
}

/// Whether the mapped file is one of ROCm's libraries.
pub fn is_rocm(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy());
    name.is_some_and(|name| is_of_rocm(name.trim_end_matches(DELETED)))
}

fn read(root: &Root, pid: u32, paths: &[PathBuf], kernels: Option<&str>) -> io::Result<Libraries> {
    let host = Tree::of(root)?;
    let place = format!("/proc/{pid}/root");
    let own = if root.folder() == Path::new("/") {
        // Only the kernel's own link leads into another mount namespace.
        Tree::at(Path::new(&place))
    } else {
        host.below(Path::new(&place))
    };
    let own = match own {
        Ok(own) => own,
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Err(error),
        Err(_) => Tree::of(root)?,
    };
    let mut found = Libraries::default();
    for path in paths.iter().take(MOST_FILES) {
        // Programs also map device files and shared memory: skip these.
        if ["/dev", "/memfd:", "/proc", "/sys"]
            .iter()
            .any(|start| path.starts_with(start))
        {
            continue;
        }
        found.add(path, file(&own, &host, path), SOME);
    }
    if paths.len() > MOST_FILES {
        let unseen = format!("only its first {MOST_FILES} mapped files were looked at");
        found.unseen.push(unseen);
    }
    found.add_kernels(&own, kernels);
    found.find_version(&own);
    Ok(found)
}

/// Opens a mapped file. A program that has only changed its root (chroot) has paths of the host.
fn file(own: &Tree, host: &Tree, path: &Path) -> io::Result<File> {
    match own.file(path) {
        Err(error) if error.kind() == ErrorKind::NotFound => host.file(path).map_err(|_| {
            let gone = path.to_string_lossy().ends_with(DELETED);
            match gone {
                true => {
                    io::Error::other("it was replaced or removed after the program had loaded it")
                }
                false => error,
            }
        }),
        result => result,
    }
}
