// SPDX-License-Identifier: GPL-2.0

//! The result of a boot.

use std::path::PathBuf;
use std::time::Duration;

use crate::again;
use crate::judge::{saved, Verdict};
use crate::stamps::Stamps;

/// A boot that was judged.
pub struct Booted {
    /// The judgement.
    pub verdict: Verdict,
    /// The logs.
    pub folder: PathBuf,
    /// The text of the kernel console.
    pub console: String,
    /// How long it took.
    pub took: Duration,
    /// When the lines of the guest's stream came.
    pub stamps: Stamps,
}

impl Booted {
    /// The file with the console's log.
    pub fn console_path(&self) -> PathBuf {
        self.folder.join(saved::CONSOLE)
    }

    /// The script that boots it again, if it was kept.
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
