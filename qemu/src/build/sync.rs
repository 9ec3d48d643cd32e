// SPDX-License-Identifier: GPL-2.0

//! Copies sources to where they are built. Only what changed is copied, so
//! that make rebuilds no more than it must.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use sha2::{Digest, Sha256};

use crate::hex::hex;

/// The list of what was copied, kept beside it.
const MANIFEST: &str = ".synced";

/// What a kernel's build leaves beside the sources.
const MADE_BY_KBUILD: &[&str] = &[
    "a", "ko", "mod", "o", "order", "rmeta", "symvers", "mod.c", "cmd",
];

/// Which files belong to a build: not what an earlier build left among them.
pub struct Sources<'a> {
    /// Single files and whole folders, relative to the repository, or to
    /// whatever folder they are taken from.
    pub paths: &'a [&'a str],
    /// The endings that sources in folders have.
    pub endings: Endings<'a>,
    /// Files among these that a build makes: never a checkout's own.
    pub made: &'a [&'a str],
    /// What is cut from the front of the paths.
    pub prefix: &'a str,
}

/// The endings of sources.
pub enum Endings<'a> {
    /// These.
    Of(&'a [&'a str]),
    /// All but those that a kernel's build makes, and but hidden files.
    Any,
}

impl Endings<'_> {
    fn fit(&self, name: &str) -> bool {
        let ends = |ending: &&str| {
            let rest = name.strip_suffix(ending);
            rest.is_some_and(|rest| rest.ends_with('.'))
        };
        match self {
            Self::Of(endings) => endings.iter().any(ends),
            Self::Any => !MADE_BY_KBUILD.iter().any(ends),
        }
    }

    /// Whether a name is not looked at, be it a file's or a folder's, as `.git`.
    fn hide(&self, name: &str) -> bool {
        matches!(self, Self::Any) && name.starts_with('.')
    }
}

impl Sources<'_> {
    /// Makes the sources in `to` equal to those of `repo`. Says whether
    /// anything had to be done.
    pub fn sync(&self, repo: &Path, to: &Path) -> Result<bool> {
        let found = self.all(repo)?;
        let mut changed = false;
        let mut kept = BTreeSet::new();
        for path in &found {
            let name = path.strip_prefix(self.prefix).unwrap_or(path);
            changed |= copy_if_changed(&repo.join(path), &to.join(name))?;
            kept.insert(name.to_string_lossy().into_owned());
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

    /// Changes with any name or content of the sources.
    pub fn digest(&self, repo: &Path) -> Result<String> {
        let found = self.all(repo)?;
        let mut all = Sha256::new();
        for path in &found {
            let data = fs::read(repo.join(path))
                .with_context(|| format!("cannot read {}", path.display()))?;
            let mode = fs::metadata(repo.join(path))?.mode();
            all.update(format!("{} {mode:o} {}\n", path.display(), data.len()));
            all.update(data);
        }
        Ok(hex(&all.finalize()))
    }

    fn all(&self, repo: &Path) -> Result<BTreeSet<PathBuf>> {
        let mut found = BTreeSet::new();
        for path in self.paths {
            self.find(repo, Path::new(path), &mut found)?;
        }
        Ok(found)
    }

    fn find(&self, repo: &Path, path: &Path, found: &mut BTreeSet<PathBuf>) -> Result<()> {
        let full = repo.join(path);
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
            let is_made = self.made.iter().any(|made| path == Path::new(made));
            if is_made || self.endings.hide(&name) {
                continue;
            }
            if entry.file_type()?.is_dir() {
                self.find(repo, &path, found)?;
            } else if self.endings.fit(&name) && entry.path().is_file() {
                // No links to folders: they may lead round in a circle.
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

    const SOURCES: Sources = Sources {
        paths: &["Kbuild", "src"],
        endings: Endings::Of(&["rs"]),
        made: &["src/made.rs"],
        prefix: "",
    };

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

        assert!(SOURCES.sync(repo.path(), to.path()).expect("synced"));
        assert!(!SOURCES.sync(repo.path(), to.path()).expect("synced"));
        assert!(!to.path().join("src/two.o").exists());
        assert!(!to.path().join("src/made.rs").exists());

        fs::write(to.path().join("src/one.o"), "ours").expect("a file");
        fs::remove_file(src.join("two.rs")).expect("removed");
        assert!(SOURCES.sync(repo.path(), to.path()).expect("synced"));
        assert!(!to.path().join("src/two.rs").exists());
        assert!(to.path().join("src/one.o").exists());
    }

    /// Two checkouts share a build: what counts is what a file holds, not how
    /// old it is, nor its size.
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
            assert!(SOURCES.sync(repo.path(), to.path()).expect("synced"));
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
        let digest = || SOURCES.digest(repo.path()).expect("a digest");
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
        let sources = Sources {
            paths: &[""],
            endings: Endings::Any,
            made: &[],
            prefix: "",
        };
        let from = tempfile::tempdir().expect("a folder");
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
        std::os::unix::fs::symlink(from.path(), from.path().join("circle")).expect("a link");
        let to = tempfile::tempdir().expect("a folder");
        assert!(sources.sync(from.path(), to.path()).expect("synced"));
        assert!(!sources.sync(from.path(), to.path()).expect("synced"));
        let manifest = fs::read_to_string(to.path().join(MANIFEST)).expect("a list");
        assert_eq!(manifest.lines().collect::<Vec<_>>(), wanted);
    }

    #[test]
    fn a_missing_source_is_named() {
        let empty = tempfile::tempdir().expect("a folder");
        let error = SOURCES
            .sync(empty.path(), empty.path())
            .expect_err("nothing there");
        assert!(error.to_string().contains("Kbuild"), "{error}");
    }
}
