// SPDX-License-Identifier: GPL-2.0

//! A case of a suite.

use anyhow::Result;

use crate::ctx::Ctx;

/// One named test. It passes if it returns `Ok`. An error is the text of the failure: what the case
/// expected, and what it saw. [`Skip`](crate::Skip) as the error skips the case.
pub struct Case {
    /// The name: lower-case letters, digits and dashes.
    pub name: &'static str,
    /// The test itself.
    pub run: fn(&mut Ctx) -> Result<()>,
    /// Whether the modules that it loads stay for the next case, if it passes.
    pub keeps_modules: bool,
    /// Whether it needs a cold boot: a snapshot is taken too late for what it tests.
    pub cold: bool,
}

impl Case {
    /// A case that can start from a snapshot.
    pub const fn new(name: &'static str, run: fn(&mut Ctx) -> Result<()>) -> Self {
        Self {
            name,
            run,
            keeps_modules: false,
            cold: false,
        }
    }

    /// A case that needs a cold boot.
    pub const fn cold(name: &'static str, run: fn(&mut Ctx) -> Result<()>) -> Self {
        Self {
            cold: true,
            ..Self::new(name, run)
        }
    }

    /// A case whose modules stay loaded for the next one.
    pub const fn keeping_modules(name: &'static str, run: fn(&mut Ctx) -> Result<()>) -> Self {
        Self {
            keeps_modules: true,
            ..Self::new(name, run)
        }
    }
}
