// SPDX-License-Identifier: GPL-2.0

//! Installations: the contents and the location of rocBLAS's kernel folder.

use crate::machine::code::{self, Method, GFX1010, GFX1010_XNACK, GFX1030, GFX10_1_GENERIC};
use crate::machine::Machine;
use crate::{contains, only, LIB};

const INDEX: &str = "/opt/rocm/lib/rocblas/library/TensileLibrary_lazy_gfx1010.dat";

/// Links and copies that pretend to be the card's kernels.
#[test]
fn files_under_another_name() {
    let machine = || {
        let machine = Machine::healthy();
        machine.put("/opt/rocm/.info/version", "6.4.1\n");
        machine.add_kernels(LIB, &["gfx1030", "gfx900"]);
        machine
    };
    let trouble = |machine: &Machine, words: &[&str]| {
        let said = only(machine, "rocblas-without-gfx1010", "trouble");
        contains(&said, words);
        assert!(!said.contains("6.2 on"), "{said}");
    };
    trouble(
        &machine(),
        &[
            "ROCm 6.4.1",
            "no file named gfx1010; others are for gfx1030, gfx900",
        ],
    );
    let linked = machine();
    linked.link(INDEX, "TensileLibrary_lazy_gfx1030.dat");
    trouble(
        &linked,
        &["TensileLibrary_lazy_gfx1010.dat is a link to TensileLibrary_lazy_gfx1030.dat"],
    );
    let absolute = machine();
    absolute.link(INDEX, &format!("{LIB}/step.dat"));
    absolute.link(
        &format!("{LIB}/step.dat"),
        "TensileLibrary_lazy_gfx1030.dat",
    );
    trouble(&absolute, &["a link to TensileLibrary_lazy_gfx1030.dat"]);
    let hard = machine();
    let other = hard.path(&format!("{LIB}/TensileLibrary_lazy_gfx1030.dat"));
    std::fs::hard_link(other, hard.path(INDEX)).unwrap();
    trouble(
        &hard,
        &["is the same file as TensileLibrary_lazy_gfx1030.dat"],
    );
    // A copy of everything: only the code objects show the truth.
    let copied = machine();
    copied.put(INDEX, "an index");
    copied.put(
        &format!("{LIB}/Kernels.so-000-gfx1010.hsaco"),
        code::object(GFX1030),
    );
    trouble(
        &copied,
        &["Kernels.so-000-gfx1010.hsaco is code for gfx1030"],
    );
    // A copy of only the index.
    let index = machine();
    index.put(INDEX, "an index");
    trouble(
        &index,
        &["an index named gfx1010, and no code object for it"],
    );
    // The same link, one folder deeper.
    let deep = machine();
    deep.link(
        &format!("{LIB}/gfx1010/TensileLibrary_lazy_gfx1010.dat"),
        "../TensileLibrary_lazy_gfx1030.dat",
    );
    trouble(&deep, &["a link to TensileLibrary_lazy_gfx1030.dat"]);
}

#[test]
fn files_that_are_the_cards() {
    let good = |machine: &Machine| {
        let found = machine.findings();
        assert_eq!(found.len(), 1, "{found:#?}");
        assert!(machine
            .says(&["doctor"], 0)
            .contains("rocBLAS has code for gfx1010"));
    };
    let machine = Machine::healthy();
    machine.add_kernels(LIB, &["gfx1010", "gfx1030"]);
    good(&machine);
    // Links into a content-addressed store.
    let machine = Machine::healthy();
    machine.put("/store/0f1e2d", code::object(GFX1010));
    machine.link(
        &format!("{LIB}/Kernels.so-000-gfx1010.hsaco"),
        "/store/0f1e2d",
    );
    machine.put(
        &format!("{LIB}/Kernels.so-000-gfx1030.hsaco"),
        code::object(GFX1030),
    );
    good(&machine);
    // Code for the whole family, and bundles.
    for bytes in [
        code::object(GFX10_1_GENERIC),
        code::bundle(&[("gfx1010:xnack-", Some(0x233))]),
        code::compressed(&code::listed(&["gfx1010"]), 2, &Method::Zlib),
    ] {
        let machine = Machine::healthy();
        machine.put(&format!("{LIB}/Kernels.so-000-gfx1010.hsaco"), bytes);
        good(&machine);
    }
}

#[test]
fn files_that_cannot_be_judged() {
    let unknown = |machine: &Machine, words: &[&str]| {
        contains(&only(machine, "rocblas-unknown", "unseen"), words);
    };
    let file = format!("{LIB}/Kernels.so-000-gfx1010.hsaco");
    for (bytes, word) in [
        (Vec::new(), "neither a code object nor a bundle"),
        (b"\x7fELF".to_vec(), "neither a code object nor a bundle"),
        (code::object(0), "its ELF flags 0x0 name no ISA"),
        (
            code::compressed(&code::listed(&["gfx1010"]), 3, &Method::Unknown),
            "unknown method (7)",
        ),
        (b"CCOB\x09\x00".to_vec(), "malformed"),
        (
            b"__CLANG_OFFLOAD_BUNDLE__\xff\xff\xff\xff\xff\xff\xff\xff".to_vec(),
            "malformed",
        ),
    ] {
        let machine = Machine::healthy();
        machine.put(&file, bytes);
        unknown(&machine, &[word]);
    }
    let machine = Machine::healthy();
    machine.link(INDEX, "gone.dat");
    unknown(
        &machine,
        &["TensileLibrary_lazy_gfx1010.dat", "No such file"],
    );
    let machine = Machine::healthy();
    machine.link(INDEX, "TensileLibrary_lazy_gfx1010.dat");
    unknown(&machine, &["Too many levels of symbolic links"]);
    // A rocBLAS without kernels in its search path.
    let machine = Machine::healthy();
    machine.put("/opt/rocm/lib/librocblas.so.5", code::library(".text", b""));
    unknown(&machine, &["/opt/rocm/lib/rocblas/library"]);
    // This card does not load code that needs XNACK.
    let machine = Machine::healthy();
    machine.put(&file, code::object(GFX1010_XNACK));
    only(&machine, "rocblas-without-gfx1010", "trouble");
}

/// The locations of ROCm in distributions, archives and applications.
#[test]
fn usual_places() {
    for (place, kernels) in [
        (
            "/opt/rocm/core-7.11",
            "/opt/rocm/core-7.11/lib/rocblas/library",
        ),
        ("/opt/therock-7.10", "/opt/therock-7.10/lib/rocblas/library"),
        ("/opt/rocm", "/opt/rocm/lib64/rocblas/library"),
        ("/usr/lib64", "/usr/lib64/rocblas/library"),
        (
            "/usr/lib64/rocm/gfx10/lib",
            "/usr/lib64/rocm/gfx10/lib/rocblas/library",
        ),
        ("/usr/local/lib", "/usr/local/lib/rocblas/library"),
    ] {
        let machine = Machine::healthy();
        machine.add_kernels(kernels, &["gfx1030"]);
        let said = only(&machine, "rocblas-without-gfx1010", "trouble");
        contains(&said, &[place, kernels, "others are for gfx1030"]);
        machine.add_kernels(kernels, &["gfx1010"]);
        let found = machine.findings();
        assert_eq!(found.len(), 1, "{place}: {found:#?}");
    }
    // rdna1ctl names a layout that it does not know.
    let machine = Machine::healthy();
    machine.put("/opt/therock-9/gfx101X/lib/librocblas.so.9", "");
    let said = only(&machine, "rocblas-not-found", "unseen");
    contains(&said, &["/opt/therock-9", "rdna1ctl check FOLDER"]);
    // Two names of one installation make one finding.
    let machine = Machine::healthy();
    machine.add_kernels("/opt/rocm/core-7.11/lib/rocblas/library", &["gfx1030"]);
    machine.link("/opt/rocm/core", "core-7.11");
    only(&machine, "rocblas-without-gfx1010", "trouble");
    // An application that does not run causes no finding.
    let machine = Machine::healthy();
    machine.put(
        "/usr/lib/ollama/rocm/librocblas.so.4",
        code::library(".text", b""),
    );
    machine.add_kernels("/usr/lib/ollama/rocm/rocblas/library", &["gfx1030"]);
    only(&machine, "application-without-gfx1010", "note");
}
