// SPDX-License-Identifier: GPL-2.0

//! A machine whose memory is nearly all taken.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use anyhow::{ensure, Context, Result};
use modproof_guest::memory::meminfo;
use modproof_guest::{Case, Ctx};
use nix::mount::{mount, umount, MsFlags};

use crate::fixture::TREE;
use crate::guard;

/// The suite for a small machine.
pub const CASES: &[Case] = &[Case::new(
    "loads-with-little-memory",
    loads_with_little_memory,
)];

/// In KiB. The guest's own program must go on to run: the kernel kills no other when it is at its
/// end, for there is none.
const LEFT: u64 = 24 << 10;
const ROUNDS: usize = 50;
const FOLDER: &str = "/taken";

/// With memory scarce the module says what it says with plenty.
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

/// Memory that nobody else can have.
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
        // What stays mounted shows in what comes next.
        let _ = umount(FOLDER);
    }
}

fn available() -> Result<u64> {
    meminfo("MemAvailable")
}
