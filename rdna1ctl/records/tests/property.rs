// SPDX-License-Identifier: GPL-2.0

//! Property tests: no text makes the parsers panic, and parsed text can be written again.

use proptest::prelude::*;
use rdna1_records::{body, records, Counters, Record};

const HEAPS: &str = "# rdna1 heaps v1\n\
    gpu=0000:03:00.0 node=1 bank=0 heap=fb_public size_bytes=8573157376 verdict=truth rules=-\n\
    gpu=0000:09:00.0 node=2 bank=? heap=other(7) size_bytes=? verdict=unknown rules=a,b\n";

fn pair() -> impl Strategy<Value = (String, String)> {
    ("[a-z0-9_]{1,12}", "[!#-&(-~]{1,20}")
}

proptest! {
    /// A truncated file is refused, or it is read as fewer complete records.
    #[test]
    fn a_truncated_file_is_never_read_as_another(cut in 0..HEAPS.len()) {
        if let Ok(seen) = records("heaps", &HEAPS[..cut]) {
            let whole: Vec<_> = HEAPS.lines().skip(1).collect();
            let seen: Vec<_> = seen.iter().map(Record::line).collect();
            prop_assert!(whole.starts_with(&seen), "{seen:?}");
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in "\\PC*") {
        let text = format!("# rdna1 heaps v1\n{text}\n");
        if let Ok(seen) = records("heaps", &text) {
            for record in seen {
                for (key, value) in record.pairs() {
                    prop_assert!(!key.contains(' ') && value.bytes().all(|b| b.is_ascii_graphic()));
                }
            }
        }
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let text = String::from_utf8_lossy(&bytes);
        let _ = records("gpus", &text);
        let _ = Counters::parse(&format!("# rdna1 counters v1\n{text}"));
        let _ = body("gpus", &text);
    }

    #[test]
    fn what_was_written_is_read(pairs in proptest::collection::vec(pair(), 1..40)) {
        let mut named = std::collections::BTreeMap::new();
        for (key, value) in pairs {
            named.insert(key, value);
        }
        let line = named.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" ");
        let record = Record::parse(&line).unwrap();
        prop_assert_eq!(record.line(), &line);
        prop_assert!(record.pairs().map(|(k, v)| (k.to_owned(), v.to_owned())).eq(named));
    }

    #[test]
    fn counters_are_read_as_written(values in proptest::collection::btree_map("[a-z_]{1,9}", any::<u64>(), 1..50)) {
        let lines: String = values.iter().map(|(name, value)| format!("{name} {value}\n")).collect();
        let read = Counters::parse(&format!("# rdna1 counters v1\n{lines}")).unwrap();
        prop_assert!(read.values().map(|(n, v)| (n.to_owned(), v)).eq(values));
    }
}

/// Parsing a file of the maximum size takes only a moment, with one line or with many.
#[test]
fn a_huge_file() {
    let line = "gpu=0000:03:00.0 node=1 verdict=truth\n";
    let many = format!("# rdna1 heaps v1\n{}", line.repeat(25_000));
    assert_eq!(records("heaps", &many).unwrap().len(), 25_000);
    let long = format!("# rdna1 heaps v1\nkey={}\n", "x".repeat(1 << 20));
    assert_eq!(records("heaps", &long).unwrap().len(), 1);
    let junk = format!("# rdna1 heaps v1\n{}\n", "x".repeat(1 << 20));
    assert!(records("heaps", &junk).is_err());
}
