// SPDX-License-Identifier: GPL-2.0

//! Runs clippy, with the kernel's own settings, and rustfmt over the Rust module.
//! The host's `cargo clippy` checks only the code that the module shares with host programs.

use std::path::Path;

use anyhow::{bail, Result};

use super::builder::Builder;
use crate::parts::ModulePart;
use crate::provision::quote;
use crate::run::Log;

/// A warning of the kernel's build that does not concern the module.
const ORDINARY: &str = "Skipping BTF generation";

impl Builder<'_> {
    /// Checks the module. Returns an empty text if it finds no fault.
    pub fn lint(&self, build: &ModulePart, crate_root: &Path) -> Result<String> {
        let folder = self.folder().join("lint");
        std::fs::create_dir_all(&folder)?;
        build.sources.sync(&folder)?;
        let log = Log::create(self.log_path("lint"))?;
        let activity = self
            .provision
            .ui
            .begin("clippy and rustfmt over the module");
        // make skips objects that are up to date, so clippy would not check them again.
        let script = format!(
            "rustfmt --check --edition 2021 {}\n\
             find /mnt/module -name '*.o' -delete\n\
             make -C /mnt/object M=/mnt/module {} {} CLIPPY=1 modules\n",
            quote(&Path::new("/mnt/module").join(crate_root).to_string_lossy()),
            self.ready.make,
            build.make,
        );
        let result = self.chroot(&folder).sh(&script, &log, Some(&activity));
        activity.done("");
        result?;
        judge(&log.text())
    }
}

fn judge(text: &str) -> Result<String> {
    if !text.lines().any(|l| l.trim_start().starts_with("CLIPPY")) {
        bail!("clippy did not look at the module");
    }
    let warnings: Vec<_> = text
        .lines()
        .filter(|l| l.contains("warning: ") && !l.contains(ORDINARY))
        .collect();
    if !warnings.is_empty() {
        bail!("{} warnings:\n{}", warnings.len(), warnings.join("\n"));
    }
    Ok(String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLEAN: &str = "  CLIPPY [M] src/some.o\n  LD [M]  some.ko\n";

    #[test]
    fn nothing_to_say_is_well() {
        assert!(judge(CLEAN).is_ok());
    }

    #[test]
    fn a_warning_is_a_failure() {
        let text = format!("{CLEAN}warning: unused import: `Maps`\n");
        let error = judge(&text).unwrap_err().to_string();
        assert!(error.contains("unused import"), "{error}");
    }

    #[test]
    fn nothing_looked_at_is_a_failure() {
        assert!(judge("  LD [M]  some.ko\n").is_err());
    }
}
