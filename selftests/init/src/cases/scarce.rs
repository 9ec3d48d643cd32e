// SPDX-License-Identifier: GPL-2.0

//! Tests the module while nearly all memory is taken.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::{ensure, Context, Result};
use modproof_guest::memory::meminfo;
use modproof_guest::{Case, Ctx};
use nix::mount::{mount, umount, MsFlags};

use crate::fixture::TREE;
use crate::guard;

/// The suite for a machine with little memory.
pub const CASES: &[Case] = &[Case::new(
    "loads-with-little-memory",
    loads_with_little_memory,
)];

/// In KiB. Enough for PID 1 to run on: the kernel has no other process to kill.
const LEFT: u64 = 24 << 10;
const ROUNDS: usize = 50;
const FOLDER: &str = "/taken";

/// With little memory, the module shows the same text as with plenty.
fn loads_with_little_memory(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "slot=0;slot=1 lie=bank-flags")?;
    let round = |ctx: &Ctx| -> Result<Vec<String>> {
        guard::load(&ctx.modules)?;
        let texts = guard::texts()?;
        guard::unload()?;
        Ok(texts)
    };
    let plenty = round(ctx)?;
    let taken = Taken::take()?;
    ctx.note(format!(
        "{} KiB taken, {} KiB left",
        taken.kib,
        available()?
    ));
    for number in 0..ROUNDS {
        let scarce = round(ctx).with_context(|| format!("round {number}"))?;
        ensure!(scarce == plenty, "round {number}: another text");
    }
    Ok(())
}

/// Memory that is taken up by a file in a tmpfs until it is dropped.
struct Taken {
    kib: u64,
}

impl Taken {
    fn take() -> Result<Self> {
        fs::create_dir_all(FOLDER).context("make a folder")?;
        let all: Option<&Path> = None;
        mount(
            all,
            FOLDER,
            Some("tmpfs"),
            MsFlags::empty(),
            Some("size=100%"),
        )
        .with_context(|| format!("mount a tmpfs at {FOLDER}"))?;
        let mut taken = Self { kib: 0 };
        let mut file = File::create(Path::new(FOLDER).join("memory")).context("take memory")?;
        let piece = vec![1; 1 << 20];
        while available()? > LEFT {
            file.write_all(&piece).context("take memory")?;
            taken.kib += 1 << 10;
        }
        ensure!(taken.kib > 0, "there was as little before");
        Ok(taken)
    }
}

impl Drop for Taken {
    fn drop(&mut self) {
        // If this fails, the next case fails for lack of memory.
        let _ = umount(FOLDER);
    }
}

fn available() -> Result<u64> {
    meminfo("MemAvailable")
}
