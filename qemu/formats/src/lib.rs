// SPDX-License-Identifier: GPL-2.0

//! What the boot harness and the first process of its guests tell each other, each format written
//! once.

mod listing;
mod modules_dep;
mod trial;

pub use listing::{CaseListing, Listing, SuiteListing, ADDED};
pub use modules_dep::{module_name, uncompressed, ModulesDep};
pub use trial::{ReadTrial, Trial};
