// SPDX-License-Identifier: GPL-2.0

//! The formats and words that modproof and its guests share.

mod listing;
mod modules_dep;
mod trial;
pub mod words;

pub use listing::{CaseListing, Listing, SuiteListing, ADDED};
pub use modules_dep::{module_name, uncompressed, ModulesDep};
pub use trial::{ReadTrial, Trial};
