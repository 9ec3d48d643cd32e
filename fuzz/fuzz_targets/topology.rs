// SPDX-License-Identifier: GPL-2.0

//! Fuzz target: for any topology and any PCI facts the core must not panic, hang or contradict
//! itself.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rdna1_kfd_guard_fuzz::{check, Machine};

fuzz_target!(|bytes: &[u8]| check(&Machine::parse(bytes)));
