// SPDX-License-Identifier: GPL-2.0

//! What happens on Ctrl-C and its like: what is half done is removed, and we
//! end as if there were no handler. QEMU and all else that we started ends
//! with us (see [`crate::run::dying_with_us`]).

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::{Context, Result};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

static HALF_DONE: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn half_done() -> MutexGuard<'static, Vec<PathBuf>> {
    HALF_DONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A file or folder that is of no use if we are interrupted now.
#[must_use]
pub struct HalfDone(PathBuf);

impl HalfDone {
    /// It is removed on an interrupt, until this is dropped.
    pub fn new(path: &Path) -> Self {
        half_done().push(path.to_owned());
        Self(path.to_owned())
    }
}

impl Drop for HalfDone {
    fn drop(&mut self) {
        half_done().retain(|path| *path != self.0);
    }
}

/// Handles the signals from now on.
pub fn install() -> Result<()> {
    let mut signals =
        Signals::new([SIGINT, SIGTERM, SIGHUP]).context("cannot handle interrupts")?;
    std::thread::spawn(move || {
        if let Some(signal) = signals.forever().next() {
            // Held to the end: nothing new is begun.
            let paths = half_done();
            paths.iter().for_each(|path| remove(path));
            crate::terminal::restore();
            // It ends us. If it cannot, so be it.
            let _ = emulate_default_handler(signal);
            std::process::exit(128 + signal);
        }
    });
    Ok(())
}

/// There is nobody left to tell if it fails; the next run removes it then.
fn remove(path: &Path) {
    let _ = match path.is_dir() {
        true => std::fs::remove_dir_all(path),
        false => std::fs::remove_file(path),
    };
}
