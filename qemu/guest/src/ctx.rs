// SPDX-License-Identifier: GPL-2.0

//! The context of a case: the guest that it runs in, and the ways to report.

use std::io::Write;

use anyhow::Result;
use modproof_formats::words::{self, word};
use modproof_wait::modules::Modules;
use modproof_wait::serial::Port;

use crate::cmdline::Options;
use crate::kmsg::Kmsg;
use crate::skip::Skip;
use crate::taint::Taint;

/// The context of a case.
pub struct Ctx {
    /// The words of the kernel command line.
    pub options: Options,
    /// The modules in the initramfs.
    pub modules: Modules,
    /// The name of the running case.
    pub case: &'static str,
    /// The kernel's taint before the first case.
    pub boot_taint: Taint,
    /// The port whose output the user sees live.
    pub user: Port,
    notes: Vec<String>,
}

impl Ctx {
    /// Makes the context for the first case.
    pub fn new(options: Options, modules: Modules, boot_taint: Taint, user: Port) -> Self {
        Self {
            options,
            modules,
            case: "",
            boot_taint,
            user,
            notes: Vec::new(),
        }
    }

    /// The host's share of `times` rounds, at least 1; all of them on a fast kernel.
    pub fn share_of(&self, times: usize) -> usize {
        match self.options.share {
            Some(percent) => (times * percent / 100).max(1),
            None => times,
        }
    }

    /// For a case that needs all its rounds: skips it if the host wants only a share.
    pub fn needs_all(&self) -> Result<()> {
        match self.options.share {
            None | Some(100..) => Ok(()),
            Some(percent) => {
                let share = word(words::SHARE, &percent.to_string());
                Err(Skip(format!("{share}: takes too long here")).into())
            }
        }
    }

    /// Adds a note, which the KTAP stream shows before the result line.
    pub fn note(&mut self, text: impl Into<String>) {
        self.notes.push(text.into());
    }

    /// Takes the notes of the case that has just ended.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    /// A reader of the kernel log from now on.
    pub fn log_from_now(&self) -> Result<Kmsg> {
        Kmsg::from_now()
    }

    /// Shows a text to the user.
    pub fn show(&mut self, text: &str) -> Result<()> {
        self.user.write_all(text.as_bytes())?;
        Ok(self.user.flush()?)
    }
}
