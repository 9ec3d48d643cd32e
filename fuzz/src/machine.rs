// SPDX-License-Identifier: GPL-2.0

//! A machine (topology and PCI facts) that is parsed from the fuzzer's bytes.
//!
//! After a line `@PATH` follows the content of that file below the topology's folder, up to the
//! next heading. A repeated path gives the content for the next reading, so that a topology can
//! change while the core reads it. `!PATH` is a file or folder that cannot be read; the line's last
//! byte chooses the error. After `@pci` follow PCI facts in the format of `classify --pci`; without
//! them `observe` gets none. The parser ignores all else.

use rdna1_kfd_guard::{
    facts::{
        numbers::Numbers,
        topology::{File, Folder, LinkFolder, ReadError, Topology},
    },
    host::PciFile,
};

type Content<'b> = Result<&'b [u8], ReadError>;

/// A file and the result of each reading. Later readings repeat the last result.
#[derive(Clone)]
struct Entry<'b> {
    file: File,
    readings: Vec<Content<'b>>,
    next: usize,
}

/// A topology and PCI facts.
#[derive(Clone, Default)]
pub struct Machine<'b> {
    entries: Vec<Entry<'b>>,
    faulty_folders: Vec<(Folder, ReadError)>,
    pci: Option<&'b [u8]>,
    hash: u32,
}

/// Parsing stops at this number of files: more would only be slow.
const MOST_ENTRIES: usize = 200;

impl<'b> Machine<'b> {
    /// Parses any bytes: it cannot fail.
    pub fn parse(bytes: &'b [u8]) -> Self {
        let mut machine = Self {
            hash: bytes
                .iter()
                .fold(0, |hash: u32, &byte| hash.rotate_left(5) ^ u32::from(byte)),
            ..Self::default()
        };
        let mut rest = bytes;
        while !rest.is_empty() && machine.entries.len() < MOST_ENTRIES {
            let (line, below) = cut(rest, rest.iter().position(|&b| b == b'\n').map(|at| at + 1));
            rest = below;
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            match line.split_first() {
                Some((b'@', path)) => {
                    let (content, below) = cut(rest, next_heading(rest));
                    rest = below;
                    machine.add(path, content);
                }
                Some((b'!', path)) => machine.spoil(path),
                _ => {}
            }
        }
        machine
    }

    fn add(&mut self, path: &[u8], content: &'b [u8]) {
        if path == b"pci" {
            self.pci = Some(content);
        } else if let Some(Path::File(file)) = parse_path(path) {
            self.put(file, Ok(content));
        }
    }

    fn spoil(&mut self, line: &[u8]) {
        let (path, why) = cut(line, line.iter().position(|&b| b == b' '));
        let error = match why.last() {
            Some(b'd') => ReadError::Denied,
            Some(b'l') => ReadError::TooLarge,
            Some(b'o') => ReadError::Other,
            _ => ReadError::Absent,
        };
        match parse_path(path) {
            Some(Path::File(file)) => self.put(file, Err(error)),
            Some(Path::Folder(folder)) => self.faulty_folders.push((folder, error)),
            None => {}
        }
    }

    fn put(&mut self, file: File, content: Content<'b>) {
        match self.entries.iter_mut().find(|entry| entry.file == file) {
            Some(entry) => entry.readings.push(content),
            None => self.entries.push(Entry {
                file,
                readings: vec![content],
                next: 0,
            }),
        }
    }

    /// Whether no file changes between readings.
    pub fn is_still(&self) -> bool {
        self.entries.iter().all(|entry| entry.readings.len() == 1)
    }

    /// A hash of the input's bytes.
    pub fn hash(&self) -> u32 {
        self.hash
    }

    /// The PCI facts, if there are any and they can be used.
    pub fn pci(&self) -> Option<PciFile> {
        let text = std::str::from_utf8(self.pci?).ok()?;
        PciFile::parse(text).ok()
    }
}

/// Splits `bytes` at `at`; without it, the first part is all of them.
fn cut(bytes: &[u8], at: Option<usize>) -> (&[u8], &[u8]) {
    bytes.split_at(at.unwrap_or(bytes.len()))
}

/// The offset of the next line that begins with `@` or `!`.
fn next_heading(bytes: &[u8]) -> Option<usize> {
    let heads = |at: usize| matches!(bytes.get(at), Some(b'@' | b'!'));
    if heads(0) {
        return Some(0);
    }
    let ends = bytes.iter().enumerate().filter(|(_, &b)| b == b'\n');
    ends.map(|(at, _)| at + 1).find(|&at| heads(at))
}

enum Path {
    File(File),
    Folder(Folder),
}

fn parse_path(path: &[u8]) -> Option<Path> {
    let path = std::str::from_utf8(path).ok()?;
    let mut parts = path.splitn(6, '/');
    let mut part = || parts.next();
    match part()? {
        "generation_id" => return Some(Path::File(File::GenerationId)),
        "nodes" => {}
        _ => return None,
    }
    let Some(node) = part() else {
        return Some(Path::Folder(Folder::Nodes));
    };
    let node = node.parse().ok()?;
    let kind = part()?;
    let folder = match kind {
        "gpu_id" => return Some(Path::File(File::GpuId(node))),
        "properties" => return Some(Path::File(File::Node(node))),
        "mem_banks" => Folder::Banks(node),
        "io_links" => Folder::Links(LinkFolder::Io(node)),
        "p2p_links" => Folder::Links(LinkFolder::PeerToPeer(node)),
        _ => return None,
    };
    let Some(number) = part() else {
        return Some(Path::Folder(folder));
    };
    let number = number.parse().ok()?;
    Some(Path::File(match folder {
        Folder::Links(links) => File::Link(links, number),
        _ => File::Bank(node, number),
    }))
}

/// The number of the entry of `folder` that leads to `file`, if any does.
fn entry_of(folder: Folder, file: File) -> Option<u32> {
    match (folder, file) {
        (Folder::Nodes, File::GpuId(node) | File::Node(node) | File::Bank(node, _)) => Some(node),
        (Folder::Nodes, File::Link(LinkFolder::Io(node) | LinkFolder::PeerToPeer(node), _)) => {
            Some(node)
        }
        (Folder::Banks(node), File::Bank(of, bank)) if of == node => Some(bank),
        (Folder::Links(links), File::Link(of, link)) if of == links => Some(link),
        _ => None,
    }
}

impl Topology for Machine<'_> {
    fn read(&mut self, file: File) -> Result<&[u8], ReadError> {
        let entry = self.entries.iter_mut().find(|entry| entry.file == file);
        let entry = entry.ok_or(ReadError::Absent)?;
        let reading = entry.readings[entry.next];
        entry.next = (entry.next + 1).min(entry.readings.len() - 1);
        reading
    }

    fn list(&mut self, folder: Folder, numbers: &mut Numbers) -> Result<(), ReadError> {
        if let Some((_, error)) = self
            .faulty_folders
            .iter()
            .find(|(faulty, _)| *faulty == folder)
        {
            return Err(*error);
        }
        let mut empty = true;
        for number in self
            .entries
            .iter()
            .filter_map(|entry| entry_of(folder, entry.file))
        {
            numbers.insert(number)?;
            empty = false;
        }
        if empty {
            return Err(ReadError::Absent);
        }
        Ok(())
    }

    fn wait(&mut self, _attempt: u32) {}
}
