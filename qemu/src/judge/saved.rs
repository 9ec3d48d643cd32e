// SPDX-License-Identifier: GPL-2.0

//! Judges a boot from its saved files, at any later time.

use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;
use std::time::Duration;

use anyhow::{bail, Context, Result};

use super::{judge, text_of, Evidence, Verdict};
use crate::qemu::Ending;

/// The file with the kernel's console.
pub const CONSOLE: &str = "console.log";
/// The file with the guest's KTAP stream.
pub const KTAP: &str = "ktap.log";
/// The file with QEMU's own messages.
pub const QEMU: &str = "qemu.log";
/// The file that tells how the run ended.
pub const ENDING: &str = "ending";
/// The file with the requested cases, one per line.
pub const CASES: &str = "cases";
/// The text of that file if modproof did not know the cases.
const ANY: &str = "*";

/// Judges a boot from the files in its folder. A file that cannot be read is an error.
pub fn judge_folder(folder: &Path) -> Result<Verdict> {
    let read = |name: &str| {
        let path = folder.join(name);
        let bytes =
            std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok::<_, anyhow::Error>(text_of(&bytes))
    };
    let asked = asked(&read(CASES)?);
    Ok(judge(&Evidence {
        console: &read(CONSOLE)?,
        ktap: &read(KTAP)?,
        qemu: &read(QEMU)?,
        asked: asked.as_deref(),
        ending: ending_of(read(ENDING)?.trim())?,
    }))
}

/// The text of the file with the requested cases.
pub fn cases(asked: Option<&[String]>) -> String {
    match asked {
        Some(asked) => asked.iter().map(|name| format!("{name}\n")).collect(),
        None => format!("{ANY}\n"),
    }
}

fn asked(text: &str) -> Option<Vec<String>> {
    (text.trim() != ANY).then(|| text.lines().map(str::to_owned).collect())
}

/// The text for an ending: `status 0`, `silent 60`, `over-time 600`, `flood 1000`.
pub fn words(ending: Ending) -> String {
    match ending {
        Ending::Exited(status) => format!("status {}", status.into_raw()),
        Ending::Silent(limit) => format!("silent {}", limit.as_secs()),
        Ending::OverTime(limit) => format!("over-time {}", limit.as_secs()),
        Ending::Flood(limit) => format!("flood {limit}"),
    }
}

fn ending_of(words: &str) -> Result<Ending> {
    let ending = words.split_once(' ').and_then(|(what, number)| {
        let seconds = || number.parse().ok().map(Duration::from_secs);
        match what {
            "status" => {
                let status = number.parse().ok()?;
                Some(Ending::Exited(ExitStatus::from_raw(status)))
            }
            "silent" => seconds().map(Ending::Silent),
            "over-time" => seconds().map(Ending::OverTime),
            "flood" => number.parse().ok().map(Ending::Flood),
            _ => None,
        }
    });
    match ending {
        Some(ending) => Ok(ending),
        None => bail!("no ending of a run: {words:?}"),
    }
}

#[cfg(test)]
mod tests {
    use super::super::golden::read;
    use super::*;

    fn folder(ending: &str) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        let write = |name: &str, text: &str| {
            std::fs::write(folder.path().join(name), text).expect("a file");
        };
        write(CONSOLE, &read("pass", "console"));
        write(KTAP, &read("pass", "ktap"));
        write(QEMU, "");
        write(ENDING, ending);
        write(CASES, "*\n");
        folder
    }

    #[test]
    fn what_a_boot_left_is_judged() {
        let judged = |ending| judge_folder(folder(ending).path()).expect("a verdict");
        assert!(judged("status 0\n").passed());
        assert!(!judged("status 256\n").passed());
        assert!(!judged("silent 60").passed());
    }

    #[test]
    fn what_was_asked_for_is_kept() {
        let folder = folder("status 0");
        let judged = |asked: Option<&[String]>| {
            std::fs::write(folder.path().join(CASES), cases(asked)).expect("a file");
            judge_folder(folder.path()).expect("a verdict")
        };
        let came = judged(None).stream.cases.into_iter().map(|case| case.name);
        let mut came: Vec<_> = came.collect();
        assert!(judged(Some(&came)).passed());
        came.push("another".to_owned());
        assert!(!judged(Some(&came)).passed());
        assert!(!judged(Some(&[])).passed());
    }

    #[test]
    fn a_log_that_cannot_be_read_is_no_pass() {
        for missing in [CONSOLE, KTAP, QEMU, ENDING, CASES] {
            let folder = folder("status 0");
            std::fs::remove_file(folder.path().join(missing)).expect("removed");
            let error = judge_folder(folder.path()).expect_err("not all is there");
            assert!(format!("{error:#}").contains(missing), "{error:#}");
        }
        for nonsense in ["", "status", "status x", "exploded 1", "silent -1"] {
            assert!(judge_folder(folder(nonsense).path()).is_err(), "{nonsense}");
        }
    }

    #[test]
    fn endings_are_read_as_they_were_written() {
        for ending in [
            Ending::Exited(ExitStatus::from_raw(0)),
            Ending::Exited(ExitStatus::from_raw(9)),
            Ending::Silent(Duration::from_secs(60)),
            Ending::OverTime(Duration::from_secs(600)),
            Ending::Flood(1000),
        ] {
            assert_eq!(ending_of(&words(ending)).expect("an ending"), ending);
        }
    }
}
