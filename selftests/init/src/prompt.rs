// SPDX-License-Identifier: GPL-2.0

//! Prepares the guest of `make shell`, which gives the user a prompt.

use anyhow::Result;
use modproof_guest::Ctx;

use crate::cases::need_amdgpu;
use crate::fixture::STOCK;
use crate::guard;

/// The text above the first prompt.
pub const HINT: &str = "\
amdgpu.ko, the fixture with a card, and the module are loaded. Try
    cat /sys/kernel/debug/rdna1/heaps
    cat /sys/module/navi10_stock/parameters/state
    echo set slot=0 bank.flags=1 > /sys/module/navi10_stock/parameters/ctl
    rmmod rdna1_kfd_guard; insmod /modules/rdna1_kfd_guard.ko
";

/// Loads amdgpu, the fixture with a card, and the module.
pub fn prepare(ctx: &Ctx) -> Result<()> {
    need_amdgpu(ctx)?;
    STOCK.load(&ctx.modules, "slot=0")?;
    guard::load(&ctx.modules)
}
