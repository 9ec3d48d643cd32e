// SPDX-License-Identifier: GPL-2.0

//! The document of `check`: whether the libraries in a folder have code for the card.

use std::io;
use std::path::Path;

use schemars::JsonSchema;
use serde::Serialize;

use crate::findings::code::{judge, Answer, Judged, Part};
use crate::findings::programs::{advice, has};
use crate::form::FORM;
use crate::root::Root;
use crate::sources::libraries::Libraries;
use crate::sources::rocm::Install;
use crate::sources::tree::Tree;
use crate::sources::walk;

/// `rdna1ctl check --json`
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct CheckDocument {
    /// The version of this document's form.
    pub form: u32,
    /// The folders and files that were searched.
    pub places: Vec<Place>,
}

/// A folder or a file that was searched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Place {
    /// Its path.
    pub path: String,
    /// Whether its libraries have code for the card.
    pub answer: Answer,
    /// The answer in words.
    pub says: String,
    /// The version of ROCm; null if no file names it.
    pub version: Option<String>,
    /// The parts with GPU code. Those that decide the answer come first.
    pub parts: Vec<Part>,
    /// The version of a PyTorch that was built without ROCm; null if there is none.
    pub torch_without_rocm: Option<String>,
    /// The folders and files that were skipped, each with the reason.
    pub unseen: Vec<String>,
    /// The steps to take.
    pub advice: Vec<String>,
}

impl CheckDocument {
    /// The document for these places.
    pub fn of(places: Vec<Place>) -> Self {
        Self { form: FORM, places }
    }

    /// The worst answer; `None` without a place.
    pub fn answer(&self) -> Option<Answer> {
        self.places.iter().map(|place| place.answer).max()
    }
}

impl Place {
    /// Searches a folder, or reads a single file.
    pub fn look(root: &Root, path: &Path) -> io::Result<Self> {
        let (tree, start) = tree(root, path)?;
        let found = walk::look(&tree, &start)?;
        Ok(Self::of(path.display().to_string(), found))
    }

    /// Judges an installation of ROCm that was found in its usual place.
    pub fn installed(install: &Install) -> Self {
        let found = Libraries {
            kernels: install.rocblas.iter().cloned().collect(),
            without_kernels: install.without_kernels.iter().cloned().collect(),
            version: install.version.clone(),
            ..Libraries::default()
        };
        Self::of(install.place.clone(), found)
    }

    fn of(path: String, found: Libraries) -> Self {
        let judged = judge(&found);
        let says = says(&judged, &found);
        let Judged { answer, parts, .. } = judged;
        let advice = match &found.torch_without_rocm {
            Some(_) if parts.is_empty() => {
                vec!["install a PyTorch that was built with ROCm and for gfx1010".to_owned()]
            }
            _ => advice(answer),
        };
        Self {
            path,
            answer,
            says,
            version: found.version,
            parts,
            torch_without_rocm: found.torch_without_rocm,
            unseen: found.unseen,
            advice,
        }
    }
}

fn says(judged: &Judged, found: &Libraries) -> String {
    match (judged.answer, &found.torch_without_rocm) {
        (Answer::Native, _) => "it has code for gfx1010, and needs no override".to_owned(),
        (Answer::NothingFound, _) => {
            "it has no library with GPU code for AMD's cards: nothing to judge".to_owned()
        }
        (Answer::NoCode, Some(version)) if judged.parts.is_empty() => {
            format!("its PyTorch {version} is built without ROCm: it does not use the card")
        }
        (Answer::OverrideOnly, _) => format!(
            "it {}: that loads only under HSA_OVERRIDE_GFX_VERSION=10.3.0",
            has(judged)
        ),
        (Answer::Unknown, _) => "unknown whether it has code for gfx1010".to_owned(),
        (Answer::NoCode, _) => format!("it {}", has(judged)),
    }
}

/// The tree to search, and the path in it. A container's root becomes a tree of its own, so that
/// no link in it leads to files of the host.
fn tree(root: &Root, path: &Path) -> io::Result<(Tree, std::path::PathBuf)> {
    let system = Tree::of(root)?;
    if root.folder() == Path::new("/") {
        let path = std::path::absolute(path)?;
        // Tree::at() follows magic links such as /proc/PID/root. A lookup in a tree does not.
        return match Tree::at(&path) {
            Ok(folder) if walk::is_root(&folder, Path::new("/")) => Ok((folder, "/".into())),
            _ => Ok((system, path)),
        };
    }
    let path = path.strip_prefix(root.folder()).unwrap_or(path);
    walk::place(system, &Path::new("/").join(path))
}
