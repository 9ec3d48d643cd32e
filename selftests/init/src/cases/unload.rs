// SPDX-License-Identifier: GPL-2.0

//! Unloading the module while others have its files open or read them.

use std::fs::File;
use std::io::Read;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use anyhow::{bail, Context, Result};
use nix::errno::Errno;

use crate::ctx::Ctx;
use crate::fixture::TREE;
use crate::guard;
use crate::modules::{self, Refused};

use super::readers::wait_for;

/// A process holds files open: the unload is refused, or it is clean.
pub fn while_open(ctx: &mut Ctx) -> Result<()> {
    guard::load(&ctx.modules)?;
    let mut byte = [0];
    let mut files = Vec::new();
    for name in guard::RECORD_FILES.into_iter().chain(["counters"]) {
        let mut file = File::open(guard::path(name)).with_context(|| format!("open {name}"))?;
        file.read_exact(&mut byte)
            .with_context(|| format!("read a byte of {name}"))?;
        files.push(file);
    }
    match modules::remove(guard::NAME) {
        Ok(()) => {
            ctx.note("the unload went through with files open");
            guard::expect_gone()?;
            for mut file in files {
                // It may give what it had or an error; the kernel has to survive it, and the close.
                let _ = file.read(&mut byte);
            }
            return Ok(());
        }
        Err(error) => match error.downcast_ref::<Refused>() {
            Some(refused) if refused.errno == Errno::EAGAIN => {
                ctx.note("the unload was refused while files were open");
            }
            _ => bail!(error.context("expected the unload to work or to fail with EAGAIN")),
        },
    }
    for file in &mut files {
        file.read_exact(&mut byte)
            .context("read on after the refused unload")?;
    }
    drop(files);
    guard::unload()
}

/// The same where there is a card to read about.
pub fn while_open_beside_card(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "slot=0")?;
    while_open(ctx)
}

/// The same where there is a card to read about.
pub fn under_readers_of_a_card(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "slot=0")?;
    under_readers(ctx)
}

/// The module is unloaded, over and over, while others still read its files.
pub fn under_readers(ctx: &mut Ctx) -> Result<()> {
    const ROUNDS: u64 = 30;
    let (stop, hold, reads) = (
        AtomicBool::new(false),
        AtomicBool::new(false),
        AtomicU64::new(0),
    );
    let read = |file: &'static str| {
        while !stop.load(Ordering::Relaxed) {
            // The file may be gone before, while and after it is read.
            if !hold.load(Ordering::Relaxed) && guard::text(file).is_ok() {
                reads.fetch_add(1, Ordering::Relaxed);
            }
            thread::yield_now();
        }
    };
    let result = thread::scope(|scope| {
        let read = &read;
        for file in guard::RECORD_FILES {
            scope.spawn(move || read(file));
        }
        let result = (1..=ROUNDS).try_for_each(|round| {
            hold.store(false, Ordering::Relaxed);
            guard::load(&ctx.modules).with_context(|| format!("round {round}"))?;
            let seen = reads.load(Ordering::Relaxed);
            wait_for("a read", || Ok(reads.load(Ordering::Relaxed) > seen))?;
            // An open file keeps the module, so nobody may begin anew; what has begun goes on.
            hold.store(true, Ordering::Relaxed);
            wait_for("the unload", || match modules::remove(guard::NAME) {
                Ok(()) => Ok(true),
                Err(error) => match error.downcast_ref::<Refused>() {
                    Some(refused) if refused.errno == Errno::EAGAIN => Ok(false),
                    _ => Err(error),
                },
            })
        });
        stop.store(true, Ordering::Relaxed);
        result
    });
    result?;
    ctx.note(format!(
        "{} reads in {ROUNDS} rounds",
        reads.load(Ordering::Relaxed)
    ));
    guard::expect_gone()
}
