// SPDX-License-Identifier: GPL-2.0

//! When the host got each line of a stream.

use std::time::{Duration, Instant};

/// The moments at which lines ended, by the host's clock: a guest's own may
/// stand still, or run as fast as it is emulated.
#[derive(Clone, Debug)]
pub struct Stamps {
    began: Instant,
    ends: Vec<Duration>,
}

impl Stamps {
    /// Begins now.
    pub fn begin() -> Self {
        Self {
            began: Instant::now(),
            ends: Vec::new(),
        }
    }

    /// Takes what has just come.
    pub fn take(&mut self, bytes: &[u8]) {
        let now = self.began.elapsed();
        let ended = bytes.iter().filter(|byte| **byte == b'\n');
        self.ends.extend(ended.map(|_| now));
    }

    /// When each line ended, from the beginning on.
    pub fn ends(&self) -> &[Duration] {
        &self.ends
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_of_a_line_has_a_moment() {
        let mut stamps = Stamps::begin();
        for (bytes, ended) in [("KTAP", 0), (" version 1\n1..", 1), ("2\nok 1\nok 2\n#", 4)] {
            stamps.take(bytes.as_bytes());
            assert_eq!(stamps.ends().len(), ended, "{bytes:?}");
        }
        assert!(stamps.ends().is_sorted());
    }
}
