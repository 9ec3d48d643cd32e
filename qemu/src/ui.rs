// SPDX-License-Identifier: GPL-2.0

//! Progress: a moving line on a terminal, plain short lines elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

/// How progress is shown.
#[derive(Clone, Copy, Debug)]
pub struct Ui {
    moving: bool,
}

impl Ui {
    /// Chooses by what standard error is, and by `CI`.
    pub fn new() -> Self {
        let in_ci = std::env::var_os("CI").is_some_and(|v| !v.is_empty() && v != "false");
        Self {
            moving: std::io::stderr().is_terminal() && !in_ci,
        }
    }

    /// A line that stays.
    pub fn say(&self, text: impl AsRef<str>) {
        eprintln!("{}", text.as_ref());
    }

    /// Begins something that takes time.
    pub fn begin(&self, what: impl Into<String>) -> Activity {
        let what = what.into();
        let bar = self.moving.then(|| {
            let bar = ProgressBar::new_spinner();
            if let Ok(style) = ProgressStyle::with_template("{spinner} {prefix} ({elapsed}) {msg}")
            {
                bar.set_style(style);
            }
            bar.set_prefix(what.clone());
            bar.enable_steady_tick(Duration::from_millis(200));
            bar
        });
        if bar.is_none() {
            eprintln!("{what} ...");
        }
        Activity {
            what,
            bar,
            started: Instant::now(),
        }
    }
}

/// Something going on; its line vanishes when dropped unfinished.
pub struct Activity {
    what: String,
    bar: Option<ProgressBar>,
    started: Instant,
}

impl Activity {
    /// Shows a detail, on a terminal only.
    pub fn detail(&self, text: &str) {
        if let Some(bar) = &self.bar {
            let short: String = text.trim().chars().take(60).collect();
            bar.set_message(short);
        }
    }

    /// Ends it well, with the time taken.
    pub fn done(self, result: &str) {
        let seconds = self.started.elapsed().as_secs_f64();
        self.clear();
        let result = if result.is_empty() { "done" } else { result };
        eprintln!("{}: {result} ({seconds:.1} s)", self.what);
    }

    /// Takes the moving line away, so that other text can be printed.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
