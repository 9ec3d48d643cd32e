// SPDX-License-Identifier: GPL-2.0

//! Tries other modules than this project's on a kernel.

use anyhow::Result;

use super::could_not;
use crate::accel::Accelerator;
use crate::filter::Filter;
use crate::fleet::Fleet;
use crate::kernels::Kernel;
use crate::modules::Module;
use crate::provision::Ready;
use crate::tally::Outcome;
use crate::{Context, Guests};

/// What trying modules goes by.
pub struct Trial<'a> {
    /// The checkout, the cache.
    pub context: &'a Context,
    /// How guests are run.
    pub guests: &'a Guests,
    /// The kernel's entry.
    pub kernel: &'a Kernel,
    /// The kernel.
    pub ready: &'a Ready,
}

impl Trial<'_> {
    /// Builds each and boots it. One that cannot be built has failed, unless the
    /// kernel's entry says that this may be.
    pub fn run(
        &self,
        modules: &[Module],
        wanted: &Filter,
        report: &mut impl FnMut(&str, &Outcome),
    ) -> Result<()> {
        for module in modules {
            let suite = self.kernel.suite(&module.suite);
            let builder = self.context.builder(self.ready);
            let guest = match builder.and_then(|builder| builder.build_other(module)) {
                Ok(guest) => guest,
                Err(error) => {
                    // Who names the kernel wants it on that one.
                    let outcome = match self.context.names_one_kernel() {
                        true => Outcome::of(Err(error)),
                        false => could_not(self.kernel, error),
                    };
                    report(&suite.name, &outcome);
                    continue;
                }
            };
            let (cache, ui) = (&self.context.cache, &self.context.ui);
            let fleet = Fleet {
                context: self.context,
                guests: self.guests,
                ready: self.ready,
                guest: &guest,
                accelerator: &Accelerator::find(cache, ui, &self.ready.image)?,
            };
            fleet.boot_all(&[suite], wanted, report)?;
        }
        Ok(())
    }
}
