// SPDX-License-Identifier: GPL-2.0

//! The result of a boot.

use std::path::PathBuf;
use std::time::Duration;

use crate::again;
use crate::judge::{saved, Verdict};
use crate::stamps::Stamps;

/// A boot that was judged.
pub struct Booted {
    /// The judge's verdict.
    pub verdict: Verdict,
    /// The folder with the logs.
    pub folder: PathBuf,
    /// The text of the kernel console.
    pub console: String,
    /// How long the boot took.
    pub took: Duration,
    /// The times at which the host received the lines of the guest's KTAP stream.
    pub stamps: Stamps,
}

impl Booted {
    /// The path of the console's log.
    pub fn console_path(&self) -> PathBuf {
        self.folder.join(saved::CONSOLE)
    }

    /// The path of the script that boots the guest again, if this boot kept it.
    pub fn again(&self) -> PathBuf {
        self.folder.join(again::SCRIPT)
    }

    /// The console's last lines.
    pub fn console_tail(&self, count: usize) -> String {
        let lines: Vec<_> = self.console.lines().collect();
        let from = lines.len().saturating_sub(count);
        lines[from..]
            .iter()
            .map(|l| format!("  | {}\n", l.trim_end()))
            .collect()
    }
}
