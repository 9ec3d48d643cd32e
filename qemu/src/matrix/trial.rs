// SPDX-License-Identifier: GPL-2.0

//! Tests the modules of `[[module]]` sections on a kernel.

use anyhow::Result;

use super::failed::unavailable_outcome;
use crate::filter::Filter;
use crate::fleet::Fleet;
use crate::kernels::Kernel;
use crate::modules::Module;
use crate::tally::Outcome;

/// Builds and boots each module. A failed build fails the module, unless the kernel's entry
/// tolerates it.
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
                // A user who names this kernel wants an error, not a skip.
                let outcome = match context.names_one_kernel() {
                    true => Outcome::of(Err(error)),
                    false => unavailable_outcome(kernel, &error),
                };
                report(&suite.name, &outcome);
            }
        }
    }
    Ok(())
}
