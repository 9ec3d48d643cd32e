// SPDX-License-Identifier: GPL-2.0

//! Reads the kernel log from a given moment on, and finds the kernel's error reports in it.

use std::fs::{File, OpenOptions};
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::OpenOptionsExt;

use anyhow::{bail, Context, Result};
use modproof_formats::words::CASE_MARK;
use nix::fcntl::OFlag;

const PATH: &str = "/dev/kmsg";

/// A log line with one of these texts reports a fault of the kernel. The host's judge, which reads
/// the complete console log, knows each of them (`qemu/src/judge`).
const SPLATS: &[&str] = &[
    "WARNING:",
    "BUG:",
    "kernel BUG at",
    "Oops",
    "UBSAN:",
    "KASAN:",
    "general protection fault",
    "unable to handle",
    "Call Trace:",
    // SLUB's reports: `BUG kmalloc-64 (Tainted: …): Object corrupt`.
    "(Not tainted): ",
    "(Tainted: ",
    "pagealloc: ",
    "list_add ",
    "list_del corruption",
    "refcount_t:",
    "ODEBUG",
    "Slab cache still has objects",
    "Busy inodes after unmount",
    "possible recursive locking",
    "circular locking dependency",
    "non-static key",
    "turning off the locking correctness validator",
    "DEBUG_LOCKS_WARN_ON(",
    "suspicious RCU usage",
    "within RCU read-side critical section",
    "blocked for more than",
    "self-detected stall",
    "detected stall",
    "detected expedited stall",
    "hard LOCKUP",
    "ut of memory",
    "sysfs: cannot create duplicate",
    "already exists in ",
    "leak detector disabled",
];

/// A reader of the lines that the kernel logs after its creation.
pub struct Kmsg {
    file: File,
}

impl Kmsg {
    /// Starts after the newest line.
    pub fn from_now() -> Result<Self> {
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(OFlag::O_NONBLOCK.bits());
        let mut file = options.open(PATH).with_context(|| format!("open {PATH}"))?;
        file.seek(SeekFrom::End(0))
            .with_context(|| format!("seek to the end of {PATH}"))?;
        Ok(Self { file })
    }

    /// The lines that the kernel logged since the last call.
    pub fn new_lines(&mut self) -> Result<Vec<String>> {
        let mut lines = Vec::new();
        // A record is at most CONSOLE_EXT_LOG_MAX long; one read gives one record.
        let mut buffer = [0; 8192];
        loop {
            match self.file.read(&mut buffer) {
                Ok(0) => return Ok(lines),
                Ok(length) => lines.extend(message(&String::from_utf8_lossy(&buffer[..length]))),
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(lines),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.raw_os_error() == Some(nix::libc::EPIPE) => {
                    lines.push("(the log overflowed here and lines were lost)".into());
                }
                Err(error) => return Err(error).with_context(|| format!("read {PATH}")),
            }
        }
    }

    /// Puts a line into the kernel log, so that the console shows which case ran when.
    pub fn mark_case(name: &str) -> io::Result<()> {
        std::fs::write(PATH, format!("<6>{CASE_MARK}{name}\n"))
    }
}

/// The text of a /dev/kmsg record, `prio,seq,usec,flags;text\n KEY=value…`.
fn message(record: &str) -> Option<String> {
    let (_, text) = record.split_once(';')?;
    Some(text.lines().next().unwrap_or_default().to_owned())
}

/// The lines that report a fault of the kernel.
pub fn splats(lines: &[String]) -> Vec<&String> {
    let is_splat = |line: &&String| SPLATS.iter().any(|splat| line.contains(splat));
    lines.iter().filter(is_splat).collect()
}

/// Fails unless a line has all of `words`, in upper or lower case.
pub fn expect_line(lines: &[String], words: &[&str]) -> Result<()> {
    let holds = |line: &String| {
        let line = line.to_lowercase();
        words.iter().all(|word| line.contains(&word.to_lowercase()))
    };
    if lines.iter().any(holds) {
        return Ok(());
    }
    bail!(
        "kernel log: expected a line with {}\nseen: {}",
        words.join(" and "),
        if lines.is_empty() {
            "no line".into()
        } else {
            lines.join("\nseen: ")
        }
    );
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use regex_lite::Regex;

    use super::*;

    /// The judge's complaints that the guest need not find, each with the reason.
    const FOR_THE_JUDGE: &[(&str, &str)] = &[
        (
            "new suspected memory leaks",
            "the last case asks kmemleak itself",
        ),
        ("Kernel panic", "nothing runs here after that"),
        ("PANIC: double fault", "nothing runs here after that"),
    ];

    fn judge() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../src/judge")
    }

    /// The judge's patterns of console lines that fail a boot.
    fn patterns() -> Vec<Regex> {
        let text = fs::read_to_string(judge().join("patterns.toml")).unwrap();
        let blocks = text.split("[[").filter_map(|b| b.strip_prefix("pattern]]"));
        let found: Vec<_> = blocks
            .map(|block| {
                let line = block
                    .lines()
                    .find_map(|l| l.strip_prefix("regex = "))
                    .unwrap();
                Regex::new(line.trim_matches(line.chars().next().unwrap())).unwrap()
            })
            .collect();
        assert!(found.len() > 50, "{}", found.len());
        found
    }

    /// All lines of the judge's example logs.
    fn said() -> Vec<String> {
        let mut lines = Vec::new();
        for entry in fs::read_dir(judge().join("golden")).unwrap() {
            let path = entry.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            match path.extension().and_then(|e| e.to_str()) {
                Some("console") => lines.extend(text.lines().map(str::to_owned)),
                // The index itself contains short logs.
                Some("toml") => lines.extend(text.lines().filter_map(|line| {
                    let line = line.strip_prefix("said = ").unwrap_or(line);
                    let other = ["name = ", "tells = ", "#"];
                    let said = !other.iter().any(|key| line.starts_with(key));
                    said.then(|| line.trim_matches(['"', '\'']).to_owned())
                })),
                _ => {}
            }
        }
        assert!(lines.len() > 1000, "{}", lines.len());
        lines
    }

    #[test]
    fn a_complaint_of_the_judge_is_a_fault_here() {
        let patterns = patterns();
        let mut unseen: Vec<_> = said()
            .into_iter()
            .filter(|line| patterns.iter().any(|p| p.is_match(line)))
            .filter(|line| splats(std::slice::from_ref(line)).is_empty())
            .filter(|line| !FOR_THE_JUDGE.iter().any(|(words, _)| line.contains(words)))
            .collect();
        unseen.sort();
        assert_eq!(unseen, [] as [String; 0]);
    }

    #[test]
    fn each_fault_is_one_to_the_judge() {
        let (patterns, said) = (patterns(), said());
        for splat in SPLATS {
            let shown = said
                .iter()
                .find(|line| line.contains(splat) && patterns.iter().any(|p| p.is_match(line)));
            assert!(
                shown.is_some(),
                "{splat:?}: in no log that the judge complains of"
            );
        }
    }

    fn lines(text: &[&str]) -> Vec<String> {
        text.iter().map(|line| line.to_string()).collect()
    }

    #[test]
    fn only_the_text_of_a_record() {
        let record = "6,339,5140900,-;hello: no card; nothing to do\n SUBSYSTEM=pci\n";
        assert_eq!(message(record).unwrap(), "hello: no card; nothing to do");
        assert_eq!(message("garbage"), None);
    }

    #[test]
    fn faults_are_found() {
        let log = lines(&[
            "usb 1-1: new device",
            "WARNING: CPU: 0 PID: 1 at x",
            "BUG: bad page",
        ]);
        assert_eq!(splats(&log).len(), 2);
        assert!(splats(&log[..1]).is_empty());
    }

    #[test]
    fn a_line_must_hold_every_word() {
        let log = lines(&["hello: No 0xA1 card", "hello: crc16"]);
        assert!(expect_line(&log, &["no", "0xa1"]).is_ok());
        let why = expect_line(&log, &["0xa1", "crc16"])
            .unwrap_err()
            .to_string();
        assert!(why.contains("seen: hello: crc16"), "{why}");
        assert!(expect_line(&[], &["x"])
            .unwrap_err()
            .to_string()
            .contains("no line"));
    }
}
