// SPDX-License-Identifier: GPL-2.0

//! Card events from the kernel's log: named, counted, newest first.

use crate::machine::Machine;
use crate::{contains, expect, finding, lacks, NO_PACKAGE};

/// Adds lines to the log, one per second.
fn log(machine: &Machine, lines: &[&str]) {
    let mut text = std::fs::read_to_string(machine.path("/dev/kmsg")).unwrap();
    for (number, line) in (902u64..).zip(lines) {
        text.push_str(&format!("3,{number},{},-;{line}\n", number * 1_000_000));
    }
    machine.put("/dev/kmsg", text);
}

fn of(lines: &[&str]) -> Machine {
    let machine = Machine::healthy();
    log(&machine, lines);
    machine
}

/// Texts of several kernels: 5.x names the program in the fault's line, later ones in the next.
#[test]
fn page_faults_by_program() {
    let machine = of(&[
        "amdgpu 0000:03:00.0: amdgpu: [gfxhub0] no-retry page fault (src_id:0 ring:24 vmid:8 pasid:32770, for process python3 pid 4242 thread python3 pid 4242)",
        "amdgpu 0000:03:00.0: amdgpu:   in page starting at address 0x00007f0000000000 from client 27",
        "amdgpu 0000:03:00.0: amdgpu: [gfxhub] page fault (src_id:0 ring:40 vmid:8 pasid:32770)",
        "amdgpu 0000:03:00.0: amdgpu:  for process ollama runner) x pid 77 thread ollama pid 78)",
        "amdgpu 0000:03:00.0: amdgpu: [mmhub] page fault (src_id:0 ring:157 vmid:1 pasid:32771)",
        "amdgpu 0000:03:00.0: amdgpu:  Process python3 pid 4242 thread python3 pid 4242",
        "amdgpu 0000:03:00.0: [gfxhub] page fault (src_id:0 ring:24 vmid:8 pasid:0)",
        "amdgpu 0000:03:00.0:  for process  pid 0 thread  pid 0)",
    ]);
    let said = expect(&machine, &[("log-page-fault", "trouble"), NO_PACKAGE]);
    contains(
        &said,
        &[
            "logged 4 times",
            "python3 (process 4242), 2 times since [902.000000]",
            "kernel log [906.000000]",
            "ollama runner) x (process 77)",
            "override of the ISA",
        ],
    );
    // Newest first: the fault without a program, then python3's last, then ollama's.
    let at = |word: &str| said.find(word).unwrap();
    assert!(
        at("908.000000") < at("906.000000") && at("906.000000") < at("904.000000"),
        "{said}"
    );
}

/// Each kind of event, by its old and new texts.
#[test]
fn each_kind() {
    let kinds: [(&str, &str, &[&str]); 12] = [
        (
            "log-ring-timeout",
            "trouble",
            &[
                "[drm:amdgpu_job_timedout [amdgpu]] *ERROR* ring gfx_0.0.0 timeout, signaled seq=5, emitted seq=7",
                "[drm:amdgpu_job_timedout [amdgpu]] *ERROR* Process information: process game pid 4242 thread game:cs0 pid 4243",
                "amdgpu 0000:03:00.0: amdgpu: ring comp_1.0.0 timeout, signaled seq=5, emitted seq=7",
                "amdgpu 0000:03:00.0: amdgpu:  Process python3 pid 9 thread python3 pid 9",
            ],
        ),
        (
            "log-ring-recovered",
            "note",
            &[
                "[drm:amdgpu_job_timedout [amdgpu]] *ERROR* ring gfx_0.0.0 timeout, but soft recovered",
                "amdgpu 0000:03:00.0: amdgpu: Ring gfx_0.0.0 reset succeeded",
            ],
        ),
        (
            "log-preemption",
            "trouble",
            &[
                "qcm fence wait loop timeout expired",
                "amdgpu: The cp might be in an unrecoverable state due to an unsuccessful queues preemption",
                "amdgpu: Failed to evict process queues",
                "kfd kfd: amdgpu: HIQ MQD's queue_doorbell_id0 is not 0, Queue preemption time out",
            ],
        ),
        (
            "log-illegal-code",
            "trouble",
            &[
                "[drm:gfx_v10_0_priv_inst_irq [amdgpu]] *ERROR* Illegal instruction in command stream",
                "amdgpu 0000:03:00.0: amdgpu: Illegal opcode in command stream",
            ],
        ),
        (
            "log-ring-recovered",
            "note",
            &["amdgpu 0000:03:00.0: [drm] device wedged, but recovered through reset"],
        ),
        (
            "log-reset",
            "trouble",
            &[
                "amdgpu 0000:03:00.0: amdgpu: GPU reset begin!",
                "amdgpu 0000:03:00.0: amdgpu: GPU reset begin!. Source:  1",
            ],
        ),
        (
            "log-reset-failed",
            "trouble",
            &[
                "amdgpu 0000:03:00.0: amdgpu: GPU reset(2) failed",
                "amdgpu 0000:03:00.0: amdgpu: GPU reset end with ret = -62",
                "[drm:amdgpu_device_gpu_recover [amdgpu]] *ERROR* GPU Recovery Failed: -5",
            ],
        ),
        (
            "log-vram-lost",
            "trouble",
            &[
                "[drm] VRAM is lost due to GPU reset!",
                "amdgpu 0000:03:00.0: amdgpu: VRAM is lost due to GPU reset!",
            ],
        ),
        ("log-device-lost", "trouble", &["amdgpu 0000:03:00.0: amdgpu: device lost from bus!"]),
        (
            "log-power-firmware",
            "trouble",
            &["amdgpu 0000:03:00.0: amdgpu: SMU: I'm not done with your previous command: SMN_C2PMSG_66:0x00000006 SMN_C2PMSG_82:0x00000000"],
        ),
        (
            "log-fence-fallback",
            "note",
            &[
                "[drm] Fence fallback timer expired on ring sdma0",
                "amdgpu 0000:03:00.0: amdgpu: Fence fallback timer expired on ring sdma1",
            ],
        ),
        (
            "log-ring-timeout",
            "trouble",
            &["[drm:amdgpu_dm_atomic_commit_tail [amdgpu]] *ERROR* Waiting for fences timed out!"],
        ),
    ];
    for (id, state, lines) in kinds {
        let said = expect(&of(lines), &[(id, state), NO_PACKAGE]);
        contains(&said, &["[902.000000]"]);
    }
    let said = finding(&of(kinds[0].2), "log-ring-timeout", "trouble");
    contains(
        &said,
        &[
            "game (process 4242), ring gfx_0.0.0",
            "python3 (process 9), ring comp_1.0.0",
        ],
    );
}

/// A hang of the scheduler and a failed reset take several lines each.
#[test]
fn several_lines_for_one_event() {
    let hang = [
        "amdgpu: qcm fence wait loop timeout expired",
        "amdgpu: The cp might be in an unrecoverable state due to an unsuccessful queues preemption",
        "amdgpu: Failed to evict process queues",
        "amdgpu 0000:03:00.0: amdgpu: GPU reset(2) failed",
        "amdgpu 0000:03:00.0: amdgpu: GPU reset end with ret = -110",
        "[drm:amdgpu_job_timedout [amdgpu]] *ERROR* GPU Recovery Failed: -110",
        "usb 1-1: new device",
        "usb 1-1: new device",
        "usb 1-1: new device",
    ];
    let twice: Vec<_> = hang.iter().chain(&hang).copied().collect();
    for (lines, words) in [(&hang[..], "logged once"), (&twice, "logged 2 times")] {
        let machine = of(lines);
        for id in ["log-preemption", "log-reset-failed"] {
            contains(&finding(&machine, id, "trouble"), &[words]);
        }
    }
}

#[test]
fn how_a_reset_ended() {
    let begin = "amdgpu 0000:03:00.0: amdgpu: GPU reset begin!";
    let said = finding(&of(&[begin]), "log-reset", "trouble");
    contains(&said, &["no line says how the last reset ended"]);
    let well = "amdgpu 0000:03:00.0: amdgpu: GPU reset(1) succeeded!";
    contains(
        &finding(&of(&[begin, well]), "log-reset", "trouble"),
        &[well],
    );
    // Reset lines that do not belong to a hang.
    expect(
        &of(&[
            "amdgpu 0000:03:00.0: amdgpu: MODE1 reset",
            "amdgpu 0000:03:00.0: amdgpu: BACO reset",
        ]),
        &[NO_PACKAGE],
    );
}

/// Thousands of programs and faults do not crowd out a reset.
#[test]
fn many_faults_and_one_reset() {
    let machine = Machine::healthy();
    let mut lines = vec!["amdgpu 0000:03:00.0: amdgpu: GPU reset begin!".to_owned()];
    for pid in 1..3000 {
        lines.push(format!("amdgpu 0000:03:00.0: amdgpu: [gfxhub] page fault (src_id:0 ring:24 vmid:8 pasid:1, for process p pid {pid} thread p pid {pid})"));
    }
    lines.push("amdgpu 0000:03:00.0: amdgpu: GPU reset begin!".to_owned());
    let lines: Vec<_> = lines.iter().map(String::as_str).collect();
    log(&machine, &lines);
    let said = expect(
        &machine,
        &[
            ("log-reset", "trouble"),
            ("log-page-fault", "trouble"),
            NO_PACKAGE,
        ],
    );
    contains(
        &said,
        &["logged 2 times", "logged 2999 times", "2994 other programs"],
    );
    assert!(machine.says(&["doctor"], 1).len() < 20_000);
}

/// Lines about other cards, drivers and faults are not events of this card.
#[test]
fn lines_that_are_about_something_else() {
    let quiet = of(&[
        "amdgpu 0000:0a:00.0: amdgpu: [gfxhub] page fault (src_id:0 ring:24 vmid:8 pasid:1)",
        "amdgpu 0000:0a:00.0: amdgpu: GPU reset begin!",
        "i915 0000:00:02.0: [drm] GPU HANG: ecode 12:1:85dffffb",
        "radeon 0000:04:00.0: ring 0 stalled for more than 10000msec",
        "[drm:radeon_ib_ring_tests [radeon]] *ERROR* radeon: ring gfx timeout",
        "nouveau 0000:05:00.0: fifo: fault 00 [READ] at 0000000000000000",
        "BUG: unable to handle page fault for address: ffffffffc0a1b2c3",
        "python3[77]: segfault at 0 ip 00007f sp 00007f error 4",
        "amdgpu 0000:03:00.0: amdgpu: ring gfx_0.0.0 uses VM inv eng 0 on hub 0",
        "[drm] ring test on 0 succeeded in 1 usecs",
        "amdgpu: Queue memory allocated to wrong device",
        "kfd kfd: amdgpu: added device 1002:731f",
        "usb 1-1: reset high-speed USB device number 2 using xhci_hcd",
        // DRM's own messages, about another driver's device.
        "xe 0000:00:02.0: [drm] device wedged, needs recovery",
        "i915 0000:00:02.0: [drm] *ERROR* Waiting for fences timed out",
        "nouveau 0000:01:00.0: [drm] *ERROR* ring gr timeout",
    ]);
    expect(&quiet, &[NO_PACKAGE]);
    let page = quiet.says(&["doctor"], 0);
    contains(&page, &["names no fault, hang or reset"]);
}

/// Messages of newer kernels, and symptoms that owners see as a freeze.
#[test]
fn more_words() {
    for (id, line) in [
        (
            "log-power-firmware",
            "amdgpu 0000:03:00.0: SMU: No response msg_reg: 12 resp_reg: 0",
        ),
        (
            "log-power-firmware",
            "amdgpu 0000:03:00.0: SMU: bus error for message: GetSmuVersion(2) response:0xFFFFFFFF",
        ),
        (
            "log-device-lost",
            "amdgpu 0000:03:00.0: Unable to change power state from D3cold to D0, device inaccessible",
        ),
        (
            "log-overheated",
            "amdgpu 0000:03:00.0: amdgpu: ERROR: GPU HW Critical Temperature Fault(aka CTF) detected!",
        ),
        (
            "log-overheated",
            "amdgpu 0000:03:00.0: amdgpu: GPU over temperature range(SW CTF) detected!",
        ),
        (
            "log-flip-timeout",
            "amdgpu 0000:03:00.0: [drm] *ERROR* [CRTC:82:crtc-0] flip_done timed out",
        ),
        (
            "log-ring-timeout",
            "amdgpu 0000:03:00.0: amdgpu: Ring gfx_0.0.0 reset failed",
        ),
        (
            "log-preemption",
            "amdgpu 0000:03:00.0: amdgpu: unmap queue failed",
        ),
    ] {
        expect(&of(&[line]), &[(id, "trouble"), NO_PACKAGE]);
    }
    let reset = "amdgpu 0000:03:00.0: amdgpu: queue id 0x0 at pasid 4242 is reset";
    expect(&of(&[reset]), &[("log-ring-recovered", "note"), NO_PACKAGE]);
}

/// Up to Linux 6.12 the line begins with the word that introduces the program's name.
#[test]
fn the_program_of_a_time_out() {
    let said = expect(
        &of(&[
            "[drm:amdgpu_job_timedout [amdgpu]] *ERROR* ring gfx_0.0.0 timeout, signaled seq=5, emitted seq=7",
            "[drm:amdgpu_job_timedout [amdgpu]] *ERROR* Process information: process Xorg pid 900 thread Xorg:cs0 pid 901",
        ]),
        &[("log-ring-timeout", "trouble"), NO_PACKAGE],
    );
    contains(&said, &["\"what\":\"Xorg (process 900), ring gfx_0.0.0"]);
    let said = expect(
        &of(&["amdgpu: Failed to evict queues of process pid 4242"]),
        &[("log-preemption", "trouble"), NO_PACKAGE],
    );
    contains(&said, &["\"what\":\"process 4242, "]);
}

/// With a second AMD card, a line without an address may be about that card.
#[test]
fn a_line_that_names_no_card() {
    let line = "[drm:amdgpu_job_timedout [amdgpu]] *ERROR* ring gfx timeout, signaled seq=5, emitted seq=7";
    expect(&of(&[line]), &[("log-ring-timeout", "trouble"), NO_PACKAGE]);
    let machine = of(&[line]);
    for (name, text) in [
        ("vendor", "0x1002\n"),
        ("device", "0x1638\n"),
        ("class", "0x030000\n"),
    ] {
        machine.put(&format!("/sys/bus/pci/devices/0000:0a:00.0/{name}"), text);
    }
    let said = expect(&machine, &[("log-ring-timeout", "note"), NO_PACKAGE]);
    contains(&said, &["do not say of which"]);
}

#[test]
fn a_log_that_may_not_be_read() {
    let machine = Machine::healthy();
    machine.remove("/dev/kmsg");
    expect(&machine, &[NO_PACKAGE, ("log-unread", "unseen")]);
    machine.put("/.dockerenv", "");
    contains(&finding(&machine, "log-unread", "unseen"), &["outside"]);
    machine.put("/dev/kmsg", "");
    finding(&machine, "log-empty", "unseen");
    // Overwritten lines are unknown.
    let machine = Machine::healthy();
    machine.put("/dev/kmsg", "6,70001,900000000000,-;usb 1-1: new device\n");
    contains(
        &machine.says(&["doctor", "--json"], 0),
        &["since [900000.000000]; what was earlier is overwritten"],
    );
    // Without a card there is no finding about the log.
    let bare = Machine::bare();
    log(&bare, &["amdgpu 0000:03:00.0: amdgpu: GPU reset begin!"]);
    assert!(bare
        .findings()
        .iter()
        .all(|(id, ..)| !id.starts_with("log")));
}

/// KFD has several messages for a card that it rejects; firmware has several names.
#[test]
fn cards_that_kfd_left_out() {
    for line in [
        "kfd kfd: amdgpu: skipped device 1002:731f, PCI rejects atomics 144<145",
        "kfd kfd: skipped device 1002:731f, PCI rejects atomics",
        "kfd kfd: amdgpu: device 1002:731f NOT added due to errors",
        "kfd kfd: DID 731f is missing in supported_devices",
    ] {
        let machine = of(&[
            line,
            "kfd kfd: amdgpu: skipped device 1002:7340, PCI rejects atomics 123<145",
        ]);
        machine.remove(crate::NODE);
        machine.write_files();
        let said = finding(&machine, "kfd-absent", "trouble");
        contains(&said, &[line]);
        lacks(&said, &["1002:7340"]);
    }
}

#[test]
fn firmware_that_failed_to_load() {
    for line in [
        "amdgpu 0000:03:00.0: Direct firmware load for amdgpu/navi10_sos.bin failed with error -2",
        "amdgpu 0000:03:00.0: firmware: failed to load amdgpu/navi10_mec.bin (-2)",
        "amdgpu 0000:03:00.0: amdgpu: early_init of IP block <psp> failed -19: psp firmware loading failed",
        "[drm:psp_v11_0_init_microcode [amdgpu]] *ERROR* psp v11.0: Failed to load firmware \\\"amdgpu/navi10_asd.bin\\\"",
    ] {
        let machine = of(&[line, "amdgpu 0000:0a:00.0: firmware: failed to load amdgpu/navi14_mec.bin (-2)"]);
        machine.unbind("0000:03:00.0");
        machine.remove(crate::NODE);
        machine.write_files();
        let said = finding(&machine, "firmware-missing", "trouble");
        contains(&said, &[&line[..60]]);
        lacks(&said, &["navi14"]);
    }
}
