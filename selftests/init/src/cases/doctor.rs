// SPDX-License-Identifier: GPL-2.0

//! Tests `rdna1ctl doctor` beside the stock amdgpu.ko. The doctor must report each planted trouble
//! with evidence and advice, and must not raise an alarm for a healthy card.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{bail, ensure, Context, Result};
use modproof_guest::modules;
use modproof_guest::mounts;
use modproof_guest::Ctx;
use nix::errno::Errno;
use nix::mount::{umount2, MntFlags};

use super::lifecycle::expect_refused;
use super::stock::need_amdgpu;
use crate::ask::Asker;
use crate::ctl::{self, doctor};
use crate::fixture::{Card, STOCK};
use crate::guard;
use crate::truth::rules;

/// The finding of every guest: it has no amdgpu package that the doctor could check.
pub const NO_PACKAGE: &str = "amdgpu-package";

/// Loads amdgpu, the fixture and the module, and adds a card.
pub fn load(ctx: &Ctx, words: &str) -> Result<Card> {
    need_amdgpu(ctx)?;
    STOCK.load(&ctx.modules, "")?;
    guard::load(&ctx.modules)?;
    STOCK.add(0, words)
}

pub fn healthy(ctx: &mut Ctx) -> Result<()> {
    for words in ["board=5700xt bar=large", "board=5600xt bar=large"] {
        let card = load(ctx, words)?;
        let found = doctor()?;
        found.expect_all("trouble", &[])?;
        found.expect_all("note", &[])?;
        found.expect_all("unseen", &[NO_PACKAGE])?;
        found.expect_good(&[
            "verdicts",
            "module",
            "debugfs",
            "card",
            "driver",
            "kfd",
            "atomics",
            "bar",
            "firmware",
            "log",
            "place",
            "access",
            "environment",
        ])?;
        found.expect_words("kfd", &[&format!("node {}", card.node())])?;
        found.expect_words("card", &[card.gpu()])?;
        let status = ctl::says(&["status"], 0)?;
        for word in [
            card.gpu(),
            "truth",
            "coarse-grained only",
            "module rdna1_kfd_guard",
        ] {
            ensure!(
                status.contains(word),
                "status: expected {word} in\n{status}"
            );
        }
        let metrics = ctl::says(&["metrics"], 0)?;
        let line = format!(
            "rdna1_card_verdict{{gpu=\"{}\",verdict=\"truth\"}} 1\n",
            card.gpu()
        );
        ensure!(
            metrics.contains(&line),
            "metrics: expected {line} in\n{metrics}"
        );
        guard::unload()?;
        STOCK.unload()?;
    }
    Ok(())
}

/// Without the module, rdna1ctl reads KFD's sysfs by the same code and must report the same.
pub fn healthy_without_module(ctx: &mut Ctx) -> Result<()> {
    need_amdgpu(ctx)?;
    STOCK.load(&ctx.modules, "slot=0")?;
    let found = doctor()?;
    found.expect_all("trouble", &[])?;
    // The guest has neither modules.dep nor the kernel's configuration.
    found.expect_all("unseen", &["module-unknown", "kernel", NO_PACKAGE])?;
    found.expect_all("note", &["headers-missing"])?;
    found.expect_good(&[
        "verdicts",
        "card",
        "driver",
        "kfd",
        "atomics",
        "bar",
        "log",
        "place",
        "access",
        "environment",
    ])?;
    let status = ctl::says(&["status"], 0)?;
    ensure!(
        status.contains("Read from KFD's sysfs"),
        "status: expected it to say where it read\n{status}"
    );
    Ok(())
}

pub fn no_card(ctx: &mut Ctx) -> Result<()> {
    need_amdgpu(ctx)?;
    guard::load(&ctx.modules)?;
    let found = doctor()?;
    found.expect_all("trouble", &["no-card"])?;
    found.expect_words("no-card", &["no display controller of AMD's", "lspci -nn"])?;
    ctl::says(&["status"], 0)?;
    ctl::says(&["env"], 1)?;
    Ok(())
}

/// The card is on the PCI bus but not in KFD: amdgpu is loaded and did not bind to it.
pub fn absent_from_kfd(ctx: &mut Ctx) -> Result<()> {
    let card = load(ctx, "kfd=0")?;
    let found = doctor()?;
    // The guest has no firmware, which the doctor reports only for a card that KFD does not list.
    let troubles = ["driver-none", "kfd-absent", "firmware-missing"];
    found.expect_all("trouble", &troubles)?;
    found.expect_words(
        "kfd-absent",
        &[card.gpu(), "reason=no-driver", "see driver-none"],
    )?;
    found.expect_words(
        "driver-none",
        &["amdgpu is loaded and did not take the card", "dmesg"],
    )
}

pub fn no_atomics(ctx: &mut Ctx) -> Result<()> {
    let port = load(ctx, "atomics=0")?;
    let found = doctor()?;
    found.expect_all("trouble", &[])?;
    found.expect_all("note", &["atomics-none"])?;
    let hop = port.get("hop")?;
    found.expect_words(
        "atomics-none",
        &[&format!("the bridge {hop} refuses them"), "another slot"],
    )?;
    STOCK.remove(0)?;
    // Behind a switch, another bridge refuses the atomics.
    let switch = STOCK.add(0, "path=switch egress=blocked")?;
    let hop = switch.get("hop")?;
    ensure!(hop != port.get("hop")?, "both are {hop}: tried nothing");
    doctor()?.expect_words("atomics-none", &[&format!("the bridge {hop} refuses them")])
}

pub fn small_bar(ctx: &mut Ctx) -> Result<()> {
    load(ctx, "bar=small")?;
    let found = doctor()?;
    found.expect_all("trouble", &[])?;
    found.expect_all("note", &["bar-small"])?;
    found.expect_words(
        "bar-small",
        &[
            "256 MiB",
            "That is no error",
            "Above 4G Decoding",
            "Resizable BAR",
        ],
    )?;
    // KFD keeps the node for a while after amdgpu is unbound from the card.
    STOCK.control("unbind slot=0")?;
    doctor()?.expect_all("note", &["driver-unclear", "bar-small"])
}

/// With and without the module, a lie is the doctor's only trouble.
pub fn every_lie(ctx: &mut Ctx) -> Result<()> {
    need_amdgpu(ctx)?;
    STOCK.load(&ctx.modules, "")?;
    for with_module in [false, true] {
        if with_module {
            guard::load(&ctx.modules)?;
        }
        for rule in rules() {
            let card = STOCK.add(0, &format!("lie={rule}"))?;
            expect_lie_finding(&card, rule)
                .with_context(|| format!("{rule}, module: {with_module}"))?;
            STOCK.remove(0)?;
        }
    }
    STOCK.add(0, "lie=hive-id")?;
    ctl::says(&["status"], 1)?;
    let env = ctl::says(&["env"], 1)?;
    ensure!(env.is_empty(), "env: expected nothing for a liar\n{env}");
    Ok(())
}

fn expect_lie_finding(card: &Card, rule: &str) -> Result<()> {
    let found = doctor()?;
    let id = format!("lie-{rule}");
    found.expect_all("trouble", &[&id])?;
    found.expect_words(
        &id,
        &[
            &format!("gpu={}", card.gpu()),
            "verdict=lie",
            "run nothing that uses ROCm",
            "take the distribution's own amdgpu back",
        ],
    )
}

/// A program that uses KFD has a variable that misleads ROCm about the card.
pub fn override_in_a_program(ctx: &mut Ctx) -> Result<()> {
    let card = load(ctx, "")?;
    let of_node = format!("HSA_OVERRIDE_GFX_VERSION_{}", card.node());
    let taken = format!("take the card of node {} for a gfx1030", card.node());
    for (variable, value, state, id, words) in [
        (
            "HSA_OVERRIDE_GFX_VERSION",
            "10.3.0",
            "trouble",
            "override",
            "take the card for a gfx1030",
        ),
        (
            of_node.as_str(),
            "10.3.0",
            "trouble",
            "override",
            taken.as_str(),
        ),
        (
            "HSA_FORCE_FINE_GRAIN_PCIE",
            "1",
            "trouble",
            "fine-grain-forced",
            "offer fine-grained VRAM",
        ),
        // The program is static, so LD_PRELOAD loads nothing into it.
        (
            "LD_PRELOAD",
            "/shim.so",
            "note",
            "preload",
            "before all others",
        ),
    ] {
        let mut command = Command::new("/proc/self/exe");
        let mut asker = Asker::start_by(command.env_clear().env(variable, value))?;
        asker.rename("a program")?;
        let found = doctor()?;
        let notes = match state {
            "note" => vec![id],
            _ => {
                found.expect_all("trouble", &[id])?;
                vec![]
            }
        };
        found.expect_all("note", &notes)?;
        let pid = asker.id();
        found.expect_words(
            id,
            &[
                &format!("process {pid} (a program)"),
                &format!("/proc/{pid}/environ: {variable}={value}"),
                words,
                &format!("unset {variable}"),
            ],
        )?;
        asker.end()?;
    }
    let found = doctor()?;
    found.expect_all("trouble", &[])?;
    found.expect_good(&["environment"])
}

/// debugfs is enabled but not mounted, so the module's files cannot be reached.
pub fn debugfs_not_mounted(ctx: &mut Ctx) -> Result<()> {
    load(ctx, "")?;
    let found = {
        let _mounted_again = Unmounted::begin()?;
        doctor()?
    };
    found.expect_all("trouble", &["debugfs-not-mounted"])?;
    found.expect_words(
        "debugfs-not-mounted",
        &["sudo mount -t debugfs debugfs /sys/kernel/debug"],
    )?;
    found.expect_good(&["verdicts", "kfd"])?;
    doctor()?.expect_all("trouble", &[])
}

struct Unmounted;

impl Unmounted {
    fn begin() -> Result<Self> {
        umount2(mounts::DEBUGFS, MntFlags::MNT_DETACH).context("unmount debugfs")?;
        Ok(Self)
    }
}

impl Drop for Unmounted {
    fn drop(&mut self) {
        // If this fails, the next case that needs debugfs reports it.
        let _ = mounts::mount_at("debugfs", mounts::DEBUGFS, "");
    }
}

/// A modules.dep as depmod would write it; removed on drop.
pub struct Listed(PathBuf);

impl Listed {
    /// Writes it for the kernel with this release.
    pub fn begin(release: &str, modules: &str) -> Result<Self> {
        let folder = Path::new("/lib/modules").join(release);
        fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
        fs::write(folder.join("modules.dep"), modules).context("write modules.dep")?;
        Ok(Self(folder))
    }

    /// Writes it for the running kernel.
    pub fn for_this_kernel(modules: &str) -> Result<Self> {
        Self::begin(&release()?, modules)
    }
}

impl Drop for Listed {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn release() -> Result<String> {
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").context("read the release")?;
    Ok(release.trim().to_owned())
}

const INSTALLED: &str = "updates/dkms/rdna1_kfd_guard.ko.xz:\n";
const AMDGPU: &str = "kernel/drivers/gpu/drm/amd/amdgpu/amdgpu.ko.xz:\n";

pub fn module_for_another_kernel(ctx: &mut Ctx) -> Result<()> {
    need_amdgpu(ctx)?;
    STOCK.load(&ctx.modules, "slot=0")?;
    let other = "6.99.1-other";
    {
        let _other = Listed::begin(other, INSTALLED)?;
        let _this = Listed::for_this_kernel(AMDGPU)?;
        let found = doctor()?;
        found.expect_all("trouble", &["module-other-kernel"])?;
        found.expect_words(
            "module-other-kernel",
            &[other, &release()?, "make && sudo make install"],
        )?;
        found.expect_good(&["verdicts", "amdgpu-origin"])?;
    }
    let _this = Listed::for_this_kernel(&[AMDGPU, INSTALLED].concat())?;
    let found = doctor()?;
    found.expect_all("trouble", &["module-not-loaded"])?;
    found.expect_words("module-not-loaded", &["sudo modprobe rdna1_kfd_guard"])
}

/// The kernel refuses a module that was built for another kernel, and the doctor says so.
pub fn module_refused(ctx: &mut Ctx) -> Result<()> {
    need_amdgpu(ctx)?;
    STOCK.load(&ctx.modules, "slot=0")?;
    doctor()?.expect_all("trouble", &[])?;
    let path = ctx.modules.own_path(guard::NAME);
    let mut module = fs::read(&path).with_context(|| format!("read {}", path.display()))?;
    // If a module has symbol versions, the kernel ignores the release in vermagic but not the rest.
    let magic = format!("vermagic={} SMP", release()?);
    let found = module
        .windows(magic.len())
        .position(|w| w == magic.as_bytes());
    let Some(at) = found else {
        bail!("{} has no {magic}", path.display());
    };
    // Changes `SMP` to `SMX`, which keeps the length.
    module[at + magic.len() - 1] = b'X';
    let other = Path::new("/tmp/other.ko");
    fs::write(other, module).context("write the module")?;
    expect_refused(modules::insert(other, ""), Errno::ENOEXEC)?;
    let found = doctor()?;
    found.expect_all("trouble", &["module-refused"])?;
    found.expect_words(
        "module-refused",
        &["version magic '", " SMX ", "should be '", "make install"],
    )?;
    // The finding must disappear once the right module is loaded.
    guard::load(&ctx.modules)?;
    doctor()?.expect_all("trouble", &[])
}

/// amdgpu is not loaded: first unknown whether it is installed, then installed, then not installed.
pub fn no_amdgpu(ctx: &mut Ctx) -> Result<()> {
    load(ctx, "kfd=0")?;
    ctx.modules.unload("amdgpu")?;
    let driver_none = |words: &[&str]| -> Result<()> {
        let found = doctor()?;
        found.expect_all(
            "trouble",
            &["driver-none", "kfd-absent", "firmware-missing"],
        )?;
        found.expect_words("driver-none", words)
    };
    driver_none(&["is not known", "sudo modprobe amdgpu"])?;
    {
        let _this = Listed::for_this_kernel(AMDGPU)?;
        driver_none(&["/sys/module/amdgpu: is not there", "sudo modprobe amdgpu"])?;
    }
    let _this = Listed::for_this_kernel(INSTALLED)?;
    driver_none(&["no amdgpu.ko", "boot the distribution's full kernel"])
}
