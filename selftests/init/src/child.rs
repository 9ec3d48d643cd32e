// SPDX-License-Identifier: GPL-2.0

//! Helper processes: this same program, reading the module's files from a place
//! with less in view than PID 1 has.

mod helper;

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{bail, ensure, Context, Result};
use nix::fcntl::{openat, OFlag};
use nix::mount::{mount, umount2, MntFlags, MsFlags};
use nix::sched::{unshare, CloneFlags};
use nix::sys::stat::Mode;
use nix::unistd::{chdir, chroot};

use crate::apparmor;
use crate::guard;
pub use helper::Helper;

/// The first argument of a helper process.
pub const VERB: &str = "child";

/// The second argument of one that only starts another: the first of a new pid namespace.
pub const FORK: &str = "fork";

/// The second argument of one that a thread other than the first replaces by another.
pub const THREAD: &str = "thread";

/// From where a helper process reads.
#[derive(Debug, Clone, Copy)]
pub enum Place<'a> {
    /// From the cgroup that has this `cgroup.procs`.
    Cgroup(&'a Path),
    /// From an empty root, opening the file there by a folder held open from before.
    Chroot,
    /// From an empty root, through a file opened before.
    ChrootOpened,
    /// From a mount namespace in which /sys is gone, by a folder held open from before.
    WithoutSysfs,
    /// Under an AppArmor profile that is loaded.
    Profile(&'a str),
}

/// Has a helper process read one of the module's files, and gives back the text.
pub fn read_from(place: Place<'_>, file: &str) -> Result<String> {
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
        "helper process ({place:?}, {file}): {}",
        complaint.trim()
    );
    String::from_utf8(output.stdout).with_context(|| format!("{file} holds no text"))
}

/// The helper process itself.
pub fn run(args: &[String]) -> ExitCode {
    match args.split_first() {
        Some((first, rest)) if first == FORK => return run_in_child(rest),
        Some((first, rest)) if first == THREAD => return run_in_place(rest),
        _ => {}
    }
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    let done = helper::run(&words).unwrap_or_else(|| read_here(&words));
    match done.and_then(|text| Ok(std::io::stdout().write_all(text.as_bytes())?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

fn read_here(words: &[&str]) -> Result<String> {
    let dir = File::open(guard::dir()).context("open the module's folder")?;
    let (file, opened) = match words {
        [file, "cgroup", procs] => {
            fs::write(procs, "0").with_context(|| format!("move to the cgroup of {procs}"))?;
            (file, None)
        }
        [file, "chroot"] => {
            enter_empty_root()?;
            (file, None)
        }
        [file, "chroot-opened"] => {
            let opened = File::open(guard::path(file)).with_context(|| format!("open {file}"))?;
            enter_empty_root()?;
            (file, Some(opened))
        }
        [file, "profile", profile] => {
            apparmor::enter(profile)?;
            (file, None)
        }
        [file, "without-sysfs"] => {
            lose_sysfs()?;
            (file, None)
        }
        _ => bail!("no such helper: {words:?}"),
    };
    let mut opened = match opened {
        Some(opened) => opened,
        None => openat(&dir, *file, OFlag::O_RDONLY, Mode::empty())
            .with_context(|| format!("open {file} in the folder held open"))?
            .into(),
    };
    let mut text = String::new();
    opened
        .read_to_string(&mut text)
        .with_context(|| format!("read {file}"))?;
    Ok(text)
}

/// Runs this program once more, as a child that this process waits for.
fn run_in_child(args: &[String]) -> ExitCode {
    match Command::new("/proc/self/exe").args(args).status() {
        Ok(status) if status.success() => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}

/// Runs this program in place of this process, by a thread that is not its first.
fn run_in_place(args: &[String]) -> ExitCode {
    let mut command = Command::new("/proc/self/exe");
    command.args(args);
    // It returns only if it fails.
    let thread = std::thread::spawn(move || command.exec());
    eprintln!("exec: {:?}", thread.join());
    ExitCode::FAILURE
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
