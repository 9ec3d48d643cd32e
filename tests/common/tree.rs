// SPDX-License-Identifier: GPL-2.0

//! A topology in memory, which tests change line by line.

use std::collections::BTreeMap;

use rdna1_kfd_guard::{
    facts::{
        numbers::Numbers,
        topology::{
            File,
            Folder,
            LinkFolder,
            ReadError,
            Topology, //
        }, //
    },
    host::Capture, //
};

use super::captures;

/// A topology's files, each with its text or its read error.
#[derive(Clone, Default)]
pub struct Tree {
    pub files: BTreeMap<String, Result<Vec<u8>, ReadError>>,
    pub folders: BTreeMap<String, Result<Vec<u32>, ReadError>>,
    /// Changes before each walk, by the walk's number from 0.
    pub before_walk: Vec<fn(&mut Tree)>,
    /// A change after each listing of the nodes.
    pub after_listing: Option<fn(&mut Tree)>,
    /// How often the nodes have been listed.
    pub listings: u32,
    walks: usize,
    text: Vec<u8>,
}

impl Tree {
    /// The honest 5700 XT with a large BAR, on a kernel that prints `cwsr_size`.
    pub fn honest() -> Self {
        let mut tree = Self::of_capture("reconstructed/0x731f-5700xt-largebar");
        let node = tree.files.get_mut(&File::Node(1).to_string()).unwrap();
        // A guess: no capture has this line.
        node.as_mut()
            .unwrap()
            .extend_from_slice(b"cwsr_size 8192\n");
        tree
    }

    /// A capture, with a generation id like that of a live system.
    pub fn of_capture(name: &str) -> Self {
        let mut capture = Capture::open(&captures().join(name)).unwrap();
        let mut tree = Self::default();
        tree.put(File::GenerationId, "2\n");
        let nodes = tree.copy_folder(&mut capture, Folder::Nodes);
        for node in nodes {
            tree.copy(&mut capture, File::Node(node));
            tree.copy(&mut capture, File::GpuId(node));
            for bank in tree.copy_folder(&mut capture, Folder::Banks(node)) {
                tree.copy(&mut capture, File::Bank(node, bank));
            }
            let links = LinkFolder::Io(node);
            for link in tree.copy_folder(&mut capture, Folder::Links(links)) {
                tree.copy(&mut capture, File::Link(links, link));
            }
        }
        tree
    }

    fn copy(&mut self, capture: &mut Capture, file: File) {
        if let Ok(text) = capture.read(file) {
            self.files.insert(file.to_string(), Ok(text.to_vec()));
        }
    }

    fn copy_folder(&mut self, capture: &mut Capture, folder: Folder) -> Vec<u32> {
        let mut numbers = Numbers::default();
        if capture.list(folder, &mut numbers).is_err() {
            return Vec::new();
        }
        let numbers: Vec<u32> = numbers.iter().collect();
        self.folders.insert(folder.to_string(), Ok(numbers.clone()));
        numbers
    }

    pub fn put(&mut self, file: File, text: &str) {
        self.files.insert(file.to_string(), Ok(text.into()));
    }

    pub fn fail(&mut self, file: File, error: ReadError) {
        self.files.insert(file.to_string(), Err(error));
    }

    /// Sets the number that a line of `file` holds.
    pub fn set(&mut self, file: File, key: &str, value: &str) {
        self.edit(file, key, Some(value));
    }

    /// The number that a line of `file` holds.
    pub fn get(&self, file: File, key: &str) -> u32 {
        let text = self.files[&file.to_string()].clone().unwrap();
        let text = String::from_utf8(text).unwrap();
        let mut lines = text.lines().filter_map(|line| line.split_once(' '));
        let (_, number) = lines.find(|(name, _)| *name == key).expect(key);
        number.parse().unwrap()
    }

    /// Removes a line of `file`.
    pub fn remove_line(&mut self, file: File, key: &str) {
        self.edit(file, key, None);
    }

    fn edit(&mut self, file: File, key: &str, value: Option<&str>) {
        let text = self.files.get_mut(&file.to_string()).unwrap();
        let old = String::from_utf8(text.clone().unwrap()).unwrap();
        let mut found = false;
        let mut new = String::new();
        for line in old.lines() {
            if line.split(' ').next() == Some(key) {
                found = true;
                if let Some(value) = value {
                    new += &format!("{key} {value}\n");
                }
            } else {
                new += &format!("{line}\n");
            }
        }
        assert!(found, "{file} has no line {key}");
        *text = Ok(new.into_bytes());
    }
}

impl Topology for Tree {
    fn read(&mut self, file: File) -> Result<&[u8], ReadError> {
        if file == File::GenerationId {
            // A walk reads this file twice: at its start and at its end.
            if self.walks % 2 == 0 {
                if let Some(change) = self.before_walk.get(self.walks / 2).copied() {
                    change(self);
                }
            }
            self.walks += 1;
        }
        let text = self.files.get(&file.to_string());
        let text = text.cloned().unwrap_or(Err(ReadError::Absent))?;
        self.text = text;
        Ok(&self.text)
    }

    fn list(&mut self, folder: Folder, numbers: &mut Numbers) -> Result<(), ReadError> {
        let entries = self.folders.get(&folder.to_string());
        for number in entries.cloned().unwrap_or(Err(ReadError::Absent))? {
            numbers.insert(number)?;
        }
        if folder == Folder::Nodes {
            self.listings += 1;
            if let Some(change) = self.after_listing {
                change(self);
            }
        }
        Ok(())
    }

    fn wait(&mut self, _attempt: u32) {}
}
