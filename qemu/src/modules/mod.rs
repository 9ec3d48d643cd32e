// SPDX-License-Identifier: GPL-2.0

//! Modules that this project knows nothing of: a file describes them, and each
//! is a group, tried by the same guest and judged by the same judge as ours.

mod data;

use std::path::Path;

use anyhow::Result;

use crate::accel::Accelerator;
use crate::filter::Filter;
use crate::fleet::Fleet;
use crate::kernels::Kernel;
use crate::matrix::could_not;
use crate::provision::Ready;
use crate::tally::Outcome;
use crate::{Context, Guests};
pub use data::Module;

/// The modules to be tried.
pub struct Modules {
    all: Vec<Module>,
    /// Whether the user wants these, and nothing of this project.
    pub alone: bool,
}

impl Modules {
    /// Those of the file that the user names, or else this project's.
    pub fn load(context: &Context, named: Option<&Path>) -> Result<Self> {
        let all = data::load(&context.repo, named)?;
        for name in all.iter().flat_map(|module| &module.kernels) {
            context.kernels.find(Some(name))?;
        }
        Ok(Self {
            all,
            alone: named.is_some(),
        })
    }

    /// Those that are tried on a kernel: where it is named, or else on the one
    /// that is taken where one is enough.
    pub fn on(&self, context: &Context, kernel: &Kernel) -> Result<Vec<Module>> {
        let one = &context.kernel()?.name;
        let wants = |module: &&Module| match module.kernels.as_slice() {
            [] => kernel.name == *one,
            named => named.contains(&kernel.name),
        };
        Ok(self.all.iter().filter(wants).cloned().collect())
    }
}

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
        let builder = self.context.builder(self.ready);
        for module in modules {
            let suite = module.suite.on(self.kernel);
            let guest = match builder.build_other(module) {
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
