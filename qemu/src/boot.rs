// SPDX-License-Identifier: GPL-2.0

//! Booting a suite, and having it judged. What a boot left is kept in the
//! cache below `runs/`.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::accel::Accelerator;
use crate::cache::{Cache, LockGuard};
use crate::config::Suite;
use crate::judge::{judge, saved, Evidence, Verdict};
use crate::qemu::{Guest, Port};
use crate::stamps::Stamps;
use crate::ui::Ui;

/// Whatever goes wrong ends the boot at once, as a failure.
const COMMAND_LINE: &str = "oops=panic panic_on_warn=1 panic=-1";

/// A suite to be booted.
pub struct Boot<'a> {
    /// Where the logs go.
    pub cache: &'a Cache,
    /// How progress is shown.
    pub ui: &'a Ui,
    /// The kernel.
    pub image: &'a Path,
    /// What the guest has.
    pub initramfs: &'a Path,
    /// What runs it.
    pub accelerator: &'a Accelerator,
    /// Which suite.
    pub suite: &'a Suite,
    /// More words for the kernel's command line.
    pub extra: String,
    /// Whether the guest's output goes to standard output as it comes.
    pub live: bool,
}

/// A boot that was judged.
pub struct Booted {
    /// The judgement.
    pub verdict: Verdict,
    /// The logs.
    pub folder: PathBuf,
    /// What the kernel said.
    pub console: String,
    /// How long it took.
    pub took: Duration,
    /// When the lines of the guest's stream came.
    pub stamps: Stamps,
    _lock: LockGuard,
}

impl Booted {
    /// Where the console's log is.
    pub fn console_path(&self) -> PathBuf {
        self.folder.join(saved::CONSOLE)
    }

    /// The console's last lines.
    pub fn console_tail(&self, count: usize) -> String {
        let lines: Vec<_> = self.console.lines().collect();
        let from = lines.len().saturating_sub(count);
        lines[from..]
            .iter()
            .map(|l| format!("  | {}\n", l.trim_end()))
            .collect()
    }
}

impl Boot<'_> {
    /// Boots and judges.
    pub fn run(&self) -> Result<Booted> {
        let name = &self.suite.name;
        let lock = self.cache.exclusive(self.ui, &format!("boot.{name}"))?;
        let folder = self.cache.root().join("runs").join(name);
        std::fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let command_line = format!(
            "{COMMAND_LINE} rdna1.suite={} {} {}",
            self.suite.guest(),
            self.suite.command_line,
            self.extra
        );
        std::fs::write(folder.join("command-line"), &command_line)?;
        let mut logs = Logs::create(&folder)?;

        let activity = self.ui.begin(format!("boot: {name}"));
        let started = Instant::now();
        let guest = Guest {
            image: self.image,
            initramfs: Some(self.initramfs),
            command_line,
            accelerator: self.accelerator.arguments(),
            limit: Duration::from_secs(self.suite.limit_seconds),
            silence: Duration::from_secs(self.suite.silence_seconds),
        };
        let ending = guest.run(|port, bytes| {
            logs.take(port, bytes);
            match port {
                Port::Output if self.live => {
                    activity.clear();
                    show(bytes);
                }
                Port::Console | Port::Ktap => activity.detail(last_line(bytes)),
                Port::Output | Port::Qemu => {}
            }
        })?;
        let took = started.elapsed();
        let text = |port| logs.text(port);
        let (console, ktap, qemu) = (text(Port::Console), text(Port::Ktap), text(Port::Qemu));
        let verdict = judge(&Evidence {
            console: &console,
            ktap: &ktap,
            qemu: &qemu,
            ending,
        });
        let said: Vec<String> = verdict.reasons.iter().map(ToString::to_string).collect();
        let said = if said.is_empty() {
            "pass".to_owned()
        } else {
            said.join("\n")
        };
        std::fs::write(folder.join(saved::ENDING), saved::words(ending))?;
        std::fs::write(folder.join("verdict"), format!("{said}\n{ending}\n"))?;
        if self.live {
            activity.clear();
        } else {
            let [passed, failed, skipped] = verdict.stream.counts();
            activity.done(&format!(
                "{passed} passed, {failed} failed, {skipped} skipped"
            ));
        }
        Ok(Booted {
            verdict,
            folder,
            console,
            took,
            stamps: logs.1,
            _lock: lock,
        })
    }
}

/// What each port said, in memory and on disk, and when the stream's lines came.
struct Logs(Vec<(Port, File, Vec<u8>)>, Stamps);

impl Logs {
    fn create(folder: &Path) -> Result<Self> {
        let names = [
            (Port::Console, saved::CONSOLE),
            (Port::Ktap, saved::KTAP),
            (Port::Output, "output.log"),
            (Port::Qemu, saved::QEMU),
        ];
        let logs = names.into_iter().map(|(port, name)| {
            let path = folder.join(name);
            let file =
                File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
            Ok((port, file, Vec::new()))
        });
        Ok(Self(logs.collect::<Result<_>>()?, Stamps::begin()))
    }

    fn take(&mut self, from: Port, bytes: &[u8]) {
        if from == Port::Ktap {
            self.1.take(bytes);
        }
        for (port, file, text) in &mut self.0 {
            if *port == from {
                // The judge reads the memory; a full disk costs the log alone.
                let _ = file.write_all(bytes);
                text.extend_from_slice(bytes);
            }
        }
    }

    fn text(&self, wanted: Port) -> String {
        let found = self.0.iter().find(|(port, ..)| *port == wanted);
        found.map_or_else(String::new, |(_, _, text)| {
            String::from_utf8_lossy(text).replace('\r', "")
        })
    }
}

/// A terminal that went away is no reason to stop: the boot is still judged.
fn show(bytes: &[u8]) {
    let plain: Vec<u8> = bytes.iter().copied().filter(|b| *b != b'\r').collect();
    let mut out = std::io::stdout();
    let _ = out.write_all(&plain).and_then(|()| out.flush());
}

fn last_line(bytes: &[u8]) -> &str {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    text.trim_end().rsplit('\n').next().unwrap_or_default()
}
