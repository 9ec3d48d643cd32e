// SPDX-License-Identifier: GPL-2.0

//! `env`: lines for a shell, each with its reason as a comment.

use crate::findings::variables::Setting;

use super::paper::Paper;

/// Writes the lines. What is printed can be given to `eval` as it is.
pub fn settings(paper: &mut Paper, settings: &[Setting]) {
    if settings.is_empty() {
        paper.comment("nothing needs to be set: this card and this ROCm fit as they are");
    }
    for setting in settings {
        paper.comment(&setting.reason);
        paper.comment(&format!("source: {}", setting.source));
        paper.line(&match &setting.value {
            Some(value) => format!("export {}={}", setting.variable, quoted(value)),
            None => format!("unset {}", setting.variable),
        });
    }
}

/// As a shell takes it for one word.
fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.,/:".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}
