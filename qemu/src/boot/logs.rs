// SPDX-License-Identifier: GPL-2.0

//! The output of a running guest, by port.

use std::fs::File;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result};

use crate::again::remove_file;
use crate::judge::{judge, saved, text_of, Evidence, Verdict};
use crate::qemu::{Ending, Port};
use crate::stamps::Stamps;
use crate::ui::Activity;

/// The output of each port, in memory and on disk, and the times of the KTAP lines.
pub struct Logs(Vec<(Port, File, Vec<u8>)>, Stamps);

impl Logs {
    /// Begins the logs of a boot in its folder.
    pub fn create(folder: &Path) -> Result<Self> {
        let names = [
            (Port::Console, saved::CONSOLE),
            (Port::Ktap, saved::KTAP),
            (Port::Output, "output.log"),
            (Port::Qemu, saved::QEMU),
        ];
        let logs = names.into_iter().map(|(port, name)| {
            let path = folder.join(name);
            // Unlinks the old log, so a reader that has it open keeps its text.
            remove_file(&path)?;
            let file =
                File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
            Ok((port, file, Vec::new()))
        });
        Ok(Self(logs.collect::<Result<_>>()?, Stamps::begin()))
    }

    /// The times of the KTAP lines.
    pub fn stamps(self) -> Stamps {
        self.1
    }

    fn take(&mut self, from: Port, bytes: &[u8]) {
        if from == Port::Ktap {
            self.1.take(bytes);
        }
        for (port, file, text) in &mut self.0 {
            if *port == from {
                // The judge reads the copy in memory, so a full disk loses only the log.
                let _ = file.write_all(bytes);
                text.extend_from_slice(bytes);
            }
        }
    }

    /// Stores output. Shows a live guest's own output, or the last line of any other guest.
    pub fn hear(&mut self, port: Port, bytes: &[u8], live: bool, activity: &Activity) {
        self.take(port, bytes);
        match port {
            Port::Output if live => activity.suspend(|| show(bytes)),
            Port::Console | Port::Ktap => activity.detail(last_line(bytes)),
            Port::Output | Port::Qemu => {}
        }
    }

    /// Judges the boot. `asked` names the requested cases, if they are known.
    pub fn judged(&self, asked: Option<&[String]>, ending: Ending) -> Verdict {
        judge(&Evidence {
            console: &self.text(Port::Console),
            ktap: &self.text(Port::Ktap),
            qemu: &self.text(Port::Qemu),
            asked,
            ending,
        })
    }

    /// The output of a port.
    pub fn text(&self, wanted: Port) -> String {
        let found = self.0.iter().find(|(port, ..)| *port == wanted);
        found.map_or_else(String::new, |(_, _, text)| text_of(text))
    }
}

/// Ignores errors, so the judge still judges the boot after the terminal has gone.
fn show(bytes: &[u8]) {
    let plain: Vec<u8> = bytes.iter().copied().filter(|b| *b != b'\r').collect();
    let mut out = std::io::stdout();
    let _ = out.write_all(&plain).and_then(|()| out.flush());
}

fn last_line(bytes: &[u8]) -> &str {
    let text = std::str::from_utf8(bytes).unwrap_or_default();
    text.trim_end().rsplit('\n').next().unwrap_or_default()
}
