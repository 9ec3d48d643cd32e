// SPDX-License-Identifier: GPL-2.0

//! Records the inputs of a build, beside its products, to skip a build with nothing to do.
//! Entering the build root takes a second.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::cache::write_atomically;

/// The record of files that are complete.
pub struct Done {
    path: PathBuf,
}

impl Done {
    /// The record kept in this file.
    pub fn new(path: PathBuf) -> Self {
        Self { path }
    }

    /// Whether the products come from exactly these inputs, and nobody touched them since.
    pub fn is(&self, made_from: &[String], products: &[PathBuf]) -> bool {
        let now = text(made_from, products);
        now.is_ok_and(|now| std::fs::read_to_string(&self.path).is_ok_and(|old| old == now))
    }

    /// Removes the record. Call it before a product changes.
    pub fn forget(&self) -> Result<()> {
        match std::fs::remove_file(&self.path) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                Err(error).with_context(|| format!("cannot remove {}", self.path.display()))
            }
            _ => Ok(()),
        }
    }

    /// Records that the products are complete.
    pub fn write(&self, made_from: &[String], products: &[PathBuf]) -> Result<()> {
        write_atomically(&self.path, &text(made_from, products)?)
    }
}

fn text(made_from: &[String], products: &[PathBuf]) -> Result<String> {
    let mut lines = made_from.to_vec();
    for product in products {
        lines.push(identity(product)?);
    }
    Ok(lines.join("\n"))
}

/// A text that changes with any change to the file.
fn identity(path: &Path) -> Result<String> {
    let known = std::fs::metadata(path).with_context(|| format!("no {}", path.display()))?;
    Ok(format!(
        "{} {} {} {}.{:09}",
        path.file_name().unwrap_or_default().to_string_lossy(),
        known.ino(),
        known.len(),
        known.mtime(),
        known.mtime_nsec()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_of_anything_means_to_build_again() {
        let folder = tempfile::tempdir().expect("a folder");
        let product = folder.path().join("a.ko");
        std::fs::write(&product, "1").expect("a file");
        let products = [product.clone()];
        let from = ["object 1".to_owned(), "sources".to_owned()];
        let done = Done::new(folder.path().join("a.done"));
        assert!(!done.is(&from, &products));
        done.write(&from, &products).expect("written");
        assert!(done.is(&from, &products));

        let other = ["object 2".to_owned(), "sources".to_owned()];
        assert!(!done.is(&other, &products));
        std::fs::write(&product, "22").expect("a file");
        assert!(!done.is(&from, &products));
        done.write(&from, &products).expect("written");
        done.forget().expect("forgotten");
        assert!(!done.is(&from, &products));
        done.write(&from, &products).expect("written");
        std::fs::remove_file(&product).expect("removed");
        assert!(!done.is(&from, &products));
    }
}
