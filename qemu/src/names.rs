// SPDX-License-Identifier: GPL-2.0

//! Checks the names that users give to kernels, suites and parts.

use std::collections::BTreeSet;

use anyhow::{bail, Result};

/// Fails unless each name is valid in file names, filters and command lines, and is unique.
pub fn check_names<'n>(what: &str, names: impl Iterator<Item = &'n str>) -> Result<()> {
    let mut seen = BTreeSet::new();
    for name in names {
        check_name(what, name)?;
        if !seen.insert(name) {
            bail!("two {what}s are named {name}");
        }
    }
    Ok(())
}

/// Fails unless a name is valid in file names, filters and command lines.
pub fn check_name(what: &str, name: &str) -> Result<()> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    // Refuses `.` and `..`, which are folders, and a first `-`, which begins an option.
    let begins = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if !begins || !name.chars().all(plain) {
        bail!(
            "{name:?} can be no {what}'s name: it takes letters, digits, `.`, `_` and `-`, \
             and begins with a letter or a digit"
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check_names;

    #[test]
    fn names_are_plain_and_unique() {
        let checked = |names: &[&str]| {
            let checked = check_names("suite", names.iter().copied());
            checked.map_or_else(|error| error.to_string(), |()| String::new())
        };
        assert_eq!(checked(&["a", "B.1_c-d"]), "");
        assert_eq!(checked(&["a", "b", "a"]), "two suites are named a");
        for wrong in ["", "a b", "a/b", "a:b", "a*", "a,b", "\u{e4}", "..", "-a"] {
            let said = checked(&["a", wrong]);
            let expected = format!("{wrong:?} can be no suite's");
            assert!(said.starts_with(&expected), "{said}");
        }
    }
}
