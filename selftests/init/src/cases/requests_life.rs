// SPDX-License-Identifier: GPL-2.0

//! Counting begins and ends with amdgpu, which is never held; and who is blind says so.

use std::fs;

use anyhow::{ensure, Context, Result};
use nix::errno::Errno;

use super::readers::wait_for;
use super::requests::{alloc, expect_patched, gpu_id, load};
use super::stock::{amdgpu_references, need_amdgpu};
use crate::ask::Asker;
use crate::ctx::Ctx;
use crate::fixture::STOCK;
use crate::guard;
use crate::modules::is_loaded;
use crate::requests::{self, Numbers};

const AMDGPU: &str = "amdgpu";
const ARMED: &[(&str, &str)] = &[("state", "armed"), ("errno", "0"), ("by", "ftrace")];
/// ENOENT.
const NOT_THERE: &[(&str, &str)] = &[("state", "unavailable"), ("errno", "2"), ("by", "-")];
const BLIND: &[(&str, &str)] = &[("state", "blind"), ("errno", "0"), ("by", "ftrace")];

/// Demands that amdgpu is held as it was.
fn expect_references(before: u64, when: &str) -> Result<()> {
    let now = amdgpu_references()?;
    ensure!(
        now == before,
        "amdgpu's references {when}: expected {before}, seen {now}"
    );
    Ok(())
}

/// Has a request be made and counted.
fn expect_counted(gpu_id: u32) -> Result<()> {
    let before = requests::read()?;
    let mut asker = Asker::start()?;
    let request = alloc(gpu_id, 1 | 1 << 26);
    asker.ask(&request, 7, 1)?;
    asker.end()?;
    let mut expected = Numbers::new();
    requests::add(&mut expected, &[gpu_id], &request, 7);
    requests::read()?.expect_rise(&before, &expected)
}

/// The module is there first, and is told of amdgpu before anybody can ask it for anything.
pub fn before_amdgpu(ctx: &mut Ctx) -> Result<()> {
    ensure!(!is_loaded(AMDGPU), "amdgpu is loaded: tried nothing");
    guard::load_counting(&ctx.modules)?;
    requests::read()?.expect_probes(NOT_THERE)?;
    need_amdgpu(ctx)?;
    expect_references(0, "after it was loaded")?;
    requests::read()?.expect_probes(ARMED)?;
    STOCK.load(&ctx.modules, "slot=0")?;
    expect_counted(gpu_id(&STOCK.card(0)?)?)?;
    guard::unload()?;
    expect_patched(0)
}

/// amdgpu goes and comes again while the module stays: it is not kept from going, and all that was
/// counted stays.
pub fn over_reload(ctx: &mut Ctx) -> Result<()> {
    let (_, id) = load(ctx)?;
    expect_counted(id)?;
    let before = requests::read()?;
    before.expect_probes(ARMED)?;
    STOCK.unload()?;
    expect_references(0, "without a card")?;
    ctx.modules.unload(AMDGPU)?;
    let without = requests::read()?;
    without.expect_probes(NOT_THERE)?;
    without.expect_rise(&before, &Numbers::new())?;
    without.expect_gpu(&format!("{id:#x}"), "?", "?")?;

    need_amdgpu(ctx)?;
    expect_references(0, "after it was loaded again")?;
    let again = requests::read()?;
    again.expect_probes(ARMED)?;
    again.expect_rise(&without, &Numbers::new())?;
    STOCK.load(&ctx.modules, "slot=0")?;
    let same = gpu_id(&STOCK.card(0)?)?;
    requests::read()?.expect_gpu(&format!("{same:#x}"), "0001:03:00.0", "1")?;
    expect_counted(same)?;

    guard::unload()?;
    STOCK.unload()?;
    expect_references(0, "after all")?;
    expect_patched(0)?;
    ctx.modules.unload(AMDGPU)
}

/// The module comes and goes while eight threads ask without end.
pub fn unload_in_a_storm(ctx: &mut Ctx) -> Result<()> {
    const ROUNDS: usize = 6;
    let (_, id) = load(ctx)?;
    guard::unload()?;
    let mut asker = Asker::start()?;
    let before = amdgpu_references()?;
    let request = alloc(id, 1 | 1 << 26);
    asker.begin_storm(&request, 8)?;
    let mut counted = 0;
    for _ in 0..ctx.share_of(ROUNDS) {
        guard::load_counting(&ctx.modules)?;
        expect_references(before, "after a load")?;
        wait_for("a request to be counted", || {
            let now = requests::read()?;
            now.expect_probes(ARMED)?;
            counted = now.numbers()?["probe alloc_memory hits"];
            Ok(counted > 0)
        })?;
        guard::unload()?;
        expect_references(before, "after an unload")?;
        expect_patched(0)?;
    }
    let asked = asker.end_storm()?;
    ctx.note(format!(
        "{asked} requests in all, {counted} counted in the last round"
    ));
    ensure!(asked > counted, "more was counted than asked");
    // What is asked after the storm is counted as ever.
    guard::load_counting(&ctx.modules)?;
    let before = requests::read()?;
    asker.ask(&request, 5, 1)?;
    let mut expected = Numbers::new();
    requests::add(&mut expected, &[id], &request, 5);
    requests::read()?.expect_rise(&before, &expected)?;
    asker.end()?;
    guard::unload()
}

/// Somebody turns kprobes off for all.
pub fn blind_without_kprobes(ctx: &mut Ctx) -> Result<()> {
    blind(ctx, "/sys/kernel/debug/kprobes/enabled")
}

/// Somebody turns ftrace off for all. From Linux 7.3 on the kernel refuses that, and all is counted.
pub fn blind_without_ftrace(ctx: &mut Ctx) -> Result<()> {
    const SWITCH: &str = "/proc/sys/kernel/ftrace_enabled";
    match fs::write(SWITCH, "0") {
        Err(error) if error.raw_os_error() == Some(Errno::EOPNOTSUPP as i32) => {
            ctx.note("the kernel refuses to turn ftrace off");
            let (_, id) = load(ctx)?;
            requests::read()?.expect_probes(ARMED)?;
            expect_counted(id)?;
            guard::unload()
        }
        written => {
            written.with_context(|| format!("turn {SWITCH} off"))?;
            fs::write(SWITCH, "1").with_context(|| format!("turn {SWITCH} on"))?;
            blind(ctx, SWITCH)
        }
    }
}

/// Turns a switch back on however its case ends.
struct Off(&'static str);

impl Off {
    fn turn(switch: &'static str) -> Result<Self> {
        fs::write(switch, "0").with_context(|| format!("turn {switch} off"))?;
        Ok(Self(switch))
    }

    fn on(self) -> Result<()> {
        fs::write(self.0, "1").with_context(|| format!("turn {} on", self.0))
    }
}

impl Drop for Off {
    fn drop(&mut self) {
        let _ = fs::write(self.0, "1");
    }
}

/// The probes are in their places and see nothing: that is said, and when it is over all is counted
/// again. So it is where it was so before the module came.
fn blind(ctx: &mut Ctx, switch: &'static str) -> Result<()> {
    let (_, id) = load(ctx)?;
    expect_counted(id)?;
    let mut asker = Asker::start()?;

    let off = Off::turn(switch)?;
    let before = requests::read()?;
    before.expect_probes(BLIND)?;
    asker.ask(&alloc(id, 1), 5, 1)?;
    let after = requests::read()?;
    after.expect_probes(BLIND)?;
    // This is why it has to be said.
    after.expect_rise(&before, &Numbers::new())?;
    off.on()?;
    requests::read()?.expect_probes(ARMED)?;
    expect_counted(id)?;

    let off = Off::turn(switch)?;
    guard::unload()?;
    guard::load_counting(&ctx.modules)?;
    requests::read()?.expect_probes(BLIND)?;
    asker.ask(&alloc(id, 1), 5, 1)?;
    off.on()?;
    requests::read()?.expect_probes(ARMED)?;
    expect_counted(id)?;
    asker.end()?;
    guard::unload()
}
