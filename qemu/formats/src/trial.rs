// SPDX-License-Identifier: GPL-2.0

//! The description of a user's module: an entry of `modproof.toml`, as the guest reads it.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// A module, and the effects that the guest checks.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
pub struct Trial {
    /// The name of the module and of its `.ko`.
    pub name: String,
    /// The parameters for `insmod`.
    pub parameters: String,
    /// The files that the guest reads while the module is loaded.
    pub reads: Vec<ReadTrial>,
    /// Regular expressions. Each must match a line that the kernel logs from load to unload.
    pub log: Vec<String>,
}

/// A file, and the text that it must show.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct ReadTrial {
    /// The file.
    pub path: PathBuf,
    /// A regular expression; `^` and `$` match at the ends of lines.
    pub shows: String,
}

impl Trial {
    /// The path of the JSON file in the guest.
    pub const FILE: &str = "modules/wanted";
}
