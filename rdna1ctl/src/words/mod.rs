// SPDX-License-Identifier: GPL-2.0

//! Prints facts and findings as text for people.

pub mod check;
mod colours;
pub mod doctor;
pub mod log;
pub mod pages;
pub mod paper;
pub mod requests;
pub mod settings;
pub mod status;
mod table;

/// The most characters of foreign text that are shown.
const LONGEST: usize = 400;

/// Makes foreign text safe to print: no control characters, hence no escape sequences, and at most
/// [`LONGEST`] characters.
pub fn safe(text: &str) -> String {
    let safe = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut shown: String = text.chars().take(LONGEST).map(safe).collect();
    if text.chars().nth(LONGEST).is_some() {
        shown.push_str("[...]");
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn somebody_elses_text_is_tame() {
        assert_eq!(safe("a\u{1b}[2Jb\r\nc"), "a\u{fffd}[2Jb\u{fffd}\u{fffd}c");
        let long = safe(&"x".repeat(LONGEST + 1));
        assert_eq!(long, format!("{}[...]", "x".repeat(LONGEST)));
        assert_eq!(safe(&"x".repeat(LONGEST)).len(), LONGEST);
    }
}
