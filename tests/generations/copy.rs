// SPDX-License-Identifier: GPL-2.0

//! A copy of a topology's files, which tests spoil, print or write to disk.

use std::{
    collections::BTreeMap,
    fmt,
    fs,
    io,
    path::Path, //
};

use rdna1_kfd_guard::facts::{
    numbers::Numbers,
    topology::{
        File,
        Folder,
        LinkFolder,
        ReadError,
        Topology, //
    }, //
};

/// Files by path, and the entries of folders.
#[derive(Clone, Default)]
pub struct Copy {
    pub files: BTreeMap<String, String>,
    folders: BTreeMap<String, Vec<u32>>,
    text: String,
}

impl Copy {
    /// Copies all readable files.
    pub fn of(topology: &mut impl Topology) -> Self {
        let mut copy = Self::default();
        copy.file(topology, File::GenerationId);
        for node in copy.folder(topology, Folder::Nodes) {
            copy.file(topology, File::GpuId(node));
            copy.file(topology, File::Node(node));
            for bank in copy.folder(topology, Folder::Banks(node)) {
                copy.file(topology, File::Bank(node, bank));
            }
            for folder in [LinkFolder::Io(node), LinkFolder::PeerToPeer(node)] {
                for link in copy.folder(topology, Folder::Links(folder)) {
                    copy.file(topology, File::Link(folder, link));
                }
            }
        }
        copy
    }

    fn file(&mut self, topology: &mut impl Topology, file: File) {
        if let Ok(text) = topology.read(file) {
            let text = String::from_utf8_lossy(text).into_owned();
            self.files.insert(file.to_string(), text);
        }
    }

    fn folder(&mut self, topology: &mut impl Topology, folder: Folder) -> Vec<u32> {
        let mut numbers = Numbers::default();
        if topology.list(folder, &mut numbers).is_err() {
            return Vec::new();
        }
        let numbers: Vec<u32> = numbers.iter().collect();
        self.folders.insert(folder.to_string(), numbers.clone());
        numbers
    }

    /// Writes the files into a folder.
    pub fn write(&self, root: &Path) -> io::Result<()> {
        // The folder must exist even if the copy lacks all nodes.
        fs::create_dir_all(root.join("nodes"))?;
        for folder in self.folders.keys() {
            fs::create_dir_all(root.join(folder))?;
        }
        for (name, text) in &self.files {
            let path = root.join(name);
            if let Some(folder) = path.parent() {
                fs::create_dir_all(folder)?;
            }
            fs::write(path, text)?;
        }
        Ok(())
    }
}

impl fmt::Display for Copy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let empty = self
            .folders
            .iter()
            .filter(|(_, numbers)| numbers.is_empty());
        for (name, _) in empty {
            writeln!(f, "{name}/ is empty")?;
        }
        for (name, text) in &self.files {
            writeln!(f, "{name}: {}", text.trim_end().replace('\n', ", "))?;
        }
        Ok(())
    }
}

impl Topology for Copy {
    fn read(&mut self, file: File) -> Result<&[u8], ReadError> {
        let text = self.files.get(&file.to_string());
        self.text = text.ok_or(ReadError::Absent)?.clone();
        Ok(self.text.as_bytes())
    }

    fn list(&mut self, folder: Folder, numbers: &mut Numbers) -> Result<(), ReadError> {
        let entries = self.folders.get(&folder.to_string());
        for number in entries.ok_or(ReadError::Absent)? {
            numbers.insert(*number)?;
        }
        Ok(())
    }

    fn wait(&mut self, _attempt: u32) {}
}
