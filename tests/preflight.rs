// SPDX-License-Identifier: GPL-2.0

//! Tests of `scripts/preflight.sh` on fake machines: it names all missing things at once, each with
//! the remedy for the distribution.

mod machine;
mod tool;

use machine::Machine;

/// Removes one thing from a complete machine.
type Spoil = fn(&Machine);

/// Each thing that can be missing: its name, how to remove it, a part of the remedy on Debian.
const THINGS: [(&str, Spoil, &str); 14] = [
    (
        "newer kernel",
        |m| m.release("6.17.9-fake"),
        "backports linux-image-amd64",
    ),
    (
        "kernel configuration",
        |m| {
            m.remove("include/config/auto.conf");
            m.tool("gcc", "");
        },
        "olddefconfig",
    ),
    ("CONFIG_RUST", |m| m.unset("CONFIG_RUST"), "from 7.x on"),
    (
        "CONFIG_DEBUG_FS",
        |m| m.unset("CONFIG_DEBUG_FS"),
        "CONFIG_DEBUG_FS=y",
    ),
    (
        "module.lds",
        |m| m.remove("scripts/module.lds"),
        "modules_prepare",
    ),
    (
        "Module.symvers",
        |m| m.remove("Module.symvers"),
        "build the kernel",
    ),
    (
        "Rust metadata",
        |m| m.remove("rust/libkernel.rmeta"),
        "make metadata",
    ),
    ("rustc", |m| m.no_tool("rustc"), "apt install rustc"),
    ("bindgen", |m| m.no_tool("bindgen"), "apt install bindgen"),
    (
        "libclang",
        |m| m.tool("bindgen", "echo 'Unable to find libclang' >&2; exit 1"),
        "apt install libclang-dev",
    ),
    (
        "C compiler",
        |m| m.no_tool("x86_64-linux-gnu-gcc-14"),
        "apt install gcc-14",
    ),
    ("linker", |m| m.no_tool("ld"), "apt install binutils"),
    ("make", |m| m.no_tool("make"), "apt install make"),
    ("pahole", |m| m.no_tool("pahole"), "apt install pahole"),
];

#[test]
fn a_complete_machine_is_met_with_silence() {
    let found = Machine::complete().preflight();
    assert!(found.success, "{}", found.text);
    assert_eq!(found.text, "");
}

#[test]
fn each_missing_thing_is_named_alone() {
    for (name, spoil, next) in THINGS {
        let machine = Machine::complete();
        spoil(&machine);
        let found = machine.preflight();
        assert!(!found.success, "{name} is missing, and all is well");
        assert_eq!(found.names(), [name], "{}", found.text);
        assert!(found.next(name).contains(next), "{}", found.text);
    }
}

#[test]
fn all_missing_things_are_named_at_once() {
    // preflight cannot check these if other things of the list are missing.
    let hidden = ["libclang", "kernel configuration"];
    let machine = Machine::complete();
    let mut expected = Vec::new();
    for (name, spoil, _) in THINGS {
        if !hidden.contains(&name) {
            spoil(&machine);
            expected.push(name);
        }
    }
    let found = machine.preflight();
    let mut names = found.names();
    names.sort_unstable();
    expected.sort_unstable();
    assert_eq!(names, expected, "{}", found.text);
    for name in expected {
        assert!(
            !found.next(name).is_empty(),
            "{name} without a remedy: {}",
            found.text
        );
    }
}

#[test]
fn without_headers_the_tools_are_looked_at_nevertheless() {
    let machine = Machine::complete();
    machine.remove("Makefile");
    machine.no_tool("bindgen");
    let names = machine.preflight().names();
    assert!(names.contains(&"kernel headers".to_owned()), "{names:?}");
    assert!(names.contains(&"bindgen".to_owned()), "{names:?}");
}

/// No remedy may name `rustc-` without a number: apt would remove rustc.
#[test]
fn an_unknown_rustc_has_no_number() {
    for id in [
        "debian",
        "ubuntu",
        "fedora",
        "arch",
        "opensuse\nID_LIKE=suse",
        "other",
    ] {
        let machine = Machine::complete();
        machine.os_release(&format!("ID={id}"));
        machine.remove("Makefile");
        machine.remove("include/config/auto.conf");
        machine.no_tool("rustc");
        let found = machine.preflight();
        let next = found.next("rustc");
        assert!(
            next.ends_with("rust") || next.ends_with("rustc"),
            "{id}: {next}"
        );
    }
}

#[test]
fn a_folder_with_odd_characters_is_shown_as_it_is() {
    let machine = Machine::complete();
    for odd in ["a&b", "a|b", "a\\b"] {
        let found = machine.preflight_of(odd.as_ref());
        assert!(
            found.next("module.lds").is_empty() && found.text.contains(odd),
            "{odd}: {}",
            found.text
        );
        std::fs::create_dir_all(machine.kernel().join(odd)).expect("a folder");
        machine.file(&format!("{odd}/Makefile"), "");
        let found = machine.preflight_of(odd.as_ref());
        let next = format!("make -C {odd} modules_prepare");
        assert!(found.next("module.lds").ends_with(&next), "{}", found.text);
    }
}

#[test]
fn each_part_of_the_metadata_counts() {
    for part in ["rust/libkernel.rmeta", "rust/libmacros.so"] {
        let machine = Machine::complete();
        machine.remove(part);
        assert_eq!(
            machine.preflight().names(),
            ["Rust metadata"],
            "without {part}"
        );
    }
}

#[test]
fn no_metadata_is_promised_for_a_kernel_that_cannot_have_it() {
    let machine = Machine::complete();
    machine.remove("rust/libkernel.rmeta");
    machine.unset("CONFIG_RUST");
    let found = machine.preflight();
    assert!(
        found.next("Rust metadata").contains("another kernel"),
        "{}",
        found.text
    );
}

#[test]
fn metadata_is_known_by_its_kind_and_not_by_its_name() {
    let machine = Machine::complete();
    machine.remove("rust/libkernel.rmeta");
    machine.remove("rust/libmacros.so");
    machine.file("rust/libsomething_new.rmeta", "");
    machine.file("rust/libother_macros.so", "");
    assert!(machine.preflight().success);
}

/// Kernels from 7.1 on that are built with Clang can include the C helpers as bitcode.
#[test]
fn helpers_that_a_kernel_inlines_are_a_part_of_it() {
    let machine = Machine::complete();
    machine.set("CONFIG_RUST_INLINE_HELPERS=y");
    let found = machine.preflight();
    assert_eq!(found.names(), ["Rust metadata"], "{}", found.text);
    assert!(found.text.contains("helpers_module.bc"), "{}", found.text);
    machine.file("rust/helpers/helpers_module.bc", "");
    assert!(machine.preflight().success);
}

#[test]
fn versions_are_compared_as_numbers() {
    for (release, fits) in [
        ("6.9.0", false),
        ("6.17.13+deb13-amd64", false),
        ("6.18.48-lts", false),
        ("6.19-rc1", true),
        ("6.19.0", true),
        ("7.0.0-fake", true),
        ("10.1.0", true),
    ] {
        let machine = Machine::complete();
        machine.release(release);
        assert_eq!(machine.preflight().success, fits, "kernel {release}");
    }
}

#[test]
fn each_distribution_has_its_own_remedies() {
    let remedies = [
        (
            "ID=debian",
            [
                "make metadata",
                "apt install libclang-dev",
                "apt install rustc,",
            ],
        ),
        (
            "ID=ubuntu\nID_LIKE=debian",
            [
                "apt install linux-lib-rust-7.2.12-fake",
                "apt install libclang-dev",
                "apt install rustc-1.85,",
            ],
        ),
        (
            "ID=fedora",
            [
                "make KDIR=that folder",
                "dnf install clang-libs",
                "dnf upgrade rust kernel",
            ],
        ),
        (
            "ID=arch",
            ["make KDIR=that folder", "pacman -S clang", "pacman -Syu"],
        ),
        ("ID=gentoo", ["KDIR=", "LIBCLANG_PATH", "RUSTC="]),
        (
            "ID=\"linuxmint\"\nID_LIKE=\"ubuntu debian\"",
            ["apt install linux-lib-rust", "apt", "apt"],
        ),
        (
            "ID=endeavouros\nID_LIKE='arch'",
            ["make KDIR=that folder", "pacman", "pacman"],
        ),
        (
            "ID=rhel\nID_LIKE=\"fedora\"",
            ["make KDIR=that folder", "dnf", "dnf"],
        ),
        ("", ["KDIR=", "LIBCLANG_PATH", "RUSTC="]),
    ];
    for (os_release, expected) in remedies {
        let machine = Machine::complete();
        machine.os_release(os_release);
        machine.remove("rust/libkernel.rmeta");
        machine.no_tool("rustc");
        machine.tool("bindgen", "echo 'Unable to find libclang' >&2; exit 1");
        let found = machine.preflight();
        for (name, next) in ["Rust metadata", "libclang", "rustc"]
            .into_iter()
            .zip(expected)
        {
            assert!(
                found.next(name).contains(next),
                "{os_release}: {}",
                found.text
            );
        }
    }
}

#[test]
fn no_thing_lacks_a_remedy_anywhere() {
    for id in ["debian", "ubuntu", "fedora", "arch", "other"] {
        for (name, spoil, _) in THINGS {
            let machine = Machine::complete();
            machine.os_release(&format!("ID={id}"));
            spoil(&machine);
            let found = machine.preflight();
            assert!(found.next(name).len() > 10, "{id}, {name}: {}", found.text);
        }
    }
}

#[test]
fn what_is_no_folder_is_said_to_be_none() {
    let machine = Machine::complete();
    for odd in ["not there", "Makefile", "", "-n", "$(exit 3)"] {
        let found = machine.preflight_of(odd.as_ref());
        assert!(!found.success);
        assert!(
            found.names().contains(&"kernel headers".to_owned()),
            "{odd}: {}",
            found.text
        );
    }
}
