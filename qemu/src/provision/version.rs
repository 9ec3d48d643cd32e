// SPDX-License-Identifier: GPL-2.0

//! Versions of packages.

/// Orders versions: numbers by value, the rest as text, where `~` comes before
/// the end and that before all else.
pub fn version_key(version: &str) -> Vec<(u64, String)> {
    let mut key = Vec::new();
    let mut rest = version;
    while !rest.is_empty() {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        let (number, tail) = rest.split_at(digits);
        let other = tail.len() - tail.trim_start_matches(|c: char| !c.is_ascii_digit()).len();
        let (text, tail) = tail.split_at(other);
        let text = text.replace('~', "\u{0}") + "\u{1}";
        key.push((number.parse().unwrap_or(0), text));
        rest = tail;
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_number() {
        assert!(version_key("7.2.9-1~bpo13+1") < version_key("7.2.12-1~bpo13+1"));
        assert!(version_key("6.19.14-1") < version_key("7.0.4-1"));
        assert!(version_key("7.3~rc7-1~exp1") < version_key("7.3.4-1~bpo13+1"));
        assert!(version_key("7.3~rc7-1") < version_key("7.3-1"));
        assert!(version_key("7.2.12-1~bpo13+1") < version_key("7.2.12-1"));
    }
}
