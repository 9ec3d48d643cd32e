// SPDX-License-Identifier: GPL-2.0

//! Shows progress: moving lines on a terminal, and short plain lines elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

const SPINNER: &str = "{spinner} {prefix} ({elapsed}) {msg}";
const BAR: &str = "{spinner} {prefix} {pos}/{len} {wide_bar} ({elapsed}) {msg}";

/// Shows progress.
#[derive(Clone, Debug)]
pub struct Ui {
    /// The moving lines. `None`: plain lines only.
    lines: Option<MultiProgress>,
}

impl Ui {
    /// Uses moving lines if standard error is a terminal and `CI` is not set.
    pub fn detect() -> Self {
        let in_ci = std::env::var_os("CI").is_some_and(|v| !v.is_empty() && v != "false");
        let moving = std::io::stderr().is_terminal() && !in_ci;
        Self {
            lines: moving.then(MultiProgress::new),
        }
    }

    /// Prints a line that stays.
    pub fn say(&self, text: impl AsRef<str>) {
        self.suspend(|| eprintln!("{}", text.as_ref()));
    }

    fn suspend(&self, print: impl FnOnce()) {
        match &self.lines {
            Some(lines) => lines.suspend(print),
            None => print(),
        }
    }

    /// Begins an activity.
    pub fn begin(&self, what: impl Into<String>) -> Activity {
        self.start(what.into(), ProgressBar::new_spinner(), SPINNER)
    }

    /// Begins an activity of `count` steps.
    pub fn begin_many(&self, what: impl Into<String>, count: usize) -> Activity {
        let what = what.into();
        self.start(what, ProgressBar::new(count as u64), BAR)
    }

    fn start(&self, what: String, bar: ProgressBar, template: &str) -> Activity {
        let bar = self.lines.as_ref().map(|lines| {
            let bar = lines.add(bar);
            if let Ok(style) = ProgressStyle::with_template(template) {
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
            ui: self.clone(),
            started: Instant::now(),
        }
    }
}

/// An activity. Its moving line vanishes if this is dropped before `done`.
pub struct Activity {
    what: String,
    bar: Option<ProgressBar>,
    ui: Ui,
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

    /// Counts one more finished step.
    pub fn advance(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    /// Hides the moving lines while `print` writes other output.
    pub fn suspend(&self, print: impl FnOnce()) {
        self.ui.suspend(print);
    }

    /// Ends the activity, and prints its result and duration.
    pub fn done(self, result: &str) {
        let seconds = self.started.elapsed().as_secs_f64();
        self.clear();
        let result = if result.is_empty() { "done" } else { result };
        self.ui
            .say(format!("{}: {result} ({seconds:.1} s)", self.what));
    }

    /// Removes the moving line, so that other text can be printed.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
