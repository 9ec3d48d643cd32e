// SPDX-License-Identifier: GPL-2.0

//! Variables that select GPUs, and may select none.

mod machine;

use machine::{contains, Machine};

const NODES: &str = "/sys/class/kfd/kfd/topology/nodes";

/// Adds a second GPU after the card, with a unique id.
fn add_gpu(machine: &Machine) {
    machine.put(&format!("{NODES}/2/gpu_id"), "777\n");
    machine.put(
        &format!("{NODES}/2/properties"),
        "vendor_id 4098\ndevice_id 5567\nlocation_id 1280\nunique_id 81985529216486895\n",
    );
}

fn machine(gpus: u32) -> Machine {
    let machine = Machine::healthy();
    if gpus == 2 {
        add_gpu(&machine);
    }
    machine
}

/// The findings for a program and for a shell with these variables.
fn found(gpus: u32, variables: &str) -> [Vec<String>; 2] {
    let environment = variables.replace(' ', "\0");
    [true, false].map(|is_program| {
        let machine = machine(gpus);
        if is_program {
            machine.add_program(4242, &environment);
        } else {
            machine.put("/proc/self/environ", &environment);
        }
        let found = machine.findings().into_iter();
        let found = found.filter(|(id, ..)| id != "amdgpu-package");
        found
            .map(|(id, state, _)| format!("{id} {state}"))
            .collect()
    })
}

#[test]
fn nothing_is_left() {
    for (gpus, variables) in [
        (1, "ROCR_VISIBLE_DEVICES=1 HIP_VISIBLE_DEVICES=1"),
        (1, "HIP_VISIBLE_DEVICES=1"),
        (1, "CUDA_VISIBLE_DEVICES=1"),
        (1, "HIP_VISIBLE_DEVICES= CUDA_VISIBLE_DEVICES=2"),
        (1, "GPU_DEVICE_ORDINAL=1"),
        (1, "ROCR_VISIBLE_DEVICES=GPU-XX"),
        (1, "ROCR_VISIBLE_DEVICES=GPU-0123456789abcdef"),
        (1, "ROCR_VISIBLE_DEVICES=all"),
        (1, "ROCR_VISIBLE_DEVICES=1,0"),
        (1, "HIP_VISIBLE_DEVICES=1,0"),
        (1, "HIP_VISIBLE_DEVICES=00"),
        (1, "HIP_VISIBLE_DEVICES=0x0"),
        (2, "ROCR_VISIBLE_DEVICES=0 HIP_VISIBLE_DEVICES=1"),
        (2, "ROCR_VISIBLE_DEVICES=1 HIP_VISIBLE_DEVICES=1"),
        (2, "ROCR_VISIBLE_DEVICES=2"),
        (2, "HIP_VISIBLE_DEVICES=2"),
        (2, "ROCR_VISIBLE_DEVICES=GPU-XX"),
    ] {
        assert_eq!(
            found(gpus, variables),
            [["no-gpu-left trouble"]; 2],
            "{gpus}: {variables}"
        );
    }
}

#[test]
fn the_card_is_left() {
    for (gpus, variables) in [
        (1, "ROCR_VISIBLE_DEVICES=0 HIP_VISIBLE_DEVICES=0"),
        (1, "HIP_VISIBLE_DEVICES=0,1"),
        (1, "ROCR_VISIBLE_DEVICES=0x0"),
        (1, "HIP_VISIBLE_DEVICES= CUDA_VISIBLE_DEVICES="),
        // Newer HIP versions accept the name that ROCr prints for a card without an id.
        (1, "HIP_VISIBLE_DEVICES=GPU-XX"),
        (2, "ROCR_VISIBLE_DEVICES=1,0 HIP_VISIBLE_DEVICES=1"),
        (2, "ROCR_VISIBLE_DEVICES=0"),
        (2, "HIP_VISIBLE_DEVICES=1,0"),
        (2, "ROCR_VISIBLE_DEVICES=GPU-0123,0"),
    ] {
        assert_eq!(found(gpus, variables), [[""; 0]; 2], "{gpus}: {variables}");
    }
}

/// A program may select another GPU, or none, on purpose; a shell's user gets a finding.
#[test]
fn another_gpu_is_chosen() {
    for (gpus, variables, id) in [
        (2, "ROCR_VISIBLE_DEVICES=1", "card-hidden note"),
        (2, "HIP_VISIBLE_DEVICES=1", "card-hidden note"),
        (2, "ROCR_VISIBLE_DEVICES=gpu-0123", "card-hidden note"),
        (
            2,
            "ROCR_VISIBLE_DEVICES=1 HIP_VISIBLE_DEVICES=0",
            "card-hidden note",
        ),
        (1, "HIP_VISIBLE_DEVICES=-1", "gpus-hidden note"),
        (1, "ROCR_VISIBLE_DEVICES=", "gpus-hidden note"),
    ] {
        let [program, shell] = found(gpus, variables);
        assert_eq!(program, [""; 0], "{gpus}: {variables}");
        assert_eq!(shell, [id], "{gpus}: {variables}");
    }
}

/// Without KFD's list, no number is known to be too large.
#[test]
fn gpus_that_nobody_sees() {
    let machine = machine(1);
    machine.remove("/sys/class/kfd");
    machine.put("/proc/self/environ", "HIP_VISIBLE_DEVICES=7\0");
    let found = machine.findings();
    assert!(
        found.iter().all(|(id, ..)| id != "no-gpu-left"),
        "{found:#?}"
    );
}

/// `env` and `run` unset a variable that leaves no GPU, and keep a valid choice. On a machine with
/// NVIDIA cards the variable belongs to those.
#[test]
fn a_variable_for_another_makers_cards() {
    let machine = Machine::healthy();
    machine.put("/proc/driver/nvidia/version", "NVRM version: 580\n");
    machine.put("/proc/self/environ", "CUDA_VISIBLE_DEVICES=1");
    let found = machine.findings_but_package();
    let [(id, state, said)] = found.try_into().unwrap();
    assert_eq!((id.as_str(), state.as_str()), ("gpus-hidden", "note"));
    contains(&said, &["HIP_VISIBLE_DEVICES=0"]);
    let settings = machine.says(&["env"], 0);
    contains(&settings, &["export HIP_VISIBLE_DEVICES=0"]);
    assert!(!settings.contains("unset CUDA"), "{settings}");
}

#[test]
fn env_takes_it_back() {
    for (gpus, variables, lines) in [
        (
            1,
            "HIP_VISIBLE_DEVICES=1",
            &["unset HIP_VISIBLE_DEVICES\n"][..],
        ),
        (
            1,
            "ROCR_VISIBLE_DEVICES=1 HIP_VISIBLE_DEVICES=1",
            &[
                "unset ROCR_VISIBLE_DEVICES\n",
                "unset HIP_VISIBLE_DEVICES\n",
            ],
        ),
        (
            1,
            "ROCR_VISIBLE_DEVICES=GPU-XX",
            &["unset ROCR_VISIBLE_DEVICES\n"],
        ),
        (
            2,
            "ROCR_VISIBLE_DEVICES=0 HIP_VISIBLE_DEVICES=1",
            &["unset HIP_VISIBLE_DEVICES\n"],
        ),
        (1, "HIP_VISIBLE_DEVICES=-1", &[]),
        (2, "HIP_VISIBLE_DEVICES=1", &[]),
        (1, "HIP_VISIBLE_DEVICES=0", &[]),
    ] {
        let machine = machine(gpus);
        machine.put("/proc/self/environ", variables.replace(' ', "\0"));
        let page = machine.says(&["env"], 0);
        assert_eq!(
            page.matches("unset ").count(),
            lines.len(),
            "{variables}: {page}"
        );
        for line in lines {
            assert!(page.contains(line), "{variables}: {page}");
        }
        let output = machine.run(&["run", "--", "true"]);
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(
            said.matches(" is unset\n").count(),
            lines.len(),
            "{variables}: {said}"
        );
    }
}

/// The printed reason matches the value.
#[test]
fn the_reason_for_an_override() {
    for (value, reason) in [
        (
            "10.1.0",
            "names the card's own ISA, gfx1010, and is not needed",
        ),
        ("10.3.0", "cannot run code for another"),
        ("9.0.0", "cannot run code for another"),
        ("gfx1010", "no version of the form"),
        ("", "no version of the form"),
    ] {
        let machine = machine(1);
        machine.put(
            "/proc/self/environ",
            format!("HSA_OVERRIDE_GFX_VERSION={value}\0"),
        );
        let page = machine.says(&["env"], 0).replace("\n# ", " ");
        assert!(page.contains(reason), "{value}: {page}");
        let others = ["own ISA", "cannot run code", "no version"];
        assert_eq!(
            others.iter().filter(|word| page.contains(**word)).count(),
            1,
            "{page}"
        );
    }
}
