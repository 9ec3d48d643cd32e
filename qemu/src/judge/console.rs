// SPDX-License-Identifier: GPL-2.0

//! Searches the kernel's console for signs of trouble.

use super::patterns::{Counts, Patterns};
use super::{taint, Kind, Reason};

/// The kernel's last line before it powers off.
const POWER_DOWN: &str = "reboot: Power down";

/// All kinds of trouble on the console, each once, with its first line. `passed` tells whether a
/// case passed.
pub fn troubles(patterns: &Patterns, console: &str, passed: impl Fn(&str) -> bool) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let mut alone = Vec::new();
    for line in console.lines() {
        let mut first = true;
        for pattern in &patterns.console {
            let counts = match pattern.counts {
                Counts::First => first,
                Counts::Beside | Counts::Alone => true,
            };
            if !counts || !pattern.regex.is_match(line) {
                continue;
            }
            if pattern.unless_passed.as_deref().is_some_and(&passed) {
                continue;
            }
            let found = if pattern.counts == Counts::Alone {
                &mut alone
            } else {
                &mut reasons
            };
            first &= pattern.counts != Counts::First;
            add_once(found, pattern.kind, &pattern.why, line);
        }
        if let Some(why) = taint::on_console(patterns, line) {
            add_once(&mut reasons, Kind::Taint, &why, line);
        }
    }
    if reasons.is_empty() {
        return alone;
    }
    reasons
}

/// Whether the guest powered off normally.
pub fn powered_off(console: &str) -> bool {
    console.lines().any(|line| line.contains(POWER_DOWN))
}

fn add_once(reasons: &mut Vec<Reason>, kind: Kind, why: &str, line: &str) {
    if reasons.iter().all(|r| r.kind != kind) {
        reasons.push(Reason {
            kind,
            text: format!("{why}: {}", without_stamp(line)),
            of_case: false,
        });
    }
}

/// The line without the kernel's timestamp.
fn without_stamp(line: &str) -> &str {
    let line = line.trim();
    match line.strip_prefix('[').and_then(|l| l.split_once("] ")) {
        Some((stamp, rest)) if stamp.trim().starts_with(|c: char| c.is_ascii_digit()) => rest,
        _ => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kinds(console: &str) -> Vec<Kind> {
        let patterns = Patterns::built_in().expect("sound patterns");
        let reasons = troubles(patterns, console, |_| false);
        reasons.iter().map(|r| r.kind).collect()
    }

    #[test]
    fn a_line_counts_once_and_a_panic_beside_it() {
        assert_eq!(
            kinds("[    1.0] BUG: KASAN: use-after-free in x\n"),
            [Kind::Kasan]
        );
        assert_eq!(
            kinds("[    1.0] Kernel panic - not syncing: corrupted stack end detected inside x\n"),
            [Kind::StackOverflow, Kind::Panic]
        );
    }

    #[test]
    fn a_stack_counts_where_nothing_else_does() {
        assert_eq!(kinds("[    1.0] Call Trace:\n"), [Kind::Trace]);
        assert_eq!(
            kinds("[    1.0] Call Trace:\n[    1.0] WARNING: x\n"),
            [Kind::Warning]
        );
    }

    #[test]
    fn the_stamp_of_a_line_is_no_part_of_what_it_says() {
        for (line, text) in [
            ("[    1.5] WARNING: x", "WARNING: x"),
            (
                "[ BUG: Invalid wait context ]",
                "[ BUG: Invalid wait context ]",
            ),
            ("[", "["),
            ("[1", "[1"),
        ] {
            assert_eq!(without_stamp(line), text);
        }
    }
}
