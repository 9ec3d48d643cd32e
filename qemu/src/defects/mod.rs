// SPDX-License-Identifier: GPL-2.0

//! Is the judge any good? Defects are planted in boots of their own: each must
//! be caught, and named as what it is.

mod data;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::accel::Accelerator;
use crate::boot::Boot;
use crate::config::Suites;
use crate::cpio::Archive;
use crate::filter::Filter;
use crate::kernels::Kernel;
use crate::provision::Ready;
use crate::tally::{Outcome, Row, State};
use crate::Context;
use data::Configuration;
pub use data::Defect;

/// The group's name.
pub const GROUP: &str = data::SUITE;

/// The defects that a filter picks: without one, only the short choice.
pub fn pick(repo: &Path, wanted: &Filter) -> Result<Vec<Defect>> {
    if !wanted.names(GROUP) {
        return Ok(Vec::new());
    }
    let mut defects = data::load(repo)?;
    defects.retain(|defect| match wanted.names_groups() {
        true => wanted.wants_case(&defect.name),
        false => defect.in_test,
    });
    Ok(defects)
}

/// What planting goes by.
pub struct Planting<'a> {
    /// The cache, the progress.
    pub context: &'a Context,
    /// The kernel's entry.
    pub kernel: &'a Kernel,
    /// The kernel.
    pub ready: &'a Ready,
    /// What runs it.
    pub accelerator: &'a Accelerator,
    /// The guest that has the module with the defects.
    pub initramfs: PathBuf,
}

impl Planting<'_> {
    /// Plants each, in a boot of its own.
    pub fn run(&self, defects: &[Defect]) -> Result<Outcome> {
        let suites = Suites::load(&self.context.repo)?;
        let common = suites.find(GROUP)?;
        let kernel = Configuration::read(&self.ready.object().join(".config"))?;
        let empty = self.empty_archive()?;
        let mut outcome = Outcome {
            note: "planted, each to be caught and named".to_owned(),
            ..Outcome::default()
        };
        for defect in defects {
            if let Some(why) = defect.skipped_by(&kernel) {
                let said = format!("skipped {}: {why}\n", defect.name);
                outcome.details.push_str(&said);
                outcome.push(Row::new(&*defect.name, State::Skipped, why));
                continue;
            }
            let booted = Boot {
                cache: &self.context.cache,
                ui: &self.context.ui,
                image: &self.ready.image,
                initramfs: if defect.initramfs {
                    &self.initramfs
                } else {
                    &empty
                },
                accelerator: self.accelerator,
                suite: &defect.suite(common).on(self.kernel),
                extra: format!("rdna1.cases={}", defect.cases()),
                live: false,
            }
            .run()?;
            let (state, text) = match defect.check(&booted.verdict) {
                Ok(named) => (State::Passed, named),
                Err(error) => (State::Failed, format!("{error:#}")),
            };
            let console = booted.console_path();
            if state == State::Failed {
                outcome.details.push_str(&format!(
                    "not ok {}: {text}\nconsole log: {}\n",
                    defect.name,
                    console.display()
                ));
            }
            outcome.push(Row {
                seconds: Some(booted.took.as_secs_f64()),
                log: Some(console),
                ..Row::new(&*defect.name, state, text)
            });
        }
        Ok(outcome)
    }

    /// An initramfs in which nothing is.
    fn empty_archive(&self) -> Result<PathBuf> {
        let path = self.initramfs.with_file_name("empty.cpio");
        let bytes = Archive::new(Vec::new()).finish()?;
        std::fs::write(&path, bytes).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(path)
    }
}
