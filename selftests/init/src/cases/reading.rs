// SPDX-License-Identifier: GPL-2.0

//! Reads the files in pieces, repeatedly and in parallel; the text and the counters must be right.

use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::thread;

use anyhow::{bail, ensure, Context, Result};
use modproof_guest::files::read_chunked;
use modproof_guest::Ctx;

use crate::fixture::TREE;
use crate::guard;
use crate::truth::View;

/// The text does not depend on the size of the reads.
pub fn read_sizes(ctx: &mut Ctx) -> Result<()> {
    TREE.load(
        &ctx.modules,
        "slot=0;slot=1 board=5600xt bar=small lie=bank-flags",
    )?;
    guard::load(&ctx.modules)?;
    for file in guard::RECORD_FILES {
        let whole = guard::text(file)?;
        expect_same_from_the_middle(file, &whole)?;
        ensure!(
            whole.lines().count() > 2,
            "{file}: expected two cards, seen\n{whole}"
        );
        for chunk in [1, 7, 4096] {
            let pieces = read_chunked(&guard::path(file), chunk)?;
            ensure!(
                pieces == whole,
                "{file}: expected the same {chunk} bytes at a time, seen\n{pieces}and at once\n{whole}"
            );
        }
    }
    read_chunked(&guard::path("counters"), 1)?;
    guard::unload()
}

fn expect_same_from_the_middle(file: &str, whole: &str) -> Result<()> {
    let (middle, mut tail) = (whole.len() / 2, Vec::new());
    let mut opened = File::open(guard::path(file)).with_context(|| format!("open {file}"))?;
    opened
        .seek(SeekFrom::Start(middle as u64))
        .with_context(|| format!("seek in {file}"))?;
    opened
        .read_to_end(&mut tail)
        .with_context(|| format!("read {file} from its middle"))?;
    ensure!(
        tail == whole.as_bytes()[middle..],
        "{file}: from byte {middle} on seen\n{}\nof\n{whole}",
        String::from_utf8_lossy(&tail)
    );
    Ok(())
}

/// Counters count reads and never fall while cards come and go.
pub fn counters_only_rise(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "")?;
    guard::load(&ctx.modules)?;
    let mut last = guard::counters()?;
    for words in ["", "lie=bank-flags", "kfd=0"] {
        TREE.add(0, words)?;
        for file in guard::RECORD_FILES {
            guard::read(file)?;
        }
        let now = guard::counters()?;
        last.expect_none_fell(&now)?;
        // Four record files, and `counters` itself.
        let reads = last.rise(&now, &["reads"]);
        ensure!(reads == 5, "reads: expected a rise by 5, seen {reads}");
        let verdict = match words {
            "" => "truth",
            "lie=bank-flags" => "lie",
            _ => "reads",
        };
        last.expect_rise(&now, &[verdict], 1)?;
        last = now;
        TREE.remove(0)?;
    }
    guard::unload()
}

/// A reloaded module still reports the truth of a card.
pub fn reload_beside_card(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "slot=0")?;
    let card = TREE.card(0)?;
    for _ in 0..3 {
        guard::load(&ctx.modules)?;
        let view = View::read()?;
        view.expect_cards(1)?;
        view.expect_truth(&card)?;
        guard::unload()?;
    }
    Ok(())
}

/// Parallel reads return the same text, and each is counted.
pub fn parallel_reads_are_counted(ctx: &mut Ctx) -> Result<()> {
    const READERS: u64 = 4;
    const READS: u64 = 50;
    TREE.load(&ctx.modules, "slot=0")?;
    guard::load(&ctx.modules)?;
    let whole = guard::text("heaps")?;
    let before = guard::counters()?;
    thread::scope(|scope| {
        let read = || {
            for _ in 0..READS {
                let seen = guard::text("heaps")?;
                ensure!(seen == whole, "heaps: expected\n{whole}seen\n{seen}");
            }
            Ok(())
        };
        let readers: Vec<_> = (0..READERS).map(|_| scope.spawn(read)).collect();
        readers
            .into_iter()
            .try_for_each(|reader| match reader.join() {
                Ok(result) => result,
                Err(_) => bail!("a reader panicked"),
            })
    })?;
    let rise = before.rise(&guard::counters()?, &["reads"]);
    // One more for the read of `counters`.
    let expected = READERS * READS + 1;
    ensure!(
        rise == expected,
        "reads: expected a rise by {expected}, seen {rise}"
    );
    guard::unload()
}
