// SPDX-License-Identifier: GPL-2.0

//! rocBLAS's folder of kernels: an index (`.dat`) and code objects (`.co`, `.hsaco`) for each ISA.
//!
//! rocBLAS picks them by name (ROCm/rocBLAS `library/src/tensile_host.cpp`). In some installations,
//! links and copies name another ISA than that of their code.

use std::collections::BTreeSet;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use super::code;
use super::target;
use super::tree::{Kind, Tree};

/// The most names of a folder that are read. AMD's folder has some 3,000.
const NAMES: usize = 50_000;

/// The most code objects that are opened.
const OBJECTS: usize = 256;

/// The beginning of the files' names.
const PREFIX: &str = "TensileLibrary";

/// A folder of kernels.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Kernels {
    /// The folder.
    pub folder: String,
    /// The ISAs that files are named after and have code for.
    pub targets: BTreeSet<String>,
    /// The number of code objects for the card.
    pub objects: usize,
    /// The number of the card's other files, such as indices.
    pub indices: usize,
    /// Files that are named after the card's ISA but belong to another: the name, and the reason.
    pub disguised: Vec<(String, String)>,
    /// Files that are named after the card's ISA but could not be judged: the name, and the reason.
    pub unknown: Vec<(String, String)>,
    /// Whether there are code objects of other ISAs.
    pub has_objects: bool,
    /// Why the folder could not be read.
    pub unreadable: Option<String>,
}

impl Kernels {
    /// Reads a folder, and the folders in it that are named after an ISA.
    pub fn read(tree: &Tree, folder: &Path) -> Self {
        let mut found = Self {
            folder: folder.display().to_string(),
            ..Self::default()
        };
        found.look(tree, folder, true);
        found
    }

    /// Whether rocBLAS finds code for the card in the folder; `None` if that is unknown.
    pub fn fits(&self) -> Option<bool> {
        // rocBLAS would load the code that its index names.
        let is_index =
            |(name, _): &(String, String)| name.contains(PREFIX) && name.ends_with(".dat");
        if self.disguised.iter().any(is_index) {
            return Some(false);
        }
        if self.objects != 0 {
            return Some(true);
        }
        if self.unreadable.is_some() || !self.unknown.is_empty() {
            return None;
        }
        // Without any code object, only the index can be judged.
        Some(self.indices != 0 && !self.has_objects && self.disguised.is_empty())
    }

    fn look(&mut self, tree: &Tree, folder: &Path, goes_deeper: bool) {
        let entries = match tree.entries(folder, NAMES) {
            Ok(entries) => entries,
            Err(error) => {
                self.unreadable = Some(format!("{}: {error}", folder.display()));
                return;
            }
        };
        if entries.len() == NAMES {
            self.unreadable = Some(format!("only its first {NAMES} files were looked at"));
        }
        // The files of other ISAs, by inode, because a hard link has several names.
        let mut others = Vec::new();
        let mut ours = Vec::new();
        for (name, kind) in &entries {
            let Some(name) = name.to_str() else { continue };
            let Some(target) = target::in_name(name) else {
                continue;
            };
            let path = folder.join(name);
            if *kind == Kind::Folder {
                if goes_deeper {
                    self.look(tree, &path, false);
                }
                continue;
            }
            if target::runs(target) {
                ours.push((name.to_owned(), path));
                continue;
            }
            self.targets.insert(target.to_owned());
            self.has_objects |= is_object(name);
            others.push((name.to_owned(), path));
        }
        if ours.is_empty() {
            return;
        }
        let others: Vec<_> = others
            .into_iter()
            .filter_map(|(name, path)| Some((tree.about(&path).ok()?, name)))
            .map(|(about, name)| ((about.dev(), about.ino()), name))
            .collect();
        for (name, path) in ours {
            self.judge(tree, name, &path, &others);
        }
    }

    /// Decides whether a file that is named after the card's ISA belongs to the card.
    fn judge(&mut self, tree: &Tree, name: String, path: &Path, others: &[((u64, u64), String)]) {
        if let Some(other) = tree.links(path).iter().find_map(|step| names_another(step)) {
            self.disguised
                .push((name, format!("a link to {}", other.display())));
            return;
        }
        let file = match tree.file(path) {
            Ok(file) => file,
            Err(error) => {
                self.unknown.push((name, error.to_string()));
                return;
            }
        };
        let same = file.metadata().ok().and_then(|about| {
            let id = (about.dev(), about.ino());
            others.iter().find(|(other, _)| *other == id)
        });
        if let Some((_, other)) = same {
            self.disguised
                .push((name, format!("the same file as {other}")));
            return;
        }
        if !is_object(&name) {
            self.indices += 1;
            self.targets.insert(target::CARD.to_owned());
            return;
        }
        if self.objects >= OBJECTS {
            return;
        }
        match code::of(&file, code::ALL) {
            Ok(Some(code)) => match code.fits() {
                Some(true) => {
                    self.objects += 1;
                    self.targets.insert(target::CARD.to_owned());
                }
                Some(false) => {
                    let held: Vec<_> = code.targets.into_iter().collect();
                    self.disguised
                        .push((name, format!("code for {}", held.join(", "))));
                }
                None => self.unknown.push((name, code.unknown.unwrap_or_default())),
            },
            Ok(None) => self
                .unknown
                .push((name, "neither a code object nor a bundle".to_owned())),
            Err(why) => self.unknown.push((name, why)),
        }
    }
}

/// The name of a file that names another ISA than the card's.
fn names_another(path: &Path) -> Option<PathBuf> {
    let name = path.file_name()?.to_str()?;
    let target = target::in_name(name)?;
    (!target::runs(target)).then(|| PathBuf::from(name))
}

/// Whether a file is a code object, by its name: rocBLAS loads `*gfx1010*co`.
fn is_object(name: &str) -> bool {
    name.ends_with("co")
}

/// Whether a folder's entry shows that it is a folder of kernels.
pub fn is_kernel(name: &str) -> bool {
    name.starts_with(PREFIX)
}

/// The folder of kernels for the rocBLAS in `library`: in rocBLAS's own order, then Debian's.
pub fn folder_of(tree: &Tree, library: &Path) -> Option<PathBuf> {
    let own = library.join("rocblas");
    let names = tree.names(&own).into_iter();
    let versions = names.flat_map(|name| [own.join(&name).join("library"), own.join(name)]);
    [
        "../../Tensile/library",
        "library",
        "../rocblas/library",
        "rocblas/library",
    ]
    .into_iter()
    .map(|place| library.join(place))
    .chain(versions)
    .find(|place| {
        let names = tree.names(place);
        names
            .iter()
            .any(|name| is_kernel(name) || target::in_name(name).is_some())
    })
}
