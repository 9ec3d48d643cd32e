// SPDX-License-Identifier: GPL-2.0

//! Fails every allocation of a load, an unload, a read and an event once: the Nth, for each N.

use std::fs::File;
use std::io::{self, Read as _};
use std::path::PathBuf;

use anyhow::{anyhow, bail, ensure, Context, Result};
use modproof_guest::fail_nth::{prepare, sweep, FailNth, MOST};
use modproof_guest::modules::{self, Image};
use modproof_guest::uevents::Uevents;
use modproof_guest::Ctx;
use nix::errno::Errno;

use super::lifecycle::expect_refused;
use crate::counters::Counters;
use crate::fixture::TREE;
use crate::guard;

/// In bytes; larger than any of the module's files.
const BUFFER: usize = 64 << 10;
/// Words in the names of the module's counters for announced lies and for failed announcements.
const ANNOUNCED: &[&str] = &["lies_announced"];
const NOT_ANNOUNCED: &[&str] = &["errors_announcing"];

/// A load fails with ENOMEM and leaves nothing behind, or it succeeds with all files. A successful
/// load announces the card's lie or counts the announcement as failed.
pub fn load(ctx: &mut Ctx) -> Result<()> {
    prepare()?;
    TREE.load(&ctx.modules, "slot=0;slot=1 lie=hive-id")?;
    // One normal load first, so that the kernel's one-time work for a load is already done.
    guard::load(&ctx.modules)?;
    let files = guard::texts()?;
    guard::unload()?;
    // Not by finit_module(2): without memory for the file's buffer, the kernel logs its stack.
    let module = Image::own(guard::NAME)?;
    let (mut sent, mut unsent) = (0, 0);
    let (failed, tries) = sweep(
        || module.load(c""),
        |result| match result {
            Ok(()) => {
                guard::expect_files()?;
                ensure!(guard::texts()? == files, "the files say something else");
                let counters = guard::counters()?;
                sent += counters.sum(ANNOUNCED);
                unsent += counters.sum(NOT_ANNOUNCED);
                guard::unload()?;
                Ok(false)
            }
            Err(error) => {
                expect_refused(Err(error), Errno::ENOMEM)?;
                guard::expect_gone()?;
                Ok(true)
            }
        },
    )?;
    ctx.note(format!(
        "{tries} loads, {failed} failed with ENOMEM; {sent} lies announced, {unsent} could not be"
    ));
    ensure!(failed > 0, "no load failed");
    let loaded = u64::from(tries - failed);
    ensure!(
        sent + unsent == loaded,
        "{loaded} loads met a lie, {sent} announced it, {unsent} could not"
    );
    Ok(())
}

/// An unload needs no memory: it always succeeds and leaves nothing behind.
pub fn unload(ctx: &mut Ctx) -> Result<()> {
    prepare()?;
    TREE.load(&ctx.modules, "slot=0")?;
    guard::load(&ctx.modules)?;
    let switch = FailNth::open()?;
    for nth in 1..=MOST {
        let (result, fired) = switch.during(nth, || modules::remove(guard::NAME))?;
        result.with_context(|| format!("allocation {nth}"))?;
        guard::expect_gone()?;
        if !fired {
            ensure!(nth > 1, "no allocation failed: tried nothing");
            ctx.note(format!("{nth} unloads, none failed"));
            return Ok(());
        }
        guard::load(&ctx.modules)?;
        guard::texts()?;
    }
    bail!("an allocation still fails after {MOST}")
}

/// Opens and reads a file while an allocation fails.
struct Attempt<'a> {
    path: PathBuf,
    // Allocated in advance: the test fails the module's allocations, not the reader's.
    buffer: &'a mut [u8],
}

enum ReadResult<T> {
    OpenFailed(io::Error),
    ReadFailed(io::Error),
    Through(T),
}

impl<'a> Attempt<'a> {
    fn new(file: &str, buffer: &'a mut [u8]) -> Self {
        let path = guard::path(file);
        Self { path, buffer }
    }

    /// Opens and reads the file once, and passes the text to `ask`.
    fn read<T>(&mut self, ask: impl FnOnce(&[u8]) -> T) -> ReadResult<T> {
        let mut file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) => return ReadResult::OpenFailed(error),
        };
        match file.read(self.buffer) {
            Ok(length) => ReadResult::Through(ask(self.buffer.get(..length).unwrap_or_default())),
            Err(error) => ReadResult::ReadFailed(error),
        }
    }
}

fn expect_no_memory(error: &io::Error) -> Result<()> {
    let no_memory = error.raw_os_error() == Some(Errno::ENOMEM as i32);
    ensure!(no_memory, "expected ENOMEM, seen {error}");
    Ok(())
}

/// A read fails with ENOMEM or returns the usual text.
pub fn reads(ctx: &mut Ctx) -> Result<()> {
    prepare()?;
    TREE.load(&ctx.modules, "slot=0;slot=1 lie=bank-flags")?;
    guard::load(&ctx.modules)?;
    let mut buffer = vec![1; BUFFER];
    for file in guard::FILES {
        let text = guard::text(file)?;
        // The counters rise meanwhile, so only their form is checked.
        let usual = |seen: &[u8]| match file {
            "counters" => Counters::parse(&String::from_utf8_lossy(seen)).is_ok(),
            _ => seen == text.as_bytes(),
        };
        let before = guard::counters()?;
        let mut attempt = Attempt::new(file, &mut buffer);
        let mut not_opened = 0;
        let (failed, tries) = sweep(
            || attempt.read(usual),
            |read| match read {
                ReadResult::Through(usual) => {
                    ensure!(usual, "another text");
                    Ok(false)
                }
                ReadResult::OpenFailed(error) => {
                    not_opened += 1;
                    expect_no_memory(&error).map(|()| true)
                }
                ReadResult::ReadFailed(error) => expect_no_memory(&error).map(|()| true),
            },
        )
        .with_context(|| format!("reading {file}"))?;
        let counted = before.rise(&guard::counters()?, &["errors_no_memory"]);
        let not_read = failed - not_opened;
        ctx.note(format!(
            "{file}: {tries} tries, {not_opened} opens and {not_read} reads failed with ENOMEM, \
             {counted} counted"
        ));
        ensure!(failed > 0, "none failed");
        // A read whose output has no space is not counted; `counters` gathers no facts.
        ensure!(
            counted <= not_read.into() && (counted > 0) == (file != "counters"),
            "{counted} counted as out of memory"
        );
    }
    guard::unload()
}

/// A lie begins while an allocation fails: the read fails with ENOMEM or shows the lie. In the end
/// the lie is announced once or the announcement is counted as failed.
pub fn events(ctx: &mut Ctx) -> Result<()> {
    prepare()?;
    TREE.load(&ctx.modules, "slot=0")?;
    guard::load(&ctx.modules)?;
    let lying = {
        TREE.set(0, "hive_id=7")?;
        let text = guard::text("checks")?;
        TREE.set(0, "hive_id=0")?;
        guard::text("checks")?;
        text
    };
    let before = guard::counters()?;
    let ear = Uevents::from_now()?;
    let mut buffer = vec![1; BUFFER];
    let mut attempt = Attempt::new("checks", &mut buffer);
    let (mut lies, mut at_once, mut heard, mut overheard) = (0, 0, 0, 0);
    let switch = FailNth::open()?;
    for nth in 1..=MOST {
        TREE.set(0, "hive_id=7")?;
        let (read, fired) = switch.during(nth, || attempt.read(|text| text == lying.as_bytes()))?;
        let told = match read {
            ReadResult::Through(true) => Ok(1),
            ReadResult::Through(false) => Err(anyhow!("another text")),
            ReadResult::OpenFailed(error) | ReadResult::ReadFailed(error) => {
                expect_no_memory(&error).map(|()| 0)
            }
        };
        at_once += told.with_context(|| format!("allocation {nth}"))?;
        // After a failed read, the next read sends the announcement.
        guard::text("checks")?;
        lies += 1;
        TREE.set(0, "hive_id=0")?;
        guard::text("checks")?;
        match ear.new_of(guard::DEVPATH) {
            Ok(events) => heard += events.len() as u64,
            // The kernel had no memory to deliver the uevent to this listener, and reports that.
            Err(error) if error.downcast_ref() == Some(&Errno::ENOBUFS) => overheard += 1,
            Err(error) => return Err(error),
        }
        if !fired {
            break;
        }
        ensure!(nth < MOST, "an allocation still fails after {MOST}");
    }
    let after = guard::counters()?;
    let announced = before.rise(&after, ANNOUNCED);
    let unsent = before.rise(&after, NOT_ANNOUNCED);
    ctx.note(format!(
        "{lies} lies, {at_once} read at once; {announced} announced ({heard} heard, {overheard} \
         times the listener was told that it missed one), {unsent} could not be"
    ));
    ensure!(
        announced + unsent == lies && heard + overheard == announced,
        "not every lie was announced once, or counted"
    );
    ensure!(unsent > 0 && at_once > 0, "tried nothing");
    guard::unload()
}
