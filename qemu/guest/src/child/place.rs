// SPDX-License-Identifier: GPL-2.0

//! Reads a file from a place that sees less than PID 1 does.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::Command;

use anyhow::{bail, ensure, Context, Result};
use nix::fcntl::{openat, OFlag};
use nix::mount::{mount, umount2, MntFlags, MsFlags};
use nix::sched::{unshare, CloneFlags};
use nix::sys::stat::Mode;
use nix::unistd::{chdir, chroot};

use super::verbs::VERB;
use crate::apparmor;

/// The place where a helper process reads.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// In the cgroup that has this `cgroup.procs`.
    Cgroup(&'a Path),
    /// In an empty root: the helper enters it, then opens the file by a folder opened before.
    Chroot,
    /// In an empty root, through a file that the helper opened before.
    ChrootOpened,
    /// In a mount namespace without /sys: by the file's folder, which the helper opened before.
    WithoutSysfs,
    /// Under a loaded AppArmor profile of this name.
    Profile(&'a str),
}

/// Starts a helper process that reads a file in that place, and returns the text.
pub fn read_from(place: Place<'_>, file: &Path) -> Result<String> {
    let mut command = Command::new("/proc/self/exe");
    command.arg(VERB).arg(file);
    match place {
        Place::Cgroup(procs) => command.arg("cgroup").arg(procs),
        Place::Chroot => command.arg("chroot"),
        Place::ChrootOpened => command.arg("chroot-opened"),
        Place::WithoutSysfs => command.arg("without-sysfs"),
        Place::Profile(profile) => command.arg("profile").arg(profile),
    };
    let output = command.output().context("start a helper process")?;
    let complaint = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.success(),
        "helper process ({place:?}, {}): {}",
        file.display(),
        complaint.trim()
    );
    String::from_utf8(output.stdout).with_context(|| format!("{} holds no text", file.display()))
}

/// The body of the helper process: goes to the place and reads the file.
pub(super) fn read_here(words: &[&str]) -> Result<String> {
    let [path, place @ ..] = words else {
        bail!("a helper without words");
    };
    let file = Path::new(path);
    let name = file.file_name().context("a file without a name")?;
    let folder = file.parent().context("a file without a folder")?;
    let folder = File::open(folder).with_context(|| format!("open the folder of {path}"))?;
    let mut opened = None;
    match place {
        ["cgroup", procs] => {
            fs::write(procs, "0").with_context(|| format!("move to the cgroup of {procs}"))?;
        }
        ["chroot"] => enter_empty_root()?,
        ["chroot-opened"] => {
            opened = Some(File::open(file).with_context(|| format!("open {path}"))?);
            enter_empty_root()?;
        }
        ["profile", profile] => apparmor::enter(profile)?,
        ["without-sysfs"] => lose_sysfs()?,
        _ => bail!("no such helper: {words:?}"),
    }
    let mut opened = match opened {
        Some(opened) => opened,
        None => openat(&folder, name, OFlag::O_RDONLY, Mode::empty())
            .with_context(|| format!("open {path} by its folder"))?
            .into(),
    };
    let mut text = String::new();
    opened
        .read_to_string(&mut text)
        .with_context(|| format!("read {path}"))?;
    Ok(text)
}

fn enter_empty_root() -> Result<()> {
    let root = "/tmp/empty";
    fs::create_dir_all(root).context("make an empty folder")?;
    chroot(root).context("chroot to an empty folder")?;
    chdir("/").context("enter the empty root")?;
    ensure!(
        fs::read_dir("/")?.next().is_none(),
        "the new root is not empty"
    );
    Ok(())
}

fn lose_sysfs() -> Result<()> {
    unshare(CloneFlags::CLONE_NEWNS).context("leave the mount namespace")?;
    let private = MsFlags::MS_PRIVATE | MsFlags::MS_REC;
    mount(None::<&str>, "/", None::<&str>, private, None::<&str>).context("make mounts private")?;
    umount2("/sys", MntFlags::MNT_DETACH).context("unmount /sys")?;
    ensure!(!Path::new("/sys/class").exists(), "/sys is still there");
    Ok(())
}
