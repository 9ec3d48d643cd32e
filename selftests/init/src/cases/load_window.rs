// SPDX-License-Identifier: GPL-2.0

//! The files are there before the load has succeeded. A load that fails frees
//! the module whoever has one of them open, and the close would run freed code.

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

/// Of a load's allocations, those from before the first file on: each file takes some ten.
const LAST: u32 = 100;
/// Threads that open a file while the module is being loaded.
const OPENERS: usize = 2;

/// What the openers see, and what they are told.
#[derive(Default)]
struct Window {
    /// The module is being loaded.
    loading: AtomicBool,
    /// No load follows.
    over: AtomicBool,
    /// Files that are open now.
    held: AtomicU64,
    /// Files that could be opened.
    opened: AtomicU64,
    /// Files that were there and could not be opened yet.
    refused: AtomicU64,
}

impl Window {
    /// Opens `gpus` whenever a load goes on, and closes it when that has ended.
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

/// Loads the module with the Nth allocation failing, for the last of them, while others open its
/// files: none is opened by a load that fails.
pub fn files_opened_during_the_load(ctx: &mut Ctx) -> Result<()> {
    prepare()?;
    TREE.load(&ctx.modules, "slot=0")?;
    let module = Image::own(guard::NAME)?;
    let load = || module.load(c"");
    // Twice as it should be, so that nothing of the loading itself is done for the first time.
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
