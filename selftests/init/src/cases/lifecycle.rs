// SPDX-License-Identifier: GPL-2.0

//! Loads and unloads the module without a card and without amdgpu.

use anyhow::{bail, ensure, Context, Result};
use modproof_guest::kmsg::expect_line;
use modproof_guest::modules::Refused;
use modproof_guest::taint::Taint;
use modproof_guest::{Case, Ctx};
use nix::errno::Errno;
use std::path::Path;

use super::{leaks, modinfo, net_namespace, unload};
use crate::guard;
use crate::kfd;

/// The suite for a boot that has not loaded amdgpu.
pub const CASES: &[Case] = &[
    Case::new("modinfo", modinfo::modinfo),
    Case::new("log-tells-no-card", log_tells_no_card),
    Case::new("files-with-header-only", files_with_header_only),
    Case::new("binds-no-driver", binds_no_driver),
    Case::new("second-load-is-refused", second_load_is_refused),
    Case::new("load-and-unload-20-times", load_and_unload_20_times),
    Case::new(
        "load-from-net-namespace",
        net_namespace::load_from_net_namespace,
    ),
    Case::new("reads-leak-nothing", leaks::reads_leak_nothing),
    Case::new("loads-leave-nothing", leaks::loads_leave_nothing),
    Case::new("unload-under-readers", unload::under_readers),
    Case::new("unload-while-open", unload::while_open),
];

fn expect_no_kfd() -> Result<()> {
    ensure!(
        !Path::new(kfd::TOPOLOGY).exists(),
        "{} is there: not the boot for this",
        kfd::TOPOLOGY
    );
    Ok(())
}

fn log_tells_no_card(ctx: &mut Ctx) -> Result<()> {
    expect_no_kfd()?;
    let mut log = ctx.log_from_now()?;
    guard::load(&ctx.modules)?;
    let lines = log.new_lines()?;
    expect_line(&lines, &[guard::NAME, "no 0x731f card"])?;
    expect_line(&lines, &[guard::NAME, "no", "kfd", "amdgpu"])?;
    guard::unload()
}

fn files_with_header_only(ctx: &mut Ctx) -> Result<()> {
    guard::load(&ctx.modules)?;
    guard::expect_files()?;
    guard::expect_header_only()?;
    guard::unload()
}

/// The PCI alias serves only to autoload the module, which registers no PCI driver.
fn binds_no_driver(ctx: &mut Ctx) -> Result<()> {
    guard::load(&ctx.modules)?;
    let drivers = Path::new("/sys/bus/pci/drivers");
    ensure!(drivers.is_dir(), "{} is not there", drivers.display());
    let driver = drivers.join(guard::NAME);
    ensure!(
        !driver.exists(),
        "the module has registered the PCI driver {}",
        driver.display()
    );
    guard::unload()
}

fn second_load_is_refused(ctx: &mut Ctx) -> Result<()> {
    guard::load(&ctx.modules)?;
    expect_refused(guard::load(&ctx.modules), Errno::EEXIST)?;
    guard::expect_files().context("after the refused second load")?;
    guard::unload()
}

fn load_and_unload_20_times(ctx: &mut Ctx) -> Result<()> {
    for round in 1..=20 {
        let whole = || {
            guard::load(&ctx.modules)?;
            guard::expect_files()?;
            guard::expect_header_only()?;
            guard::unload()?;
            let new = Taint::now()?.unexpected_since(ctx.boot_taint);
            ensure!(
                new.is_clean(),
                "taint: expected no new bit but O and E, seen {new}"
            );
            Ok(())
        };
        whole().with_context(|| format!("round {round} of 20"))?;
    }
    Ok(())
}

/// Demands that the kernel refused to load or unload a module with this errno.
pub fn expect_refused(result: Result<()>, errno: Errno) -> Result<()> {
    match result {
        Ok(()) => bail!("expected a refusal with {errno}, seen success"),
        Err(error) => match error.downcast_ref::<Refused>() {
            Some(refused) if refused.errno == errno => Ok(()),
            _ => Err(error.context(format!("expected a refusal with {errno}"))),
        },
    }
}
