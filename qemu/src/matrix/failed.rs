// SPDX-License-Identifier: GPL-2.0

//! The outcomes of groups that could not run.

use anyhow::{anyhow, Error};

use super::kernel_run::KernelRun;
use crate::kernels::Kernel;
use crate::tally::Outcome;

/// The outcome if modproof could not provision or build something for a kernel. It is a skip if
/// the kernel's entry tolerates the trouble, else a failure.
pub fn unavailable_outcome(kernel: &Kernel, error: &Error) -> Outcome {
    let text = format!("{error:#}");
    let Some(trouble) = kernel.tolerates(error) else {
        return Outcome::of(Err(anyhow!(text)));
    };
    let mut outcome = Outcome::skipped(trouble.to_string());
    outcome.details = text;
    outcome
}

/// The outcome of a group that needs a step which failed.
pub fn not_run(kernel: &Kernel, step: &str, error: &Error) -> Outcome {
    match kernel.tolerates(error) {
        Some(trouble) => Outcome::skipped(format!("not run: {trouble}")),
        None => Outcome::of(Err(anyhow!("not run: {step} failed"))),
    }
}

/// Reports all groups of a kernel for which provisioning or a build failed.
pub fn give_up(
    run: &KernelRun,
    step: &str,
    error: Error,
    groups: Vec<(String, &str)>,
    report: &mut impl FnMut(&str, &Outcome),
) {
    report(&run.name(step), &unavailable_outcome(run.kernel, &error));
    for (group, _) in groups {
        report(&group, &not_run(run.kernel, step, &error));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernels::Trouble;
    use crate::tally::RowState;

    fn kernel(tolerated: &str) -> Kernel {
        let text = format!(
            "name='k'\nroot='r'\nsuites=[]\ntolerated={tolerated}\n\
             from.stock={{suite='s',flavour='f',modules=[]}}"
        );
        toml::from_str(&text).expect("a kernel")
    }

    #[test]
    fn what_may_be_is_skipped_and_all_else_has_failed() {
        let error = || anyhow!("cc: no such option").context(Trouble::Build);
        let skipped = unavailable_outcome(&kernel("['build']"), &error());
        assert_eq!(skipped.tally.state(), RowState::Skipped);
        assert!(skipped.details.contains("no such option"), "{skipped:?}");
        let failed = unavailable_outcome(&kernel("['expired']"), &error());
        assert_eq!(failed.tally.to_string(), "0 passed, 1 failed");
        let failed = unavailable_outcome(&kernel("['build']"), &anyhow!("no disk left"));
        assert_eq!(failed.tally.to_string(), "0 passed, 1 failed");
    }

    #[test]
    fn groups_that_need_what_cannot_be_built_are_told_each() {
        for (tolerated, state) in [("[]", RowState::Failed), ("['build']", RowState::Skipped)] {
            let kernel = kernel(tolerated);
            let run = KernelRun {
                kernel: &kernel,
                checks: vec![("lint".to_owned(), String::new())],
                suites: Vec::new(),
                modules: Vec::new(),
            };
            let mut seen = Vec::new();
            let error = anyhow!("cc failed").context(Trouble::Build);
            give_up(
                &run,
                "build",
                error,
                run.own_groups(),
                &mut |name, outcome| {
                    seen.push((name.to_owned(), outcome.tally.state()));
                },
            );
            let expected = ["k:build", "k:lint"].map(|name| (name.to_owned(), state));
            assert_eq!(seen, expected);
        }
    }
}
