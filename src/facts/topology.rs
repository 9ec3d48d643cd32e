// SPDX-License-Identifier: GPL-2.0

//! What a reader of KFD's topology must be able to do, and how it can fail.

use core::fmt;

use super::map::{
    Map,
    OutOfMemory, //
};

/// A file of the topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum File {
    /// Counts the changes of the topology.
    GenerationId,
    /// A node's id for ioctls; 0 on a CPU node.
    GpuId(u32),
    /// A node's properties.
    Node(u32),
    /// A memory bank's properties: node, bank.
    Bank(u32, u32),
    /// The properties of a link in the folder: link.
    Link(LinkFolder, u32),
}

/// A folder of the topology whose entries are numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Folder {
    /// All nodes.
    Nodes,
    /// A node's memory banks.
    Banks(u32),
    /// A node's links.
    Links(LinkFolder),
}

/// A folder of links of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LinkFolder {
    /// Its direct links.
    Io(u32),
    /// Its indirect links to other GPUs.
    PeerToPeer(u32),
}

impl LinkFolder {
    /// The node that the links belong to.
    pub fn node(self) -> u32 {
        match self {
            Self::Io(node) | Self::PeerToPeer(node) => node,
        }
    }

    /// Whether it holds the direct links.
    pub fn is_direct(self) -> bool {
        matches!(self, Self::Io(_))
    }
}

impl fmt::Display for File {
    /// The path below the topology's folder.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::GenerationId => f.write_str("generation_id"),
            Self::GpuId(node) => write!(f, "nodes/{node}/gpu_id"),
            Self::Node(node) => write!(f, "nodes/{node}/properties"),
            Self::Bank(node, bank) => write!(f, "nodes/{node}/mem_banks/{bank}/properties"),
            Self::Link(folder, link) => write!(f, "{folder}/{link}/properties"),
        }
    }
}

impl fmt::Display for Folder {
    /// The path below the topology's folder.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nodes => f.write_str("nodes"),
            Self::Banks(node) => write!(f, "nodes/{node}/mem_banks"),
            Self::Links(folder) => write!(f, "{folder}"),
        }
    }
}

impl fmt::Display for LinkFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(node) => write!(f, "nodes/{node}/io_links"),
            Self::PeerToPeer(node) => write!(f, "nodes/{node}/p2p_links"),
        }
    }
}

/// Why a file or folder could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadError {
    /// It is not there, or it went while it was read.
    Absent,
    /// The reader may not: KFD asks the reader's devices cgroup.
    Denied,
    /// It holds more than any file or folder of KFD's can.
    TooLarge,
    /// Something else.
    Other,
    /// There is no memory. This is not a fact about KFD, and ends the scan.
    OutOfMemory,
}

impl From<OutOfMemory> for ReadError {
    fn from(OutOfMemory: OutOfMemory) -> Self {
        Self::OutOfMemory
    }
}

/// A reader of KFD's topology.
pub trait Topology {
    /// The content of `file`. Each call reads anew.
    fn read(&mut self, file: File) -> Result<&[u8], ReadError>;

    /// Adds the entries of `folder` to `numbers`.
    fn list<N: Map<u32, ()>>(&mut self, folder: Folder, numbers: &mut N) -> Result<(), ReadError>;

    /// Lets a moment pass before the topology is read again for the `attempt`th time.
    fn wait(&mut self, attempt: u32);
}

/// The most entries that a folder may have.
///
/// KFD numbers nodes, banks and links by counting; a machine has at most some hundred of each. A
/// folder with more is not read to its end, so that a broken tree costs bounded work.
pub const MAX_ENTRIES: usize = 4096;

/// The longest file that is read, in bytes: one page, the most that sysfs shows.
pub const MAX_FILE_BYTES: usize = 4096;
