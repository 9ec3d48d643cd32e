// SPDX-License-Identifier: GPL-2.0

//! The kernel's log, read from `/dev/kmsg` (`Documentation/ABI/testing/dev-kmsg`).

use std::fs::OpenOptions;
use std::io::{self, Read as _};
use std::os::unix::fs::OpenOptionsExt as _;

use nix::fcntl::OFlag;

use crate::root::Root;

const KMSG: &str = "/dev/kmsg";

/// The most bytes that are read. No kernel's default buffer is larger.
const MAX_BYTES: usize = 32 << 20;

/// A message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// Its number; the kernel counts all messages since boot.
    pub number: u64,
    /// Microseconds since boot.
    pub microseconds: u64,
    /// The kernel's log level, from 0 (emergency) to 7 (debugging).
    pub level: u8,
    /// Its text.
    pub text: String,
}

/// The time of a message, as the kernel prints it: seconds since the boot.
pub fn stamp(line: &Line) -> String {
    let (seconds, rest) = (line.microseconds / 1_000_000, line.microseconds % 1_000_000);
    format!("{seconds}.{rest:06}")
}

impl Line {
    /// Whether it is about the card, its driver or this project's module.
    pub fn is_about_the_card(&self) -> bool {
        // KFD of older kernels writes the last two without a prefix.
        [
            "amdgpu",
            "kfd",
            "[drm",
            "rdna1",
            "navi10",
            "qcm fence",
            "queues preemption",
        ]
        .iter()
        .any(|word| self.text.contains(word))
    }

    /// Whether it is about a program that crashed or hung, or that the kernel ended.
    pub fn is_about_a_crash(&self) -> bool {
        [
            "segfault",
            "traps:",
            "general protection",
            "Out of memory",
            "oom-kill",
            "blocked for more than",
        ]
        .iter()
        .any(|word| self.text.contains(word))
    }
}

/// The contents of the log.
pub struct Log {
    /// The messages, oldest first.
    pub lines: Vec<Line>,
    /// Why it could not be read.
    pub unreadable: Option<io::Error>,
}

impl Log {
    /// Reads all messages without waiting for new ones.
    pub fn read(root: &Root) -> Self {
        match bytes(root) {
            Ok(bytes) => Self {
                lines: lines(&bytes),
                unreadable: None,
            },
            Err(error) => Self {
                lines: Vec::new(),
                unreadable: Some(error),
            },
        }
    }

    /// The number of the last message.
    pub fn last(&self) -> Option<u64> {
        self.lines.last().map(|line| line.number)
    }

    /// The messages after that one.
    pub fn after(self, last: Option<u64>) -> impl Iterator<Item = Line> {
        let lines = self.lines.into_iter();
        lines.filter(move |line| last.is_none_or(|last| line.number > last))
    }
}

fn bytes(root: &Root) -> io::Result<Vec<u8>> {
    let mut file = OpenOptions::new()
        .read(true)
        .custom_flags(OFlag::O_NONBLOCK.bits())
        .open(root.path(KMSG))?;
    let mut all = Vec::new();
    // Each read returns one message, which is shorter than this.
    let mut buffer = vec![0; 16 << 10];
    while all.len() < MAX_BYTES {
        match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(size) => all.extend(buffer.iter().take(size)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            // The kernel has overwritten messages: the next read continues after them.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {}
            Err(error) => return Err(error),
        }
    }
    Ok(all)
}

/// Parses messages: `priority,number,microseconds,flags[,…];text`. Lines that begin with a blank
/// belong to the message before.
pub fn lines(bytes: &[u8]) -> Vec<Line> {
    let text = String::from_utf8_lossy(bytes);
    let messages = text.lines().filter_map(|line| {
        let (head, text) = line.split_once(';')?;
        let mut words = head.split(',');
        // The priority is a facility times 8, plus the level.
        let priority: u32 = words.next()?.parse().ok()?;
        Some(Line {
            level: (priority % 8) as u8,
            number: words.next()?.parse().ok()?,
            microseconds: words.next()?.parse().ok()?,
            text: text.to_owned(),
        })
    });
    messages.collect()
}
