// SPDX-License-Identifier: GPL-2.0

//! Tests that only listed source files contain `unsafe`.

use std::{
    fs,
    path::{
        Path,
        PathBuf, //
    }, //
};

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// The number of lines that use the keyword outside of comments.
fn uses(path: &Path) -> usize {
    let text = fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| line.split("//").next().unwrap_or_default())
        .flat_map(|code| code.split(|c: char| !(c.is_alphanumeric() || c == '_')))
        .filter(|word| *word == "unsafe")
        .count()
}

#[test]
fn unsafe_stands_in_the_wrapper_files_alone() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    sources(&source, &mut files);
    assert!(files.len() > 30);
    let mut wrappers: Vec<_> = files
        .iter()
        .filter(|file| uses(file) > 0)
        .map(|file| file.strip_prefix(&source).unwrap().to_str().unwrap())
        .collect();
    wrappers.sort();
    assert_eq!(
        wrappers,
        [
            "raw/credentials.rs",
            "raw/debugfs.rs",
            "raw/notifier.rs",
            "raw/pci.rs",
            "raw/sysfs.rs",
            "raw/uevent.rs",
            "raw/work.rs"
        ]
    );
}
