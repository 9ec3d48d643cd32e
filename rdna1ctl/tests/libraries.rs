// SPDX-License-Identifier: GPL-2.0

//! The libraries that running programs and installations bring, and whether they have code for the card.

mod machine;

use std::process::Stdio;
use std::time::Duration;

use machine::code::{self, Method, GFX1010, GFX1010_XNACK, GFX1030, GFX10_1_GENERIC};
use machine::Machine;

const TORCH: &str = "/home/ann/venv/lib/python3.12/site-packages";
const LIB: &str = "/opt/rocm/lib/rocblas/library";
const INDEX: &str = "/opt/rocm/lib/rocblas/library/TensileLibrary_lazy_gfx1010.dat";

/// The finding of that name and its state; the machine has no other of this page's.
fn only(machine: &Machine, id: &str, state: &str) -> String {
    let mut found = machine.findings();
    found.retain(|(id, ..)| id != "amdgpu-package");
    let [(seen, is, text)] = found.as_slice() else {
        panic!("expected {id}: {found:#?}");
    };
    assert_eq!((seen.as_str(), is.as_str()), (id, state), "{text}");
    text.clone()
}

fn contains(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "{word:?} is not in {text}");
    }
}

/// A python of a wheel for these ISAs.
fn with_torch(targets: &[&str]) -> Machine {
    let machine = Machine::healthy();
    machine.add_torch(TORCH, "2.6.0+rocm6.2.4", targets);
    let lib = format!("{TORCH}/torch/lib");
    let files = [
        "librocblas.so",
        "libamdhip64.so",
        "libtorch_hip.so",
        "libhsa-runtime64.so",
    ];
    let files = files.map(|name| format!("{lib}/{name}"));
    let files: Vec<_> = files.iter().map(String::as_str).collect();
    machine.add_mapping_program(4242, "/", &files);
    machine
}

#[test]
fn a_wheel_without_code_for_the_card() {
    let machine = with_torch(&["gfx900", "gfx1030"]);
    let said = only(&machine, "program-without-gfx1010", "trouble");
    contains(
        &said,
        &[
            "process 4242 (python3) uses ROCm 6.2.4 from /home/ann/venv/lib/python3.12/site-packages/torch/lib",
            "no code for gfx1010, only for other ISAs such as gfx1030",
            "torch/lib/rocblas/library",
            "no file named gfx1010; others are for gfx1030, gfx900",
            "libtorch_hip.so",
            "gfx1010 in 0 of 3 bundles",
            "HSA_OVERRIDE_GFX_VERSION=10.3.0 makes libraries load",
            "rdna1ctl check FOLDER",
        ],
    );
    let status = machine.says(&["status"], 0);
    contains(&status, &["GFX1010 CODE"]);
    assert_eq!(machine.json("status", 0)["programs"][0]["gfx1010"], false);
}

#[test]
fn a_wheel_for_the_card() {
    let machine = with_torch(&["gfx900", "gfx1010"]);
    assert_eq!(machine.findings().len(), 1, "{:#?}", machine.findings());
    let page = machine.says(&["doctor"], 0);
    let page = page.split_whitespace().collect::<Vec<_>>().join(" ");
    contains(&page, &["uses ROCm 6.2.4", "which has code for gfx1010"]);
    assert_eq!(machine.json("status", 0)["programs"][0]["gfx1010"], true);
}

/// It may use the other GPU, unless it has memory of the card.
#[test]
fn beside_another_gpu() {
    let machine = with_torch(&["gfx900"]);
    let node = "/sys/class/kfd/kfd/topology/nodes/2";
    machine.put(&format!("{node}/gpu_id"), "777\n");
    machine.put(
        &format!("{node}/properties"),
        "vendor_id 4098\ndevice_id 5567\nlocation_id 1280\n",
    );
    only(&machine, "program-without-gfx1010", "trouble");
    machine.put("/sys/class/kfd/kfd/proc/4242/vram_12345", "0\n");
    only(&machine, "program-without-gfx1010", "note");
}

#[test]
fn programs_with_the_same_libraries_are_one_finding() {
    let machine = with_torch(&["gfx900"]);
    let maps = std::fs::read(machine.path("/proc/4242/maps")).unwrap();
    machine.add_mapping_program(4243, "/", &[]);
    machine.put("/proc/4243/maps", maps);
    let said = only(&machine, "program-without-gfx1010", "trouble");
    contains(&said, &["process 4242 (python3), process 4243 (python3)"]);
}

/// Kernels of the program's own decide, too.
#[test]
fn one_library_of_several_lacks_it() {
    let machine = with_torch(&["gfx900", "gfx1010"]);
    let own = format!("{TORCH}/torch/lib/libtorch_hip.so");
    machine.put(&own, code::fat(&[&code::listed(&["gfx900", "gfx90a"])]));
    let said = only(&machine, "program-without-gfx1010", "trouble");
    contains(&said, &["libtorch_hip.so", "code for gfx900, gfx90a"]);
    assert!(!said.contains("rocblas/library"), "{said}");
    // Most programs do without this one.
    let machine = with_torch(&["gfx900", "gfx1010"]);
    let miopen = format!("{TORCH}/torch/lib/libMIOpen.so");
    machine.put(&miopen, code::fat(&[&code::listed(&["gfx90a"])]));
    machine.map(
        4242,
        &[&format!("{TORCH}/torch/lib/librocblas.so"), &miopen],
    );
    assert_eq!(machine.findings().len(), 1, "{:#?}", machine.findings());
}

/// A container has a root of its own, and its links lead to its own files.
#[test]
fn a_container() {
    let machine = Machine::healthy();
    // The host's would do.
    machine.put("/opt/rocm/.info/version", "6.3.2\n");
    machine.add_kernels(LIB, &["gfx1010", "gfx1030"]);
    let root = "/var/lib/containers/1/merged";
    let lib = format!("{root}/opt/rocm-6.4.0/lib");
    machine.put(&format!("{root}/opt/rocm-6.4.0/.info/version"), "6.4.0\n");
    machine.add_kernels(&format!("{lib}/rocblas/library"), &["gfx1030"]);
    machine.put(
        &format!("{lib}/librocblas.so.4"),
        code::library(".text", b""),
    );
    machine.link(&format!("{root}/opt/rocm"), "/opt/rocm-6.4.0");
    machine.add_mapping_program(4242, root, &["/opt/rocm/lib/librocblas.so.4"]);
    let said = only(&machine, "program-without-gfx1010", "trouble");
    contains(&said, &["ROCm 6.4.0 from /opt/rocm/lib"]);
}

/// `ROCBLAS_TENSILE_LIBPATH` names another folder of kernels.
#[test]
fn kernels_elsewhere() {
    let machine = with_torch(&["gfx1030"]);
    let own = format!("{TORCH}/torch/lib");
    machine.map(4242, &[&format!("{own}/librocblas.so")]);
    machine.put(&format!("{own}/librocblas.so"), code::library(".text", b""));
    only(&machine, "program-without-gfx1010", "trouble");
    machine.add_kernels("/srv/kernels", &["gfx1010"]);
    machine.put(
        "/proc/4242/environ",
        "ROCBLAS_TENSILE_LIBPATH=/srv/kernels\0",
    );
    assert_eq!(machine.findings().len(), 1, "{:#?}", machine.findings());
}

/// The version is in the name of a library where no file names one.
#[test]
fn versions_in_names() {
    let machine = Machine::healthy();
    machine.put(
        "/app/lib/libamdhip64.so.7.2.70200",
        code::library(".text", b""),
    );
    machine.put(
        "/app/lib/libggml-hip.so",
        code::fat(&[&code::listed(&["gfx1100"])]),
    );
    machine.add_mapping_program(
        4242,
        "/",
        &[
            "/app/lib/libggml-hip.so",
            "/app/lib/libamdhip64.so.7.2.70200",
        ],
    );
    let said = only(&machine, "program-without-gfx1010", "trouble");
    contains(&said, &["ROCm 7.2.0 from /app/lib", "code for gfx1100"]);
    assert!(!said.contains("OVERRIDE"), "{said}");
}

#[test]
fn programs_that_cannot_be_judged() {
    let machine = with_torch(&["gfx1010"]);
    let lib = format!("{TORCH}/torch/lib");
    // The package was upgraded while the program ran.
    machine.map(4242, &[&format!("{lib}/librocblas.so.4 (deleted)")]);
    let said = only(&machine, "program-libraries-unknown", "unseen");
    contains(
        &said,
        &["replaced or removed after the program had loaded it"],
    );
    // A pipe, and a folder, in the place of its files.
    machine.map(4242, &["/pipe/libamdhip64.so", "/folder/libMIOpen.so"]);
    std::fs::create_dir_all(machine.path("/folder/libMIOpen.so")).unwrap();
    std::fs::create_dir_all(machine.path("/pipe")).unwrap();
    let mode = nix::sys::stat::Mode::from_bits_truncate(0o600);
    nix::unistd::mkfifo(&machine.path("/pipe/libamdhip64.so"), mode).unwrap();
    let said = only(&machine, "program-libraries-unknown", "unseen");
    contains(&said, &["it is not a regular file"]);
    // Uses KFD without ROCm.
    machine.map(4242, &["/usr/lib/libc.so.6"]);
    assert_eq!(machine.findings().len(), 1);
    machine.remove("/proc/4242/maps");
    std::fs::create_dir(machine.path("/proc/4242/maps")).unwrap();
    only(&machine, "program-libraries-unread", "unseen");
    // Without a card, nothing matters.
    let bare = Machine::bare();
    bare.add_mapping_program(7, "/", &["/x/librocblas.so"]);
    let found = bare.findings();
    assert!(
        found.iter().all(|(id, ..)| !id.starts_with("program")),
        "{found:#?}"
    );
}

/// What links and copies pretend in rocBLAS's folder.
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
    // A copy of all: the code objects tell.
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
    // A copy of the index only.
    let index = machine();
    index.put(INDEX, "an index");
    trouble(
        &index,
        &["an index named gfx1010, and no code object for it"],
    );
    // Both link to another's, one level deeper.
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
    // A store of files by content.
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
    // One for the family, and a bundle.
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
    // A rocBLAS without kernels where it looks for them.
    let machine = Machine::healthy();
    machine.put("/opt/rocm/lib/librocblas.so.5", code::library(".text", b""));
    unknown(&machine, &["/opt/rocm/lib/rocblas/library"]);
    // Code that needs XNACK is not loaded on this card.
    let machine = Machine::healthy();
    machine.put(&file, code::object(GFX1010_XNACK));
    only(&machine, "rocblas-without-gfx1010", "trouble");
}

/// Where distributions, archives and applications put ROCm.
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
    // A form that nobody has seen yet is named.
    let machine = Machine::healthy();
    machine.put("/opt/therock-9/gfx101X/lib/librocblas.so.9", "");
    let said = only(&machine, "rocblas-not-found", "unseen");
    contains(&said, &["/opt/therock-9", "rdna1ctl check FOLDER"]);
    // Two names of one installation are one finding.
    let machine = Machine::healthy();
    machine.add_kernels("/opt/rocm/core-7.11/lib/rocblas/library", &["gfx1030"]);
    machine.link("/opt/rocm/core", "core-7.11");
    only(&machine, "rocblas-without-gfx1010", "trouble");
    // An application that does not run is no trouble.
    let machine = Machine::healthy();
    machine.put(
        "/usr/lib/ollama/rocm/librocblas.so.4",
        code::library(".text", b""),
    );
    machine.add_kernels("/usr/lib/ollama/rocm/rocblas/library", &["gfx1030"]);
    only(&machine, "application-without-gfx1010", "note");
}

/// `run` tells it of the command.
#[test]
fn a_command_that_maps_them() {
    let machine = Machine::healthy();
    machine.add_torch(TORCH, "2.6.0+rocm6.2.4", &["gfx1030"]);
    let script = format!(
        "mkdir -p $ROOT/proc/$$; \
         echo '7f00-7f01 r-xp 0 fe:01 77 {TORCH}/torch/lib/librocblas.so' > $ROOT/proc/$$/maps; \
         sleep 1.5; exit 3"
    );
    let output = machine
        .command(&["run", "--", "sh", "-c", &script])
        .env("ROOT", machine.root())
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(3), "{said}");
    let words = said.split_whitespace().collect::<Vec<_>>().join(" ");
    contains(
        &words,
        &[
            "it uses ROCm 6.2.4 from",
            "program-without-gfx1010",
            "others are for gfx1030",
        ],
    );
}

/// A report holds no folder below a user's home.
#[test]
fn a_report_leaves_folders_out() {
    let machine = with_torch(&["gfx900"]);
    let folder = tempfile::tempdir().unwrap();
    for (private, holds) in [(false, false), (true, true)] {
        let file = folder.path().join(format!("{private}.tar.gz"));
        let file = file.to_str().unwrap();
        let options: &[&str] = match private {
            true => &["report", "--private", file],
            false => &["report", file],
        };
        machine.says(options, 0);
        let bytes = std::fs::read(file).unwrap();
        let mut text = String::new();
        let mut archive = flate2::read::GzDecoder::new(bytes.as_slice());
        let mut all = Vec::new();
        std::io::Read::read_to_end(&mut archive, &mut all).unwrap();
        text.push_str(&String::from_utf8_lossy(&all));
        assert_eq!(text.contains("ann/venv"), holds, "private: {private}");
        assert!(text.contains("program-without-gfx1010"));
    }
}

/// Files that claim anything hold up nothing.
#[test]
fn hostile_files() {
    let machine = with_torch(&["gfx900"]);
    let own = machine.path(&format!("{TORCH}/torch/lib/libtorch_hip.so"));
    let fat = code::fat(&[&code::listed(&["gfx900"])]);
    let in_time = || {
        let mut command = assert_cmd::Command::from_std(machine.command(&["doctor", "--json"]));
        let output = command.timeout(Duration::from_secs(30)).output().unwrap();
        assert!(matches!(output.status.code(), Some(0 | 1)), "{output:?}");
    };
    // A file of a terabyte, most of it a hole.
    std::fs::write(&own, &fat).unwrap();
    std::fs::File::options()
        .write(true)
        .open(&own)
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    in_time();
    // Each place of the header says something else.
    for at in (16..64).chain(4096..4096 + 80) {
        for byte in [0xff, 0x00, 0x7f] {
            let mut odd = fat.clone();
            odd[at] = byte;
            let file = rdna1ctl_code(&own, &odd);
            drop(file);
        }
    }
    in_time();
}

fn rdna1ctl_code(path: &std::path::Path, bytes: &[u8]) -> Result<(), String> {
    std::fs::write(path, bytes).unwrap();
    let file = std::fs::File::open(path).unwrap();
    rdna1ctl::sources::code::of(&file).map(drop)
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 300, ..Default::default() })]

    #[test]
    fn any_bytes_as_code(magic in 0..4usize, bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..400)) {
        let folder = tempfile::tempdir().unwrap();
        let begin: &[u8] = [b"".as_slice(), b"CCOB\x03\0\x01\0", b"__CLANG_OFFLOAD_BUNDLE__\x02\0\0\0\0\0\0\0", b"\x7fELF\x02\x01\x01\x40"][magic];
        let _ = rdna1ctl_code(&folder.path().join("x"), &[begin, &bytes].concat());
    }
}
