// SPDX-License-Identifier: GPL-2.0

//! Booting a suite, and having it judged. What a boot left is kept in the
//! cache below `runs/`.

mod booted;
mod logs;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use modproof_formats::words;

use crate::accel::Accelerator;
use crate::again::Again;
use crate::build;
use crate::cache::Cache;
use crate::interrupt::HalfDone;
use crate::judge::{saved, Kind, Verdict};
use crate::qemu::{Ending, Limits, Port, COMMAND_LINE};
use crate::runs;
use crate::suites::Suite;
use crate::ui::Activity;
use crate::warm::{handover, Pool, Snapshot};
pub use booted::Booted;
use logs::Logs;

/// A restored guest has only to go on: this is for a host that is very busy.
const FIRST_WORD: Duration = Duration::from_secs(60);

/// What all boots of a run have in common.
pub struct Booter<'a> {
    /// Where the times of boots are noted.
    pub cache: &'a Cache,
    /// Where the logs go.
    pub logs: &'a Path,
    /// The kernel.
    pub image: &'a Path,
    /// What the guest is given.
    pub guest: &'a build::Guest,
    /// What runs it.
    pub accelerator: &'a Accelerator,
    /// Where guests can start from; none: all are booted.
    pub pool: Option<Pool<'a>>,
    /// Whether to keep all that a boot used.
    pub keep: bool,
    /// The longest it may run, in place of the suite's own limits.
    pub limit: Option<Duration>,
    /// More words for the guest, after those of suite and boot.
    pub words: &'a str,
}

/// A suite, or some cases of one, to be run in a guest.
#[derive(Clone, Debug)]
pub struct Boot<'s> {
    /// What it is called, and the folder of its logs.
    pub name: String,
    /// Which suite.
    pub suite: &'s Suite,
    /// More words for the guest.
    pub words: String,
    /// The cases that these words ask for, where they are known.
    pub cases: Option<Vec<String>>,
    /// Whether it starts from a saved guest.
    pub warm: bool,
    /// Whether the guest's output goes to standard output as it comes.
    pub live: bool,
}

impl Booter<'_> {
    /// Runs a guest to its end, and judges.
    pub fn run(&self, boot: &Boot, activity: &Activity) -> Result<Booted> {
        let folder = self.logs.join(&boot.name);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;

        let started = Instant::now();
        let load = boot.suite.warm.as_ref().filter(|_| boot.warm);
        let (ending, logs, snapshot) = match self.pool.as_ref().zip(load) {
            Some((pool, load)) => {
                let (ending, logs, snapshot) =
                    self.run_warm(pool, boot, load, &folder, activity)?;
                (ending, logs, Some(snapshot))
            }
            None => {
                let (ending, logs) = self.run_cold(boot, &folder, activity)?;
                (ending, logs, None)
            }
        };
        let took = started.elapsed();
        let verdict = logs.judged(boot.cases.as_deref(), ending);
        if let Some(snapshot) = snapshot {
            if verdict.reasons.iter().any(|reason| !reason.of_case) {
                snapshot.doubt()?;
            }
        }
        let said: Vec<String> = verdict.reasons.iter().map(ToString::to_string).collect();
        let said = if said.is_empty() {
            "pass".to_owned()
        } else {
            said.join("\n")
        };
        std::fs::write(folder.join(saved::ENDING), saved::words(ending))?;
        let asked = saved::cases(boot.cases.as_deref());
        std::fs::write(folder.join(saved::CASES), asked)?;
        std::fs::write(folder.join("verdict"), format!("{said}\n{ending}\n"))?;
        runs::note_took(self.cache, &boot.name, took.as_secs())?;
        self.again(boot, &folder)
            .keep_if(self.keep || !verdict.passed())?;
        Ok(Booted {
            verdict,
            folder,
            console: logs.text(Port::Console),
            took,
            stamps: logs.stamps(),
        })
    }

    /// Whether there is a saved guest that this suite's cases can start from.
    pub fn can_start(&self, suite: &Suite) -> Result<bool> {
        let pool = self.pool.as_ref();
        pool.map_or(Ok(false), |pool| pool.can_start(suite))
    }

    /// How long it took the last time, in seconds.
    pub fn took(&self, boot: &Boot) -> Option<u64> {
        runs::took(self.cache, &boot.name)
    }

    fn run_cold(&self, boot: &Boot, folder: &Path, activity: &Activity) -> Result<(Ending, Logs)> {
        let again = self.again(boot, folder);
        let _half_done = HalfDone::new(&again.initramfs());
        again.write_initramfs()?;
        let mut logs = Logs::create(folder)?;
        let ending = again.run(|port, bytes| logs.hear(port, bytes, boot.live, activity))?;
        Ok((ending, logs))
    }

    fn run_warm(
        &self,
        pool: &Pool,
        boot: &Boot,
        load: &[String],
        folder: &Path,
        activity: &Activity,
    ) -> Result<(Ending, Logs, Arc<Snapshot>)> {
        let handover = handover(self.guest, boot.suite, &self.guest_words(boot))?;
        let limits = Limits {
            first_word: FIRST_WORD,
            ..self.limits(boot)
        };
        let mut tried = false;
        loop {
            let mut logs = Logs::create(folder)?;
            let resumed = pool.resume(load, &handover)?;
            let mut spoke = false;
            let ending = resumed.running.listen(limits, |port, bytes| {
                spoke |= port == Port::Ktap;
                logs.hear(port, bytes, boot.live, activity);
                Ok(())
            })?;
            if spoke || tried || !is_mere_silence(&logs.judged(boot.cases.as_deref(), ending)) {
                return Ok((ending, logs, resumed.snapshot));
            }
            tried = true;
            let complaint = logs.text(Port::Qemu);
            let why = format!("nothing of its tests came; {ending} {}", complaint.trim());
            drop(pool.replace(load, resumed.snapshot, why.trim())?);
        }
    }

    fn again<'b>(&'b self, boot: &'b Boot, folder: &'b Path) -> Again<'b> {
        Again {
            image: self.image,
            guest: self.guest,
            suite: boot.suite,
            accelerator: self.accelerator,
            command_line: format!("{COMMAND_LINE} {}", self.guest_words(boot)),
            folder,
            limits: self.limits(boot),
        }
    }

    fn guest_words(&self, boot: &Boot) -> String {
        let suite = boot.suite;
        let named = words::word(words::SUITE, suite.guest());
        [&named, &suite.command_line, &boot.words, self.words]
            .into_iter()
            .flat_map(str::split_whitespace)
            .collect::<Vec<_>>()
            .join(" ")
    }

    fn limits(&self, boot: &Boot) -> Limits {
        match self.limit {
            Some(limit) => Limits::new(limit, limit),
            None => Limits::new(
                boot.suite.limit(),
                Duration::from_secs(boot.suite.silence_seconds),
            ),
        }
    }
}

/// Whether a restored guest may be tried again that said nothing of its tests:
/// what crashed is told, though the next attempt might pass.
fn is_mere_silence(verdict: &Verdict) -> bool {
    let silent = |kind| matches!(kind, Kind::Hang | Kind::VerdictMissing);
    verdict.reasons.iter().all(|reason| silent(reason.kind))
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::unix::process::ExitStatusExt;

    use super::*;
    use crate::judge::{judge, Evidence};
    use crate::ui::Ui;

    #[test]
    fn only_silence_is_tried_again() {
        let exited = |status| Ending::Exited(ExitStatusExt::from_raw(status));
        let silent = Ending::Silent(FIRST_WORD);
        for (console, qemu, ending, again) in [
            ("", "", silent, true),
            ("[    9.0] crc16: ready\n", "", silent, true),
            ("[    9.0] reboot: Power down\n", "", exited(0), true),
            ("[    9.0] Oops: Oops: 0000 [#1] SMP\n", "", silent, false),
            ("[    9.0] Tainted: [W]=WARN\n", "", silent, false),
            (
                "[    9.0] Kernel panic - not syncing: x\n",
                "",
                exited(0),
                false,
            ),
            // A triple fault says nothing.
            ("", "", exited(0), false),
            ("", "qemu: terminated\n", exited(9), false),
        ] {
            let verdict = judge(&Evidence {
                console,
                ktap: "",
                qemu,
                asked: None,
                ending,
            });
            assert!(!verdict.passed());
            let reasons = &verdict.reasons;
            assert_eq!(is_mere_silence(&verdict), again, "{console:?}: {reasons:?}");
        }
    }

    /// That is no kernel, so QEMU ends at once.
    #[test]
    fn who_reads_a_log_reads_on_whatever_comes_after_it() {
        let root = tempfile::tempdir().expect("a folder");
        let cache = Cache::at(root.path());
        let ui = Ui::detect();
        let image = root.path().join("image");
        std::fs::write(&image, "").expect("a file");
        let suite = "name='s'\nabout='b'\nlimit_seconds=60\nsilence_seconds=60";
        let suite: Suite = toml::from_str(suite).expect("a suite");
        let booter = Booter {
            cache: &cache,
            logs: root.path(),
            image: &image,
            guest: &build::Guest::empty(),
            accelerator: &Accelerator::emulation(),
            pool: None,
            keep: false,
            limit: None,
            words: "",
        };
        let boot = Boot {
            name: "s/one".to_owned(),
            suite: &suite,
            words: String::new(),
            cases: None,
            warm: false,
            live: false,
        };
        let run = || booter.run(&boot, &ui.begin("a boot")).expect("judged");
        let first = run();
        assert!(!first.verdict.passed());
        std::fs::write(first.console_path(), "the first").expect("a log");
        let mut log = File::open(first.console_path()).expect("a log");
        let second = run();
        let mut text = String::new();
        std::io::Read::read_to_string(&mut log, &mut text).expect("read");
        assert_eq!(text, "the first");
        assert_eq!(second.folder, first.folder);
        assert!(booter.took(&boot).is_some());
    }
}
