// SPDX-License-Identifier: GPL-2.0

//! Writes each captured topology as an input for the fuzzer into a folder.

use std::{
    fs,
    io,
    path::{
        Path,
        PathBuf, //
    }, //
};

fn main() -> io::Result<()> {
    let mut folders = std::env::args_os().skip(1).map(PathBuf::from);
    let (Some(captures), Some(corpus)) = (folders.next(), folders.next()) else {
        eprintln!("usage: seed CAPTURES CORPUS");
        std::process::exit(2);
    };
    fs::create_dir_all(&corpus)?;
    let written = seed(&captures, &corpus)?;
    println!("{written} seeds in {}", corpus.display());
    Ok(())
}

/// Writes a seed for each folder that has a `topology`, at any depth. Returns the number written.
fn seed(folder: &Path, corpus: &Path) -> io::Result<usize> {
    let topology = folder.join("topology");
    if topology.is_dir() {
        let mut text = Vec::new();
        add(&topology, &topology, &mut text)?;
        if let Ok(pci) = fs::read(folder.join("pci")) {
            text.extend_from_slice(b"@pci\n");
            text.extend(pci);
        }
        let name = folder.file_name().unwrap_or_default();
        fs::write(corpus.join(name), text)?;
        return Ok(1);
    }
    let mut written = 0;
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            written += seed(&path, corpus)?;
        }
    }
    Ok(written)
}

fn add(folder: &Path, root: &Path, text: &mut Vec<u8>) -> io::Result<()> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        let path = entry.path();
        // The core does not look at caches.
        if path.is_dir() && !path.ends_with("caches") {
            add(&path, root, text)?;
        } else if path.is_file() {
            let name = path.strip_prefix(root).unwrap_or(&path);
            text.extend(format!("@{}\n", name.display()).into_bytes());
            text.extend(fs::read(&path)?);
        }
    }
    Ok(())
}
