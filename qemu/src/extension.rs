// SPDX-License-Identifier: GPL-2.0

//! The interface for a program that uses this library and adds its own checks to `test`.

use anyhow::Result;

use crate::boot::Booted;
use crate::context::Context;
use crate::provision::Ready;
use crate::suites::Suite;
use crate::tally::Outcome;

/// The function that runs a group.
pub type RunGroup<'a> = dyn Fn(&Context) -> Result<Outcome> + Send + Sync + 'a;

/// The function that prepares a group.
pub type Prepare<'a> = dyn Fn(&Context) -> Result<()> + Send + Sync + 'a;

/// A group of checks that runs on the host and needs no build for a kernel.
pub struct HostGroup<'a> {
    /// The name of the group.
    pub name: &'static str,
    /// A description for people.
    pub about: &'static str,
    /// Whether it runs in parallel to all groups. Other groups run in turn, before the guests.
    pub beside: bool,
    /// Whether only `test --full` runs it, because it takes long.
    pub slow: bool,
    /// The function that keeps both cores busy before a group with `beside` begins. If it fails,
    /// `run` fails, too, and says why.
    pub prepare: Option<Box<Prepare<'a>>>,
    /// The function that runs the group.
    pub run: Box<RunGroup<'a>>,
}

/// The checks that a program adds.
pub trait Extension: Sync {
    /// The groups that belong to no kernel, in the order in which they run.
    fn host_groups(&self) -> Vec<HostGroup<'_>> {
        Vec::new()
    }

    /// Further checks of a guest that passed.
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

/// An extension that adds nothing.
pub struct Plain;

impl Extension for Plain {}
