// SPDX-License-Identifier: GPL-2.0

use super::*;
use crate::truth::View;

const GPU: &str = "0001:03:00.0";

/// A card with a large BAR, as the module's files show it.
const OURS: &[(&str, &str)] = &[
    (
        "gpus",
        "gpu=0001:03:00.0 device=0x731f revision=0xc1 subsystem=0x1002:0x0b36 board=RX-5700-XT \
         driver=- node=1 gpu_id=0x17 gfx=100100 bar0_bytes=8589934592 bar=large link_gts=16 \
         link_width=16 atomics=completer kfd=present reason=- coarse_grained_only=1 \
         verdict=truth atomics_hop=- atomics_kfd=requested mec_fw=156 link_gts_max=16 \
         link_width_max=16 power=active vram_total_bytes=8573157376\n",
    ),
    (
        "heaps",
        "gpu=0001:03:00.0 node=1 bank=0 heap=fb_public size_bytes=8573157376 width_bits=256 \
         mem_clk_max_mhz=875 flags=0x0 coarse_grained_only=1 fine_grained=0 verdict=truth rules=-\n",
    ),
    (
        "flags",
        "gpu=0001:03:00.0 node=1 coarse_grained_only=1 fine_grained_vram=0 hot_pluggable_vram=0 \
         xgmi=0 host_coherent=0 gfx=100100 claimed_hot_pluggable=0 claimed_xgmi=0 \
         claimed_host_coherent=0 claimed_gfx=100100 verdict=truth\n",
    ),
    (
        "checks",
        "gpu=0001:03:00.0 node=1 bank=- rule=gfx-version expected=100100 observed=100100 verdict=truth\n\
         gpu=0001:03:00.0 node=1 bank=- rule=pci-identity expected=0x1002:0x731f observed=0x1002:0x731f verdict=truth\n\
         gpu=0001:03:00.0 node=1 bank=0 rule=bank-flags expected=0x0 observed=0x0 verdict=truth\n\
         gpu=0001:03:00.0 node=1 bank=0 rule=heap-type expected=fb observed=fb_public verdict=truth\n\
         gpu=0001:03:00.0 node=1 bank=- rule=bank-count expected=1 observed=listed:1,found:1 verdict=truth\n\
         gpu=0001:03:00.0 node=1 bank=0 rule=bank-size expected=1..8589934592 observed=8573157376 verdict=truth\n\
         gpu=0001:03:00.0 node=1 bank=- rule=hive-id expected=0x0 observed=0x0 verdict=truth\n\
         gpu=0001:03:00.0 node=1 bank=- rule=xgmi expected=engines:0,links:0 observed=engines:0,links:0 verdict=truth\n\
         gpu=0001:03:00.0 node=1 bank=- rule=host-coherent expected=no observed=0x20839280 verdict=truth\n\
         gpu=0001:03:00.0 node=1 bank=- rule=link-coherent expected=NON_COHERENT observed=0x3 verdict=truth\n\
         gpu=0001:03:00.0 node=1 bank=0 rule=heap-bar expected=bar0:8589934592 observed=fb_public:8573157376 verdict=truth\n",
    ),
];

const CPU: &str = "\
record=system num_nodes=2
record=node node=0 kfd_gpu_id=0
record=bank node=0 bank=0 heap_type=0
";
const LINK_FROM_CPU: &str = "record=link node=0 link=0 io_link_type=2 node_to=1 flags=3\n";
/// Holds only the keys of libhsakmt that are compared, so that changing any of them must fail.
const CARD: &str = "\
record=node node=1 num_memory_banks=4 capability=545493632 coherent_host_access=0 engine_ucode=156 engine_major=10 engine_minor=1 engine_stepping=0 vendor_id=4098 device_id=29471 location_id=768 domain=1 hive_id=0 num_sdma_xgmi_engines=0 kfd_gpu_id=23
record=bank node=1 bank=0 heap_type=1 size_in_bytes=8573157376 flags=0 hot_pluggable=0 width=256 memory_clock_max=875
record=bank node=1 bank=1 heap_type=4
record=bank node=1 bank=2 heap_type=5
record=bank node=1 bank=3 heap_type=6
record=link node=1 link=0 io_link_type=2 flags=1
";

fn theirs() -> String {
    [CPU, LINK_FROM_CPU, CARD].concat()
}

fn ours(change: impl Fn(&str, String) -> String) -> View {
    View::read_with(|file| {
        let (_, text) = OURS.iter().find(|(name, _)| *name == file).unwrap();
        Ok(change(file, format!("# rdna1 {file} v1\n{text}")))
    })
    .unwrap()
}

fn compared(theirs: &str, differences: &[Difference<'_>]) -> Result<Compared> {
    compare(&ours(|_, text| text), &parse(theirs)?, GPU, differences)
}

fn complaint(result: Result<Compared>) -> String {
    format!("{:#}", result.expect_err("a complaint"))
}

#[test]
fn equal_is_equal() {
    let equal = compared(&theirs(), &[]).unwrap();
    assert_eq!(equal.len(), lists::BOTH.len() + lists::OBSERVED.len());
    assert_eq!(equal["checks.host-coherent"], "0x20839280");
}

/// Changing any single number of the card in libhsakmt's output fails the comparison.
#[test]
fn any_other_value_of_theirs_is_found() {
    let text = [LINK_FROM_CPU, CARD].concat();
    let mut tried = 0;
    for (at, word) in text.match_indices(' ') {
        let rest = &text[at + word.len()..];
        let pair = &rest[..rest.find([' ', '\n']).unwrap()];
        let (key, value) = pair.split_once('=').unwrap();
        let other = value.parse::<u64>().unwrap() + 1;
        let after = &rest[pair.len()..];
        let changed = format!("{CPU}{} {key}={other}{after}", &text[..at]);
        // The comparison ignores the type of the link from the CPU.
        let asked = key != "io_link_type" || at > LINK_FROM_CPU.len();
        assert_eq!(compared(&changed, &[]).is_err(), asked, "{changed}");
        tried += 1;
    }
    assert!(tried > 40, "{tried}");
}

/// Changes the value of `key` in every line that contains `mark`.
fn altered(text: &str, mark: &str, key: &str) -> String {
    let word = |word: &str| match word.split_once('=') {
        Some((k, value)) if k == key => format!("{k}=7{value}"),
        _ => word.to_owned(),
    };
    let line = |line: &str| {
        let words: Vec<_> = line.split(' ').map(word).collect();
        words.join(" ")
    };
    text.lines()
        .map(|l| if l.contains(mark) { line(l) } else { l.to_owned() } + "\n")
        .collect()
}

/// Changing any single value of the module that is listed as compared fails the comparison.
#[test]
fn any_other_value_of_ours_is_found() {
    let parsed = parse(&theirs()).unwrap();
    for (file, key, _) in lists::BOTH {
        let view = ours(|name, text| match name == *file {
            true => altered(&text, "", key),
            false => text,
        });
        assert!(compare(&view, &parsed, GPU, &[]).is_err(), "{file}.{key}");
    }
    for (rule, _) in lists::OBSERVED {
        let view = ours(|_, text| altered(&text, &format!("rule={rule} "), "observed"));
        let error = complaint(compare(&view, &parsed, GPU, &[]));
        assert!(error.contains(&format!("checks.{rule}: 7")), "{error}");
    }
}

#[test]
fn nothing_may_be_missing_or_unknown() {
    let parsed = parse(&theirs()).unwrap();
    let mut tried = 0;
    for (from, to, word) in [
        (
            " link_width_max=16",
            " link_width_max=16 new=1",
            "gpus.new: is in no list",
        ),
        (
            "rule=hive-id",
            "rule=new",
            "checks.hive-id: nothing and 0x0",
        ),
        (
            "rule=link-coherent",
            "rule=new",
            "checks.new: is in no list",
        ),
        (" mec_fw=156", "", "gpus.mec_fw: the module has none"),
        ("node=1 bank=0 heap=", "node=1 bank=1 heap=", "no bank 1"),
    ] {
        let view = ours(|_, text| text.replace(from, to));
        let error = complaint(compare(&view, &parsed, GPU, &[]));
        assert!(error.contains(word), "{word}: {error}");
        tried += 1;
    }
    for (from, to, word) in [
        (
            " domain=1",
            " domain=1 new=1",
            "libhsakmt's node.new: is in no list",
        ),
        (" width=256", "", "no width="),
        (
            "heap_type=6",
            "heap_type=7",
            "expected libhsakmt to add banks",
        ),
        (LINK_FROM_CPU, "", "checks.link-coherent: 0x3 and nothing"),
        (" domain=1", " domain=2", "no node at 0001:03:00.0"),
    ] {
        let error = complaint(compared(&theirs().replace(from, to), &[]));
        assert!(error.contains(word), "{word}: {error}");
        tried += 1;
    }
    assert_eq!(tried, 10);
}

#[test]
fn a_difference_that_is_expected_has_to_be_there() {
    let device = |ours, theirs| Difference {
        name: "gpus.device",
        ours,
        theirs,
    };
    let error = complaint(compared(&theirs(), &[device("0x731f", "0x7311")]));
    assert!(error.contains("expected 0x731f and 0x7311"), "{error}");
    let other = theirs().replace("device_id=29471", "device_id=29457");
    let error = complaint(compared(&other, &[device("0x731f", "0x7311")]));
    assert!(error.contains("checks.pci-identity"), "{error}");
    assert!(!error.contains("gpus.device"), "{error}");
}

#[test]
fn an_output_that_is_cut_off_is_no_output() {
    let whole = theirs();
    assert!(parse(&whole[..whole.find("record=node node=1").unwrap()]).is_err());
    assert!(parse("record=bank node=0 bank=0\n").is_err());
    assert!(parse("record=what\n").is_err());
    assert!(parse("").is_ok_and(|topology| topology.nodes.is_empty()));
}
