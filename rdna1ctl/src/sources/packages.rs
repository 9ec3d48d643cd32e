// SPDX-License-Identifier: GPL-2.0

//! Facts from dpkg about packages: their versions, and the checksums of their files.

use std::fs::File;
use std::io::{self, Read as _};

use md5::{Digest as _, Md5};

use crate::root::Root;

/// A file that differs from its package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed {
    /// The package.
    pub package: String,
    /// The file.
    pub file: String,
    /// Whether it is missing.
    pub gone: bool,
}

/// The comparison of a package's files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checked {
    /// The package.
    pub package: String,
    /// The number of files that were compared.
    pub files: usize,
    /// The files that differ.
    pub changed: Vec<Changed>,
    /// The number of files that could not be read.
    pub unreadable: usize,
}

const INFO: &str = "/var/lib/dpkg/info";

/// Compares the files of a package, if `wanted` accepts their path, with the package's checksums.
/// `None` if there is no such package, or it has no checksums.
pub fn check(root: &Root, package: &str, wanted: impl Fn(&str) -> bool) -> Option<Checked> {
    let list = [
        format!("{INFO}/{package}.md5sums"),
        format!("{INFO}/{package}:amd64.md5sums"),
    ];
    let list = list.iter().find_map(|path| root.text(path))?;
    let mut checked = Checked {
        package: package.to_owned(),
        files: 0,
        changed: Vec::new(),
        unreadable: 0,
    };
    for (sum, path) in list.lines().filter_map(|line| line.split_once("  ")) {
        if !wanted(path) {
            continue;
        }
        let file = format!("/{path}");
        let gone = match root.open(&file).and_then(sum_of) {
            Ok(seen) if seen == sum => false,
            Ok(_) => {
                checked.changed.push(changed(package, file, false));
                false
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                checked.changed.push(changed(package, file, true));
                true
            }
            Err(_) => {
                checked.unreadable += 1;
                continue;
            }
        };
        checked.files += usize::from(!gone);
    }
    Some(checked)
}

fn changed(package: &str, file: String, gone: bool) -> Changed {
    Changed {
        package: package.to_owned(),
        file,
        gone,
    }
}

/// The checksum of a file of any length: an uncompressed amdgpu.ko has 20 MB and more.
fn sum_of(mut file: File) -> io::Result<String> {
    let mut sum = Md5::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(size) => sum.update(buffer.get(..size).unwrap_or_default()),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    let sum = sum.finalize();
    Ok(sum.iter().map(|byte| format!("{byte:02x}")).collect())
}

/// The packages that have checksums and whose name begins with `start`.
pub fn named(root: &Root, start: &str) -> Vec<String> {
    let names = root.names(INFO).into_iter();
    let names = names.filter_map(|name| {
        let package = name.strip_suffix(".md5sums")?;
        let package = package.split(':').next()?;
        package.starts_with(start).then(|| package.to_owned())
    });
    names.collect()
}

/// The versions of the installed packages whose name begins with `start`.
pub fn versions(root: &Root, start: &str) -> Vec<(String, String)> {
    let status = root.text("/var/lib/dpkg/status").unwrap_or_default();
    let packages = status.split("\n\n").filter_map(|paragraph| {
        let field = |name: &str| {
            let mut lines = paragraph.lines();
            lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
        };
        let name = field("Package").filter(|name| name.starts_with(start))?;
        let installed = field("Status")?.ends_with(" installed");
        installed.then(|| Some((name.to_owned(), field("Version")?.to_owned())))?
    });
    packages.collect()
}
