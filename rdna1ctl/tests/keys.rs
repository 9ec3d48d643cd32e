// SPDX-License-Identifier: GPL-2.0

//! The typed rows have the keys that the core writes, in the same order.

use std::fmt::Write;
use std::path::Path;

use rdna1_kfd_guard::facts::{snapshot::Snapshot, tally::Tally};
use rdna1_kfd_guard::host::{Capture, PciFile};
use rdna1_kfd_guard::observe::observe;
use rdna1_kfd_guard::text;
use rdna1ctl::rows::{Check, Gpu, Heap};

/// Writes a module file.
type Writes = fn(&Snapshot, &mut dyn Write) -> std::fmt::Result;

#[test]
fn rows_have_the_keys_of_the_core() {
    let capture = "../selftests/captures/reconstructed/0x731f-5700xt-largebar";
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(capture);
    let mut topology = Capture::open(&folder).unwrap();
    let bus: Option<&mut PciFile> = None;
    let snapshot = observe(&mut topology, bus, &mut Tally::default())
        .ok()
        .unwrap();
    let files: [(Writes, &[&str]); 3] = [
        (text::gpus, Gpu::KEYS),
        (text::heaps, Heap::KEYS),
        (text::checks, Check::KEYS),
    ];
    for (write, keys) in files {
        let mut page = String::new();
        write(&snapshot, &mut page).unwrap();
        let record = page.lines().nth(1).unwrap();
        let written: Vec<_> = record
            .split(' ')
            .map(|pair| pair.split_once('=').unwrap().0)
            .collect();
        assert_eq!(written, keys, "{page}");
    }
}
