// SPDX-License-Identifier: GPL-2.0

//! Words in colour.

use anstyle::{AnsiColor, Style};

/// Bold.
pub fn bold(text: &str) -> String {
    styled(Style::new().bold(), text)
}

/// Something is wrong.
pub fn red(text: &str) -> String {
    styled(AnsiColor::Red.on_default(), text)
}

/// Nothing is wrong.
pub fn green(text: &str) -> String {
    styled(AnsiColor::Green.on_default(), text)
}

/// Unknown, or worth a look.
pub fn yellow(text: &str) -> String {
    styled(AnsiColor::Yellow.on_default(), text)
}

/// A verdict in its colour.
pub fn verdict(word: &str) -> String {
    match word {
        "lie" => red(word),
        "truth" => green(word),
        "unknown" => yellow(word),
        other => other.to_owned(),
    }
}

fn styled(style: Style, text: &str) -> String {
    format!("{style}{text}{style:#}")
}
