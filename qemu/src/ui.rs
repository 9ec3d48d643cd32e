// SPDX-License-Identifier: GPL-2.0

//! Progress: a moving line on a terminal, plain short lines elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};

const SPINNER: &str = "{spinner} {prefix} ({elapsed}) {msg}";
const BAR: &str = "{spinner} {prefix} {pos}/{len} {wide_bar} ({elapsed}) {msg}";

/// How progress is shown.
#[derive(Clone, Debug)]
pub struct Ui {
    /// The moving lines, of which there may be several; none where nothing moves.
    lines: Option<MultiProgress>,
}

impl Ui {
    /// Chooses by what standard error is, and by `CI`.
    pub fn detect() -> Self {
        let in_ci = std::env::var_os("CI").is_some_and(|v| !v.is_empty() && v != "false");
        let moving = std::io::stderr().is_terminal() && !in_ci;
        Self {
            lines: moving.then(MultiProgress::new),
        }
    }

    /// A line that stays.
    pub fn say(&self, text: impl AsRef<str>) {
        self.suspend(|| eprintln!("{}", text.as_ref()));
    }

    fn suspend(&self, print: impl FnOnce()) {
        match &self.lines {
            Some(lines) => lines.suspend(print),
            None => print(),
        }
    }

    /// Begins something that takes time.
    pub fn begin(&self, what: impl Into<String>) -> Activity {
        self.start(what.into(), ProgressBar::new_spinner(), SPINNER)
    }

    /// Begins something of which there are `count`.
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

/// Something going on; its line vanishes when dropped unfinished.
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

    /// One more of them is done.
    pub fn advance(&self) {
        if let Some(bar) = &self.bar {
            bar.inc(1);
        }
    }

    /// Prints what is not ours, with the moving lines out of its way.
    pub fn suspend(&self, print: impl FnOnce()) {
        self.ui.suspend(print);
    }

    /// Ends it well, with the time taken.
    pub fn done(self, result: &str) {
        let seconds = self.started.elapsed().as_secs_f64();
        self.clear();
        let result = if result.is_empty() { "done" } else { result };
        self.ui
            .say(format!("{}: {result} ({seconds:.1} s)", self.what));
    }

    /// Takes the moving line away, so that other text can be printed.
    pub fn clear(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}
