// SPDX-License-Identifier: GPL-2.0

//! Findings about debugfs, which holds the module's files.

use crate::sources::module::Debugfs;
use crate::sources::Facts;

use super::Finding;

const WITH_DEBUGFS: &str =
    "boot without debugfs=off (/etc/default/grub, then sudo update-grub; or the boot loader's own \
     file), and a kernel with CONFIG_DEBUG_FS=y";

pub(super) fn finding(facts: &Facts) -> Option<Finding> {
    let module = &facts.module;
    if !module.loaded {
        return match &module.debugfs {
            Debugfs::Off(why) => Some(no_debugfs_no_module(facts, why)),
            _ => None,
        };
    }
    Some(match &module.debugfs {
        Debugfs::Mounted(place) => {
            Finding::good("debugfs", "debugfs is mounted").seen("/proc/self/mounts", place)
        }
        Debugfs::NotMounted if facts.place.container.is_some() => Finding::unseen(
            "debugfs-not-mounted",
            "the module is loaded, and this container does not show its files",
        )
        .seen("/proc/self/mounts", "no debugfs")
        .advise("run sudo rdna1ctl doctor outside of the container"),
        Debugfs::NotMounted => Finding::trouble(
            "debugfs-not-mounted",
            "debugfs is not mounted: the module's files cannot be reached",
        )
        .seen("/proc/self/mounts", "no debugfs")
        .advise("sudo mount -t debugfs debugfs /sys/kernel/debug; if this is a container, read from outside"),
        Debugfs::Off(why) => off(
            Finding::trouble(
                "debugfs-off",
                "debugfs is off in this kernel: the module is loaded, but has no files",
            ),
            why,
        ),
    })
}

/// Only a note if the module is not installed: nobody else needs debugfs.
fn no_debugfs_no_module(facts: &Facts, why: &str) -> Finding {
    let says = "debugfs is off in this kernel: the module cannot be loaded";
    let found = match facts.module.is_installed_for(&facts.kernel.release) {
        true => Finding::trouble("debugfs-off", says),
        false => Finding::note("debugfs-off", says),
    };
    off(found, why)
}

fn off(found: Finding, why: &str) -> Finding {
    found
        .seen("kernel", why)
        .advise(WITH_DEBUGFS)
        .advise("until then rdna1ctl reads KFD's sysfs; it cannot show counters")
}
