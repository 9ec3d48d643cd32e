// SPDX-License-Identifier: GPL-2.0

//! What is wanted of a module that the guest's program knows nothing of.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A module, and what it has to do.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Trial {
    /// Its name, and that of its `.ko`.
    pub name: String,
    /// What it is loaded with.
    pub parameters: String,
    /// The files that are read while it is loaded.
    pub reads: Vec<ReadTrial>,
    /// Regular expressions: a line of the kernel log must match each, from the load to the unload.
    pub log: Vec<String>,
}

/// A file, and what must stand in it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ReadTrial {
    /// The file.
    pub path: PathBuf,
    /// A regular expression; `^` and `$` are the ends of lines.
    pub shows: String,
}

impl Trial {
    /// Where the host puts it in the guest, as JSON.
    pub const FILE: &str = "modules/wanted";
}
