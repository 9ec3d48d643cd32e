// SPDX-License-Identifier: GPL-2.0

//! Property tests of the parser and the scan: for any bytes they neither panic nor guess.

mod common;

use common::{
    Bus,
    Found,
    Tree, //
};
use proptest::prelude::*;
use rdna1_kfd_guard::facts::{
    node::{
        BankProperties,
        NodeProperties, //
    },
    pci::Name,
    properties::{
        decimal,
        single_number,
        Properties, //
    },
    topology::{
        File,
        LinkFolder, //
    },
    value::Value, //
};

/// Parses a text. Returns its properties and the number of malformed lines.
fn parse<P: Properties>(text: &[u8]) -> (P, u64) {
    let mut properties = P::default();
    let malformed = properties.parse(text);
    (properties, malformed)
}

const FILES: [File; 7] = [
    File::GenerationId,
    File::GpuId(1),
    File::Node(0),
    File::Node(1),
    File::Bank(1, 0),
    File::Link(LinkFolder::Io(0), 0),
    File::Link(LinkFolder::Io(1), 0),
];

/// Bytes that resemble KFD's files.
fn nearly_properties() -> impl Strategy<Value = Vec<u8>> {
    let key = prop_oneof![
        Just("flags".to_owned()),
        Just("heap_type".to_owned()),
        Just("size_in_bytes".to_owned()),
        Just("gfx_target_version".to_owned()),
        Just("device_id".to_owned()),
        Just("vendor_id".to_owned()),
        Just("location_id".to_owned()),
        "[a-z_ ]{0,12}",
    ];
    let value = prop_oneof!["[0-9]{1,22}", "[ -~]{0,12}", Just("29471".to_owned())];
    let end = prop_oneof![9 => Just("\n"), 1 => Just(""), 1 => Just("\0")];
    prop::collection::vec((key, value, end), 0..40).prop_map(|lines| {
        let lines = lines
            .iter()
            .map(|(key, value, end)| format!("{key} {value}{end}"));
        lines.collect::<String>().into_bytes()
    })
}

proptest! {
    #[test]
    fn any_bytes_parse(text in prop::collection::vec(any::<u8>(), 0..5000)) {
        let lines = u64::try_from(text.split_inclusive(|&b| b == b'\n').count()).unwrap();
        let (_, malformed) = parse::<NodeProperties>(&text);
        prop_assert!(malformed <= lines);
        single_number(&text);
        Name::new(&text);
    }

    #[test]
    fn a_number_is_known_just_if_it_fits(text in "[0-9]{1,25}") {
        prop_assert_eq!(decimal(text.as_bytes()), text.parse::<u64>().ok());
    }

    #[test]
    fn a_number_is_what_was_printed(flags: u32, size: u64) {
        let text = format!("heap_type 1\nsize_in_bytes {size}\nflags {flags}\n");
        let (bank, malformed) = parse::<BankProperties>(text.as_bytes());
        prop_assert_eq!(malformed, 0);
        prop_assert_eq!(bank.flags(), Value::Known(flags.into()));
        prop_assert_eq!(bank.size_in_bytes(), Value::Known(size));
        prop_assert_eq!(bank.width(), Value::Absent);
    }

    #[test]
    fn a_cut_text_never_gives_another_number(cut in 0usize..70) {
        let whole = b"heap_type 1\nsize_in_bytes 8573157376\nflags 12\nwidth 256\n";
        let (all, _) = parse::<BankProperties>(whole);
        let (some, _) = parse::<BankProperties>(&whole[..cut.min(whole.len())]);
        for (all, some) in [
            (all.heap_type(), some.heap_type()),
            (all.size_in_bytes(), some.size_in_bytes()),
            (all.flags(), some.flags()),
            (all.width(), some.width()),
        ] {
            prop_assert!(some == all || some.known().is_none());
        }
    }

    /// With any bytes in one file, all pages keep their format, and the facts about the card do
    /// not change.
    #[test]
    fn any_file_leaves_the_pages_in_form(
        file in prop::sample::select(&FILES[..]),
        text in prop_oneof![prop::collection::vec(any::<u8>(), 0..300), nearly_properties()],
    ) {
        let mut tree = Tree::honest();
        tree.files.insert(file.to_string(), Ok(text));
        let found = Found::of(&tree, &Bus::honest());
        prop_assert_eq!(found.gpus().len(), 1);
        for record in found.heaps().iter().chain(&found.flags()) {
            if record["gpu"] == "0000:03:00.0" {
                prop_assert_eq!(&record["coarse_grained_only"], "1");
            }
        }
        for check in found.checks() {
            let verdict = check["verdict"].as_str();
            prop_assert!(["truth", "lie", "unknown"].contains(&verdict));
            // A rule must not say `lie` if its value is unknown.
            prop_assert!(verdict != "lie" || check["observed"] != "?");
        }
    }
}
