// SPDX-License-Identifier: GPL-2.0

//! Copies sources to the build folder. Copies only changed files, so that make rebuilds only what
//! depends on them.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::hex::hex;
use crate::parts::Sources;

/// The list of copied files, kept beside them.
const MANIFEST: &str = ".synced";

/// The file that marks a folder as a cache (https://bford.info/cachedir/), so it has no sources.
const CACHE_TAG: &str = "CACHEDIR.TAG";

/// The endings of files that a kernel's build makes beside the sources.
const MADE_BY_KBUILD: &[&str] = &[
    "a", "ko", "mod", "o", "order", "rmeta", "symvers", "mod.c", "cmd",
];

/// Whether a file of that name is a source.
fn fits(sources: &Sources, name: &str) -> bool {
    let ends = |ending: &str| {
        let rest = name.strip_suffix(ending);
        rest.is_some_and(|rest| rest.ends_with('.'))
    };
    match sources.endings.as_slice() {
        [] => !MADE_BY_KBUILD.iter().any(|ending| ends(ending)),
        endings => endings.iter().any(|ending| ends(ending)),
    }
}

impl Sources {
    /// Makes the folder `to` equal to the sources. Returns whether anything changed.
    pub fn sync(&self, to: &Path) -> Result<bool> {
        let found = self.all()?;
        let mut changed = false;
        let mut kept = BTreeSet::new();
        for path in &found {
            changed |= copy_if_changed(&self.folder.join(path), &to.join(path))?;
            kept.insert(path.to_string_lossy().into_owned());
        }
        let manifest = to.join(MANIFEST);
        let before = fs::read_to_string(&manifest).unwrap_or_default();
        for gone in before.lines().filter(|l| !kept.contains(*l)) {
            changed = true;
            match fs::remove_file(to.join(gone)) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("cannot remove {gone}"))
                }
                _ => {}
            }
        }
        let list: Vec<_> = kept.into_iter().collect();
        fs::write(&manifest, list.join("\n"))
            .with_context(|| format!("cannot write {}", manifest.display()))?;
        Ok(changed)
    }

    /// A digest of the names and contents of all sources.
    pub fn digest(&self) -> Result<String> {
        let found = self.all()?;
        let mut all = Sha256::new();
        for path in &found {
            let full = self.folder.join(path);
            let data =
                fs::read(&full).with_context(|| format!("cannot read {}", full.display()))?;
            let mode = fs::metadata(&full)?.mode();
            all.update(format!("{} {mode:o} {}\n", path.display(), data.len()));
            all.update(data);
        }
        Ok(hex(&all.finalize()))
    }

    fn all(&self) -> Result<BTreeSet<PathBuf>> {
        let mut found = BTreeSet::new();
        if self.paths.is_empty() {
            self.find(Path::new(""), &mut found)?;
        }
        for path in &self.paths {
            self.find(path, &mut found)?;
        }
        Ok(found)
    }

    fn find(&self, path: &Path, found: &mut BTreeSet<PathBuf>) -> Result<()> {
        let full = self.folder.join(path);
        if full.is_file() {
            found.insert(path.to_owned());
            return Ok(());
        }
        let entries = fs::read_dir(&full)
            .with_context(|| format!("the source {} is missing", full.display()))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name();
            let (path, name) = (path.join(&name), name.to_string_lossy());
            // If a project names no endings, hidden files and folders (as `.git`) are no sources.
            let is_hidden = self.endings.is_empty() && name.starts_with('.');
            if is_hidden || self.made.contains(&path) {
                continue;
            }
            if entry.file_type()?.is_dir() {
                // For example cargo's `target`, which may change during this walk.
                if !entry.path().join(CACHE_TAG).exists() {
                    self.find(&path, found)?;
                }
            } else if fits(self, &name) && entry.path().is_file() {
                // `is_dir` above does not follow links: a link to a folder may form a loop.
                found.insert(path);
            }
        }
        Ok(())
    }
}

fn copy_if_changed(from: &Path, to: &Path) -> Result<bool> {
    let data = fs::read(from).with_context(|| format!("cannot read {}", from.display()))?;
    if fs::read(to).is_ok_and(|old| old == data) {
        return Ok(false);
    }
    if let Some(parent) = to.parent() {
        fs::create_dir_all(parent)?;
    }
    fs::write(to, data).with_context(|| format!("cannot write {}", to.display()))?;
    let mode = fs::metadata(from)?.permissions();
    fs::set_permissions(to, mode)?;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    fn sources(folder: &Path) -> Sources {
        Sources {
            folder: folder.to_owned(),
            paths: ["Kbuild", "src"].map(PathBuf::from).to_vec(),
            endings: vec!["rs".to_owned()],
            made: vec!["src/made.rs".into()],
        }
    }

    #[test]
    fn changed_files_come_removed_ones_go_and_products_stay() {
        let repo = tempfile::tempdir().expect("a folder");
        let to = tempfile::tempdir().expect("a folder");
        let src = repo.path().join("src");
        fs::create_dir(&src).expect("a folder");
        fs::write(repo.path().join("Kbuild"), "a").expect("a file");
        fs::write(src.join("one.rs"), "1").expect("a file");
        fs::write(src.join("two.rs"), "2").expect("a file");
        fs::write(src.join("two.o"), "an in-tree build's").expect("a file");
        fs::write(src.join("made.rs"), "an in-tree build's").expect("a file");

        assert!(sources(repo.path()).sync(to.path()).expect("synced"));
        assert!(!sources(repo.path()).sync(to.path()).expect("synced"));
        assert!(!to.path().join("src/two.o").exists());
        assert!(!to.path().join("src/made.rs").exists());

        fs::write(to.path().join("src/one.o"), "ours").expect("a file");
        fs::remove_file(src.join("two.rs")).expect("removed");
        assert!(sources(repo.path()).sync(to.path()).expect("synced"));
        assert!(!to.path().join("src/two.rs").exists());
        assert!(to.path().join("src/one.o").exists());
    }

    /// Two checkouts share a build. Content decides, not the age of a file or its size.
    #[test]
    fn an_older_file_that_differs_comes_too_and_is_new_to_make() {
        let to = tempfile::tempdir().expect("a folder");
        for (text, age) in [("1", 0), ("2", 1_000_000)] {
            let repo = tempfile::tempdir().expect("a folder");
            fs::create_dir(repo.path().join("src")).expect("a folder");
            fs::write(repo.path().join("Kbuild"), text).expect("a file");
            let file = fs::File::options()
                .append(true)
                .open(repo.path().join("Kbuild"))
                .expect("a file");
            let then = SystemTime::now() - Duration::from_secs(age);
            file.set_modified(then).expect("a time");

            let before = SystemTime::now() - Duration::from_secs(1);
            assert!(sources(repo.path()).sync(to.path()).expect("synced"));
            let synced = to.path().join("Kbuild");
            assert_eq!(fs::read_to_string(&synced).expect("a file"), text);
            let time = fs::metadata(&synced).and_then(|m| m.modified());
            assert!(time.expect("a time") >= before);
        }
    }

    #[test]
    fn the_digest_knows_names_and_contents() {
        let repo = tempfile::tempdir().expect("a folder");
        fs::create_dir(repo.path().join("src")).expect("a folder");
        fs::write(repo.path().join("Kbuild"), "a").expect("a file");
        let digest = || sources(repo.path()).digest().expect("a digest");
        let mut seen = vec![digest()];
        assert_eq!(seen[0], digest());
        fs::write(repo.path().join("src/one.rs"), "1").expect("a file");
        seen.push(digest());
        fs::rename(
            repo.path().join("src/one.rs"),
            repo.path().join("src/two.rs"),
        )
        .expect("moved");
        seen.push(digest());
        fs::write(repo.path().join("src/two.rs"), "2").expect("a file");
        seen.push(digest());
        fs::write(repo.path().join("src/made.rs"), "no source").expect("a file");
        assert_eq!(seen.last(), Some(&digest()));
        let all: BTreeSet<_> = seen.iter().collect();
        assert_eq!(all.len(), seen.len());
    }

    #[test]
    fn of_a_folder_of_anybody_all_is_taken_but_what_was_built_or_is_hidden() {
        let from = tempfile::tempdir().expect("a folder");
        let sources = Sources::all_of(from.path());
        let wanted = ["Makefile", "a.c", "cmd.c", "data_shipped", "sub/b.h"];
        let built = [
            "a.o",
            "a.ko",
            "a.mod",
            "a.mod.c",
            ".a.o.cmd",
            "modules.order",
        ];
        let other = [".git/config", "sub/.b.h.swp", "Module.symvers"];
        for name in wanted.iter().chain(&built).chain(&other) {
            let path = from.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, name).expect("a file");
        }
        for name in ["target/CACHEDIR.TAG", "target/debug/a.c"] {
            let path = from.path().join(name);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, name).expect("a file");
        }
        std::os::unix::fs::symlink(from.path(), from.path().join("circle")).expect("a link");
        let to = tempfile::tempdir().expect("a folder");
        assert!(sources.sync(to.path()).expect("synced"));
        assert!(!sources.sync(to.path()).expect("synced"));
        let manifest = fs::read_to_string(to.path().join(MANIFEST)).expect("a list");
        assert_eq!(manifest.lines().collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn a_missing_source_is_named() {
        let empty = tempfile::tempdir().expect("a folder");
        let error = sources(empty.path()).sync(empty.path());
        let error = error.expect_err("nothing there");
        assert!(error.to_string().contains("Kbuild"), "{error}");
    }
}
