// SPDX-License-Identifier: GPL-2.0

//! The kernel's taint mask, printed with the kernel's letters.

use std::fmt;
use std::fs;

use anyhow::{Context, Result};

/// The letter of each bit, as in the kernel's admin-guide/tainted-kernels.
const LETTERS: &[u8] = b"PFSRMBUDAWCIOELKXTNJ";

/// A taint mask as /proc/sys/kernel/tainted shows it.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Taint(u64);

impl Taint {
    /// The bits that every module under test sets: out-of-tree (O) and unsigned (E).
    pub const EXPECTED: Self = Self(1 << 12 | 1 << 13);

    /// Reads the mask of the running kernel.
    pub fn now() -> Result<Self> {
        let path = "/proc/sys/kernel/tainted";
        let text = fs::read_to_string(path).with_context(|| format!("read {path}"))?;
        let mask = text.trim().parse();
        Ok(Self(mask.with_context(|| {
            format!("{path} holds {text:?}, no number")
        })?))
    }

    /// The bits that are set here and neither in `before` nor expected.
    pub fn unexpected_since(self, before: Self) -> Self {
        Self(self.0 & !before.0 & !Self::EXPECTED.0)
    }

    /// Whether no bit is set.
    pub fn is_clean(self) -> bool {
        self.0 == 0
    }
}

impl fmt::Display for Taint {
    /// As `4096 (O)`, `0 (none)`, `1048576 (bit20)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = (0..u64::BITS as usize)
            .filter(|bit| self.0 & 1 << bit != 0)
            .map(|bit| match LETTERS.get(bit) {
                Some(letter) => char::from(*letter).to_string(),
                None => format!("bit{bit}"),
            })
            .collect();
        let names = if names.is_empty() {
            "none".into()
        } else {
            names.join(" ")
        };
        write!(f, "{} ({names})", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters() {
        assert_eq!(Taint(0).to_string(), "0 (none)");
        assert_eq!(Taint(4096 + 8192).to_string(), "12288 (O E)");
        assert_eq!(Taint(1 << 9 | 1 << 7).to_string(), "640 (D W)");
        assert_eq!(
            Taint(1 << 18 | 1 << 40).to_string(),
            "1099511889920 (N bit40)"
        );
    }

    #[test]
    fn only_what_is_new_and_not_expected_counts() {
        let boot = Taint(1 << 2);
        assert!(Taint(1 << 2 | 12288).unexpected_since(boot).is_clean());
        assert_eq!(Taint(1 << 2 | 1 << 9).unexpected_since(boot), Taint(1 << 9));
    }
}
