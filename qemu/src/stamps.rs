// SPDX-License-Identifier: GPL-2.0

//! Records the times at which the host received the lines of a stream.

use std::time::{Duration, Instant};

/// The times of the lines' ends, by the host's clock. A guest's own clock may stand still, or run
/// at the speed of the emulation.
#[derive(Clone, Debug)]
pub struct Stamps {
    began: Instant,
    ends: Vec<Duration>,
}

impl Stamps {
    /// Starts the clock.
    pub fn begin() -> Self {
        Self {
            began: Instant::now(),
            ends: Vec::new(),
        }
    }

    /// Records the line ends in newly received bytes.
    pub fn take(&mut self, bytes: &[u8]) {
        let now = self.began.elapsed();
        let ended = bytes.iter().filter(|byte| **byte == b'\n');
        self.ends.extend(ended.map(|_| now));
    }

    /// The times of all line ends, since the clock started.
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
