// SPDX-License-Identifier: GPL-2.0

//! Readers that see less than PID 1: by a device cgroup, chroot, mount namespace or AppArmor.

use anyhow::{ensure, Result};
use modproof_guest::apparmor;
use modproof_guest::child::{read_from, Place};
use modproof_guest::confine::Denied;
use modproof_guest::Ctx;

use crate::fixture::TREE;
use crate::guard;
use crate::truth::View;

/// DRM's character devices, by major number: without them, a process cannot read KFD's nodes.
const DRM: &str = "c 226:* rwm";
/// The AppArmor profile in `assets/confined.profile`.
const PROFILE: &str = "rdna1-confined";
const POLICY: &[u8] = include_bytes!("../../assets/confined.bin");

pub fn denied_by_cgroup_v1(ctx: &mut Ctx) -> Result<()> {
    denied(ctx, || Denied::by_v1(DRM))
}

pub fn denied_by_cgroup_bpf(ctx: &mut Ctx) -> Result<()> {
    denied(ctx, Denied::by_bpf)
}

/// Facts that a reader may not read are unknown to that reader only; the module counts the denial.
fn denied(ctx: &mut Ctx, deny: fn() -> Result<Denied>) -> Result<()> {
    TREE.load(&ctx.modules, "slot=0;slot=1 lie=bank-flags")?;
    guard::load(&ctx.modules)?;
    let (card, liar) = (TREE.card(0)?, TREE.card(1)?);
    let group = deny()?;
    let procs = group.procs();

    let before = guard::counters()?;
    let denied = View::read_with(|file| read_from(Place::Cgroup(&procs), &guard::path(file)))?;
    denied.gpus.expect_count(2)?;
    for card in [&card, &liar] {
        denied.expect_unknown(card.gpu())?;
        denied
            .gpus
            .one(&[("gpu", card.gpu())])?
            .expect(&[("kfd", "unreadable")])?;
        let rules = denied.checks.select(&[("gpu", card.gpu())]).len();
        ensure!(
            rules > 0,
            "checks: expected unknown rules, seen no record\n{}",
            denied.checks.text
        );
    }
    let after = guard::counters()?;
    before.expect_none_fell(&after)?;
    before.expect_rise(&after, &["denied"], 1)?;
    let lies = before.rise(&after, &["lie"]);
    ensure!(
        lies == 0,
        "expected no lie counted for the denied reader, seen {lies}"
    );

    let allowed = View::read()?;
    allowed.expect_cards(2)?;
    allowed.expect_truth(&card)?;
    allowed.expect_lie(&liar, "bank-flags")?;
    guard::unload()
}

pub fn reader_in_chroot(ctx: &mut Ctx) -> Result<()> {
    same_facts_from(ctx, &[Place::Chroot, Place::ChrootOpened])
}

pub fn reader_without_sysfs(ctx: &mut Ctx) -> Result<()> {
    same_facts_from(ctx, &[Place::WithoutSysfs])
}

/// The module reads with the kernel's credentials. Its mount is in no namespace, so a profile would
/// allow no access to it.
pub fn confined_by_apparmor(ctx: &mut Ctx) -> Result<()> {
    apparmor::load(POLICY)?;
    same_facts_from(ctx, &[Place::Profile(PROFILE)])
}

/// The module reads sysfs through its own mount, so a reader needs none.
fn same_facts_from(ctx: &mut Ctx, places: &[Place<'_>]) -> Result<()> {
    TREE.load(&ctx.modules, "slot=0 board=5600xt")?;
    guard::load(&ctx.modules)?;
    let card = TREE.card(0)?;
    for place in places {
        let view = View::read_with(|file| read_from(*place, &guard::path(file)))?;
        view.expect_cards(1)?;
        view.expect_truth(&card)?;
    }
    guard::unload()
}
