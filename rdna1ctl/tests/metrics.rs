// SPDX-License-Identifier: GPL-2.0

//! The command `metrics`, read by a client's parser.

mod machine;
mod promtool;

use std::collections::BTreeMap;
use std::os::unix::fs::MetadataExt as _;

use machine::Machine;
use prometheus_parse::{Sample, Scrape, Value};

fn scrape(text: &str) -> Vec<Sample> {
    let lines = text.lines().map(|line| Ok(line.to_owned()));
    Scrape::parse(lines).unwrap().samples
}

/// The value of the only sample with that name and these labels.
fn value(samples: &[Sample], name: &str, labels: &[(&str, &str)]) -> f64 {
    let found: Vec<_> = samples
        .iter()
        .filter(|sample| sample.metric == name)
        .filter(|sample| {
            labels
                .iter()
                .all(|(key, value)| sample.labels.get(key) == Some(value))
        })
        .collect();
    let [sample] = found.as_slice() else {
        panic!("{name} {labels:?}: {found:?}");
    };
    match sample.value {
        Value::Counter(value) | Value::Gauge(value) => value,
        ref other => panic!("{name}: {other:?}"),
    }
}

#[test]
fn a_healthy_machine() {
    let text = Machine::healthy().says(&["metrics"], 0);
    let samples = scrape(&text);
    let gpu = ("gpu", "0000:03:00.0");
    for (name, labels, wanted) in [
        ("rdna1ctl_info", &[("source", "module")][..], 1.0),
        ("rdna1_module_loaded", &[], 1.0),
        ("rdna1_cards", &[], 1.0),
        ("rdna1_card_verdict", &[gpu, ("verdict", "truth")], 1.0),
        ("rdna1_card_verdict", &[gpu, ("verdict", "lie")], 0.0),
        ("rdna1_card_in_kfd", &[gpu], 1.0),
        ("rdna1_card_atomics", &[gpu], 1.0),
        ("rdna1_card_bar0_bytes", &[gpu], 8_589_934_592.0),
        ("rdna1_card_vram_bytes", &[gpu], 8_573_157_376.0),
        ("rdna1_card_asleep", &[gpu], 0.0),
        (
            "rdna1_heap_size_bytes",
            &[gpu, ("bank", "0"), ("heap", "fb_public")],
            8_573_157_376.0,
        ),
        (
            "rdna1_rule_verdict",
            &[gpu, ("rule", "hive-id"), ("verdict", "truth")],
            1.0,
        ),
        ("rdna1_banks_total", &[], 1.0),
    ] {
        assert_eq!(value(&samples, name, labels), wanted, "{name} {labels:?}");
    }
}

/// The rules of promtool's `check metrics`: each family once, with help and type; only counters end
/// in `_total`; no duplicate sample.
#[test]
fn the_text_is_well_formed() {
    for machine in [
        Machine::healthy(),
        Machine::bare(),
        Machine::without_module("reconstructed/lie-hive-id"),
    ] {
        let text = machine.says(&["metrics"], 0);
        let mut types = BTreeMap::new();
        for line in text.lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let (name, kind) = line.split_once(' ').unwrap();
            assert_eq!(types.insert(name, kind), None, "{name} has two types");
            assert!(
                text.contains(&format!("# HELP {name} ")),
                "{name} has no help"
            );
            assert_eq!(kind == "counter", name.ends_with("_total"), "{name} {kind}");
        }
        let samples = scrape(&text);
        let lines = text.lines().filter(|line| !line.starts_with('#')).count();
        assert_eq!(samples.len(), lines, "{text}");
        let mut seen = BTreeMap::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (sample, _) = line.rsplit_once(' ').unwrap();
            assert_eq!(seen.insert(sample, ()), None, "{sample} is there twice");
            let name = sample.split('{').next().unwrap();
            assert!(types.contains_key(name), "{name} has no type");
        }
    }
}

/// The errors that promtool finds in a text; empty if there are none.
fn promtool_says(text: &str) -> String {
    let (well, said) = promtool::run(&["check", "metrics"], text);
    assert_eq!(well, said.is_empty(), "{said}");
    said
}

/// `make test` fetches promtool and runs this.
#[test]
#[ignore = "needs promtool"]
fn promtool_takes_it() {
    let odd = Machine::healthy();
    odd.edit(
        "/sys/kernel/debug/rdna1/heaps",
        "heap=fb_public",
        "heap=a\\b",
    );
    let text = odd.says(&["metrics"], 0);
    assert!(text.contains("heap=\"a\\\\b\""), "{text}");
    for machine in [
        Machine::healthy(),
        Machine::bare(),
        Machine::without_module("reconstructed/lie-hive-id"),
        odd,
    ] {
        let text = machine.says(&["metrics"], 0);
        assert_eq!(promtool_says(&text), "", "{text}");
    }
    let text = Machine::healthy().says(&["metrics"], 0);
    for (from, to, complaint) in [
        ("# HELP rdna1_cards", "# HELL rdna1_cards", "no help text"),
        ("rdna1_banks_total", "rdna1_banks", "_total"),
        (
            "verdict=\"lie\"",
            "verdict=\"l\"ie\"",
            "error while linting",
        ),
    ] {
        let said = promtool_says(&text.replace(from, to));
        assert!(said.contains(complaint), "{from} as {to}: {said}");
    }
}

#[test]
fn a_lie_and_no_module() {
    let samples =
        scrape(&Machine::without_module("reconstructed/lie-hive-id").says(&["metrics"], 0));
    assert_eq!(
        value(&samples, "rdna1_card_verdict", &[("verdict", "lie")]),
        1.0
    );
    assert_eq!(
        value(
            &samples,
            "rdna1_rule_verdict",
            &[("rule", "hive-id"), ("verdict", "lie")]
        ),
        1.0
    );
    assert_eq!(value(&samples, "rdna1_module_loaded", &[]), 0.0);
}

/// rdna1ctl replaces the file atomically, lets any user read it, and leaves no temporary file.
#[test]
fn for_the_textfile_collector() {
    let machine = Machine::healthy();
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("rdna1.prom");
    std::fs::write(&file, "old").unwrap();
    let arguments = ["metrics", "--output", file.to_str().unwrap()];
    assert_eq!(machine.says(&arguments, 0), "");
    let text = std::fs::read_to_string(&file).unwrap();
    assert_eq!(text, machine.says(&["metrics"], 0));
    assert_eq!(std::fs::metadata(&file).unwrap().mode() & 0o777, 0o644);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    let output = machine.run(&["metrics", "--output", "/no/such/folder/x.prom"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("cannot write /no/such/folder/x.prom"));
}
