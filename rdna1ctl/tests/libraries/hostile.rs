// SPDX-License-Identifier: GPL-2.0

//! GPU code files with false contents.

use std::time::Duration;

use crate::machine::code;
use crate::{with_torch, TORCH};

/// False claims in a file do not delay rdna1ctl.
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
    // A sparse file of a terabyte.
    std::fs::write(&own, &fat).unwrap();
    std::fs::File::options()
        .write(true)
        .open(&own)
        .unwrap()
        .set_len(1 << 40)
        .unwrap();
    in_time();
    // Changes each byte of the two headers.
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
    rdna1ctl::sources::code::of(&file, rdna1ctl::sources::code::SOME).map(drop)
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
