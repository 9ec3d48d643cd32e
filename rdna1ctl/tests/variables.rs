// SPDX-License-Identifier: GPL-2.0

//! The command `env`, and the findings about environments.

mod machine;

use std::process::Command;

use machine::Machine;
use rdna1ctl::findings::variables::NEVER;

const NODES: &str = "/sys/class/kfd/kfd/topology/nodes";

#[test]
fn a_machine_without_rocm() {
    insta::assert_snapshot!(Machine::healthy().says(&["env"], 0));
}

#[test]
fn a_crowded_machine() {
    let page = Machine::crowded().says(&["env"], 0);
    insta::assert_snapshot!(page);
    assert!(!page.contains("reboot"), "{page}");
    for name in NEVER {
        assert!(!page.contains(&format!("export {name}")), "{page}");
    }
}

/// A shell can evaluate the output.
#[test]
fn a_shell_evaluates_it() {
    let page = Machine::crowded().says(&["env"], 0);
    let output = Command::new("sh")
        .args(["-euc", &format!("{page}\nenv")])
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("HSA_OVERRIDE_GFX_VERSION", "10.3.0")
        .output()
        .unwrap();
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{output:?}"
    );
    let seen = String::from_utf8(output.stdout).unwrap();
    assert!(!seen.contains("HSA_OVERRIDE"), "{seen}");
    assert!(seen.contains("ROCR_VISIBLE_DEVICES=0\n"), "{seen}");
    assert!(seen.contains("MIOPEN_FIND_MODE=2\n"), "{seen}");
}

#[test]
fn a_miopen_that_knows_the_card_needs_nothing() {
    let machine = Machine::healthy();
    machine.put("/opt/rocm/.info/version", "6.4.1\n");
    machine.put("/opt/rocm/share/miopen/db/gfx1010_40.HIP.fdb.txt", "");
    let page = machine.says(&["env"], 0);
    assert!(
        !page.contains("export") && page.contains("no variable is needed"),
        "{page}"
    );
}

/// `env` keeps a variable that the user has set.
#[test]
fn what_is_set_already_is_left_as_it_is() {
    let machine = Machine::crowded();
    machine.put(
        "/proc/self/environ",
        "MIOPEN_FIND_MODE=NORMAL\0ROCR_VISIBLE_DEVICES=1\0HSA_OVERRIDE_GFX_VERSION=10.3.0\0",
    );
    let page = machine.says(&["env"], 0);
    assert!(!page.contains("export "), "{page}");
    assert!(page.contains("unset HSA_OVERRIDE_GFX_VERSION\n"), "{page}");
}

#[test]
fn it_refuses_where_kfd_lies_and_where_there_is_no_card() {
    for capture in ["lie-hotplug-flag", "lie-gfxver-100300", "lie-hive-id"] {
        let machine = Machine::without_module(&format!("reconstructed/{capture}"));
        let output = machine.run(&["env"]);
        assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(
            said.contains("KFD's topology does not match the hardware ("),
            "{said}"
        );
        let document = machine.json("env", 1);
        assert!(document["refused"].is_string() && document["settings"] == serde_json::json!([]));
    }
    let output = Machine::bare().run(&["env"]);
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
}

#[test]
fn an_unknown_is_told_of() {
    let machine = Machine::healthy();
    machine.edit(&format!("{NODES}/1/properties"), "hive_id 0\n", "");
    machine.write_files();
    let page = machine.says(&["env"], 0);
    assert!(
        page.starts_with("# some rules could not be judged"),
        "{page}"
    );
}

fn of_program(environment: &str) -> Vec<(String, String, String)> {
    let machine = Machine::healthy();
    machine.add_program(4242, environment);
    let mut findings = machine.findings();
    findings.retain(|(id, _, _)| id != "amdgpu-package");
    findings
}

#[test]
fn a_program_without_overrides_is_no_trouble() {
    assert_eq!(
        of_program("HOME=/root\0HSA_FORCE_FINE_GRAIN_PCIE=0\0LD_PRELOAD=\0MIOPEN_FIND_ENFORCE=1\0"),
        []
    );
}

#[test]
fn each_override_of_a_running_program() {
    for (variable, id, state, said) in [
        (
            "HSA_OVERRIDE_GFX_VERSION=10.3.0",
            "override",
            "trouble",
            "for a gfx1030; it is a gfx1010",
        ),
        (
            "HSA_OVERRIDE_GFX_VERSION_1=9.0.10",
            "override",
            "trouble",
            "of node 1 for a gfx90a",
        ),
        (
            "HSA_OVERRIDE_GFX_VERSION=10.1.0",
            "override-idle",
            "note",
            "has anyway",
        ),
        (
            "HSA_OVERRIDE_GFX_VERSION=gfx1030",
            "override-malformed",
            "trouble",
            "find no GPU at all",
        ),
        (
            "HSA_FORCE_FINE_GRAIN_PCIE=1",
            "fine-grain-forced",
            "trouble",
            "offer fine-grained VRAM",
        ),
        (
            "LD_PRELOAD=/home/me/shim.so",
            "preload",
            "note",
            "loads a library before all others",
        ),
        (
            "MIOPEN_FIND_ENFORCE=3",
            "miopen-search-forced",
            "trouble",
            "3 is SEARCH",
        ),
    ] {
        let found = of_program(&format!("HOME=/root\0{variable}\0LANG=C\0"));
        let [(seen_id, seen_state, text)] = found.as_slice() else {
            panic!("{variable}: {found:#?}");
        };
        assert_eq!(
            (seen_id.as_str(), seen_state.as_str()),
            (id, state),
            "{variable}"
        );
        for word in [
            said,
            variable,
            "process 4242 (python3)",
            "/proc/4242/environ",
        ] {
            assert!(text.contains(word), "{variable}: {word:?} is not in {text}");
        }
    }
}

/// The card is node 1. Overrides for other nodes do not matter.
#[test]
fn overrides_of_other_gpus() {
    for environment in [
        "HSA_OVERRIDE_GFX_VERSION_2=10.3.0\0",
        "HSA_OVERRIDE_GFX_VERSION_01=10.3.0\0",
        "HSA_OVERRIDE_GFX_VERSION_$(reboot)=1\0",
    ] {
        assert_eq!(of_program(environment), [], "{environment}");
    }
    // The node's own variable wins in ROCr 6.4, and means nothing to libhsakmt 6.2.4.
    let found = of_program("HSA_OVERRIDE_GFX_VERSION=10.3.0\0HSA_OVERRIDE_GFX_VERSION_1=10.1.0\0");
    let found: Vec<_> = found.iter().map(|(id, ..)| id.as_str()).collect();
    assert_eq!(found, ["override", "override-idle"]);
    // Without a card, no override matters.
    let machine = Machine::bare();
    machine.add_program(4242, "HSA_OVERRIDE_GFX_VERSION=10.3.0\0");
    let found = machine.findings();
    assert!(
        found.iter().all(|(id, ..)| !id.starts_with("override")),
        "{found:#?}"
    );
}

/// HIP numbers the devices that ROCr shows, so both variables together could leave no GPU.
#[test]
fn a_gpu_that_was_chosen_by_other_means() {
    for name in [
        "HIP_VISIBLE_DEVICES",
        "CUDA_VISIBLE_DEVICES",
        "GPU_DEVICE_ORDINAL",
    ] {
        let machine = Machine::crowded();
        machine.put(
            "/proc/self/environ",
            format!("{name}=1\0HSA_OVERRIDE_GFX_VERSION_2=10.3.0\0"),
        );
        let page = machine.says(&["env"], 0);
        assert!(!page.contains("ROCR_VISIBLE_DEVICES"), "{name}: {page}");
        assert!(!page.contains("unset"), "{page}");
    }
}

#[test]
fn a_program_that_only_has_kfd_open_is_found() {
    let machine = Machine::healthy();
    machine.add_program(4242, "HSA_OVERRIDE_GFX_VERSION=10.3.0\0");
    machine.remove("/sys/class/kfd/kfd/proc");
    assert!(machine.findings().iter().any(|(id, _, _)| id == "override"));
    // In the initial namespace, KFD's own list names every program. A child cannot use an inherited
    // file.
    machine.put("/sys/class/kfd/kfd/proc/77/vram_12345", "0\n");
    machine.link("/proc/self/ns/pid", "pid:[4026531836]");
    assert!(!machine.findings().iter().any(|(id, _, _)| id == "override"));
    machine.remove("/proc/self/ns/pid");
    machine.link("/proc/self/ns/pid", "pid:[4026532999]");
    assert!(machine.findings().iter().any(|(id, _, _)| id == "override"));
    // A program without the file does not use KFD.
    machine.remove("/proc/4242/fd/5");
    machine.link("/proc/4242/fd/5", "/dev/null");
    assert!(!machine.findings().iter().any(|(id, _, _)| id == "override"));
}

#[test]
fn an_environment_that_may_not_be_read() {
    let machine = Machine::healthy();
    machine.add_program(4242, "");
    machine.remove("/proc/4242/environ");
    let found = machine.findings();
    assert!(
        found.iter().any(|(id, state, said)| {
            id == "environment-unread" && state == "unseen" && said.contains("process 4242")
        }),
        "{found:#?}"
    );
}

#[test]
fn the_shell_and_all_programs() {
    let machine = Machine::healthy();
    machine.put("/proc/self/environ", "HSA_OVERRIDE_GFX_VERSION=10.3.0\0");
    machine.put("/etc/ld.so.preload", "/usr/local/lib/librdna1shim.so\n");
    let found = machine.findings();
    let has = |id: &str, word: &str| {
        found
            .iter()
            .any(|(seen, _, said)| seen == id && said.contains(word))
    };
    assert!(has("override", "your shell"), "{found:#?}");
    assert!(has("preload-all", "librdna1shim.so"), "{found:#?}");
}

/// sudo removes most of the environment, so rdna1ctl also reads the shell's.
#[test]
fn the_shell_that_sudo_was_called_from() {
    let machine = Machine::healthy();
    machine.put("/proc/self/stat", "99 (a) b) S 77 99 77 0\n");
    machine.put("/proc/77/comm", "sudo\n");
    machine.put("/proc/77/environ", "HSA_OVERRIDE_GFX_VERSION=10.3.0\0");
    let overrides = || {
        let found = machine.findings().into_iter();
        let found = found.filter(|(id, ..)| id == "override");
        found.map(|(_, _, said)| said).collect::<Vec<_>>()
    };
    let [said] = overrides().try_into().unwrap();
    assert!(
        said.contains("before sudo") && said.contains("/proc/77/environ"),
        "{said}"
    );
    // With `sudo -E` both have the variable: one finding covers them.
    machine.put("/proc/self/environ", "HSA_OVERRIDE_GFX_VERSION=10.3.0\0");
    let [said] = overrides().try_into().unwrap();
    assert!(said.contains("/proc/self/environ"), "{said}");
    machine.put("/proc/self/environ", "");
    machine.put("/proc/77/comm", "bash\n");
    assert_eq!(overrides(), [""; 0]);
}

#[test]
fn libraries_without_code_for_the_card() {
    let machine = Machine::healthy();
    machine.put("/opt/rocm/.info/version", "6.1.0\n");
    machine.put(
        "/opt/rocm/lib/rocblas/library/TensileLibrary_lazy_gfx1030.dat",
        "",
    );
    let found = machine.findings();
    assert!(
        found.iter().any(|(id, state, said)| {
            id == "rocblas-without-gfx1010" && state == "trouble" && said.contains("ROCm 6.1.0")
        }),
        "{found:#?}"
    );
    machine.put(
        "/opt/rocm/lib/rocblas/library/TensileLibrary_lazy_gfx1010.dat",
        "",
    );
    assert!(!machine
        .findings()
        .iter()
        .any(|(id, _, _)| id.starts_with("rocblas")));
}
