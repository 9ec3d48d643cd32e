// SPDX-License-Identifier: GPL-2.0

//! Findings about the driver: its origin, its firmware, and whether its files match their package.

use rdna1_records::{Record, UNKNOWN};

use crate::sources::amdgpu::{Dkms, DKMS};
use crate::sources::packages::Checked;
use crate::sources::Facts;

use super::{Finding, TRUTH};

/// The most files of a package that a finding names.
const NAMED: usize = 5;

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut found = Vec::new();
    found.extend(traces(facts));
    let mut whole = Vec::new();
    for checked in &facts.amdgpu.packages {
        if checked.changed.is_empty() {
            whole.push(checked);
        } else {
            found.push(changed(facts, checked));
        }
    }
    found.extend(whole.into_iter().map(unchanged));
    if facts.amdgpu.packages.is_empty() && facts.amdgpu.loaded {
        found.push(
            Finding::unseen(
                "amdgpu-package",
                "unknown whether amdgpu is the one of its package",
            )
            .seen("/var/lib/dpkg/info", "no checksums of its files")
            .advise("Fedora: rpm -V $(rpm -qf $(modinfo -n amdgpu)); Arch: pacman -Qkk $(pacman -Qqo $(modinfo -n amdgpu))"),
        );
    }
    found.extend(origin(facts));
    found.extend(facts.amdgpu.dkms.iter().map(|dkms| package(facts, dkms)));
    found.extend(firmware(facts));
    found
}

fn traces(facts: &Facts) -> Option<Finding> {
    let traces = &facts.amdgpu.traces;
    if traces.is_empty() {
        return None;
    }
    let found = Finding::trouble(
        "amdgpu-patched",
        "amdgpu has the known patch that makes KFD claim what the card does not have",
    );
    let found = traces
        .iter()
        .take(NAMED)
        .fold(found, |found, trace| found.seen(&trace.file, &trace.what));
    Some(
        found
            .advise("sudo apt-get install --reinstall amdgpu-dkms restores the package's files and rebuilds the driver")
            .advise("sudo update-initramfs -u -k all, then reboot: a copy of the old driver may be in the initramfs")
            .advise(format!("{TRUTH} section 3 shows each step, also for a machine that does not boot")),
    )
}

fn unchanged(checked: &Checked) -> Finding {
    let package = &checked.package;
    let from = format!("/var/lib/dpkg/info/{package}.md5sums");
    let compared = format!("{} files compared", checked.files);
    if checked.unreadable == 0 {
        let says = format!("the files of {package} match the package");
        return Finding::good("amdgpu-package", says).seen(from, compared);
    }
    let unread = format!("{} could not be read", checked.unreadable);
    let says = format!("unknown whether all files of {package} match the package");
    Finding::unseen("amdgpu-package", says)
        .seen(from, format!("{compared}, {unread}"))
        .advise("sudo rdna1ctl doctor")
}

fn changed(facts: &Facts, checked: &Checked) -> Finding {
    let package = &checked.package;
    let count = checked.changed.len();
    let files = if count == 1 {
        "1 file differs".to_owned()
    } else {
        format!("{count} files differ")
    };
    let found = Finding::trouble(
        "amdgpu-changed",
        format!("{files} from the package {package}"),
    );
    let found = checked
        .changed
        .iter()
        .take(NAMED)
        .fold(found, |found, one| {
            found.seen(&one.file, if one.gone { "is gone" } else { "differs" })
        });
    let found = found.advise(format!("sudo apt-get install --reinstall {package}"));
    let found = match facts.amdgpu.is_dkms() {
        true => found.advise(
            "dkms status must then say installed, without a warning, for each kernel you boot",
        ),
        false => found,
    };
    found.advise("sudo update-initramfs -u -k all, then reboot")
}

fn origin(facts: &Facts) -> Option<Finding> {
    let amdgpu = &facts.amdgpu;
    let place = format!("/lib/modules/{}", facts.kernel.release);
    if amdgpu.is_dkms() || amdgpu.out_of_tree {
        let file = amdgpu.file.as_deref().unwrap_or("?");
        return Some(
            Finding::note(
                "amdgpu-out-of-tree",
                "amdgpu is not the kernel's own: it is AMD's package, or was built by hand",
            )
            .seen(place, file)
            .advise("nothing is wrong with that; the rules hold for it, too"),
        );
    }
    let file = amdgpu.file.as_deref()?;
    Some(Finding::good("amdgpu-origin", "amdgpu is the kernel's own").seen(place, file))
}

/// AMD's package: whether it is built for this kernel, and whether its source has the known patch.
fn package(facts: &Facts, dkms: &Dkms) -> Finding {
    let version = &dkms.version;
    let release = &facts.kernel.release;
    let place = format!("{DKMS}/{version}/{release}");
    let found = if dkms.is_built {
        Finding::note(
            "amdgpu-dkms",
            format!("AMD's package amdgpu-dkms {version} is built for the running kernel"),
        )
        .seen(place, "built")
    } else {
        Finding::note(
            "amdgpu-dkms-not-built",
            format!("AMD's package amdgpu-dkms {version} is not built for the running kernel"),
        )
        .seen(place, "not built")
        .advise(format!(
            "it cannot be built for every kernel: sudo dkms install amdgpu/{version} -k {release}; if that fails, \
             {DKMS}/{version}/build/make.log shows why"
        ))
    };
    let Some(file) = &dkms.patched_file else {
        return found;
    };
    let is_patched = facts
        .amdgpu
        .traces
        .iter()
        .any(|trace| trace.file.starts_with(file));
    let says = if is_patched {
        "has the known patch"
    } else {
        "is the file that the known patch changes; it has no trace of it"
    };
    found.seen(file, says)
}

fn firmware(facts: &Facts) -> Option<Finding> {
    let addresses = facts.pages.addresses();
    let lines = facts.log.lines.iter().filter(|line| {
        let is_ours =
            |text: &str| text.contains("navi10_") || addresses.iter().any(|gpu| text.contains(gpu));
        let text = &line.text;
        text.contains("firmware") && text.to_lowercase().contains("fail") && is_ours(text)
    });
    let lines: Vec<_> = lines.collect();
    let missing = facts.amdgpu.missing_firmware.as_deref();
    let gpus = &facts.pages.gpus;
    if gpus.is_empty() {
        return None;
    }
    let is_loaded = |gpu: &Record| gpu.find("mec_fw").is_some_and(|version| version != UNKNOWN);
    if gpus.iter().all(is_loaded) {
        let found = Finding::good("firmware", "the card's firmware is loaded");
        let seen = |found: Finding, gpu| found.seen_in("gpus", gpu, &["gpu", "mec_fw"]);
        return Some(gpus.iter().fold(found, seen));
    }
    let advice =
        "install the firmware (linux-firmware; on Debian firmware-amd-graphics), then sudo \
                  update-initramfs -u -k all, reboot";
    match missing {
        // The kernel loads the firmware from the host.
        _ if lines.is_empty() && facts.place.container.is_some() => Some(
            Finding::unseen(
                "firmware-unknown",
                "unknown whether the card's firmware is there",
            )
            .advise("run rdna1ctl doctor outside of the container"),
        ),
        _ if !lines.is_empty() => {
            let found = Finding::trouble("firmware-missing", "amdgpu did not find its firmware");
            let found = lines
                .iter()
                .fold(found, |found, line| found.seen("kernel log", &line.text));
            Some(found.advise(advice))
        }
        None => Some(
            Finding::trouble("firmware-missing", "there is no firmware for amdgpu")
                .seen("/lib/firmware/amdgpu", "is not there")
                .advise(advice),
        ),
        Some([]) => Some(
            Finding::good("firmware", "the card's firmware files are there")
                .seen("/lib/firmware/amdgpu", "navi10_*.bin"),
        ),
        Some(names) => Some(
            Finding::trouble(
                "firmware-missing",
                "some firmware files of a Navi10 are missing",
            )
            .seen("/lib/firmware/amdgpu", names.join(" "))
            .advise(advice),
        ),
    }
}
