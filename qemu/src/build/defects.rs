// SPDX-License-Identifier: GPL-2.0

//! The module that goes wrong on request, and a guest that holds little else,
//! so that a boot for one defect is short.

use std::path::PathBuf;

use anyhow::{Context, Result};

use super::module::Modules;
use super::sync::Sources;
use super::{init, Builder, Products};

const DEFECTS: Modules = Modules {
    name: "defects",
    sources: Sources {
        paths: &["selftests/defects/Kbuild", "selftests/defects"],
        endings: &["c", "h"],
        made: &[],
        prefix: "selftests/defects",
    },
    products: &["defects.ko"],
};

impl Builder<'_> {
    /// Builds the module and gives the initramfs that has it. Whoever holds
    /// the other products holds the lock on the build, too.
    pub fn build_defects(&self, _held: &Products) -> Result<PathBuf> {
        let modules = DEFECTS.build(self)?;
        let init = init::build(self)?;
        let initramfs = self.folder().join("defects.cpio");
        self.write_initramfs(
            &initramfs,
            None,
            &init,
            modules.iter().map(|path| (super::MODULES, path)),
        )
        .with_context(|| format!("cannot write {}", initramfs.display()))?;
        Ok(initramfs)
    }
}
