// SPDX-License-Identifier: GPL-2.0

//! Tries modules that are only described on a kernel.

use anyhow::Result;

use super::failed::could_not;
use crate::filter::Filter;
use crate::fleet::Fleet;
use crate::kernels::Kernel;
use crate::modules::Module;
use crate::tally::Outcome;

/// Builds each and boots it. One that cannot be built has failed, unless the kernel's entry says that
/// this may be.
pub fn run(
    fleet: &Fleet,
    kernel: &Kernel,
    modules: &[Module],
    wanted: &Filter,
    report: &mut impl FnMut(&str, &Outcome),
) -> Result<()> {
    let Fleet { context, ready, .. } = *fleet;
    for module in modules {
        let suite = kernel.suite(&module.suite);
        let builder = context.builder(ready);
        match builder.and_then(|builder| builder.build_described(module)) {
            Ok(guest) => fleet.boot_all(&[suite], &guest, wanted, report)?,
            Err(error) => {
                // Somebody who names the kernel wants it on that one.
                let outcome = match context.names_one_kernel() {
                    true => Outcome::of(Err(error)),
                    false => could_not(kernel, &error),
                };
                report(&suite.name, &outcome);
            }
        }
    }
    Ok(())
}
