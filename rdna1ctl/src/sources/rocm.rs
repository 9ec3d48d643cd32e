// SPDX-License-Identifier: GPL-2.0

//! The installations of ROCm in the usual folders of packages, and their kernels.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use crate::root::Root;

use super::code::SOME;
use super::libraries::{is_of_rocm, Libraries};
use super::packages;
use super::rocblas::{self, Kernels};
use super::tree::Tree;

/// One installation of ROCm.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Install {
    /// Its folder or package.
    pub place: String,
    /// Its version, if it names one.
    pub version: Option<String>,
    /// The kernels of its rocBLAS; `None` without any.
    pub rocblas: Option<Kernels>,
    /// The folder of a rocBLAS that has no kernels where it looks for them.
    pub without_kernels: Option<String>,
    /// Whether its MIOpen has search results for a gfx1010; `None` without a MIOpen.
    pub miopen: Option<bool>,
    /// Whether it belongs to an application, so that no other program uses it.
    pub is_private: bool,
}

/// The installations of ROCm.
pub struct Rocm {
    /// The installations that were found.
    pub installs: Vec<Install>,
}

/// Debian's and Ubuntu's folder of libraries.
const DEBIAN: &str = "/usr/lib/x86_64-linux-gnu";

/// The library folders of other distributions, and of manual builds.
const SYSTEM: [&str; 4] = [
    "/usr/lib64",
    "/usr/lib",
    "/usr/local/lib64",
    "/usr/local/lib",
];

/// Fedora's builds, each for one family of ISAs.
const FAMILIES: &str = "/usr/lib64/rocm";

/// Applications that bring libraries of their own.
const APPLICATIONS: [&str; 4] = [
    "/usr/lib/ollama",
    "/usr/lib/ollama/rocm",
    "/usr/local/lib/ollama",
    "/usr/local/lib/ollama/rocm",
];

impl Rocm {
    /// Finds the installations.
    pub fn read(root: &Root) -> Self {
        let Ok(tree) = Tree::of(root) else {
            return Self {
                installs: Vec::new(),
            };
        };
        let mut installs = of_amd(&tree);
        installs.extend(of_debian(root, &tree));
        let families = tree.names(Path::new(FAMILIES)).into_iter();
        let families = families.map(|name| format!("{FAMILIES}/{name}/lib"));
        let others = SYSTEM.into_iter().map(str::to_owned).chain(families);
        installs.extend(others.filter_map(|folder| in_libraries(&tree, &folder, false)));
        let applications = APPLICATIONS.into_iter();
        installs.extend(applications.filter_map(|folder| in_libraries(&tree, folder, true)));
        // Several names may lead to one folder.
        let mut seen = Vec::new();
        installs.retain(|one| {
            let kernels = one.rocblas.as_ref();
            let about = kernels.and_then(|own| tree.about(Path::new(&own.folder)).ok());
            let id = about.map(|about| (about.dev(), about.ino()));
            let is_new = id.is_none() || !seen.contains(&id);
            seen.push(id);
            is_new
        });
        Self { installs }
    }
}

/// AMD's packages and archives below `/opt`, and others with the same layout.
fn of_amd(tree: &Tree) -> Vec<Install> {
    let names = tree.names(Path::new("/opt")).into_iter();
    let places = names.filter(|name| name.starts_with("rocm") || name.starts_with("therock"));
    let mut installs: Vec<Install> = Vec::new();
    for name in places {
        let place = format!("/opt/{name}");
        let names = tree.names(Path::new(&place));
        // Newer packages: /opt/rocm/core-7.11, and a link to it.
        let inner = names.iter().filter(|name| name.starts_with("core"));
        let inner = inner.map(|name| format!("{place}/{name}"));
        let places = [place.clone()].into_iter().chain(inner);
        let mut found: Vec<_> = places.map(|place| one_of_amd(tree, place)).collect();
        let is_known = found.iter().any(Install::has_rocblas);
        // Without any rocBLAS, report the place itself.
        found.retain(|one| match is_known {
            true => one.has_rocblas(),
            false => one.place == place && !names.is_empty(),
        });
        installs.extend(found);
    }
    // /opt/rocm is a link to the installation in use.
    if installs.iter().any(|one| one.place == "/opt/rocm") {
        installs.retain(|one| {
            let is_other = one.place.strip_prefix("/opt/rocm-");
            is_other.is_none_or(|rest| rest.contains('/'))
        });
    }
    installs
}

fn one_of_amd(tree: &Tree, place: String) -> Install {
    let version = tree.text(Path::new(&place).join(".info/version").as_path(), 4096);
    let version = version.filter(|text| !text.is_empty());
    let folders = ["lib", "lib64"].map(|name| Path::new(&place).join(name));
    let mut found = Install {
        version,
        rocblas: None,
        without_kernels: None,
        miopen: names_gfx1010(tree, &Path::new(&place).join("share/miopen/db")),
        place,
        is_private: false,
    };
    for folder in folders {
        look(tree, &folder, &mut found);
    }
    found
}

impl Install {
    fn has_rocblas(&self) -> bool {
        self.rocblas.is_some() || self.without_kernels.is_some()
    }
}

/// Looks for a rocBLAS and its kernels in a folder of libraries.
fn look(tree: &Tree, folder: &Path, found: &mut Install) {
    if found.has_rocblas() {
        return;
    }
    if let Some(kernels) = kernels_of(tree, folder) {
        found.rocblas = Some(Kernels::read(tree, &kernels));
    } else if rocblas_in(tree, folder).is_some() {
        found.without_kernels = Some(folder.display().to_string());
    }
}

/// The folder of kernels; an empty folder counts if it is in the usual place.
fn kernels_of(tree: &Tree, folder: &Path) -> Option<PathBuf> {
    let usual = folder.join("rocblas/library");
    let named = rocblas::folder_of(tree, folder);
    named.or_else(|| tree.has(&usual).then_some(usual))
}

fn rocblas_in(tree: &Tree, folder: &Path) -> Option<String> {
    let mut names = tree.names(folder).into_iter();
    names.find(|name| name.starts_with("librocblas") && is_of_rocm(name))
}

/// A rocBLAS in a folder that also has other libraries than ROCm's.
fn in_libraries(tree: &Tree, folder: &str, is_private: bool) -> Option<Install> {
    let mut found = Install {
        place: folder.to_owned(),
        version: None,
        rocblas: None,
        without_kernels: None,
        miopen: None,
        is_private,
    };
    let path = Path::new(folder);
    look(tree, path, &mut found);
    if !found.has_rocblas() {
        return None;
    }
    let mut libraries = Libraries::default();
    for name in tree.names(path).iter().filter(|name| is_of_rocm(name)) {
        let path = path.join(name);
        libraries.add(&path, tree.file(&path), SOME);
    }
    libraries.find_version(tree);
    found.version = libraries.version;
    found.miopen = path
        .parent()
        .filter(|_| !is_private)
        .and_then(|above| names_gfx1010(tree, &above.join("share/miopen/db")));
    Some(found)
}

/// Debian's and Ubuntu's own packages.
fn of_debian(root: &Root, tree: &Tree) -> Option<Install> {
    let version = |start: &str| packages::versions(root, start).pop();
    let (runtime, version) = version("libhsa-runtime64").or_else(|| version("librocblas"))?;
    let kernels = rocblas::folder_of(tree, Path::new(DEBIAN));
    Some(Install {
        place: format!("package {runtime}"),
        version: Some(version),
        rocblas: kernels.map(|folder| Kernels::read(tree, &folder)),
        without_kernels: None,
        miopen: names_gfx1010(tree, Path::new("/usr/share/miopen/db")),
        is_private: false,
    })
}

/// Whether the name of a file in that folder contains gfx1010; `None` without such a folder.
fn names_gfx1010(tree: &Tree, folder: &Path) -> Option<bool> {
    let found = || {
        let names = tree.names(folder);
        names.iter().any(|name| name.contains("gfx1010"))
    };
    tree.has(folder).then(found)
}
