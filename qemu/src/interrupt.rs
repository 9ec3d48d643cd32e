// SPDX-License-Identifier: GPL-2.0

//! Handles Ctrl-C and other signals that end the program: removes incomplete files, then takes the
//! signal's default action. QEMU and all other child processes end with this program (see
//! [`crate::run::killed_with_parent`]). The handler first kills processes
//! that may refill a folder.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{pidfd_open, pidfd_send_signal, Pid, PidfdFlags, Signal};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

static HALF_DONE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());
static AT_WORK: Mutex<Vec<Arc<OwnedFd>>> = Mutex::new(Vec::new());

/// How often to remove a folder, and the time between attempts. A killed process may still write.
const REMOVALS: usize = 100;
const REMOVAL_INTERVAL: Duration = Duration::from_millis(50);

fn half_done() -> MutexGuard<'static, Vec<PathBuf>> {
    HALF_DONE.lock().unwrap_or_else(PoisonError::into_inner)
}

fn at_work() -> MutexGuard<'static, Vec<Arc<OwnedFd>>> {
    AT_WORK.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A process that may write to incomplete files.
#[must_use]
pub struct KillOnInterrupt(Option<Arc<OwnedFd>>);

impl KillOnInterrupt {
    /// Kills the process on an interrupt, until this is dropped. Without a pidfd from the kernel,
    /// the process still dies together with this program.
    pub fn new(child: &Child) -> Self {
        let handle = pidfd_open(Pid::from_child(child), PidfdFlags::empty());
        let handle = handle.ok().map(Arc::new);
        at_work().extend(handle.clone());
        Self(handle)
    }
}

impl Drop for KillOnInterrupt {
    fn drop(&mut self) {
        if let Some(ours) = &self.0 {
            at_work().retain(|handle| !Arc::ptr_eq(handle, ours));
        }
    }
}

/// An incomplete file or folder, useless after an interrupt.
#[must_use]
pub struct RemoveOnInterrupt(PathBuf);

impl RemoveOnInterrupt {
    /// Removes the path on an interrupt, until this is dropped.
    pub fn new(path: &Path) -> Self {
        half_done().push(path.to_owned());
        Self(path.to_owned())
    }
}

impl Drop for RemoveOnInterrupt {
    fn drop(&mut self) {
        half_done().retain(|path| *path != self.0);
    }
}

/// Starts to handle the signals.
pub fn install() -> Result<()> {
    let mut signals =
        Signals::new([SIGINT, SIGTERM, SIGHUP]).context("cannot handle interrupts")?;
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            // Hold both locks to the end, so that no new work begins.
            let (working, paths) = (at_work(), half_done());
            end_and_remove(&working, &paths);
            crate::terminal::restore();
            // This ends the program. If it fails, `exit` does.
            let _ = emulate_default_handler(signal);
            std::process::exit(128 + signal);
        }
    });
    Ok(())
}

fn end_and_remove(working: &[Arc<OwnedFd>], paths: &[PathBuf]) {
    for handle in working {
        // An error means that the process has ended, or is root's. It then ends with its parent.
        let _ = pidfd_send_signal(handle, Signal::KILL);
    }
    paths.iter().for_each(|path| remove(path));
    if working.is_empty() {
        return;
    }
    // The kernel kills the children of these processes, but at an unknown time.
    let mut gone = 0;
    for _ in 0..REMOVALS {
        std::thread::sleep(REMOVAL_INTERVAL);
        gone = match paths.iter().any(|path| path.exists()) {
            true => 0,
            false => gone + 1,
        };
        if gone == 2 {
            return;
        }
        paths.iter().for_each(|path| remove(path));
    }
}

/// Ignores errors, as the program ends now. The next run then removes the path.
fn remove(path: &Path) {
    let _ = match path.is_dir() {
        true => std::fs::remove_dir_all(path),
        false => std::fs::remove_file(path),
    };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run;

    /// A process that fills a folder through a child process.
    const BUSY: &str = r#"
        setpriv --pdeathsig KILL -- sh -c '
            while :; do mkdir -p "$0/deep"; : > "$0/deep/$((i = i + 1))"; done' "$0"
        true
    "#;

    #[test]
    fn a_folder_is_removed_though_somebody_fills_it() {
        let root = tempfile::tempdir().expect("a folder");
        let folder = root.path().join("work");
        let mut child = run::killed_with_parent("sh")
            .args(["-c", BUSY])
            .arg(&folder)
            .spawn()
            .expect("a shell");
        while !folder.join("deep/100").exists() {
            std::thread::yield_now();
        }
        let working = KillOnInterrupt::new(&child);
        let handles: Vec<_> = working.0.iter().cloned().collect();
        end_and_remove(&handles, std::slice::from_ref(&folder));
        assert!(!folder.exists());
        let status = child.wait().expect("its end");
        assert!(!status.success());
        drop(working);
        assert!(!handles
            .iter()
            .any(|h| at_work().iter().any(|o| Arc::ptr_eq(h, o))));
    }
}
