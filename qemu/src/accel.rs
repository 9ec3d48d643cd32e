// SPDX-License-Identifier: GPL-2.0

//! Chooses the accelerator for guests on this host. The file `/dev/kvm` proves nothing: it may open
//! and create a virtual machine, and still not run a stock kernel. So a guest boots under KVM as a
//! trial, and modproof remembers the outcome until the host reboots.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Result;
use serde::{Deserialize, Serialize};

use crate::cache::{write_atomically, Cache};
use crate::qemu::{self, Ending, Guest, Limits, Machine, Port};
use crate::ui::Ui;

const KVM: [&str; 4] = ["-accel", "kvm", "-cpu", "host"];
/// One thread: with more, QEMU 7.2 crashes guests that patch live code.
const TCG: [&str; 4] = ["-accel", "tcg,thread=single", "-cpu", "qemu64"];

/// A kernel prints this once it has booted and only lacks a root to mount.
const CAME_UP: &str = "Unable to mount root fs";
const LIMIT: Duration = Duration::from_secs(20);
const SILENCE: Duration = Duration::from_secs(8);

/// The accelerator for guests, as a trial found it.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Accelerator {
    kvm: bool,
    reason: String,
    // The outcome holds only for these three values. If one differs, the trial repeats.
    boot_id: String,
    qemu: String,
    may_open: bool,
}

impl Accelerator {
    /// Emulation, even on a host with KVM: for callers that boot nothing.
    pub fn emulation() -> Self {
        Self {
            kvm: false,
            reason: "nobody asked for it".to_owned(),
            boot_id: String::new(),
            qemu: String::new(),
            may_open: false,
        }
    }

    /// Returns the remembered accelerator, or runs the trial.
    pub fn find(cache: &Cache, ui: &Ui, image: &Path) -> Result<Self> {
        let qemu = qemu::version()?;
        if let Some(known) = Self::remembered(cache).filter(|a| a.qemu == qemu) {
            return Ok(known);
        }
        let _lock = cache.exclusive(ui, "accelerator")?;
        if let Some(known) = Self::remembered(cache).filter(|a| a.qemu == qemu) {
            return Ok(known);
        }
        let activity = ui.begin("accelerator: can KVM run the stock kernel?");
        let (kvm, reason) = try_kvm(image)?;
        let found = Self {
            kvm,
            reason,
            boot_id: boot_id(),
            qemu,
            may_open: open_kvm().is_ok(),
        };
        write_atomically(&path(cache), &toml::to_string(&found)?)?;
        activity.done(&found.to_string());
        Ok(found)
    }

    /// Returns the outcome of an earlier trial since the host's last boot.
    pub fn remembered(cache: &Cache) -> Option<Self> {
        let text = std::fs::read_to_string(path(cache)).ok()?;
        let known: Self = toml::from_str(&text).ok()?;
        let same = known.boot_id == boot_id() && known.may_open == open_kvm().is_ok();
        same.then_some(known)
    }

    /// The properties of the host's CPU that a guest sees, or measures while it boots.
    pub fn host(&self) -> String {
        let cpu = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let first = cpu.split("\n\n").next().unwrap_or_default();
        // An emulated CPU has its own features, but its speed depends on the host's CPU.
        let seen: &[&str] = if self.kvm {
            &["model name", "stepping", "microcode", "flags"]
        } else {
            &["model name"]
        };
        let lines = first.lines().filter(|line| {
            let name = line.split(':').next().unwrap_or_default().trim();
            seen.contains(&name)
        });
        lines.collect::<Vec<_>>().join("; ")
    }

    /// QEMU's arguments for this accelerator.
    pub fn arguments(&self) -> &'static [&'static str] {
        if self.kvm {
            &KVM
        } else {
            &TCG
        }
    }

    /// QEMU's arguments for a machine. `icount` forces emulation, as KVM cannot count instructions.
    pub fn arguments_on(&self, machine: &Machine) -> &'static [&'static str] {
        match machine.icount {
            true => &TCG,
            false => self.arguments(),
        }
    }
}

impl fmt::Display for Accelerator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.kvm { "KVM" } else { "TCG" };
        write!(f, "{name} ({})", self.reason)
    }
}

fn path(cache: &Cache) -> PathBuf {
    cache.root().join("accelerator.toml")
}

fn boot_id() -> String {
    let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id");
    id.unwrap_or_default().trim().to_owned()
}

/// Opens the device each time, as the user's permissions may have changed since the last trial.
fn open_kvm() -> std::io::Result<std::fs::File> {
    std::fs::File::options()
        .read(true)
        .write(true)
        .open("/dev/kvm")
}

/// Tries whether KVM runs the kernel. Returns the answer and the reason for it.
fn try_kvm(image: &Path) -> Result<(bool, String)> {
    if let Err(error) = open_kvm() {
        return Ok((false, format!("/dev/kvm cannot be opened: {error}")));
    }
    let started = Instant::now();
    let guest = Guest {
        image,
        initramfs: None,
        machine: Machine::default(),
        command_line: "panic=-1".to_owned(),
        accelerator: &KVM,
        limits: Limits::new(LIMIT, SILENCE),
    };
    let (mut console, mut complaint) = (Vec::new(), Vec::new());
    let ending = guest.run(|port, bytes| match port {
        Port::Console => console.extend_from_slice(bytes),
        Port::Qemu => complaint.extend_from_slice(bytes),
        Port::Ktap | Port::Output => {}
    })?;
    let seconds = started.elapsed().as_secs_f64();
    Ok(judge(
        &String::from_utf8_lossy(&console),
        &String::from_utf8_lossy(&complaint),
        ending,
        seconds,
    ))
}

fn judge(console: &str, complaint: &str, ending: Ending, seconds: f64) -> (bool, String) {
    if console.contains(CAME_UP) {
        return (
            true,
            format!("a trial boot of the stock kernel took {seconds:.1} s"),
        );
    }
    let complaint = complaint
        .lines()
        .map(str::trim)
        .find(|l| !l.is_empty())
        .map(|l| format!(": {l}"))
        .unwrap_or_default();
    (
        false,
        format!("/dev/kvm is there, but runs no stock kernel: {ending}{complaint}"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kernel_that_came_up_shows_that_kvm_works() {
        let console =
            "[    1.0] Kernel panic - not syncing: VFS: Unable to mount root fs on \"\" or unknown-block(0,0)\n";
        assert!(judge(console, "", Ending::OverTime(LIMIT), 1.5).0);
    }

    #[test]
    fn the_complaint_of_qemu_is_told() {
        let complaint = "\nqemu-system-x86_64: error: failed to set MSR 0x10a to 0x0\n";
        let (kvm, reason) = judge("", complaint, Ending::Silent(SILENCE), 0.2);
        assert!(!kvm);
        assert!(reason.contains("failed to set MSR 0x10a"), "{reason}");
    }
}
