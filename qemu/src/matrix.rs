// SPDX-License-Identifier: GPL-2.0

//! The part of `make test` that is done for each kernel.

mod check;
mod row;
mod trial;

use std::collections::BTreeMap;

use anyhow::{anyhow, Error, Result};

use crate::accel::Accelerator;
use crate::build;
use crate::checks::{check_module, check_symbols};
use crate::config::Suite;
use crate::defects::{self, Planting};
use crate::filter::Filter;
use crate::fleet::Fleet;
use crate::kernels::Kernel;
use crate::provision::{self, Ready};
use crate::tally::Outcome;
use crate::{Context, Guests};
pub use row::{rows, Row};
use trial::Trial;

/// Does it all.
pub fn run(
    context: &Context,
    guests: &Guests,
    rows: &[Row],
    wanted: &Filter,
    report: &mut impl FnMut(&str, &Outcome),
) -> Result<()> {
    // Which kernel was met under which name.
    let mut met: BTreeMap<String, String> = BTreeMap::new();
    for row in rows {
        // Two entries can come to the same kernel: that is known before anything is prepared.
        let mut provision = context.provisioning(row.kernel);
        let ready = provision::stock_abi(&provision).and_then(|abi| {
            let other = abi.as_ref().and_then(|abi| met.get(abi));
            if let (Some(abi), Some(other)) = (&abi, other) {
                return Ok(Err(format!("the same kernel as {other}: {abi}")));
            }
            // The mirror was asked for the newest just now.
            provision.update &= abi.is_none();
            provision::provision(&provision).map(Ok)
        });
        let ready = match ready {
            Ok(Ok(ready)) => ready,
            Ok(Err(why)) => {
                for (group, _) in row.groups() {
                    report(&group, &Outcome::skipped(&*why));
                }
                continue;
            }
            Err(error) => {
                give_up(row, "provision", error, row.groups(), report);
                continue;
            }
        };
        met.insert(ready.choice.abi.clone(), row.kernel.name.clone());
        run_row(context, guests, row, &ready, wanted, report)?;
        let trial = Trial {
            context,
            guests,
            kernel: row.kernel,
            ready: &ready,
        };
        trial.run(&row.modules, wanted, report)?;
    }
    Ok(())
}

fn run_row(
    context: &Context,
    guests: &Guests,
    row: &Row,
    ready: &Ready,
    wanted: &Filter,
    report: &mut impl FnMut(&str, &Outcome),
) -> Result<()> {
    if row.has("symbols") {
        if let Some(headers) = &ready.stock_headers {
            let outcome = check_symbols(headers, &ready.object());
            report(&row.name("symbols"), &outcome);
        }
    }
    let needs_build = ["module", "lint", "layout"];
    if row.suites.is_empty()
        && row.defects.is_empty()
        && !needs_build.iter().any(|check| row.has(check))
    {
        return Ok(());
    }
    let build = || {
        let builder = context.builder(ready)?;
        let products = builder.build()?;
        Ok((builder, products))
    };
    let (builder, products) = match build() {
        Ok(built) => built,
        Err(error) => {
            give_up(row, "build", error, row.own_groups(), report);
            return Ok(());
        }
    };
    if row.has("module") {
        report(&row.name("module"), &check_module(&products));
    }
    if row.has("lint") {
        report(
            &row.name("lint"),
            &Outcome::timed(|| Ok(Outcome::of(builder.lint())))?,
        );
    }
    if row.has("layout") {
        report(
            &row.name("layout"),
            &Outcome::timed(|| Ok(Outcome::of(builder.check_layout())))?,
        );
    }
    let with_defects = (!row.defects.is_empty()).then(|| builder.build_defects(&products));
    let guest = products.guest.clone();
    // From here on others may build.
    drop(products);
    boot_all(context, guests, row, ready, &guest, wanted, report)?;
    if let Some(guest) = with_defects {
        let outcome = match guest {
            Ok(guest) => Outcome::timed(|| {
                let planted = plant(context, guests, row, ready, &guest);
                Ok(planted.unwrap_or_else(|error| Outcome::of(Err(error))))
            })?,
            Err(error) => could_not(row.kernel, error),
        };
        report(&row.name(defects::GROUP.0), &outcome);
    }
    Ok(())
}

fn plant(
    context: &Context,
    guests: &Guests,
    row: &Row,
    ready: &Ready,
    guest: &build::Guest,
) -> Result<Outcome> {
    let planting = Planting {
        context,
        guests,
        kernel: row.kernel,
        ready,
        accelerator: &Accelerator::find(&context.cache, &context.ui, &ready.image)?,
        guest,
    };
    planting.run(&row.defects)
}

/// What it comes to that something of a kernel could not be had or built:
/// skipped if `kernels.toml` says that this may be, else failed.
pub fn could_not(kernel: &Kernel, error: Error) -> Outcome {
    let Some(trouble) = kernel.tolerates(&error) else {
        return Outcome::of(Err(error));
    };
    let mut outcome = Outcome::skipped(trouble.to_string());
    outcome.details = format!("{error:#}");
    outcome
}

/// Reports groups of a kernel that could not be had, or be built for.
fn give_up(
    row: &Row,
    step: &str,
    error: Error,
    groups: Vec<(String, &str)>,
    report: &mut impl FnMut(&str, &Outcome),
) {
    let tolerated = row.kernel.tolerates(&error);
    report(&row.name(step), &could_not(row.kernel, error));
    for (group, _) in groups {
        let outcome = match tolerated {
            Some(trouble) => Outcome::skipped(format!("not run: {trouble}")),
            None => Outcome::of(Err(anyhow!("not run: {step} failed"))),
        };
        report(&group, &outcome);
    }
}

fn boot_all(
    context: &Context,
    guests: &Guests,
    row: &Row,
    ready: &Ready,
    guest: &build::Guest,
    wanted: &Filter,
    report: &mut impl FnMut(&str, &Outcome),
) -> Result<()> {
    if row.suites.is_empty() {
        return Ok(());
    }
    let accelerator = Accelerator::find(&context.cache, &context.ui, &ready.image)?;
    context
        .ui
        .say(format!("booting {} with {accelerator}", ready.choice.abi));
    let fleet = Fleet {
        context,
        guests,
        ready,
        guest,
        accelerator: &accelerator,
    };
    // By their full names, which their logs and their guests have, too.
    let suites: Vec<_> = row.suites.iter().map(|s| row.kernel.suite(s)).collect();
    let own = |suite: &&Suite| suite.headers.is_none();
    let usual: Vec<_> = suites.iter().filter(own).cloned().collect();
    if !usual.is_empty() {
        fleet.boot_all(&usual, wanted, report)?;
    }
    let builder = context.builder(ready)?;
    for suite in &suites {
        let Some(headers) = &suite.headers else {
            continue;
        };
        match builder.build_in_headers(headers, guest) {
            Ok(guest) => Fleet {
                guest: &guest,
                ..fleet
            }
            .boot_all(std::slice::from_ref(suite), wanted, report)?,
            Err(error) => report(&suite.name, &could_not(row.kernel, error)),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::defects::Defect;
    use crate::kernels::Trouble;
    use crate::tally::RowState;

    fn kernel(tolerated: &str) -> Kernel {
        let text = format!(
            "name='k'\nroot='r'\nsuites=[]\ntolerated={tolerated}\n\
             from.stock={{suite='s',flavour='f',modules=[]}}"
        );
        toml::from_str(&text).expect("a kernel")
    }

    fn row<'k>(kernel: &'k Kernel, defects: Vec<Defect>) -> Row<'k> {
        Row {
            kernel,
            checks: vec![("lint", "")],
            suites: Vec::new(),
            defects,
            modules: Vec::new(),
        }
    }

    #[test]
    fn what_may_be_is_skipped_and_all_else_has_failed() {
        let error = || anyhow!("cc: no such option").context(Trouble::Build);
        let skipped = could_not(&kernel("['build']"), error());
        assert_eq!(skipped.tally.state(), RowState::Skipped);
        assert!(skipped.details.contains("no such option"), "{skipped:?}");
        let failed = could_not(&kernel("['expired']"), error());
        assert_eq!(failed.tally.to_string(), "0 passed, 1 failed");
        let failed = could_not(&kernel("['build']"), anyhow!("no disk left"));
        assert_eq!(failed.tally.to_string(), "0 passed, 1 failed");
    }

    #[test]
    fn defects_are_a_group_like_others_when_nothing_can_be_built() {
        let repo = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let all = Filter::parse(Some("defects")).expect("a filter");
        for (tolerated, state) in [("[]", RowState::Failed), ("['build']", RowState::Skipped)] {
            let kernel = kernel(tolerated);
            let row = row(&kernel, defects::pick(&repo, &all).expect("defects"));
            let mut seen = Vec::new();
            let error = anyhow!("cc failed").context(Trouble::Build);
            give_up(
                &row,
                "build",
                error,
                row.own_groups(),
                &mut |name, outcome| {
                    seen.push((name.to_owned(), outcome.tally.state()));
                },
            );
            let expected = ["k:build", "k:lint", "k:defects"].map(|n| (n.to_owned(), state));
            assert_eq!(seen, expected);
        }
    }
}
