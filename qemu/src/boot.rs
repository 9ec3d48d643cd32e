// SPDX-License-Identifier: GPL-2.0

//! Boots a suite in a guest and judges the result. The logs go to the cache, below `runs/`.

mod booted;
mod logs;

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use modproof_formats::words;

use crate::accel::Accelerator;
use crate::again::ColdBoot;
use crate::build;
use crate::cache::Cache;
use crate::interrupt::RemoveOnInterrupt;
use crate::judge::{saved, Kind, Verdict};
use crate::qemu::{Ending, Limits, Port, COMMAND_LINE};
use crate::runs;
use crate::suites::Suite;
use crate::ui::Activity;
use crate::warm::{handover, Pool, Snapshot};
pub use booted::Booted;
use logs::Logs;

/// A restored guest answers at once. The limit is high because the host may be very busy.
const FIRST_WORD: Duration = Duration::from_secs(60);

/// The settings that all boots of a run share.
pub struct Booter<'a> {
    /// The cache, which records how long each boot takes.
    pub cache: &'a Cache,
    /// The folder for the logs.
    pub logs: &'a Path,
    /// The kernel image.
    pub image: &'a Path,
    /// The files for guests.
    pub guest: &'a build::Guest,
    /// The accelerator that runs guests.
    pub accelerator: &'a Accelerator,
    /// The snapshots that guests start from. `None`: every guest boots cold.
    pub pool: Option<Pool<'a>>,
    /// Whether to keep all files of a boot that passes, too.
    pub keep: bool,
    /// The limit for a guest's run time, in place of the suite's own limits.
    pub limit: Option<Duration>,
    /// More words for the guest's command line, after those of the suite and of the boot.
    pub words: &'a str,
}

/// A suite, or some cases of one, to run in a guest.
#[derive(Clone, Debug)]
pub struct Boot<'s> {
    /// The name of the boot, and of the folder with its logs.
    pub name: String,
    /// The suite that the guest runs.
    pub suite: &'s Suite,
    /// More words for the guest's command line.
    pub words: String,
    /// The names of the cases that `words` asks for. `None`: not known here.
    pub cases: Option<Vec<String>>,
    /// Whether the guest starts from a snapshot.
    pub warm: bool,
    /// Whether the guest's output goes to standard output at once.
    pub live: bool,
}

impl Booter<'_> {
    /// Runs a guest to its end, and judges the boot.
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

    /// Whether a snapshot exists, or can be made, for this suite's cases.
    pub fn can_start(&self, suite: &Suite) -> Result<bool> {
        let pool = self.pool.as_ref();
        pool.map_or(Ok(false), |pool| pool.can_start(suite))
    }

    /// How many seconds the last boot of this name took.
    pub fn took(&self, boot: &Boot) -> Option<u64> {
        runs::took(self.cache, &boot.name)
    }

    fn run_cold(&self, boot: &Boot, folder: &Path, activity: &Activity) -> Result<(Ending, Logs)> {
        let again = self.again(boot, folder);
        let _half_done = RemoveOnInterrupt::new(&again.initramfs());
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
            if spoke || tried || !may_retry(&logs.judged(boot.cases.as_deref(), ending)) {
                return Ok((ending, logs, resumed.snapshot));
            }
            tried = true;
            let complaint = logs.text(Port::Qemu);
            let why = format!("nothing of its tests came; {ending} {}", complaint.trim());
            drop(pool.replace(load, resumed.snapshot, why.trim())?);
        }
    }

    fn again<'b>(&'b self, boot: &'b Boot, folder: &'b Path) -> ColdBoot<'b> {
        ColdBoot {
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

/// Whether modproof may retry a restored guest that reported no case. It never retries after a
/// crash: the report must show the crash, even if the next attempt would pass.
fn may_retry(verdict: &Verdict) -> bool {
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
            // A triple fault prints nothing.
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
            assert_eq!(may_retry(&verdict), again, "{console:?}: {reasons:?}");
        }
    }

    /// The image here is not a kernel, so QEMU exits at once.
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
