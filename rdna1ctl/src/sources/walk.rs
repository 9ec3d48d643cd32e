// SPDX-License-Identifier: GPL-2.0

//! Searches a folder for libraries with GPU code: a Python environment, an application, a
//! container's root.

use std::collections::{BTreeSet, VecDeque};
use std::io;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::code::ALL;
use super::libraries::{is_library, Libraries, Torch};
use super::rocblas::{self, Kernels};
use super::target;
use super::tree::{Kind, Tree};

/// The most files and folders that are searched.
const MOST: usize = 2_000_000;

const TIME: Duration = Duration::from_secs(60);

/// Folders without libraries in a system's root. Reading files of `/sys` can wake a card.
const NO_LIBRARIES: [&str; 4] = ["dev", "proc", "run", "sys"];

/// The most reasons for skipped folders that are kept.
const MOST_UNSEEN: usize = 20;

/// A library whose folder of kernels looks like rocBLAS's.
const HIPBLASLT: &str = "hipblaslt";

/// Searches a folder, or reads a single file.
pub fn look(tree: &Tree, start: &Path) -> io::Result<Libraries> {
    let mut found = Libraries::default();
    let about = tree.about(start)?;
    if !about.is_dir() {
        found.add(start, tree.file(start), ALL);
        found.find_version(tree);
        return Ok(found);
    }
    // Fail if the folder cannot be listed, because it cannot be judged.
    tree.entries(start, 1)?;
    let mut search = Search {
        tree,
        found: &mut found,
        device: about.dev(),
        is_root: is_root(tree, start),
        seen: BTreeSet::new(),
        count: 0,
        end: Instant::now() + TIME,
    };
    search.below(start);
    if found.kernels.is_empty() {
        // A rocBLAS without kernels below the start looks for them beside itself.
        found.add_kernels(tree, None);
    }
    let has_rocblas = !found.kernels.is_empty() || !found.without_kernels.is_empty();
    if !has_rocblas && found.list.iter().any(|one| one.code.is_some()) {
        let why = "there is no rocBLAS here: one that it uses is the system's, which `rdna1ctl check` without \
                   a path judges";
        found.unseen.push(why.to_owned());
    }
    found.find_version(tree);
    Ok(found)
}

/// Whether a folder is a system's root, such as a container's.
pub fn is_root(tree: &Tree, folder: &Path) -> bool {
    ["etc", "usr"].iter().all(|name| {
        let about = tree.about(&folder.join(name));
        about.is_ok_and(|about| about.is_dir())
    })
}

/// Whether to follow a link to a folder. Others lead anywhere: Wine has links to the whole system.
fn leads_to_libraries(name: &str) -> bool {
    let words = ["library", "ollama", "rocblas", "rocm", "torch"];
    words.iter().any(|word| name.contains(word))
}

struct Search<'a> {
    tree: &'a Tree,
    found: &'a mut Libraries,
    device: u64,
    is_root: bool,
    /// The files and folders that were searched, by inode: several names may lead to one.
    seen: BTreeSet<(u64, u64)>,
    count: usize,
    end: Instant,
}

impl Search<'_> {
    fn below(&mut self, start: &Path) {
        let mut folders = VecDeque::from([start.to_owned()]);
        while let Some(folder) = folders.pop_front() {
            let left = MOST.saturating_sub(self.count);
            if left == 0 || Instant::now() > self.end {
                let folder = folder.display();
                let why = format!("the search ended before {folder}: name a smaller folder");
                self.leave_out(why);
                return;
            }
            // The folder may have vanished meanwhile.
            let Ok(about) = self.tree.about(&folder) else {
                continue;
            };
            if about.dev() != self.device {
                let folder = folder.display();
                let why = format!("{folder} is another file system: name it to look into it");
                self.leave_out(why);
                continue;
            }
            if !self.seen.insert((about.dev(), about.ino())) {
                continue;
            }
            let entries = match self.tree.entries(&folder, left) {
                Ok(entries) => entries,
                // The folder has vanished meanwhile.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => {
                    self.leave_out(format!("{}: {error}", folder.display()));
                    continue;
                }
            };
            self.count += entries.len();
            if self.take_kernels(&folder, &entries) {
                continue;
            }
            self.take_torch(&folder);
            // Files before links: only the name of the file itself may contain a version.
            let of = |wanted: Kind| entries.iter().filter(move |(_, kind)| *kind == wanted);
            for (name, _) in of(Kind::File).chain(of(Kind::Link)) {
                self.take(&folder.join(name), &name.to_string_lossy());
            }
            let links =
                of(Kind::Link).filter(|(name, _)| leads_to_libraries(&name.to_string_lossy()));
            folders.extend(links.map(|(name, _)| folder.join(name)));
            for (name, _) in of(Kind::Folder) {
                let is_none = NO_LIBRARIES.iter().any(|none| *name == **none);
                if !(is_none && self.is_root && folder == start) {
                    folders.push_back(folder.join(name));
                }
            }
        }
    }

    fn leave_out(&mut self, why: String) {
        match self.found.unseen.len() {
            MOST_UNSEEN => self.found.unseen.push("and other folders".to_owned()),
            count if count < MOST_UNSEEN => self.found.unseen.push(why),
            _ => {}
        }
    }

    /// Takes a file that may be a library or a program.
    fn take(&mut self, path: &Path, name: &str) {
        // A look at a file costs more than one at its name.
        let may_be_program = !name.contains('.') || is_library(name);
        if !may_be_program {
            return;
        }
        let Ok(about) = self.tree.about(path) else {
            return;
        };
        let is_program = about.permissions().mode() & 0o111 != 0;
        if !about.is_file() || !(is_program || is_library(name)) {
            return;
        }
        if self.seen.insert((about.dev(), about.ino())) {
            self.found.add(path, self.tree.file(path), ALL);
        }
    }

    /// Takes a folder if it contains kernels; returns whether it does.
    fn take_kernels(&mut self, folder: &Path, entries: &[(std::ffi::OsString, Kind)]) -> bool {
        let mut names = entries.iter().filter_map(|(name, _)| name.to_str());
        if !names.any(rocblas::is_kernel) {
            return false;
        }
        // library/gfx1010/TensileLibrary_lazy_gfx1010.dat
        let name = folder.file_name().map(|name| name.to_string_lossy());
        let is_of_one = name.is_some_and(|name| target::in_name(&name) == Some(&name));
        let whole = match folder.parent() {
            Some(parent) if is_of_one => parent,
            _ => folder,
        };
        let is_other = |part: &std::ffi::OsStr| part == HIPBLASLT;
        if !whole.iter().any(is_other) {
            self.found.add_folder(Kernels::read(self.tree, whole));
        }
        true
    }

    fn take_torch(&mut self, folder: &Path) {
        if let Some(torch) = Torch::read(self.tree, folder) {
            if torch.rocm.is_none() {
                self.found.torch_without_rocm = Some(torch.version);
            }
        }
    }
}

/// The tree, and the path in it, to search a folder: a system's root, or an ordinary folder.
pub fn place(tree: Tree, folder: &Path) -> io::Result<(Tree, PathBuf)> {
    if is_root(&tree, folder) {
        return Ok((tree.below(folder)?, PathBuf::from("/")));
    }
    Ok((tree, folder.to_owned()))
}
