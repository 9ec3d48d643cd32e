// SPDX-License-Identifier: GPL-2.0

//! The sections of `modproof.toml`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use crate::kernels::{KernelMore, RootMore};
use crate::modules::Entry;
use crate::parts::Sections;
use crate::skips;
use crate::suites::Suite;

/// The contents of `modproof.toml`. qemu/README.md describes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub workspace: Option<PathBuf>,
    pub guest: Option<String>,
    #[serde(rename = "module", default)]
    pub modules: Vec<Entry>,
    #[serde(rename = "part", default)]
    pub parts: Sections,
    #[serde(rename = "suite", default)]
    pub suites: Vec<Suite>,
    #[serde(rename = "kernel", default)]
    pub kernels: BTreeMap<String, KernelMore>,
    #[serde(rename = "root", default)]
    pub roots: BTreeMap<String, RootMore>,
    #[serde(rename = "skip", default)]
    pub skips: Vec<skips::Entry>,
}
