// SPDX-License-Identifier: GPL-2.0

//! Tests the Debian packages in a new root, as a user would install them.

use std::path::Path;

use anyhow::{bail, Context, Result};

use super::build::{DEBS, HIGHER};
use modproof::cache::{now_as_id, Built, Owner, Stage};
use modproof::kernels::Origin;
use modproof::provision::{quote, root, Chroot, Provision, Ready};
use modproof::run;
use modproof::tally::{Outcome, Row, RowState};

/// The script that runs in the root, relative to the repository.
const SCRIPT: &str = "packaging/trial.sh";
/// The script's last line; without it the script stopped early.
const END: &str = "trial: done";

/// The result of the script.
pub struct TrialResult {
    /// The checks.
    pub outcome: Outcome,
    /// The module that DKMS built.
    pub module: Vec<u8>,
}

/// Installs the packages in a copy of a root with nothing but apt. `keep` leaves the copy in the
/// cache for inspection.
pub fn run(
    repo: &Path,
    provision: &Provision,
    ready: &Ready,
    made: &Built,
    keep: bool,
) -> Result<TrialResult> {
    let kernel = provision.kernel;
    let Origin::Stock(stock) = &kernel.from else {
        bail!(
            "{} is built here: packages are tried on a stock kernel",
            kernel.name
        );
    };
    let clean = root::ensure_other(provision, "clean", "root with nothing but apt", &[])?;
    let variables = format!(
        "abi={} suite={} flavour={}\n",
        quote(&ready.choice.abi),
        quote(&stock.suite),
        quote(&stock.flavour),
    );
    let path = repo.join(SCRIPT);
    let script = std::fs::read_to_string(&path)
        .with_context(|| format!("cannot read {}", path.display()))?;
    let docs = tempfile::tempdir()?;
    std::fs::copy(repo.join("README.md"), docs.path().join("README.md"))
        .context("cannot copy README.md, whose commands are tried")?;
    let stage = Stage {
        cache: provision.cache,
        owner: Owner::Kernel(&kernel.name),
        name: "trial",
        about: "packages: install, upgrade, remove",
        // A unique input: every run tests again.
        inputs: vec![("run", now_as_id())],
    };
    let mut outcome = Outcome::default();
    let mut module = Vec::new();
    stage.ensure(provision.ui, provision.privilege, |work| {
        let built = tempfile::tempdir()?;
        let mut copy = provision.privilege.contained(&work.busy)?;
        copy.args(["cp", "-a", "--", "."]).arg(&work.tree);
        copy.current_dir(clean.tree());
        run::logged(&mut copy, &work.log, Some(work.activity))?;
        let tried = Chroot::new(provision.privilege, work.tree.clone(), &work.busy)
            .read_only(made.tree().join(DEBS), "debs")
            .read_only(made.tree().join(HIGHER), "higher")
            .read_only(docs.path(), "docs")
            .writable(built.path(), "module")
            .with_network()
            .sh(
                &format!("{variables}{script}"),
                &work.log,
                Some(work.activity),
            )
            .or_else(|error| root::explain(&work.log.text(), error));
        outcome = judge(&work.log.text());
        outcome.log = Some(work.log.path().to_owned());
        tried.with_context(|| format!("after {}", outcome.tally))?;
        let path = built.path().join("rdna1_kfd_guard.ko");
        module = std::fs::read(path).context("DKMS has left no module")?;
        if !keep {
            provision.privilege.remove_tree(&work.tree)?;
            std::fs::create_dir(&work.tree)?;
        }
        Ok(outcome.tally.to_string())
    })?;
    Ok(TrialResult { outcome, module })
}

/// Counts the checks in a log. A log without the last line [`END`] adds a failure.
pub fn judge(log: &str) -> Outcome {
    let mut outcome = Outcome::default();
    for line in log.lines() {
        if let Some(name) = line.strip_prefix("ok ") {
            outcome.push(Row::new(name, RowState::Passed, ""));
        } else if let Some(failure) = line.strip_prefix("not ok ") {
            let (name, why) = failure.split_once(": ").unwrap_or((failure, ""));
            outcome.push(Row::new(name, RowState::Failed, why));
            outcome.details.push_str(&format!("{failure}\n"));
        } else if let Some(skipped) = line.strip_prefix("skip ") {
            let (name, why) = skipped.split_once(": ").unwrap_or((skipped, ""));
            outcome.push(Row::new(name, RowState::Skipped, why));
            outcome.details.push_str(&format!("skipped: {skipped}\n"));
        }
    }
    if !log.lines().any(|line| line == END) {
        outcome.push(Row::new("came to its end", RowState::Failed, ""));
        outcome.details.push_str("it did not come to its end\n");
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::judge;

    #[test]
    fn a_check_that_failed_is_named_and_counted() {
        let outcome = judge("Setting up x\nok one\nnot ok two: why: so\ntrial: done\n");
        assert_eq!(outcome.tally.to_string(), "1 passed, 1 failed");
        assert_eq!(outcome.details, "two: why: so\n");
        assert_eq!(outcome.rows[1].text, "why: so");
    }

    #[test]
    fn a_check_that_was_skipped_is_no_failure() {
        let outcome = judge("ok one\nskip two: why\ntrial: done\n");
        assert_eq!(outcome.tally.to_string(), "1 passed, 0 failed, 1 skipped");
    }

    #[test]
    fn what_ends_early_has_failed() {
        for log in ["", "ok one\n", "ok one\nsaid trial: done\n"] {
            assert_eq!(judge(log).tally.failed, 1, "{log}");
        }
    }
}
