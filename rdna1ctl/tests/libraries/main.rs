// SPDX-License-Identifier: GPL-2.0

//! Libraries of running programs and installations: whether they have code for the card.

mod hostile;
mod kernels;
#[path = "../machine/mod.rs"]
mod machine;

use std::process::Stdio;

use machine::code;
use machine::{contains, Machine};

const LIB: &str = "/opt/rocm/lib/rocblas/library";
const TORCH: &str = "/home/ann/venv/lib/python3.12/site-packages";

/// Asserts that this is the only finding besides amdgpu's package, in that state; returns its text.
fn only(machine: &Machine, id: &str, state: &str) -> String {
    let mut found = machine.findings();
    found.retain(|(id, ..)| id != "amdgpu-package");
    let [(seen, is, text)] = found.as_slice() else {
        panic!("expected {id}: {found:#?}");
    };
    assert_eq!((seen.as_str(), is.as_str()), (id, state), "{text}");
    text.clone()
}

/// A machine that runs a wheel's PyTorch with kernels for these ISAs.
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

/// The program may use the other GPU, unless it has memory on the card.
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
    contains(
        &said,
        &["process 4242 (python3), process 4243 (python3) use ROCm 6.2.4"],
    );
}

/// The program's own kernels count, too.
#[test]
fn one_library_of_several_lacks_it() {
    let machine = with_torch(&["gfx900", "gfx1010"]);
    let own = format!("{TORCH}/torch/lib/libtorch_hip.so");
    machine.put(&own, code::fat(&[&code::listed(&["gfx900", "gfx90a"])]));
    let said = only(&machine, "program-without-gfx1010", "trouble");
    contains(&said, &["libtorch_hip.so", "code for gfx900, gfx90a"]);
    assert!(!said.contains("rocblas/library"), "{said}");
    // Most programs work without this library.
    let machine = with_torch(&["gfx900", "gfx1010"]);
    let miopen = format!("{TORCH}/torch/lib/libMIOpen.so");
    machine.put(&miopen, code::fat(&[&code::listed(&["gfx90a"])]));
    machine.map(
        4242,
        &[&format!("{TORCH}/torch/lib/librocblas.so"), &miopen],
    );
    assert_eq!(machine.findings().len(), 1, "{:#?}", machine.findings());
}

/// A container has its own root, and its links lead to its own files.
#[test]
fn a_container() {
    let machine = Machine::healthy();
    // The host's files have code for the card.
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

/// If no file has the version, rdna1ctl takes it from a library's name.
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
    // A pipe and a folder in place of its files.
    machine.map(4242, &["/pipe/libamdhip64.so", "/folder/libMIOpen.so"]);
    std::fs::create_dir_all(machine.path("/folder/libMIOpen.so")).unwrap();
    std::fs::create_dir_all(machine.path("/pipe")).unwrap();
    let mode = nix::sys::stat::Mode::from_bits_truncate(0o600);
    nix::unistd::mkfifo(&machine.path("/pipe/libamdhip64.so"), mode).unwrap();
    let said = only(&machine, "program-libraries-unknown", "unseen");
    contains(&said, &["it is not a regular file"]);
    // The program uses KFD without ROCm.
    machine.map(4242, &["/usr/lib/libc.so.6"]);
    assert_eq!(machine.findings().len(), 1);
    machine.remove("/proc/4242/maps");
    std::fs::create_dir(machine.path("/proc/4242/maps")).unwrap();
    only(&machine, "program-libraries-unread", "unseen");
    // Without a card, libraries do not matter.
    let bare = Machine::bare();
    bare.add_mapping_program(7, "/", &["/x/librocblas.so"]);
    let found = bare.findings();
    assert!(
        found.iter().all(|(id, ..)| !id.starts_with("program")),
        "{found:#?}"
    );
}

/// `run` reports it about the command.
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

/// A report contains no folder below a user's home.
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
