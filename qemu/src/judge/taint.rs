// SPDX-License-Identifier: GPL-2.0

//! Finds taint of the kernel that modproof's own modules do not explain.

use super::patterns::Patterns;

/// Every report has `Tainted: G        W  OE   7.2`, and on another line
/// `Tainted: [W]=WARN, [O]=OOT_MODULE`.
const TAINTED: &str = "Tainted: ";
/// The kernel's messages about becoming tainted each contain one of these.
const TAINTING: [&str; 3] = ["taints kernel", "tainting kernel", "kernel taint"];

/// Describes unexpected taint in a line of the console, if any.
pub fn on_console(patterns: &Patterns, line: &str) -> Option<String> {
    if TAINTING.iter().any(|words| line.contains(words)) {
        let expected = patterns.expected_taint.iter().any(|e| e.is_match(line));
        return (!expected).then(|| "something unexpected taints the kernel".to_owned());
    }
    let (_, flags) = line.split_once(TAINTED)?;
    if flags.starts_with('[') {
        let letters = flags.split('[').filter_map(|one| one.chars().next());
        return unexpected(patterns, letters);
    }
    let letters = flags.chars().take_while(|c| matches!(c, 'A'..='Z' | ' '));
    unexpected(patterns, letters)
}

/// Describes the unexpected taint bits among these letters, if any.
pub fn unexpected(patterns: &Patterns, letters: impl Iterator<Item = char>) -> Option<String> {
    let mut said: Vec<String> = Vec::new();
    for letter in letters.filter(|c| c.is_ascii_uppercase()) {
        let bit = patterns.taint.iter().find(|bit| bit.letter == letter);
        if bit.is_some_and(|bit| bit.expected) {
            continue;
        }
        let why = bit.map_or("a bit that the judge does not know", |bit| &bit.why);
        let text = format!("{letter}, {why}");
        if !said.contains(&text) {
            said.push(text);
        }
    }
    (!said.is_empty()).then(|| said.join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(line: &str) -> Option<String> {
        on_console(Patterns::built_in().expect("sound patterns"), line)
    }

    #[test]
    fn our_own_taint_is_expected() {
        for line in [
            "[   10.1] crc16x: loading out-of-tree module taints kernel.",
            "[   10.2] m: module verification failed: signature and/or required key missing - tainting kernel",
            "[   11.0] CPU: 0 UID: 0 PID: 1 Comm: init Tainted: G           OE       7.2.12+deb13-amd64 #1",
            "[   11.0] Tainted: [O]=OOT_MODULE, [E]=UNSIGNED_MODULE",
            "[   11.0] CPU: 0 UID: 0 PID: 1 Comm: init Not tainted 7.2.12+deb13-amd64 #1",
        ] {
            assert_eq!(said(line), None, "{line}");
        }
    }

    #[test]
    fn a_foreign_taint_is_told_by_its_letters() {
        for (line, letters) in [
            ("Comm: init Tainted: G        W  OE       7.2.12 #1", "W, "),
            ("Comm: init Tainted: P     U             7.2.12 #1", "P, "),
            ("Tainted: [L]=SOFTLOCKUP", "L, "),
            ("Tainted: [O]=OOT_MODULE, [N]=TEST", "N, "),
            ("BUG kmalloc-8 (Tainted: G    B      OE      ): x", "B, "),
            (
                "Tainted: [Z]=LATER",
                "Z, a bit that the judge does not know",
            ),
            (
                "[   10.1] nv: module license 'NVIDIA' taints kernel.",
                "something",
            ),
        ] {
            let said = said(line).expect(line);
            assert!(said.starts_with(letters), "{line}: {said}");
        }
    }
}
