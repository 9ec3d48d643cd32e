// SPDX-License-Identifier: GPL-2.0

//! Checks that a program with this library adds to `test`.

use anyhow::Result;

use crate::boot::Booted;
use crate::context::Context;
use crate::provision::Ready;
use crate::suites::Suite;
use crate::tally::Outcome;

/// The function of a group.
pub type RunGroup<'a> = dyn Fn(&Context) -> Result<Outcome> + Send + Sync + 'a;

/// A group of checks that needs no kernel's build.
pub struct HostGroup<'a> {
    /// Its name.
    pub name: &'static str,
    /// A description for people.
    pub about: &'static str,
    /// Whether it runs beside all others. The others run one after the other, before the guests.
    pub beside: bool,
    /// Whether it is so long that only `test --full` runs it.
    pub slow: bool,
    /// Runs it.
    pub run: Box<RunGroup<'a>>,
}

/// The checks that a program adds.
pub trait Extension: Sync {
    /// Its groups that are of no kernel, in the order of running.
    fn host_groups(&self) -> Vec<HostGroup<'_>> {
        Vec::new()
    }

    /// More to be said of a guest that passed.
    fn judge(
        &self,
        _context: &Context,
        _ready: &Ready,
        _suite: &Suite,
        _booted: &Booted,
    ) -> Option<Outcome> {
        None
    }
}

/// Adds nothing.
pub struct Plain;

impl Extension for Plain {}
