// SPDX-License-Identifier: GPL-2.0

//! Prints `env`: lines for a shell, each with its reason as a comment.

use crate::findings::variables::Setting;
use crate::sources::Facts;

use super::paper::TextWriter;

/// Warnings about the variables: one for each card that KFD does not list, one if KFD's device
/// cannot be opened, and one if rules could not be judged.
pub fn caveats(facts: &Facts) -> Vec<String> {
    let pages = &facts.pages;
    let unlisted = pages.gpus.iter().filter_map(|gpu| {
        let gpu = gpu.has(&[("kfd", "absent")]).then(|| gpu.find("gpu"))??;
        Some(match facts.kfd_hidden {
            Some(why) => format!("unknown whether KFD lists the card at {gpu}: {why}"),
            None => format!(
                "KFD does not list the card at {gpu}: no ROCm program can use it. rdna1ctl doctor \
                 says why"
            ),
        })
    });
    let mut caveats: Vec<_> = unlisted.collect();
    let why = match &facts.access.kfd {
        None => Some("there is no /dev/kfd here"),
        Some(kfd) if !kfd.own => Some("this user may not open /dev/kfd"),
        Some(_) => None,
    };
    if let Some(why) = why.filter(|_| !facts.card_nodes().is_empty()) {
        caveats.push(format!(
            "{why}: no ROCm program can use the card. rdna1ctl doctor says what to do"
        ));
    }
    if pages.verdict() == Some("unknown") {
        caveats.push(
            "some rules could not be judged: the variables fit if KFD's topology matches the \
             hardware. rdna1ctl doctor says more"
                .to_owned(),
        );
    }
    caveats
}

/// Writes the lines. A shell can `eval` the text as it is.
pub fn settings(paper: &mut TextWriter, settings: &[Setting]) {
    if settings.is_empty() {
        paper.comment("no variable is needed: this card and this ROCm work as they are");
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

/// Quotes a value so that a shell reads it as one word.
fn quoted(value: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.,/:".contains(c);
    if !value.is_empty() && value.chars().all(plain) {
        value.to_owned()
    } else {
        format!("'{}'", value.replace('\'', r"'\''"))
    }
}
