// SPDX-License-Identifier: GPL-2.0

//! A module that this project knows nothing of but what a file of modules says,
//! and a guest that holds little else.

use std::sync::Arc;

use anyhow::Result;
use modproof_formats::Trial;

use super::module::Modules;
use super::sync::{Endings, Sources};
use super::{Builder, Guest, GuestFile};
use crate::modules::Module;

impl Builder<'_> {
    /// Builds the module and gives the guest that has it, and is told what is
    /// wanted of it.
    pub fn build_other(&self, module: &Module) -> Result<Guest> {
        let _lock = self.begin()?;
        let built = Modules {
            name: &format!("modules/{}", module.name()),
            sources: Sources {
                paths: &[""],
                endings: Endings::Any,
                made: &[],
                prefix: "",
            },
            products: &[&format!("{}.ko", module.name())],
            make: "",
        }
        .build(self, module.source())?;
        let mut guest = Guest::with_modules(self.programs, &built)?;
        // It may need some of the kernel's own.
        guest.stock_archive = self.ready.stock_archive.clone();
        guest.more.push(Arc::new(GuestFile {
            path: Trial::FILE.to_owned(),
            data: serde_json::to_vec(module.for_guest())?,
            is_program: false,
        }));
        Ok(guest)
    }
}
