// SPDX-License-Identifier: GPL-2.0

//! Memory that nobody points to any more: the kernel's own search for it
//! (`Documentation/dev-tools/kmemleak.rst`), on a kernel that has it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::thread;
use std::time::Duration;

use anyhow::{ensure, Context, Result};
use modproof_guest::modules::is_loaded;
use modproof_guest::places::{self, Places};
use modproof_guest::{Ctx, Skip};

use crate::fixture;
use crate::guard;

const PATH: &str = places::KMEMLEAK;
/// How many objects a sheaf of the slab allocator holds; none with its debugging on, and kernels
/// before 6.18 have no such file.
const SHEAVES: &str = "/sys/kernel/slab/kmalloc-64/sheaf_capacity";
/// kmemleak reports no younger object (`MSECS_MIN_AGE`, 5 s, and as much as clocks may differ):
/// there is nothing else to wait for.
const AGE: Duration = Duration::from_millis(5500);
/// How many backtraces a failure shows.
const SHOWN: usize = 12;

/// Whether the kernel has it.
pub fn exists() -> bool {
    places::is_wanted()
}

/// Whether the kernel keeps it from us: lockdown closes all files of debugfs but those that can only
/// be read (`debugfs_locked_down()`, fs/debugfs/file.c).
fn is_closed() -> bool {
    let opened = File::options().write(true).open(PATH);
    opened.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied)
}

/// Demands that the slab allocator keeps no pointers to objects in use, which kmemleak would take for
/// their owner's. Its sheaves (`struct slab_sheaf`, `mm/slub.c`) do: they are arrays of free objects,
/// and what is taken out stays written there.
fn sees_all() -> Result<()> {
    let capacity = fs::read_to_string(SHEAVES).unwrap_or_default();
    ensure!(
        matches!(capacity.trim(), "" | "0"),
        "kmemleak is half blind here: {SHEAVES} is {}; boot with slab_debug=F",
        capacity.trim()
    );
    Ok(())
}

/// Makes kmemleak forget what was lost up to now: the boot's doing, not ours.
pub fn forget() -> Result<()> {
    if is_closed() {
        return Ok(());
    }
    scan()?;
    command("clear")
}

/// The last check of a suite, when all its modules are gone: nothing is lost but what KFD loses.
pub fn nothing_lost(ctx: &mut Ctx) -> Result<()> {
    if is_closed() {
        return Err(Skip(format!("{PATH} is closed: the kernel is locked down")).into());
    }
    let there = is_loaded(guard::NAME) || fixture::ALL.iter().any(|fixture| fixture.is_loaded());
    ensure!(!there, "a module is still loaded: what it lost is not seen");
    sees_all()?;
    thread::sleep(AGE);
    // Twice: what has changed since the last scan is held back.
    scan()?;
    scan()?;
    let text = fs::read_to_string(PATH).with_context(|| format!("read {PATH}"))?;
    let places = Places::noted()?;
    let (known, lost): (Vec<_>, Vec<_>) = parse(&text)?.into_iter().partition(|object| {
        places
            .readings(&object.frames)
            .any(|names| is_link_of_kfd(&names))
    });
    if !known.is_empty() {
        ctx.note(format!(
            "known, and not of this project's module: KFD lost {} links to cards that went (the \
             fixture's README, Limits)",
            known.len()
        ));
    }
    ensure!(
        lost.is_empty(),
        "leak: {} objects that nobody points to\n{}",
        lost.len(),
        shown(&lost)
    );
    Ok(())
}

/// The kernel logs how many objects it found, before anybody can know whose they are: the judge takes
/// that for a leak unless the suite's last case passed.
fn scan() -> Result<()> {
    command("scan")
}

fn command(word: &str) -> Result<()> {
    fs::write(PATH, word).with_context(|| format!("write {word} to {PATH}"))
}

/// An object that nobody points to.
#[derive(Debug, PartialEq, Eq)]
struct Object {
    /// All that the kernel says of it.
    text: String,
    /// Its backtrace, the innermost function first.
    frames: Vec<String>,
}

/// Takes the kernel's report apart.
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

/// Whether it is one of the objects that KFD is known to lose: a link to a node that went. KFD takes it
/// off the list of the node that it leads from, and does not free it (`kfd_topology_update_io_links()`,
/// `kfd_topology.c`).
fn is_link_of_kfd(names: &[&str]) -> bool {
    // What allocates links, and what the compiler may have put it into.
    const MAKERS: [&str; 7] = [
        "kfd_parse_subtype_iolink",
        "kfd_parse_subtype",
        "kfd_parse_crat_table",
        "kfd_add_peer_prop",
        "kfd_create_indirect_link_prop",
        "kfd_dev_create_p2p_links",
        "kfd_topology_add_device",
    ];
    let allocates = |name: &str| name.starts_with("kmemdup") || name.starts_with("__kmalloc_cache");
    let made = |pair: &[&str]| allocates(pair[0]) && MAKERS.contains(&pair[1]);
    names.windows(2).any(made)
}

/// One object of each backtrace, and how many there are.
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

    #[test]
    fn only_a_link_is_of_kfd() {
        for (names, yes) in [
            (&["kmemdup_noprof", "kfd_parse_crat_table", "f"][..], true),
            (&["x", "kmemdup_noprof", "kfd_parse_subtype_iolink"], true),
            (&["__kmalloc_cache_noprof", "kfd_add_peer_prop"], true),
            (&["__kmalloc_cache_noprof", "kfd_parse_subtype_mem"], false),
            (&["kzalloc_noprof", "kfd_parse_crat_table"], false),
            (&["kmemdup_noprof", "f", "kfd_parse_crat_table"], false),
            (&["kmemdup_noprof", "0xffffffffa001cf98"], false),
            (&["kmemdup_noprof"], false),
        ] {
            assert_eq!(is_link_of_kfd(names), yes, "{names:?}");
        }
    }
}
