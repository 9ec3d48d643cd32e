// SPDX-License-Identifier: GPL-2.0

//! The module's records as typed rows for JSON: numbers are numbers, and `?` becomes null.

use std::collections::BTreeMap;

use rdna1_records::{Record, UNKNOWN};
use schemars::JsonSchema;
use serde::Serialize;

/// Parses a value to the type of its column.
trait Cell: Sized {
    fn of(value: &str) -> Option<Self>;
}

impl Cell for String {
    fn of(value: &str) -> Option<Self> {
        Some(value.to_owned())
    }
}

impl Cell for u64 {
    fn of(value: &str) -> Option<Self> {
        value.parse().ok()
    }
}

impl Cell for f64 {
    fn of(value: &str) -> Option<Self> {
        value.parse().ok().filter(|number: &f64| number.is_finite())
    }
}

/// `a,b`; `-` is an empty list.
impl Cell for Vec<String> {
    fn of(value: &str) -> Option<Self> {
        Some(match value {
            "-" => Vec::new(),
            list => list.split(',').map(str::to_owned).collect(),
        })
    }
}

macro_rules! rows {
    ($( $(#[$meta:meta])* $name:ident { $( $key:ident: $kind:ty, )+ } )+) => { $(
        $(#[$meta])*
        #[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
        pub struct $name {
            $(
                #[doc = concat!("`", stringify!($key), "`: see docs/files.md.")]
                pub $key: Option<$kind>,
            )+
            /// Keys that a newer module added, as text.
            pub more: BTreeMap<String, String>,
        }

        impl $name {
            /// The known keys, in the order of the record.
            pub const KEYS: &'static [&'static str] = &[$( stringify!($key) ),+];
        }

        impl From<&Record> for $name {
            fn from(record: &Record) -> Self {
                let more = record.pairs().filter(|(key, _)| !Self::KEYS.contains(key));
                Self {
                    $( $key: record
                        .find(stringify!($key))
                        .filter(|value| *value != UNKNOWN)
                        .and_then(Cell::of), )+
                    more: more.map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
                }
            }
        }
    )+ };
}

rows! {
    /// A record of `gpus`.
    Gpu {
        gpu: String,
        device: String,
        revision: String,
        subsystem: String,
        board: String,
        driver: String,
        node: u64,
        gpu_id: String,
        gfx: u64,
        bar0_bytes: u64,
        bar: String,
        link_gts: f64,
        link_width: u64,
        atomics: String,
        kfd: String,
        reason: String,
        coarse_grained_only: u64,
        verdict: String,
        atomics_hop: String,
        atomics_kfd: String,
        mec_fw: u64,
        link_gts_max: f64,
        link_width_max: u64,
        power: String,
        vram_total_bytes: u64,
    }

    /// A record of `heaps`.
    Heap {
        gpu: String,
        node: u64,
        bank: u64,
        heap: String,
        size_bytes: u64,
        width_bits: u64,
        mem_clk_max_mhz: u64,
        flags: String,
        coarse_grained_only: u64,
        fine_grained: u64,
        verdict: String,
        rules: Vec<String>,
    }

    /// A record of `checks`.
    Check {
        gpu: String,
        node: u64,
        bank: String,
        rule: String,
        expected: String,
        observed: String,
        verdict: String,
    }
}
