// SPDX-License-Identifier: GPL-2.0

//! Runs the checks that examine the products of a build.

use anyhow::Result;

use super::failed::not_run;
use super::kernel_run::KernelRun;
use crate::build::{Builder, Products};
use crate::checks::{check_module, LINT, MODULE};
use crate::tally::Outcome;

/// Runs the chosen checks. If a part failed to build, reports its check as not run.
pub fn run(
    builder: &Builder,
    products: &Products,
    run: &KernelRun,
    report: &mut impl FnMut(&str, &Outcome),
) -> Result<()> {
    if let Some((name, build, root)) = builder.parts.linted() {
        let failed = products.failed.get(name);
        for check in [MODULE, LINT].into_iter().filter(|check| run.has(check)) {
            let outcome = match (failed, check) {
                (Some(error), _) => not_run(run.kernel, &format!("build of {name}"), error),
                (None, MODULE) => check_module(products.module(name)?),
                (None, _) => Outcome::timed(|| Ok(Outcome::of(builder.lint(build, root))))?,
            };
            report(&run.name(check), &outcome);
        }
    }
    for (name, check) in builder
        .parts
        .checks
        .iter()
        .filter(|(name, _)| run.has(name))
    {
        let outcome = match products.failed_among(&check.builds) {
            Some((part, error)) => not_run(run.kernel, &format!("build of {part}"), error),
            None => Outcome::timed(|| Ok(Outcome::of(builder.check(name, check))))?,
        };
        report(&run.name(name), &outcome);
    }
    Ok(())
}
