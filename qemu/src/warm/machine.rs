// SPDX-License-Identifier: GPL-2.0

//! Saves a guest as a snapshot, and restores it.
//!
//! The memory of the saved guest is a shared file. A restored guest maps that file privately: it
//! reads pages only when it touches them, and writes nothing back. A small file beside it has the
//! state of all devices.

use std::ffi::OsString;
use std::fs::{File, Permissions};
use std::io::{BufWriter, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use anyhow::{bail, Context, Result};
use modproof_formats::words;
use serde_json::json;

use super::qmp::Qmp;
use super::{Snapshots, Unsound};
use crate::accel::Accelerator;
use crate::build::Done;
use crate::cache::Work;
use crate::cpio::Archive;
use crate::interrupt::RemoveOnInterrupt;
use crate::judge::{console_troubles, text_of};
use crate::qemu::{Extra, Guest, Limits, Machine, Port, Running, COMMAND_LINE};

/// The limits for a guest that hangs. Under emulation, a large driver takes long to load.
const LIMIT: Duration = Duration::from_secs(900);
const SILENCE: Duration = Duration::from_secs(300);

const MEMORY_FILE: &str = "memory";
const STATE_FILE: &str = "state";
/// This file marks a snapshot from which a boot failed outside of its cases. The next file, `SEAL`,
/// records the inodes, sizes and times of the memory and state files.
const IN_DOUBT: &str = "in-doubt";
const SEAL: &str = "seal";
/// The file with the kernel's console until the guest was saved.
const CONSOLE_FILE: &str = "console.log";

/// QEMU's arguments for a machine that can be saved and restored. Its memory is a file in `folder`.
pub fn words(folder: &Path, share: &str) -> Vec<OsString> {
    let machine = Machine::default();
    let mut memory = OsString::from(format!(
        "memory-backend-file,id=memory,size={}M,share={share},mem-path=",
        machine.memory_mib
    ));
    // QEMU reads a comma as the start of a new option, and two commas as one comma.
    let path = folder.join(MEMORY_FILE);
    memory.push(path.to_string_lossy().replace(',', ",,"));
    let mut words = machine.words();
    words.extend(["-object".into(), memory]);
    words.extend(["-machine", "memory-backend=memory"].map(OsString::from));
    words.extend(["-device", "virtio-serial-pci"].map(OsString::from));
    words
}

const MONITOR: [&str; 2] = ["-mon", "chardev=monitor,mode=control"];

/// Two sockets for QEMU, with our end of each.
fn extras() -> Result<(Vec<Extra>, UnixStream, UnixStream)> {
    let (handover, theirs) = UnixStream::pair().context("cannot make a socket")?;
    let mut extras = vec![Extra {
        name: "handover",
        device: [
            "-device".to_owned(),
            format!(
                "virtserialport,chardev=handover,name={}",
                words::HANDOVER_PORT
            ),
        ],
        socket: theirs,
    }];
    let (monitor, theirs) = UnixStream::pair().context("cannot make a socket")?;
    extras.push(Extra {
        name: "monitor",
        device: MONITOR.map(str::to_owned),
        socket: theirs,
    });
    Ok((extras, handover, monitor))
}

impl Snapshots<'_> {
    /// Boots a guest until it waits, and saves it.
    pub(super) fn make(&self, load: &[String], work: &Work) -> Result<String> {
        let _half_done = RemoveOnInterrupt::new(work.tree.parent().unwrap_or(&work.tree));
        let initramfs = work.tree.join("initramfs.cpio");
        self.write_initramfs(&initramfs)
            .with_context(|| format!("cannot write {}", initramfs.display()))?;
        let guest = Guest {
            image: &self.ready.image,
            initramfs: Some(&initramfs),
            machine: Machine::default(),
            command_line: format!(
                "{COMMAND_LINE} {}",
                words::word(words::LOAD, &load.join(","))
            ),
            accelerator: self.accelerator.arguments(),
            limits: Limits::new(LIMIT, SILENCE),
        };
        let mut words = words(&work.tree, "on");
        words.extend(guest.boot_words());
        // The guest waits only if the other end of the handover socket is open.
        let (extras, _handover, monitor) = extras()?;
        let running = Running::start(guest.accelerator, words, extras)?;
        let mut qmp = Qmp::greet(monitor)?;

        let mut console = BufWriter::new(File::create(work.tree.join(CONSOLE_FILE))?);
        let mut ktap = String::new();
        let mut saved = false;
        let ending = running.listen(guest.limits, |port, bytes| {
            let text = String::from_utf8_lossy(bytes);
            match port {
                Port::Console => {
                    console.write_all(bytes)?;
                    for line in text.lines() {
                        work.log.line(line);
                        work.activity.detail(line);
                    }
                }
                Port::Ktap => ktap.push_str(&text),
                Port::Output => {}
                Port::Qemu => work.log.line(text.trim_end()),
            }
            if !saved && ktap.lines().any(|line| line.trim_end() == words::WAITING) {
                save(&mut qmp, &work.tree).context("saving the guest")?;
                saved = true;
            }
            Ok(())
        })?;
        console.flush()?;
        if !saved {
            let said = ktap.trim();
            bail!(
                "the guest did not come to wait: {ending}\n{said}\n{}",
                work.log.tail()
            );
        }
        std::fs::remove_file(initramfs)?;
        // These files must be on the disk before the stage's stamp.
        for name in [MEMORY_FILE, STATE_FILE] {
            let file = File::open(work.tree.join(name))?;
            file.sync_all()
                .with_context(|| format!("cannot write {name} to the disk"))?;
        }
        expect_sound(&work.tree)?;
        seal(&work.tree)?;
        Ok(String::new())
    }

    fn write_initramfs(&self, path: &Path) -> Result<()> {
        let mut archive = Archive::begin_initramfs(path, Some(self.stock_archive))?;
        archive.program("init", &std::fs::read(self.waiter)?)?;
        archive.finish()?;
        Ok(())
    }
}

/// Fails if the kernel complained before the guest was saved. The judge of a restored guest would
/// never see that complaint.
pub fn expect_sound(folder: &Path) -> Result<()> {
    let path = folder.join(CONSOLE_FILE);
    let console =
        std::fs::read(&path).with_context(|| format!("cannot read {}", path.display()))?;
    let reasons = console_troubles(&text_of(&console));
    if reasons.is_empty() {
        return Ok(());
    }
    let reasons: Vec<_> = reasons.iter().map(ToString::to_string).collect();
    let reasons = reasons.join("\n");
    Err(Unsound(format!("{reasons}\nconsole log: {}", path.display())).into())
}

/// Marks the snapshot, as a boot from it failed outside of its cases.
pub fn doubt(folder: &Path) -> Result<()> {
    let path = folder.join(IN_DOUBT);
    File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(())
}

/// Whether the snapshot has that mark.
pub fn is_doubted(folder: &Path) -> bool {
    folder.join(IN_DOUBT).exists()
}

/// Records the identity of the memory and state files.
fn seal(folder: &Path) -> Result<()> {
    let files = [MEMORY_FILE, STATE_FILE].map(|name| folder.join(name));
    Done::new(folder.join(SEAL)).write(&[], &files)
}

/// Whether the memory and state files are unchanged.
pub fn is_sealed(folder: &Path) -> bool {
    let files = [MEMORY_FILE, STATE_FILE].map(|name| folder.join(name));
    Done::new(folder.join(SEAL)).is(&[], &files)
}

/// Saves the state of the devices. The memory is in its file already.
fn save(qmp: &mut Qmp, folder: &Path) -> Result<()> {
    let path = folder.join(STATE_FILE);
    let file = File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
    file.set_permissions(Permissions::from_mode(0o644))?;
    qmp.prepare_migration()?;
    qmp.migrate("migrate", &path)?;
    qmp.order("quit", json!({}))
}

/// Restores a guest, which runs at once, and hands it an archive of files and words.
pub fn resume(
    folder: &Path,
    image: &Path,
    accelerator: &Accelerator,
    handover: &[u8],
) -> Result<Running> {
    let mut words = words(folder, "off");
    // QEMU does not boot this kernel, but the saved machine had it.
    words.extend(["-kernel".into(), image.into()]);
    words.extend(["-incoming", "defer"].map(OsString::from));
    let (extras, mut to_guest, monitor) = extras()?;
    let running = Running::start(accelerator.arguments(), words, extras)?;
    let archive = handover.to_owned();
    // The thread ends when the guest has read everything or has ended. Other code reports errors.
    std::thread::spawn(move || {
        let _ = to_guest.write_all(&archive);
        // Keep the socket open until the guest has ended, as the guest reads ahead.
        let _ = std::io::copy(&mut to_guest, &mut std::io::sink());
    });
    match restore(monitor, &folder.join(STATE_FILE)) {
        Ok(()) => Ok(running),
        Err(error) => Err(error.context(running.complaint())),
    }
}

fn restore(monitor: UnixStream, state: &Path) -> Result<()> {
    let mut qmp = Qmp::greet(monitor)?;
    qmp.prepare_migration()?;
    qmp.migrate("migrate-incoming", state)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_that_complained_is_not_saved() {
        let folder = tempfile::tempdir().expect("a folder");
        let judged = |said: &str| {
            let console = format!("[    0.0] Linux version 7.2\r\n{said}\r\n[    9.0] crc16\r\n");
            std::fs::write(folder.path().join(CONSOLE_FILE), console).expect("a log");
            expect_sound(folder.path())
        };
        assert!(judged("[    1.0] crc16: ready").is_ok());
        for said in [
            "[    1.0] WARNING: drivers/x.c:1 at f+0x1/0x2, CPU#0: init/1",
            "[    1.0] BUG: KASAN: use-after-free in f+0x1/0x2",
            "[    1.0] x: module license 'none' taints kernel.",
            "[    1.0] Tainted: [W]=WARN",
        ] {
            let error = judged(said).expect_err(said);
            assert!(error.is::<Unsound>(), "{error:#}");
            let what = said.split_once("] ").expect("a stamp").1;
            assert!(format!("{error:#}").contains(what), "{error:#}");
        }
        std::fs::remove_file(folder.path().join(CONSOLE_FILE)).expect("removed");
        assert!(expect_sound(folder.path()).is_err());
    }
}
