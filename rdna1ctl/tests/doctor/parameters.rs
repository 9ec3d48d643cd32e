// SPDX-License-Identifier: GPL-2.0

//! amdgpu parameters that affect the verdicts, or hide hangs.

use crate::machine::Machine;
use crate::{contains, expect, lacks, NO_PACKAGE};

const NOTE: (&str, &str) = ("amdgpu-parameter", "note");

#[test]
fn each_on_the_command_line() {
    for (word, means) in [
        ("cwsr_enable=0", "interrupt a running kernel"),
        ("runpm=0", "keeps the card awake"),
        ("mcbp=0", "one graphics job"),
        ("noretry=0", "look like a hang"),
        ("lockup_timeout=0", "does not turn the time-out off"),
        ("lockup_timeout=-1,-1,-1,-1", "waits for ever"),
        ("gttsize=65536", "how much of the system's memory"),
        ("ppfeaturemask=0xffffffff", "voltages"),
        ("gpu_recovery=0", "leaves a card that hangs"),
        ("halt_if_hws_hang=1", "hang of the scheduler"),
        ("vm_fault_stop=2", "hangs on purpose"),
        ("vis_vramlimit=256", "fb_private behind a large BAR"),
        ("vramlimit=4096", "limits VRAM"),
        // The kernel treats a dash as an underscore.
        ("gpu-recovery=0", "leaves a card that hangs"),
    ] {
        let machine = Machine::healthy();
        machine.put("/proc/cmdline", format!("ro quiet amdgpu.{word} splash"));
        let said = expect(&machine, &[NOTE, NO_PACKAGE]);
        let (name, value) = word.split_once('=').unwrap();
        let name = name.replace('-', "_");
        contains(
            &said,
            &[
                means,
                &format!("{name}={value}"),
                &format!("boot without amdgpu.{name}"),
            ],
        );
    }
}

/// Values that change nothing, or nothing important.
#[test]
fn other_values_are_no_news() {
    for word in [
        "gpu_recovery=1",
        "msi=1",
        "rebar=1",
        "dpm=1",
        "noretry=1",
        "mcbp=1",
        "lockup_timeout=10000",
        "lockup_timeout=10000,10000,10000,10000",
    ] {
        let machine = Machine::healthy();
        machine.put("/proc/cmdline", format!("ro quiet amdgpu.{word} splash"));
        expect(&machine, &[NO_PACKAGE]);
    }
}

#[test]
fn several_at_once_and_the_last_of_one() {
    let machine = Machine::healthy();
    machine.put(
        "/proc/cmdline",
        "amdgpu.cwsr_enable=0 amdgpu.runpm=0 amdgpu.mcbp=0 amdgpu.noretry=0 amdgpu.runpm=1 amdgpu.cwsr_enable=1",
    );
    let said = expect(&machine, &[NOTE, NOTE, NOTE, NO_PACKAGE]);
    contains(&said, &["runpm=1"]);
    lacks(&said, &["runpm=0", "cwsr_enable"]);
}

#[test]
fn of_modprobe() {
    let machine = Machine::healthy();
    machine.put(
        "/etc/modprobe.d/card.conf",
        "# options amdgpu runpm=0\noptions amdgpu ppfeaturemask=0xffffffff \\\n  gpu_recovery=0\noptions i915 enable_guc=3\n",
    );
    let said = expect(&machine, &[NOTE, NOTE, NO_PACKAGE]);
    contains(
        &said,
        &[
            "/etc/modprobe.d/card.conf:2",
            "rebuild the initramfs",
            "gpu_recovery=0",
        ],
    );
    // A file in an earlier folder replaces one of the same name in a later folder.
    machine.put("/etc/modprobe.d/card.conf", "");
    machine.put("/usr/lib/modprobe.d/card.conf", "options amdgpu runpm=0\n");
    expect(&machine, &[NO_PACKAGE]);
    // A container's modprobe.d is not the kernel's.
    machine.put("/etc/modprobe.d/other.conf", "options amdgpu runpm=0\n");
    expect(&machine, &[NOTE, NO_PACKAGE]);
    machine.put("/.dockerenv", "");
    expect(&machine, &[("place", "note"), NO_PACKAGE]);
}

/// Defaults, parameters for the display and for other cards, and other modules.
#[test]
fn those_that_change_nothing() {
    for line in [
        "amdgpu.cwsr_enable=1 amdgpu.runpm=-1 amdgpu.noretry=-1 amdgpu.ppfeaturemask=0xfff7bfff",
        "amdgpu.ppfeaturemask=0xFFF7BFFF amdgpu.vm_fault_stop=0x0 amdgpu.no_system_mem_limit=N",
        "amdgpu.dc=1 amdgpu.dcdebugmask=0x10 amdgpu.sg_display=0 amdgpu.si_support=1 amdgpu.cik_support=1",
        "radeon.runpm=0 nvidia.runpm=0 amdgpu amdgpu. amdgpu.=0 amdgpu.runpmx=0",
    ] {
        let machine = Machine::healthy();
        machine.put("/proc/cmdline", line);
        expect(&machine, &[NO_PACKAGE]);
    }
    // Without a card, parameters do not matter.
    let machine = Machine::bare();
    machine.put("/proc/cmdline", "amdgpu.runpm=0");
    assert!(machine.findings().iter().all(|(id, ..)| id != NOTE.0));
}
