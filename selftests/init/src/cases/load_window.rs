// SPDX-License-Identifier: GPL-2.0

//! Opens the module's files during a load that fails. The kernel then frees the module even if a
//! file is open, and a close would run freed code. So no open may succeed before the load does.

use std::fs::File;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use anyhow::{ensure, Result};
use modproof_guest::fail_nth::{prepare, sweep_from, FailNth};
use modproof_guest::modules::Image;
use modproof_guest::Ctx;
use nix::errno::Errno;

use super::lifecycle::expect_refused;
use super::readers::wait_for;
use crate::fixture::TREE;
use crate::guard;

/// Fails a load's last allocations, from before the first file on: each file takes about ten.
const LAST: u32 = 100;
/// The number of threads that open a file while the module loads.
const OPENERS: usize = 2;

/// Tells the openers what to do, and counts what they see.
#[derive(Default)]
struct Window {
    loading: AtomicBool,
    over: AtomicBool,
    /// Files that are open now, or are being opened.
    held: AtomicU64,
    /// Opens that succeeded.
    opened: AtomicU64,
    /// Opens that failed with EAGAIN: the file exists, but the load has not succeeded yet.
    refused: AtomicU64,
}

impl Window {
    /// Opens `gpus` during each load, and closes it after the load.
    fn open_until_over(&self) {
        while !self.over.load(Ordering::SeqCst) {
            if !self.loading.load(Ordering::SeqCst) {
                thread::yield_now();
                continue;
            }
            self.held.fetch_add(1, Ordering::SeqCst);
            match File::open(guard::path("gpus")) {
                Ok(_file) => {
                    self.opened.fetch_add(1, Ordering::SeqCst);
                    while self.loading.load(Ordering::SeqCst) {
                        thread::yield_now();
                    }
                }
                Err(error) if error.raw_os_error() == Some(Errno::EAGAIN as i32) => {
                    self.refused.fetch_add(1, Ordering::SeqCst);
                }
                Err(_) => {}
            }
            self.held.fetch_sub(1, Ordering::SeqCst);
        }
    }

    fn during<T>(&self, load: impl FnOnce() -> T) -> T {
        self.loading.store(true, Ordering::SeqCst);
        let result = load();
        self.loading.store(false, Ordering::SeqCst);
        result
    }

    fn wait_until_closed(&self) -> Result<()> {
        wait_for("the files to be closed", || {
            Ok(self.held.load(Ordering::SeqCst) == 0)
        })
    }
}

/// Fails each of a load's last allocations while other threads open the module's files. No open may
/// succeed during a load that fails.
pub fn files_opened_during_the_load(ctx: &mut Ctx) -> Result<()> {
    prepare()?;
    TREE.load(&ctx.modules, "slot=0")?;
    let module = Image::own(guard::NAME)?;
    let load = || module.load(c"");
    // Two normal loads first, so that the kernel's one-time work for a load is already done.
    load()?;
    guard::unload()?;
    let (loaded, allocations) = FailNth::open()?.allocations(load)?;
    loaded?;
    guard::unload()?;
    let first = allocations.saturating_sub(LAST).max(1);
    let window = Window::default();
    let swept = thread::scope(|scope| {
        for _ in 0..OPENERS {
            scope.spawn(|| window.open_until_over());
        }
        let mut before = 0;
        let swept = sweep_from(
            first,
            || window.during(load),
            |result| {
                window.wait_until_closed()?;
                let opened = window.opened.load(Ordering::SeqCst);
                let of_this = opened - before;
                before = opened;
                if result.is_ok() {
                    guard::unload()?;
                    return Ok(false);
                }
                ensure!(
                    of_this == 0,
                    "{of_this} files were opened by a load that failed"
                );
                expect_refused(result, Errno::ENOMEM)?;
                guard::expect_gone()?;
                Ok(true)
            },
        );
        window.over.store(true, Ordering::SeqCst);
        swept
    });
    let (failed, tries) = swept?;
    let count = |count: &AtomicU64| count.load(Ordering::SeqCst);
    ctx.note(format!(
        "{tries} loads, {failed} failed; {} files refused while it went on, {} opened when it had \
         succeeded",
        count(&window.refused),
        count(&window.opened)
    ));
    ensure!(failed > 0, "no load failed");
    ensure!(
        count(&window.refused) > 0,
        "nobody came between: tried nothing"
    );
    Ok(())
}
