// SPDX-License-Identifier: GPL-2.0

//! Findings about the module, and about the kernel that it needs.

use crate::sources::kernel::version_of;
use crate::sources::module::{Debugfs, NAME};
use crate::sources::pages::Source;
use crate::sources::system::floor;
use crate::sources::Facts;

use super::{debugfs, Finding};

pub(super) fn findings(facts: &Facts) -> Vec<Finding> {
    // WSL's kernel has no amdgpu, so the module has nothing to judge there.
    if facts.place.wsl && !facts.module.loaded {
        return Vec::new();
    }
    let mut found = vec![loaded(facts)];
    found.extend(refused(facts));
    found.extend(debugfs::finding(facts));
    found.extend(readable(facts));
    // Nobody builds a module in a container, because its files are not those of the host.
    if !facts.module.loaded && facts.place.container.is_none() {
        let kernel = kernel(facts);
        let is_unfit = kernel.id == "kernel-unfit";
        found.push(kernel);
        // An unfit kernel needs no headers: the user needs another kernel.
        if !is_unfit {
            found.push(headers(facts));
        }
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
            return found.advise("see debugfs-off: the module needs debugfs");
        }
        let found = found.advise(format!("sudo modprobe {NAME}"));
        return match facts.kernel.lockdown.as_deref() {
            None | Some("none") => found.advise("if that fails: sudo dmesg | tail shows why"),
            Some(how) => found
                .seen("/sys/kernel/security/lockdown", how)
                .advise(format!(
                    "if that says \"Operation not permitted\" or \"Key was rejected by service\": \
                     the kernel is locked down ({how}) and accepts only signed modules. Sign the \
                     module with a key that this machine trusts, or turn Secure Boot off"
                )),
        };
    }
    if module.installed.is_empty() && !facts.kernel.has_modules {
        return Finding::unseen(
            "module-unknown",
            format!(
                "the module {NAME} is not loaded, and it is unknown whether it is installed: \
                 rdna1ctl reads KFD's sysfs with the module's code"
            ),
        )
        .seen(format!("/sys/module/{NAME}"), "is not there")
        .seen(
            format!("/lib/modules/{release}/modules.dep"),
            "is not there",
        )
        .advise(match facts.place.container {
            Some(_) => "run rdna1ctl doctor outside of the container",
            None => "if this is a container, read from outside; else sudo depmod",
        });
    }
    if module.installed.is_empty() {
        let found = Finding::note(
            "module-not-installed",
            format!(
                "the module {NAME} is not installed: rdna1ctl reads KFD's sysfs with the module's code"
            ),
        )
        .seen("/lib/modules/*/modules.dep", format!("no {NAME}.ko"))
        .advise("docs/install.md shows how to install it: as a package, or built by hand");
        return if module.in_dkms.is_empty() {
            found
        } else {
            found
                .seen("/var/lib/dkms", module.in_dkms.join(", "))
                .advise(format!(
                "DKMS has its source, and has built it for no kernel: sudo dkms autoinstall; if \
                     that fails, /var/lib/dkms/{NAME}/*/build/make.log shows why"
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
             /var/lib/dkms/{NAME}/*/build/make.log shows why"
        ))
    }
}

/// The kernel's messages about a module that was built for another kernel (`kernel/module/`).
const NOT_FOR_THIS_KERNEL: [&str; 3] = [
    "version magic",
    "disagrees about version of symbol",
    "Unknown symbol",
];

/// Whether the kernel's log shows an attempt to load a module that was built for another kernel.
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
        format!("the kernel refused the module {NAME}: it was built for another kernel"),
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

/// debugfs is mounted, but the files were not read: the user is not root, or the module is faulty.
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
            "only root can read the module's files; rdna1ctl read KFD's sysfs instead",
        )
        .seen("/sys/kernel/debug/rdna1", why)
        .advise("sudo rdna1ctl doctor also checks PCIe atomics and other users' programs")
    })
}

fn kernel(facts: &Facts) -> Finding {
    let kernel = &facts.kernel;
    let mut wrong = Vec::new();
    let mut remedies = Vec::new();
    let floor = floor();
    if kernel
        .version()
        .zip(version_of(floor))
        .is_some_and(|(version, floor)| version < floor)
    {
        wrong.push(format!("it is older than {floor}"));
        remedies.push(facts.system.remedy("newer kernel"));
    }
    for option in ["RUST", "DEBUG_FS"] {
        if kernel.has(option) == Some(false) {
            wrong.push(format!("CONFIG_{option} is not set"));
            remedies.push(facts.system.remedy(&format!("CONFIG_{option}")));
        }
    }
    let from = kernel.config.as_ref();
    let from = from.map_or("/proc/sys/kernel/osrelease", |(path, _)| path.as_str());
    if !wrong.is_empty() {
        let says = format!(
            "the module cannot be built for this kernel: {}",
            wrong.join("; ")
        );
        // Without an installation, the user may not want the module at all.
        let module = &facts.module;
        let found = match module.installed.is_empty() && module.in_dkms.is_empty() {
            true => Finding::note("kernel-unfit", says),
            false => Finding::trouble("kernel-unfit", says),
        };
        let found = found.seen(from, &kernel.release);
        return remedies
            .into_iter()
            .fold(found, Finding::advise)
            .advise("meanwhile rdna1ctl works without the module");
    }
    if kernel.config.is_none() {
        return Finding::unseen("kernel", "unknown whether this kernel has CONFIG_RUST")
            .seen("/boot, /proc/config.gz", "no configuration");
    }
    Finding::good("kernel", "the module can be built for this kernel").seen(from, &kernel.release)
}

/// The headers, and the Rust metadata, which some systems keep separately.
fn headers(facts: &Facts) -> Finding {
    let kernel = &facts.kernel;
    let build = format!("/lib/modules/{}/build", kernel.release);
    let Some(folder) = &kernel.headers else {
        return Finding::note(
            "headers-missing",
            "this kernel's headers are not installed: no module can be built for it",
        )
        .seen(build, "is not there")
        .advise(facts.system.remedy("kernel headers"));
    };
    // Debian's headers never contain it: DKMS or `make metadata` makes it from the kernel's source.
    if kernel.has_metadata || kernel.has("RUST") != Some(true) || facts.system.is_debian {
        return Finding::good("headers", "this kernel's headers are installed")
            .seen(folder, "is there");
    }
    Finding::note(
        "metadata-missing",
        "this kernel's headers have no Rust metadata, which modules in Rust are built with",
    )
    .seen(format!("{build}/rust"), "no *.rmeta")
    .advise(facts.system.remedy("Rust metadata"))
}
