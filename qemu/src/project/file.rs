// SPDX-License-Identifier: GPL-2.0

//! The sections of `modproof.toml`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::parts;
use crate::kernels::{KernelPart, RootPart};
use crate::modules::Entry;
use crate::skips;
use crate::suites::Suite;

/// `modproof.toml`; qemu/README.md describes it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    pub workspace: Option<PathBuf>,
    pub guest: Option<String>,
    #[serde(rename = "module", default)]
    pub modules: Vec<Entry>,
    #[serde(rename = "part", default)]
    pub parts: parts::Sections,
    #[serde(rename = "suite", default)]
    pub suites: Vec<Suite>,
    #[serde(rename = "kernel", default)]
    pub kernels: BTreeMap<String, KernelPart>,
    #[serde(rename = "root", default)]
    pub roots: BTreeMap<String, RootPart>,
    #[serde(rename = "skip", default)]
    pub skips: Vec<skips::Entry>,
}
