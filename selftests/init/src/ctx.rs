// SPDX-License-Identifier: GPL-2.0

//! What a case has at hand.

use std::io::Write;

use anyhow::Result;

use crate::cmdline::Options;
use crate::kmsg::Kmsg;
use crate::modules::Modules;
use crate::serial::Port;
use crate::taint::Taint;

/// What a case has at hand.
pub struct Ctx {
    /// What the kernel command line asks for.
    pub options: Options,
    /// The modules in the initramfs.
    pub modules: Modules,
    /// The name of the case that runs.
    pub case: &'static str,
    /// The taint that the kernel had before the first case.
    pub boot_taint: Taint,
    /// What the user of `make demo` sees.
    pub user: Port,
    /// References on amdgpu before the demo loaded the module.
    pub references_before: Option<u64>,
    notes: Vec<String>,
}

impl Ctx {
    /// Prepares the first case.
    pub fn new(options: Options, modules: Modules, boot_taint: Taint, user: Port) -> Self {
        Self {
            options,
            modules,
            case: "",
            boot_taint,
            user,
            references_before: None,
            notes: Vec::new(),
        }
    }

    /// How often to do what is done that often where time does not matter.
    pub fn share_of(&self, times: usize) -> usize {
        match self.options.share {
            Some(percent) => (times * percent / 100).max(1),
            None => times,
        }
    }

    /// Skips a case that is nothing if less is done, where only a share is wanted.
    pub fn needs_all(&self) -> Result<()> {
        match self.options.share {
            None | Some(100..) => Ok(()),
            Some(percent) => {
                Err(Skip(format!("rdna1.share={percent}: takes too long here")).into())
            }
        }
    }

    /// Notes something worth knowing that is no failure; it goes before the result line.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Takes the notes of the case that has just ended.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// The kernel log from here on.
    pub fn log_from_now(&self) -> Result<Kmsg> {
        Kmsg::from_now()
    }

    /// Shows a text to the user.
    pub fn show(&mut self, text: &str) -> Result<()> {
        self.user.write_all(text.as_bytes())?;
        Ok(self.user.flush()?)
    }
}

/// The reason why a case cannot be tried here; returned as its error.
#[derive(Debug)]
pub struct Skip(pub String);

impl std::fmt::Display for Skip {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "skipped: {}", self.0)
    }
}

impl std::error::Error for Skip {}
