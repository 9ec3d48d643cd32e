// SPDX-License-Identifier: GPL-2.0

//! Measures how the cost grows with the number of cards, in instructions and in memory.

use anyhow::Result;
use modproof_guest::count::{value_line, Counter, Counts};
use modproof_guest::memory::Memory;
use modproof_guest::modules;
use modproof_guest::Ctx;

use super::reads;
use crate::fixture::STOCK;
use crate::guard;

const CARDS: [u32; 4] = [1, 4, 16, 64];
/// The number of loads for the module's memory.
const LOADS: usize = 3;

/// Measures, for each number of cards, a read of `heaps`, its floor, the user-space program and the
/// module's memory.
pub fn cards(ctx: &mut Ctx, counter: &Counter) -> Result<()> {
    for cards in CARDS {
        // KFD recreates all its files for each card; few compute units (caches) keep that short.
        let words: Vec<_> = (0..cards)
            .map(|slot| format!("slot={slot} cus=2"))
            .collect();
        STOCK.load(&ctx.modules, &words.join(";"))?;
        memory(ctx, cards)?;
        guard::load(&ctx.modules)?;
        guard::read("heaps")?.expect_count(cards as usize)?;
        let heaps = guard::path("heaps");
        let facts = reads::behind_heaps()?;
        for (name, counts) in [
            ("heaps", reads::opened(counter, &heaps)?),
            ("floor", reads::floor(ctx, counter, &heaps, &facts)?),
            ("program", reads::by_program(counter, &facts)?),
        ] {
            ctx.note(counts.line(&format!("cards.{cards}.{name}")));
        }
        guard::unload()?;
        STOCK.unload()?;
    }
    Ok(())
}

/// The memory that the kernel holds in addition once the module is loaded and each file was read.
fn memory(ctx: &mut Ctx, cards: u32) -> Result<()> {
    let mut slab = Vec::new();
    for _ in 0..LOADS {
        let before = Memory::least()?;
        guard::load(&ctx.modules)?;
        read_all()?;
        let held = Memory::least()?;
        slab.push(held.objects().saturating_sub(before.objects()));
        let size = modules::size(guard::NAME)?;
        ctx.note(value_line("memory.module", "bytes", size));
        guard::unload()?;
    }
    let name = format!("memory.{cards}.slab");
    ctx.note(Counts::new(slab)?.line_in(&name, "bytes"));
    Ok(())
}

fn read_all() -> Result<()> {
    for file in guard::FILES {
        guard::text(file)?;
    }
    Ok(())
}
