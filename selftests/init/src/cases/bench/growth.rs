// SPDX-License-Identifier: GPL-2.0

//! What more cards cost: instructions and memory.

use anyhow::Result;
use modproof_guest::count::{value_line, Counter, Counts};
use modproof_guest::memory::Memory;
use modproof_guest::modules;
use modproof_guest::Ctx;

use super::reads;
use crate::fixture::STOCK;
use crate::guard;

/// How many cards.
const CARDS: [u32; 4] = [1, 4, 16, 64];
/// How often the module is loaded to see what it holds.
const LOADS: usize = 3;

/// Counts a read of `heaps`, its floor and the program, and what the module holds, each beside so
/// many cards.
pub fn cards(ctx: &mut Ctx, counter: &Counter) -> Result<()> {
    for cards in CARDS {
        // KFD makes all its files anew for each card: few caches keep that short.
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

/// What the kernel holds more while the module is loaded and every file has been read.
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
