// SPDX-License-Identifier: GPL-2.0

//! Tests that `scripts/preflight.sh` requires the compilers that built the kernel, and that
//! `scripts/toolchain.sh` selects them.

mod machine;
mod tool;

use machine::Machine;

#[test]
fn another_rustc_is_told_from_none() {
    let machine = Machine::complete();
    machine.tool("rustc", "echo 'rustc 1.95.0 (another)'");
    let found = machine.preflight();
    assert_eq!(found.names(), ["rustc"], "{}", found.text);
    assert!(found.text.contains("1.85.1 (fake)") && found.text.contains("1.95.0 (another)"));
}

#[test]
fn the_kernels_own_rustc_is_found_behind_another() {
    let machine = Machine::complete();
    machine.tool("rustc", "echo 'rustc 1.95.0 (another)'");
    machine.tool("rustc-1.85", "echo 'rustc 1.85.1 (fake)'");
    assert!(machine.preflight().success);
    assert_eq!(
        machine.toolchain(),
        "CC=x86_64-linux-gnu-gcc-14 RUSTC=rustc-1.85"
    );
}

/// rustc rejects metadata of another rustc (E0514). The kernel's configuration does not matter.
#[test]
fn the_rustc_that_made_the_metadata_counts() {
    let machine = Machine::complete();
    machine.made_by("rustc 1.93.1 (fake) (built from a source tarball)");
    let found = machine.preflight();
    assert_eq!(found.names(), ["rustc"], "{}", found.text);
    assert!(
        found
            .text
            .contains("\"rustc 1.93.1 (fake) (built from a source tarball)\""),
        "{}",
        found.text
    );
    machine.tool(
        "rustc-1.93",
        "echo 'rustc 1.93.1 (fake) (built from a source tarball)'",
    );
    assert!(machine.preflight().success);
    assert!(machine.toolchain().ends_with("RUSTC=rustc-1.93"));
}

/// rustc finds the metadata there only with `-L` (else E0463).
#[test]
fn metadata_behind_a_link_that_leads_nowhere_is_found() {
    let machine = Machine::complete();
    machine.link_metadata("../linux-hwe-7.2-lib-rust/rust");
    let found = machine.preflight();
    assert_eq!(found.names(), ["Rust metadata"], "{}", found.text);
    assert!(found
        .text
        .contains("linux-hwe-7.2-lib-rust/rust, which is not there"));
    machine.ubuntu_metadata("7.2.12-fake", "libkernel.rmeta");
    machine.ubuntu_metadata("7.2.12-fake", "libmacros.so");
    let found = machine.preflight();
    assert!(found.success, "{}", found.text);
    let words = machine.without_place(&machine.toolchain());
    assert!(
        words.ends_with("KRUSTFLAGS=-L~/src/linux-lib-rust-7.2.12-fake/rust"),
        "{words}"
    );
}

#[test]
fn a_kernel_of_clang_wants_clang_of_the_same_number() {
    let machine = Machine::complete();
    machine.unset("CONFIG_CC_VERSION_TEXT");
    machine.unset("CONFIG_CLANG_VERSION");
    machine.set("CONFIG_CC_VERSION_TEXT=\"Debian clang version 19.1.7 (3)\"");
    machine.set("CONFIG_CC_IS_CLANG=y\nCONFIG_CLANG_VERSION=190107");
    let found = machine.preflight();
    assert_eq!(found.names(), ["C compiler", "linker"], "{}", found.text);
    assert!(
        found.next("C compiler").contains("clang-19 lld-19"),
        "{}",
        found.text
    );
    machine.tool("clang-19", "");
    machine.tool("ld.lld-19", "");
    assert!(machine.preflight().success);
    assert_eq!(machine.toolchain(), "LLVM=-19 RUSTC=rustc");
}
