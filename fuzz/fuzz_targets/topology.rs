// SPDX-License-Identifier: GPL-2.0

//! Any topology, beside any PCI facts: the core neither panics nor hangs nor contradicts itself.

#![no_main]

use libfuzzer_sys::fuzz_target;
use rdna1_kfd_guard_fuzz::{check, Machine};

fuzz_target!(|bytes: &[u8]| check(&Machine::parse(bytes)));
