// SPDX-License-Identifier: GPL-2.0

//! Every allocation fails once: the kernel's fault injection makes the Nth of a thread fail, for
//! every N until there are no more (Documentation/fault-injection/fault-injection.rst, fail-nth).

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::path::Path;

use anyhow::{bail, ensure, Context, Result};
use nix::errno::Errno;

use crate::ctx::{Ctx, Skip};
use crate::fixture::TREE;
use crate::guard;
use crate::modules::{Image, Refused};
use crate::mounts::DEBUGFS;

const FAIL_NTH: &str = "/proc/thread-self/fail-nth";
/// No sweep is longer: an operation that allocates more is not ours.
const MOST: u32 = 20_000;

/// The knobs, with their values: fail allocations that may sleep, of any order, and say nothing of
/// it in the log, which is watched for complaints.
const KNOBS: &[(&str, &str)] = &[
    ("failslab/ignore-gfp-wait", "N"),
    ("failslab/verbose", "0"),
    ("fail_page_alloc/ignore-gfp-wait", "N"),
    ("fail_page_alloc/min-order", "0"),
    ("fail_page_alloc/verbose", "0"),
];

/// Prepares the kernel, or tells why it can't be done there.
fn prepare() -> Result<()> {
    if !Path::new(FAIL_NTH).exists() {
        return Err(Skip("the kernel has no fault injection (FAULT_INJECTION)".to_owned()).into());
    }
    for (knob, value) in KNOBS {
        let path = Path::new(DEBUGFS).join(knob);
        fs::write(&path, value).with_context(|| format!("write {value} to {}", path.display()))?;
    }
    Ok(())
}

/// The switch of this thread. It stays open: opening it allocates, too.
struct FailNth(File);

impl FailNth {
    fn open() -> Result<Self> {
        let file = File::options().read(true).write(true).open(FAIL_NTH);
        Ok(Self(file.with_context(|| format!("open {FAIL_NTH}"))?))
    }

    /// Does `action` with its Nth allocation failing. Gives also whether one did fail.
    fn during<T>(&self, nth: u32, action: impl FnOnce() -> T) -> Result<(T, bool)> {
        let mut left = [0; 16];
        self.0
            .write_at(nth.to_string().as_bytes(), 0)
            .context("arm fail-nth")?;
        let result = action();
        let length = self.0.read_at(&mut left, 0).context("read fail-nth")?;
        self.0.write_at(b"0", 0).context("disarm fail-nth")?;
        // What is left of N was not used up: there were fewer allocations.
        let left = std::str::from_utf8(left.get(..length).unwrap_or_default())?;
        Ok((result, left.trim() == "0"))
    }
}

/// Does `action` with its Nth allocation failing, for N from 1 until none fails any more. Gives how
/// often `each` found it failed, and how often it was done.
fn sweep<T>(
    mut action: impl FnMut() -> T,
    mut each: impl FnMut(T) -> Result<bool>,
) -> Result<(u32, u32)> {
    let switch = FailNth::open()?;
    let mut failed = 0;
    for nth in 1..=MOST {
        let (result, fired) = switch.during(nth, &mut action)?;
        failed += u32::from(each(result).with_context(|| format!("allocation {nth}"))?);
        if !fired {
            ensure!(nth > 1, "no allocation failed: tried nothing");
            return Ok((failed, nth));
        }
    }
    bail!("an allocation still fails after {MOST}")
}

/// A load fails with ENOMEM and leaves nothing, or succeeds with all files there.
pub fn load(ctx: &mut Ctx) -> Result<()> {
    prepare()?;
    TREE.load(&ctx.modules, "slot=0;slot=1 lie=hive-id")?;
    // Once as it should be, so that nothing of the loading itself is done for the first time.
    guard::load(&ctx.modules)?;
    let files = read_all()?;
    guard::unload()?;
    // Not by finit_module(2): where the kernel has no memory to read a file into, it logs its stack.
    let module = Image::own(guard::NAME)?;
    let (failed, tries) = sweep(
        || module.load(),
        |result| match result {
            Ok(()) => {
                guard::expect_files()?;
                ensure!(read_all()? == files, "the files say something else");
                guard::unload()?;
                Ok(false)
            }
            Err(error) => {
                expect_no_memory(&error)?;
                guard::expect_gone()?;
                Ok(true)
            }
        },
    )?;
    ctx.note(format!("{tries} loads, {failed} failed with ENOMEM"));
    ensure!(failed > 0, "no load failed");
    Ok(())
}

fn expect_no_memory(error: &anyhow::Error) -> Result<()> {
    let clean = error
        .downcast_ref::<Refused>()
        .is_some_and(|refused| refused.errno == Errno::ENOMEM);
    ensure!(clean, "expected ENOMEM, seen {error:#}");
    Ok(())
}

fn read_all() -> Result<Vec<String>> {
    guard::RECORD_FILES.into_iter().map(guard::text).collect()
}

/// A read fails with ENOMEM, or gives what it always gives; a lie that begins is announced or counted.
pub fn reads(ctx: &mut Ctx) -> Result<()> {
    prepare()?;
    TREE.load(&ctx.modules, "slot=0;slot=1 lie=bank-flags")?;
    guard::load(&ctx.modules)?;
    // The reader's own memory is not what is tried.
    let mut buffer = vec![1; 64 << 10];
    for file in guard::RECORD_FILES {
        let text = guard::text(file)?;
        let before = guard::counters()?;
        let path = guard::path(file);
        let (failed, tries) = sweep(
            || {
                let length = File::open(&path)?.read(&mut buffer)?;
                std::io::Result::Ok(buffer.get(..length).unwrap_or_default() == text.as_bytes())
            },
            |result| match result {
                Ok(same) => {
                    ensure!(same, "another text");
                    Ok(false)
                }
                Err(error) => {
                    let no_memory = error.raw_os_error() == Some(Errno::ENOMEM as i32);
                    ensure!(no_memory, "expected ENOMEM, seen {error}");
                    Ok(true)
                }
            },
        )
        .with_context(|| format!("reading {file}"))?;
        ctx.note(format!(
            "{file}: {tries} reads, {failed} failed with ENOMEM"
        ));
        let counted = before.rise(&guard::counters()?, &["errors_no_memory"]);
        ensure!(
            failed > 0 && counted > 0,
            "{failed} failed, {counted} counted for want of memory"
        );
    }
    guard::unload()
}

/// A lie that begins while memory fails: the read fails, or says so; and it is announced once in the
/// end, or counted as one that could not be.
pub fn events(ctx: &mut Ctx) -> Result<()> {
    prepare()?;
    TREE.load(&ctx.modules, "slot=0")?;
    guard::load(&ctx.modules)?;
    let before = guard::counters()?;
    let mut buffer = vec![1; 64 << 10];
    let path = guard::path("gpus");
    let (mut lies, mut heard) = (0, 0);
    let switch = FailNth::open()?;
    for nth in 1..=MOST {
        TREE.set(0, "hive_id=7")?;
        let (result, fired) = switch.during(nth, || {
            File::open(&path).and_then(|mut file| file.read(&mut buffer))
        })?;
        lies += u64::from(result.is_ok());
        // A read that failed leaves the announcing to the next.
        guard::text("gpus")?;
        heard += 1;
        TREE.set(0, "hive_id=0")?;
        guard::text("gpus")?;
        if !fired {
            break;
        }
        ensure!(nth < MOST, "an allocation still fails after {MOST}");
    }
    let after = guard::counters()?;
    let announced = before.rise(&after, &["lies_announced"]);
    let lost = before.rise(&after, &["errors_announcing"]);
    ctx.note(format!(
        "{heard} lies, {lies} read at once; {announced} announced, {lost} could not be sent"
    ));
    ensure!(announced == heard, "{heard} lies, {announced} announced");
    ensure!(
        lost > 0 && lost < heard,
        "{lost} of {heard} could not be sent"
    );
    guard::unload()
}
