// SPDX-License-Identifier: GPL-2.0

//! The module that goes wrong on request, and a guest that holds little else,
//! so that a boot for one defect is short.

use anyhow::Result;

use super::module::Modules;
use super::sync::{Endings, Sources};
use super::{Builder, Guest, Products};

const DEFECTS: Modules = Modules {
    name: "defects",
    sources: Sources {
        paths: &["selftests/defects/Kbuild", "selftests/defects"],
        endings: Endings::Of(&["c", "h"]),
        made: &[],
        prefix: "selftests/defects",
    },
    products: &["defects.ko"],
    make: "",
};

impl Builder<'_> {
    /// Builds the module and gives the guest that has it. Whoever holds the
    /// other products holds the lock on the build, too.
    pub fn build_defects(&self, _held: &Products) -> Result<Guest> {
        let modules = DEFECTS.build(self, self.repo)?;
        Guest::with_modules(self.programs, &modules)
    }
}

impl Guest {
    /// The same without its programs: the kernel finds nothing to start.
    pub fn without_programs(&self) -> Self {
        Self {
            stock_archive: None,
            files: [].into(),
            hsakmt: [].into(),
            rdna1ctl: [].into(),
            more: Vec::new(),
            ..self.clone()
        }
    }
}
