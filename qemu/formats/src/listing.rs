// SPDX-License-Identifier: GPL-2.0

//! What a guest's program says of itself when it is started on the host with [`Listing::ARGUMENT`].

use serde::{Deserialize, Serialize};

/// The case that follows the last one of each suite, on a kernel with kmemleak, without being asked for.
pub const ADDED: &str = "no-memory-lost";

/// Everything it can be asked for.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Listing {
    /// Its suites.
    pub suites: Vec<SuiteListing>,
    /// What can be wrong with the card of its demo.
    pub rules: Vec<String>,
}

/// A suite.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct SuiteListing {
    /// Its name.
    pub name: String,
    /// Its cases, in the order of running.
    pub cases: Vec<CaseListing>,
}

/// A case.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct CaseListing {
    /// Its name.
    pub name: String,
    /// Whether it needs a boot, not a guest that was up already.
    pub cold: bool,
    /// Whether it leaves its modules to the next one.
    pub keeps_modules: bool,
}

impl Listing {
    /// The program's only argument.
    pub const ARGUMENT: &str = "--list";

    /// The cases of the suite of that name, if there is one.
    pub fn cases_of(&self, suite: &str) -> Option<&[CaseListing]> {
        let found = self.suites.iter().find(|known| known.name == suite)?;
        Some(&found.cases)
    }
}
