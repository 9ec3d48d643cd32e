// SPDX-License-Identifier: GPL-2.0

//! Daemons with an override that do not use KFD yet, and the lines that set an override.

mod machine;

use machine::{contains, Machine};

const OVERRIDE: &str = "HSA_OVERRIDE_GFX_VERSION=10.3.0";

/// The daemon will open /dev/kfd with its first request.
#[test]
fn a_daemon_that_does_not_use_kfd_yet() {
    let machine = Machine::of_alice();
    let daemon = |pid: u32, name: &str, environment: &str, group: &str| {
        machine.put(&format!("/proc/{pid}/comm"), format!("{name}\n"));
        machine.put(&format!("/proc/{pid}/environ"), environment);
        machine.put(&format!("/proc/{pid}/cgroup"), group);
    };
    daemon(
        812,
        "ollama",
        "HSA_OVERRIDE_GFX_VERSION=10.3.0\0",
        "0::/system.slice/ollama.service\n",
    );
    daemon(
        813,
        "mariadbd",
        "LD_PRELOAD=/usr/lib/libjemalloc.so\0HIP_VISIBLE_DEVICES=-1\0",
        "",
    );
    let [(id, state, said)] = machine.findings_but_package().try_into().unwrap();
    assert_eq!((id.as_str(), state.as_str()), ("set-in-program", "note"));
    contains(
        &said,
        &[
            "process 812 (ollama)",
            "does not use KFD now",
            "/proc/812/environ",
            "no file that was read",
        ],
    );
    // The finding names the file that sets the override.
    let drop_in = "/etc/systemd/system/ollama.service.d/override.conf";
    machine.put(drop_in, format!("[Service]\nEnvironment=\"{OVERRIDE}\"\n"));
    let found = machine.findings_but_package();
    let said = &found
        .iter()
        .find(|(id, ..)| id == "set-in-program")
        .unwrap()
        .2;
    contains(
        said,
        &[&format!("{drop_in}:2"), "systemctl restart ollama.service"],
    );
    // Many programs of one session make one finding.
    for pid in 2000..2300 {
        daemon(pid, "bash", "HSA_OVERRIDE_GFX_VERSION=11.0.0\0", "");
    }
    let found = machine.findings_but_package();
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(
        found
            .iter()
            .any(|(_, _, said)| said.contains("300 programs")),
        "{found:#?}"
    );
}

/// rdna1ctl traces a running program's override to its line.
#[test]
fn a_program_and_the_line_that_set_it() {
    let machine = Machine::of_alice();
    machine.add_program(4242, "HSA_OVERRIDE_GFX_VERSION=10.3.0\0");
    machine.put("/etc/environment", format!("A=1\n{OVERRIDE}\n"));
    let found = machine.findings_but_package();
    let said = &found.iter().find(|(id, ..)| id == "override").unwrap().2;
    contains(
        said,
        &[
            "process 4242 (python3)",
            "/etc/environment:2",
            "log in again",
        ],
    );
    // The line of its unit takes precedence.
    machine.put("/proc/4242/cgroup", "0::/system.slice/train.service\n");
    let unit = "/etc/systemd/system/train.service";
    machine.put(unit, format!("[Service]\nEnvironment={OVERRIDE}\n"));
    let found = machine.findings_but_package();
    let said = &found.iter().find(|(id, ..)| id == "override").unwrap().2;
    contains(
        said,
        &[&format!("{unit}:2"), "systemctl restart train.service"],
    );
    assert!(!said.contains("/etc/environment"), "{said}");
    // Another unit's line does not match, nor does another value.
    machine.remove(unit);
    machine.put(
        "/etc/systemd/system/other.service",
        format!("Environment={OVERRIDE}\n"),
    );
    machine.put("/etc/environment", "HSA_OVERRIDE_GFX_VERSION=11.0.0\n");
    let found = machine.findings_but_package();
    let said = &found.iter().find(|(id, ..)| id == "override").unwrap().2;
    assert!(!said.contains("/etc/"), "{said}");
}
