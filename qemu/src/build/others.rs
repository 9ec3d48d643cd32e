// SPDX-License-Identifier: GPL-2.0

//! Builds a module that a `[[module]]` section describes, and the guest that tests it.

use std::sync::Arc;

use anyhow::Result;
use modproof_formats::Trial;

use super::builder::Builder;
use super::guest::{module_files, MODULES};
use super::module::ModuleBuild;
use super::{Guest, GuestFile};
use crate::modules::Module;
use crate::parts::{ModulePart, Sources};

impl Builder<'_> {
    /// Builds the module. Returns a guest that has the module and its description.
    pub fn build_described(&self, module: &Module) -> Result<Guest> {
        let _lock = self.begin()?;
        let build = ModulePart {
            sources: Sources::all_of(module.source()),
            products: vec![format!("{}.ko", module.name())],
            make: String::new(),
            crate_root: None,
        };
        let built = ModuleBuild {
            folder: &format!("described/{}", module.name()),
            build: &build,
        }
        .build(self)?;
        let mut guest = self.empty_guest()?;
        guest.more = module_files(MODULES, &built.stripped)?;
        guest.more.push(Arc::new(GuestFile {
            path: Trial::FILE.to_owned(),
            data: serde_json::to_vec(module.for_guest())?,
            is_program: false,
        }));
        Ok(guest)
    }
}
