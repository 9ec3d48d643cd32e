// SPDX-License-Identifier: GPL-2.0

//! The interface of a reader of KFD's topology.

use core::fmt;

use super::{
    numbers::Numbers,
    path::Path, //
};

pub use super::error::ReadError;

/// A file of the topology.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum File {
    /// Counts the changes of the topology.
    GenerationId,
    /// A node's id for ioctls; 0 on a CPU node.
    GpuId(u32),
    /// A node's properties.
    Node(u32),
    /// A memory bank's properties, by node and bank.
    Bank(u32, u32),
    /// A link's properties, by folder and link.
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
    /// Whether the folder holds direct links.
    pub fn is_direct(self) -> bool {
        matches!(self, Self::Io(_))
    }
}

impl File {
    /// Writes the path below the topology's folder.
    pub fn path(self, out: &mut Path) -> fmt::Result {
        let (folder, entry) = match self {
            Self::GenerationId => return out.text("generation_id"),
            Self::Bank(node, bank) => (Folder::Banks(node), bank),
            Self::Link(folder, link) => (Folder::Links(folder), link),
            Self::GpuId(node) | Self::Node(node) => (Folder::Nodes, node),
        };
        folder.path(out)?;
        out.text("/")?;
        out.number(entry)?;
        out.text(match self {
            Self::GpuId(_) => "/gpu_id",
            _ => "/properties",
        })
    }
}

impl Folder {
    /// Writes the path below the topology's folder.
    pub fn path(self, out: &mut Path) -> fmt::Result {
        let (node, name) = match self {
            Self::Nodes => return out.text("nodes"),
            Self::Banks(node) => (node, "/mem_banks"),
            Self::Links(LinkFolder::Io(node)) => (node, "/io_links"),
            Self::Links(LinkFolder::PeerToPeer(node)) => (node, "/p2p_links"),
        };
        out.text("nodes/")?;
        out.number(node)?;
        out.text(name)
    }
}

/// A reader of KFD's topology.
pub trait Topology {
    /// The content of `file`, read anew by each call.
    fn read(&mut self, file: File) -> Result<&[u8], ReadError>;

    /// Adds the entries of `folder` to `numbers`.
    fn list(&mut self, folder: Folder, numbers: &mut Numbers) -> Result<(), ReadError>;

    /// Pauses before retry number `attempt`, which counts from 1.
    fn wait(&mut self, attempt: u32);
}

/// The longest file that is read, in bytes: one page, the most that sysfs shows.
pub const MAX_FILE_BYTES: usize = 4096;
