// SPDX-License-Identifier: GPL-2.0

//! Sizes as text, for findings and words.

/// A size in GiB or MiB. Text that is not a number, such as `?`, stays as it is.
pub fn gib(bytes: &str) -> String {
    let Ok(bytes) = bytes.parse::<u64>() else {
        return bytes.to_owned();
    };
    const GIB: u64 = 1 << 30;
    const MIB: u64 = 1 << 20;
    if bytes >= GIB {
        let tenths = bytes / (GIB / 10);
        format!("{}.{} GiB", tenths / 10, tenths % 10)
    } else {
        format!("{} MiB", bytes / MIB)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_in_the_unit_that_reads_best() {
        for (bytes, words) in [
            ("268435456", "256 MiB"),
            ("8573157376", "7.9 GiB"),
            ("8589934592", "8.0 GiB"),
            ("?", "?"),
        ] {
            assert_eq!(gib(bytes), words);
        }
    }
}
