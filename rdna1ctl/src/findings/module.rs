// SPDX-License-Identifier: GPL-2.0

//! The module, and the kernel that it is for.

use rdna1_records::Record;

use crate::sources::module::{Debugfs, NAME};
use crate::sources::pages::Source;
use crate::sources::Facts;

use super::{debugfs, Finding};

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    let mut found = vec![loaded(facts)];
    found.extend(refused(facts));
    found.extend(debugfs::finding(facts));
    found.extend(readable(facts));
    found.extend(requests(facts));
    if !facts.module.loaded {
        found.push(kernel(facts));
        found.push(headers(facts));
    }
    found
}

fn loaded(facts: &Facts) -> Finding {
    let release = &facts.kernel.release;
    let module = &facts.module;
    if module.loaded {
        return Finding::good("module", format!("the module {NAME} is loaded"))
            .seen(format!("/sys/module/{NAME}"), "is there");
    }
    if module.is_installed_for(release) {
        let found = Finding::trouble(
            "module-not-loaded",
            format!("the module {NAME} is installed for this kernel, but not loaded"),
        )
        .seen(format!("/sys/module/{NAME}"), "is not there");
        if let Debugfs::Off(_) = module.debugfs {
            return found.advise("see debugfs-off: without debugfs it cannot be loaded");
        }
        let found = found.advise(format!("sudo modprobe {NAME}"));
        return match facts.kernel.lockdown.as_deref() {
            None | Some("none") => found.advise("if that fails: sudo dmesg | tail says why"),
            Some(how) => found
                .seen("/sys/kernel/security/lockdown", how)
                .advise(format!(
                    "if that says \"Operation not permitted\" or \"Key was rejected by service\": \
                     the kernel is locked down ({how}) and takes signed modules only. Sign the \
                     module with a key that this machine trusts, or turn Secure Boot off"
                )),
        };
    }
    if module.installed.is_empty() && !facts.kernel.has_modules {
        return Finding::unseen(
            "module-unknown",
            format!(
                "the module {NAME} is not loaded, and whether it is installed is not to be seen: \
                 what is said here of the card is read from KFD's sysfs, by the same code"
            ),
        )
        .seen(format!("/sys/module/{NAME}"), "is not there")
        .seen(
            format!("/lib/modules/{release}/modules.dep"),
            "is not there",
        )
        .advise("from outside the container, if this is one; else sudo depmod");
    }
    if module.installed.is_empty() {
        let found = Finding::note(
            "module-not-installed",
            format!(
                "the module {NAME} is not installed: what is said here of the card is read from \
                 KFD's sysfs, by the same code"
            ),
        )
        .seen("/lib/modules/*/modules.dep", format!("no {NAME}.ko"))
        .advise("docs/install.md says how to install it: as a package, or built by hand");
        return if module.in_dkms.is_empty() {
            found
        } else {
            found
                .seen("/var/lib/dkms", module.in_dkms.join(", "))
                .advise(format!(
                    "DKMS has its source, but has built it for no kernel: sudo dkms autoinstall, \
                     and see /var/lib/dkms/{NAME}/*/build/make.log"
                ))
        };
    }
    let mut found = Finding::trouble(
        "module-other-kernel",
        format!("the module {NAME} is installed for other kernels, not for this one ({release})"),
    );
    for (other, file) in &module.installed {
        found = found.seen(format!("/lib/modules/{other}"), file);
    }
    found = found.seen("/proc/sys/kernel/osrelease", release);
    if module.in_dkms.is_empty() {
        found.advise("build and install it for this kernel: make && sudo make install")
    } else {
        found.advise(format!(
            "sudo dkms autoinstall -k {release}; if that fails, \
             /var/lib/dkms/{NAME}/*/build/make.log says what is missing"
        ))
    }
}

/// What the kernel says of a module that was made for another one (`kernel/module/`).
const NOT_FOR_THIS_KERNEL: [&str; 3] = [
    "version magic",
    "disagrees about version of symbol",
    "Unknown symbol",
];

/// The kernel's log tells of an attempt to load a module that was made for another kernel.
fn refused(facts: &Facts) -> Option<Finding> {
    if facts.module.loaded {
        return None;
    }
    let of_ours = |text: &str| text.starts_with(&format!("{NAME}: "));
    let mut lines = facts.log.lines.iter().rev();
    let line = lines.find(|line| {
        of_ours(&line.text)
            && NOT_FOR_THIS_KERNEL
                .iter()
                .any(|word| line.text.contains(word))
    })?;
    let release = &facts.kernel.release;
    let found = Finding::trouble(
        "module-refused",
        format!("the kernel has refused the module {NAME}: it was built for another kernel"),
    )
    .seen("kernel log", &line.text)
    .seen("/proc/sys/kernel/osrelease", release);
    Some(if facts.module.in_dkms.is_empty() {
        found.advise("build and install it for this kernel: make && sudo make install")
    } else {
        found.advise(format!(
            "sudo dkms autoinstall -k {release}, then sudo modprobe {NAME}"
        ))
    })
}

/// Mounted, yet not read: the reader is not root, or the module is at fault.
fn readable(facts: &Facts) -> Option<Finding> {
    let origin = &facts.pages.origin;
    let mounted = matches!(facts.module.debugfs, Debugfs::Mounted(_));
    if !facts.module.loaded || !mounted || origin.source == Source::Module {
        return None;
    }
    let why = origin.why.clone().unwrap_or_default();
    Some(if facts.is_root {
        Finding::trouble(
            "module-files",
            "the module is loaded, but its files cannot be read",
        )
        .seen("/sys/kernel/debug/rdna1", why)
        .advise(format!(
            "sudo modprobe -r {NAME} && sudo modprobe {NAME}; sudo dmesg | tail"
        ))
    } else {
        Finding::unseen(
            "module-files",
            "the module's files can be read by root alone; KFD's sysfs was read instead",
        )
        .seen("/sys/kernel/debug/rdna1", why)
        .advise(
            "sudo rdna1ctl doctor adds: counters, requests, PCIe atomics, other users' programs",
        )
    })
}

fn requests(facts: &Facts) -> Vec<Finding> {
    let Some(requests) = &facts.pages.requests else {
        return Vec::new();
    };
    // Without amdgpu there is nothing to count, and that is said elsewhere.
    if !facts.amdgpu.loaded {
        return Vec::new();
    }
    let of = |state: &str| -> Vec<&Record> {
        let probes = requests.iter();
        let probes = probes.filter(|record| record.has(&[("record", "probe"), ("state", state)]));
        probes.collect()
    };
    let seen = |found: Finding, probes: &[&Record]| {
        probes.iter().fold(found, |found, probe| {
            found.seen_in("requests", probe, &["name", "function", "state", "errno"])
        })
    };
    let (blind, absent, unchecked) = (of("blind"), of("unavailable"), of("unchecked"));
    let mut found = Vec::new();
    if !blind.is_empty() {
        let blind = seen(
            Finding::trouble(
                "requests-not-counted",
                "requests are to be counted, but the kernel does not call the probes: a zero there \
                 means nothing",
            ),
            &blind,
        );
        found.push(blind.advise(
            "sudo sysctl kernel.ftrace_enabled=1; echo 1 | sudo tee /sys/kernel/debug/kprobes/enabled",
        ));
    }
    if !absent.is_empty() {
        let absent = seen(
            Finding::note(
                "requests-in-part",
                "some requests are not counted with this kernel and amdgpu: a zero there means nothing",
            ),
            &absent,
        );
        found.push(absent.advise("docs/requests.md says what errno means"));
    }
    if !unchecked.is_empty() {
        found.push(seen(
            Finding::unseen(
                "requests-unchecked",
                "whether requests are counted could not be checked",
            ),
            &unchecked,
        ));
    }
    if found.is_empty() {
        found.push(
            Finding::good("requests", "requests of programs to KFD are counted")
                .seen("requests", "all probes are armed"),
        );
    }
    found
}

fn kernel(facts: &Facts) -> Finding {
    let kernel = &facts.kernel;
    let mut wrong = Vec::new();
    if kernel.version().is_some_and(|version| version < (6, 18)) {
        wrong.push("it is older than 6.18, and has no debugfs for Rust".to_owned());
    }
    for option in ["RUST", "DEBUG_FS"] {
        if kernel.has(option) == Some(false) {
            wrong.push(format!("CONFIG_{option} is not set"));
        }
    }
    let from = kernel.config.as_ref();
    let from = from.map_or("/proc/sys/kernel/osrelease", |(path, _)| path.as_str());
    if !wrong.is_empty() {
        let says = format!(
            "the module cannot be built for this kernel: {}",
            wrong.join("; ")
        );
        // Who has not installed it may never want it.
        let module = &facts.module;
        let found = match module.installed.is_empty() && module.in_dkms.is_empty() {
            true => Finding::note("kernel-unfit", says),
            false => Finding::trouble("kernel-unfit", says),
        };
        return found
        .seen(from, &kernel.release)
        .advise("boot a kernel from 6.18 on with CONFIG_RUST=y: Debian's from 7.x on has it (trixie-backports, sid)")
        .advise("rdna1ctl works without the module meanwhile");
    }
    if kernel.config.is_none() {
        return Finding::unseen(
            "kernel",
            "whether this kernel has CONFIG_RUST is not to be seen",
        )
        .seen("/boot, /proc/config.gz", "no configuration");
    }
    Finding::good("kernel", "the module can be built for this kernel").seen(from, &kernel.release)
}

fn headers(facts: &Facts) -> Finding {
    let release = &facts.kernel.release;
    match &facts.kernel.headers {
        Some(folder) => Finding::good("headers", "this kernel's headers are here").seen(folder, "is there"),
        None => Finding::note(
            "headers-missing",
            "this kernel's headers are not here: no module can be built for it",
        )
        .seen(format!("/lib/modules/{release}/build"), "is not there")
        .advise(format!("sudo apt install linux-headers-{release} (Debian, Ubuntu); sudo dnf install kernel-devel (Fedora); sudo pacman -S linux-headers (Arch)")),
    }
}
