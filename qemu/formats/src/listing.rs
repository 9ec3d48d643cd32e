// SPDX-License-Identifier: GPL-2.0

//! The suites and cases of a guest program. It prints them as JSON when the host runs it with
//! [`Listing::ARGUMENT`].

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The name of the case that the guest adds at the end of each suite on a kernel with kmemleak.
pub const ADDED: &str = "no-memory-lost";

/// Everything that a guest program can run.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Listing {
    /// Its suites.
    pub suites: Vec<SuiteListing>,
    /// Other names that the host may offer as choices, by the name of the list.
    pub lists: BTreeMap<String, Vec<String>>,
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
    /// Whether it needs a cold boot: a restored snapshot will not do.
    pub cold: bool,
    /// Whether its modules stay loaded for the next case.
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

    /// The list of that name; empty if the guest program has none.
    pub fn list(&self, name: &str) -> &[String] {
        self.lists.get(name).map_or(&[], Vec::as_slice)
    }
}
