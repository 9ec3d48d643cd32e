// SPDX-License-Identifier: GPL-2.0

//! Parses the records of the module's files.

use std::collections::BTreeMap;

/// A record: values by key.
pub type Record = BTreeMap<String, String>;

/// The records of a page. Panics if the page is not in format version 1.
pub fn records(write: impl Fn(&mut String) -> std::fmt::Result) -> Vec<Record> {
    let mut page = String::new();
    write(&mut page).unwrap();
    let mut lines = page.lines();
    let heading = lines.next().unwrap();
    assert!(
        heading.starts_with("# rdna1 ") && heading.ends_with(" v1"),
        "{heading}"
    );
    assert!(page.ends_with('\n'));
    lines
        .map(|line| {
            let pairs: Vec<_> = line
                .split(' ')
                .map(|pair| pair.split_once('=').expect(line))
                .collect();
            let record: Record = pairs
                .iter()
                .map(|(key, value)| {
                    assert!(
                        !value.is_empty() && !value.contains(['"', '\'', '=']),
                        "{line}"
                    );
                    (key.to_string(), value.to_string())
                })
                .collect();
            assert_eq!(record.len(), pairs.len(), "a key twice in {line}");
            record
        })
        .collect()
}
