// SPDX-License-Identifier: GPL-2.0

//! Counting beside a stand-in for amdgpu: for kernels that have none, and quick to load. It has no
//! card, so all that is asked is asked of others.

use anyhow::{ensure, Result};

use super::readers::wait_for;
use super::requests::{alloc, exact_for};
use super::Case;
use crate::ask::Asker;
use crate::ctx::Ctx;
use crate::fail_nth::{prepare, sweep};
use crate::guard;
use crate::modules::{is_loaded, refcount, remove, Modules};
use crate::requests::{self, Numbers, Requests, PROBES};

const STAND_IN: &str = "amdgpu";
const ARMED: &[(&str, &str)] = &[("state", "armed"), ("errno", "0")];
const NOT_THERE: &[(&str, &str)] = &[("state", "unavailable"), ("errno", "2")];
/// EOPNOTSUPP.
const NO_KPROBES: &[(&str, &str)] = &[("state", "unavailable"), ("errno", "95"), ("by", "-")];

/// The suite: no amdgpu and no fixture.
pub const CASES: &[Case] = &[
    Case::new("exact", exact),
    Case::new("coming-and-going", coming_and_going),
    Case::new("unload-in-a-storm", unload_in_a_storm),
    Case::new("built-without-kprobes", built_without_kprobes),
    Case::new("every-allocation-of-arming-fails", every_allocation_fails),
];

/// The stand-in, loaded for as long as this lives.
struct StandIn;

impl StandIn {
    fn load(modules: &Modules) -> Result<Self> {
        modules.load_own(STAND_IN, "")?;
        Ok(Self)
    }

    fn unload(self) -> Result<()> {
        remove(STAND_IN)
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        if is_loaded(STAND_IN) {
            let _ = remove(STAND_IN);
        }
    }
}

fn exact(ctx: &mut Ctx) -> Result<()> {
    let stand_in = StandIn::load(&ctx.modules)?;
    guard::load_counting(&ctx.modules)?;
    requests::read()?.expect_probes(ARMED)?;
    let times = ctx.share_of(10) as u64;
    exact_for(ctx, &[], &[0xbeef, 0, u32::MAX], 8, times)?;
    guard::unload()?;
    stand_in.unload()
}

/// Asks some few times, and demands that it was counted.
fn expect_counted() -> Result<()> {
    let before = requests::read()?;
    let mut expected = Numbers::new();
    let request = alloc(0xbeef, 1 | 1 << 26);
    let mut asker = Asker::start()?;
    asker.ask(&request, 5, 2)?;
    asker.end()?;
    requests::add(&mut expected, &[], &request, 10);
    requests::read()?.expect_rise(&before, &expected)
}

/// It comes and goes, again and again, and is never held.
fn coming_and_going(ctx: &mut Ctx) -> Result<()> {
    guard::load_counting(&ctx.modules)?;
    for _ in 0..ctx.share_of(20) {
        requests::read()?.expect_probes(NOT_THERE)?;
        let stand_in = StandIn::load(&ctx.modules)?;
        requests::read()?.expect_probes(ARMED)?;
        expect_counted()?;
        ensure!(refcount(STAND_IN)? == 0, "amdgpu is held");
        stand_in.unload()?;
    }
    guard::unload()
}

/// The module comes and goes while eight threads ask without end.
fn unload_in_a_storm(ctx: &mut Ctx) -> Result<()> {
    let stand_in = StandIn::load(&ctx.modules)?;
    let mut asker = Asker::start()?;
    let held = refcount(STAND_IN)?;
    asker.begin_storm(&alloc(0xbeef, 1 | 1 << 26), 8)?;
    for _ in 0..ctx.share_of(4) {
        guard::load_counting(&ctx.modules)?;
        ensure!(refcount(STAND_IN)? == held, "amdgpu is held");
        wait_for("a request to be counted", || {
            Ok(requests::read()?.numbers()?["probe alloc_memory hits"] > 0)
        })?;
        guard::unload()?;
        ensure!(refcount(STAND_IN)? == held, "amdgpu is held");
    }
    ctx.note(format!("{} requests", asker.end_storm()?));
    asker.end()?;
    stand_in.unload()
}

/// The module as it is built for a kernel without kprobes says so, and counts nothing.
fn built_without_kprobes(ctx: &mut Ctx) -> Result<()> {
    let stand_in = StandIn::load(&ctx.modules)?;
    guard::load_counting(&ctx.modules.without_kprobes())?;
    let before = requests::read()?;
    before.expect_probes(NO_KPROBES)?;
    let mut asker = Asker::start()?;
    asker.ask(&alloc(0xbeef, 1 | 1 << 26), 5, 2)?;
    asker.end()?;
    let after = requests::read()?;
    after.expect_probes(NO_KPROBES)?;
    after.expect_rise(&before, &Numbers::new())?;
    guard::unload()?;
    stand_in.unload()
}

/// A load for which there is no memory fails, or has armed what says so: a probe that says it is
/// armed sees what is asked.
fn every_allocation_fails(ctx: &mut Ctx) -> Result<()> {
    prepare()?;
    let stand_in = StandIn::load(&ctx.modules)?;
    guard::load_counting(&ctx.modules)?;
    guard::unload()?;
    let module = crate::modules::Image::own(guard::NAME)?;
    let mut unavailable = 0;
    let (failed, tries) = sweep(
        || module.load(c"requests=1"),
        |result| {
            if result.is_err() {
                guard::expect_gone()?;
                return Ok(true);
            }
            let seen = requests::read()?;
            unavailable += expect_honest(&seen)?;
            guard::unload()?;
            Ok(false)
        },
    )?;
    ctx.note(format!(
        "{tries} loads, {failed} failed, {unavailable} probes were unavailable"
    ));
    ensure!(failed > 0, "no load failed");
    // The kernel says so of probes that it dropped, too.
    ensure!(unavailable > 0, "every probe was armed");
    stand_in.unload()
}

/// Asks once of each kind: just the probes that say they are armed count it. Gives how many do not.
fn expect_honest(before: &Requests) -> Result<usize> {
    let mut asker = Asker::start()?;
    for request in [
        alloc(0xbeef, 1),
        crate::ask::Request::Svm {
            op: 1,
            size: 1,
            attributes: vec![],
        },
        crate::ask::Request::Policy {
            gpu_id: 1,
            default: 0,
            alternate: 0,
        },
        crate::ask::Request::Queue { gpu_id: 1, kind: 0 },
    ] {
        asker.ask(&request, 1, 1)?;
    }
    asker.end()?;
    let (numbers, after) = (before.numbers()?, requests::read()?.numbers()?);
    let mut not_armed = 0;
    for probe in PROBES {
        let state = before.state(probe)?;
        ensure!(state != "blind", "{probe} is blind");
        not_armed += usize::from(state == "unavailable");
        let name = format!("probe {probe} hits");
        if probe == "self_check" {
            continue;
        }
        let rise = after[&name] - numbers[&name];
        // Without the check nothing is known of the others.
        let expected = u64::from(state != "unavailable");
        ensure!(rise == expected, "{probe} is {state}, and counted {rise}");
    }
    Ok(not_armed)
}
