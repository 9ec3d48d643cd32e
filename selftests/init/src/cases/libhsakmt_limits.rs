// SPDX-License-Identifier: GPL-2.0

//! Cases in which libhsakmt reads nothing, or in which the comparison with it must fail.

use anyhow::{bail, ensure, Result};
use modproof_guest::Ctx;
use nix::errno::Errno;

use super::libhsakmt::load;
use crate::fixture::STOCK;
use crate::guard;
use crate::hsakmt::{self, compare, StandIn};
use crate::truth::View;

/// If a listed bank is missing, libhsakmt reads no node at all.
pub fn gives_up(ctx: &mut Ctx) -> Result<()> {
    let card = load(ctx, &["lie=bank-count"])?.remove(0);
    View::read()?.expect_lie(&card, "bank-count")?;
    let (_, complaint) = hsakmt::expect_failure(StandIn::All)?;
    ctx.note(format!("libhsakmt: {complaint}"));
    expect_failed_in(&complaint, "hsaKmtAcquireSystemProperties")?;
    guard::unload()
}

/// libhsakmt needs each of the faked features: without one of them it finds no card.
pub fn needs(ctx: &mut Ctx) -> Result<()> {
    load(ctx, &["board=5700xt bar=large"])?;
    let (topology, complaint) = hsakmt::expect_failure(StandIn::Nothing)?;
    expect_failed_in(&complaint, "Failed to open /dev/dri/renderD128")?;
    topology.expect_calls(&[("get_version", "kernel", 1, 0)])?;

    let (topology, complaint) = hsakmt::expect_failure(StandIn::RenderNode)?;
    expect_failed_in(&complaint, "AMDKFD_IOC_ACQUIRE_VM")?;
    topology.expect_calls(&[
        ("get_version", "kernel", 1, 0),
        ("get_process_apertures_new", "kernel", 1, 0),
        ("acquire_vm", "kernel", 1, Errno::EINVAL as i32),
    ])?;

    let (topology, complaint) = hsakmt::expect_failure(StandIn::AcquireVm)?;
    expect_failed_in(&complaint, "set mem policy")?;
    topology.expect_calls(&[
        ("get_version", "kernel", 1, 0),
        ("get_process_apertures_new", "kernel", 1, 0),
        ("acquire_vm", "stand_in", 1, 0),
        ("set_memory_policy", "kernel", 1, Errno::ESRCH as i32),
    ])?;
    guard::unload()
}

/// Proves that the comparison can fail: KFD changes between the module's read and libhsakmt's.
pub fn comparison_can_fail(ctx: &mut Ctx) -> Result<()> {
    let card = load(ctx, &["board=5700xt bar=large"])?.remove(0);
    let view = View::read()?;
    STOCK.set(0, "bank.flags=1")?;
    let error = match compare(&view, &hsakmt::read()?, card.gpu(), &[]) {
        Ok(_) => bail!("the module said flags=0x0, libhsakmt 1, and nothing was found"),
        Err(error) => format!("{error:#}"),
    };
    for wrong in [
        "heaps.flags: 0x0 and 0x1",
        "flags.claimed_hot_pluggable: 0 and 1",
        "checks.bank-flags: 0x0 and 0x1",
    ] {
        ensure!(error.contains(wrong), "expected {wrong:?} in:\n{error}");
    }
    let lines = error.lines().count();
    ensure!(lines == 4, "expected three values and no more:\n{error}");
    guard::unload()
}

fn expect_failed_in(complaint: &str, call: &str) -> Result<()> {
    ensure!(
        complaint.contains(call),
        "expected libhsakmt to fail in {call}, seen: {complaint}"
    );
    Ok(())
}
