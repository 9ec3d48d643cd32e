// SPDX-License-Identifier: GPL-2.0

//! Finds memory leaks with the kernel's kmemleak (`Documentation/dev-tools/kmemleak.rst`).

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::thread;
use std::time::Duration;

use anyhow::{ensure, Context, Result};

use crate::ctx::Ctx;
use crate::places::{self, Places};
use crate::skip::Skip;

const PATH: &str = places::KMEMLEAK;
/// The number of objects in a sheaf of the slab allocator: 0 with slab debugging. Kernels before
/// 6.18 lack this file.
const SHEAVES: &str = "/sys/kernel/slab/kmalloc-64/sheaf_capacity";
/// kmemleak reports only objects of this age (`MSECS_MIN_AGE`, 5 s, and a margin for the clocks).
const AGE: Duration = Duration::from_millis(5500);
/// A failure shows this many backtraces.
const SHOWN: usize = 12;

/// Whether the kernel has kmemleak.
pub fn exists() -> bool {
    places::is_wanted()
}

/// Whether lockdown denies kmemleak: it allows only read-only files in debugfs
/// (`debugfs_locked_down()`, fs/debugfs/file.c).
fn is_closed() -> bool {
    let opened = File::options().write(true).open(PATH);
    opened.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

/// Fails if the slab allocator has sheaves (`struct slab_sheaf`, `mm/slub.c`), arrays of free
/// objects. An entry stays when its object goes into use, and kmemleak takes that pointer for the
/// owner's.
fn expect_no_sheaves() -> Result<()> {
    let capacity = fs::read_to_string(SHEAVES).unwrap_or_default();
    ensure!(
        matches!(capacity.trim(), "" | "0"),
        "kmemleak is half blind here: {SHEAVES} is {}; boot with slab_debug=F",
        capacity.trim()
    );
    Ok(())
}

/// Makes kmemleak forget the leaks of the boot.
pub fn forget() -> Result<()> {
    if is_closed() {
        return Ok(());
    }
    scan()?;
    command("clear")
}

/// A known leak of the kernel itself.
pub struct KnownLoss {
    /// The text of the note, after the number of leaked objects.
    pub what: &'static str,
    /// Whether an object with this backtrace, innermost function first, belongs to this leak.
    pub matches: fn(&[&str]) -> bool,
}

/// The last check of a suite, after the unload of its modules: fails if they leaked memory.
pub fn nothing_lost(ctx: &mut Ctx, known: &[KnownLoss]) -> Result<()> {
    if is_closed() {
        return Err(Skip(format!("{PATH} is closed: the kernel is locked down")).into());
    }
    expect_no_sheaves()?;
    thread::sleep(AGE);
    // Scan twice: kmemleak does not report objects that changed since the last scan.
    scan()?;
    scan()?;
    let text = fs::read_to_string(PATH).with_context(|| format!("read {PATH}"))?;
    let places = Places::noted()?;
    let mut counts = vec![0; known.len()];
    let mut lost = Vec::new();
    for object in parse(&text)? {
        let is = |loss: &KnownLoss| {
            let mut readings = places.readings(&object.frames);
            readings.any(|names| (loss.matches)(&names))
        };
        match known.iter().position(is) {
            Some(at) => counts[at] += 1,
            None => lost.push(object),
        }
    }
    for (loss, count) in known.iter().zip(counts).filter(|(_, count)| *count > 0) {
        ctx.note(format!("known, and no failure: {count} {}", loss.what));
    }
    ensure!(
        lost.is_empty(),
        "leak: {} objects that nobody points to\n{}",
        lost.len(),
        shown(&lost)
    );
    Ok(())
}

/// The kernel logs the number of found objects, known leaks included. The host's judge ignores
/// that line only if the suite's last case passes.
fn scan() -> Result<()> {
    command("scan")
}

fn command(word: &str) -> Result<()> {
    fs::write(PATH, word).with_context(|| format!("write {word} to {PATH}"))
}

/// A leaked object: no pointer to it was found.
#[derive(Debug, PartialEq, Eq)]
struct Object {
    /// kmemleak's report of the object.
    text: String,
    /// Its backtrace, the innermost function first.
    frames: Vec<String>,
}

/// Parses kmemleak's report.
fn parse(text: &str) -> Result<Vec<Object>> {
    let mut objects: Vec<Object> = Vec::new();
    let mut in_backtrace = false;
    for line in text.lines() {
        if line.starts_with("unreferenced object") {
            objects.push(Object {
                text: String::new(),
                frames: Vec::new(),
            });
            in_backtrace = false;
        }
        let object = objects
            .last_mut()
            .with_context(|| format!("{PATH}: not as expected: {line}"))?;
        object.text.push_str(line);
        object.text.push('\n');
        if in_backtrace {
            object.frames.push(line.trim().to_owned());
        }
        in_backtrace |= line.trim_start().starts_with("backtrace");
    }
    Ok(objects)
}

/// One object of each backtrace, and the number of such objects.
fn shown(objects: &[Object]) -> String {
    let mut kinds: BTreeMap<&[String], (usize, &Object)> = BTreeMap::new();
    for object in objects {
        kinds.entry(&object.frames).or_insert((0, object)).0 += 1;
    }
    let more = kinds.len().saturating_sub(SHOWN);
    let mut lines: Vec<String> = kinds
        .values()
        .take(SHOWN)
        .map(|(count, object)| {
            format!("{count} with this backtrace, one of them:\n{}", object.text)
        })
        .collect();
    if more > 0 {
        lines.push(format!("and {more} more backtraces"));
    }
    lines.join("")
}

#[cfg(test)]
mod tests {
    use super::*;

    const REPORT: &str = "\
unreferenced object 0xffff888008b16b00 (size 128):
  comm \"init\", pid 1, jiffies 4294939251
  hex dump (first 32 bytes):
    00 01 00 00 00 00 ad de 22 01 00 00 00 00 ad de  ........\".......
  backtrace (crc e701eca2):
    kmemdup_noprof+0x20/0x40
    0xffffffffa001cf98
unreferenced object 0xffff888008b16c00 (size 8):
  comm \"init\", pid 1, jiffies 4294939252
  backtrace (crc 1):
    f+0x20/0x40 [m]
unreferenced object 0xffff888008b16d00 (size 8):
  comm \"init\", pid 1, jiffies 4294939253
  backtrace (crc 1):
    f+0x20/0x40 [m]
";

    #[test]
    fn a_report_is_taken_apart() {
        let objects = parse(REPORT).unwrap();
        let frames: Vec<_> = objects.iter().map(|o| o.frames.join(" ")).collect();
        let f = "f+0x20/0x40 [m]";
        assert_eq!(
            frames,
            ["kmemdup_noprof+0x20/0x40 0xffffffffa001cf98", f, f]
        );
        assert!(objects[0].text.contains("00 01 00"));
        assert!(parse("").unwrap().is_empty());
        assert!(parse("what is this\n").is_err());
    }

    #[test]
    fn equal_backtraces_are_counted_together() {
        let text = shown(&parse(REPORT).unwrap());
        assert!(text.contains("1 with") && text.contains("2 with"), "{text}");
        assert!(
            text.contains("b16c00") && !text.contains("b16d00"),
            "{text}"
        );
    }
}
