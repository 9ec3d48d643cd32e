// SPDX-License-Identifier: GPL-2.0

//! `[kernel.NAME]` and `[root.NAME]`: a project's additions to kernels and build roots.

use std::path::Path;

use anyhow::{bail, Context, Result};
use serde::Deserialize;

use super::{Kernel, Origin, Trouble};

/// `[kernel.NAME]`: additions to a built-in kernel. With `root` and `from`, a new kernel.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KernelMore {
    /// The name of a new kernel's build root.
    pub root: Option<String>,
    /// The origin of a new kernel.
    pub from: Option<Origin>,
    suites: Vec<String>,
    modules: Vec<String>,
    config: Vec<String>,
    in_test: Option<bool>,
    short: Vec<String>,
    command_line: String,
    tolerated: Option<Vec<Trouble>>,
    patience: Option<u32>,
}

/// `[root.NAME]`: additions to a built-in root.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RootMore {
    /// More packages for the root.
    pub packages: Vec<String>,
}

/// The built-in files with kernel options.
const CONFIGS: [(&str, &str); 3] = [
    ("kernel.config", include_str!("../../kernel.config")),
    ("debug.config", include_str!("../../debug.config")),
    ("versions.config", include_str!("../../versions.config")),
];

impl Kernel {
    /// Adds a project's additions to the entry.
    pub(super) fn add(&mut self, more: KernelMore) -> Result<()> {
        self.suites.extend(more.suites);
        self.short.extend(more.short);
        self.in_test = more.in_test.unwrap_or(self.in_test);
        self.patience = more.patience.unwrap_or(self.patience);
        if let Some(tolerated) = more.tolerated {
            self.tolerated = tolerated;
        }
        let words = [&*self.command_line, &more.command_line];
        self.command_line = words.join(" ").trim().to_owned();
        match &mut self.from {
            Origin::Stock(stock) if more.config.is_empty() => stock.modules.extend(more.modules),
            Origin::Source(source) if more.modules.is_empty() => source.config.extend(more.config),
            Origin::Stock(_) => bail!("kernel.{}: Debian has configured it", self.name),
            Origin::Source(_) => bail!("kernel.{}: it has no stock modules", self.name),
        }
        Ok(())
    }

    /// Reads the kernel's options from the project's files, or from the built-in ones.
    pub(super) fn read_config(&mut self, folder: &Path) -> Result<()> {
        let Origin::Source(source) = &mut self.from else {
            return Ok(());
        };
        for name in &source.config {
            let path = folder.join(name);
            let text = match CONFIGS.iter().find(|(built_in, _)| built_in == name) {
                Some((_, text)) if !path.exists() => (*text).to_owned(),
                _ => std::fs::read_to_string(&path).with_context(|| {
                    format!("kernel {}: cannot read {}", self.name, path.display())
                })?,
            };
            source.options.push_str(&text);
        }
        Ok(())
    }
}
