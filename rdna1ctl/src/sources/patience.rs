// SPDX-License-Identifier: GPL-2.0

//! Reads that may never end: of a stuck process, or on a file system whose server is gone.

use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use nix::sys::signal::SigSet;

/// The result of some work, or `None` if it takes longer. Its thread is left behind then; it ends with
/// this process at the latest.
pub fn within<T: Send + 'static>(
    time: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> Option<T> {
    let (sender, receiver) = mpsc::channel();
    let begun = thread::Builder::new().spawn(move || {
        hold_all_signals();
        // Nobody receives what comes too late.
        let _ = sender.send(work());
    });
    begun.ok()?;
    receiver.recv_timeout(time).ok()
}

/// Leaves all signals of this process to its other threads, which may wait for them.
pub fn hold_all_signals() {
    // It fails for no set of signals.
    let _ = SigSet::all().thread_block();
}
