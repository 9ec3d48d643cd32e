// SPDX-License-Identifier: GPL-2.0

//! Tests of the command `classify` on every capture.

mod common;

use std::{
    fs,
    path::Path,
    process::{
        Command,
        Output, //
    }, //
};

use common::captures;
use rdna1_kfd_guard::rules::RULES;

fn classify(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_classify"))
        .args(arguments)
        .current_dir(captures())
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// Runs `classify`. Returns its exit status, its output, and the rules with the verdict `lie`.
fn judge(arguments: &[&str]) -> (i32, String, Vec<String>) {
    let output = classify(arguments);
    let page = text(&output.stdout).to_owned();
    let lies = page
        .lines()
        .filter(|line| line.contains(" rule=") && line.ends_with(" verdict=lie"))
        .map(|line| {
            let rule = line.split(' ').find_map(|pair| pair.strip_prefix("rule="));
            rule.unwrap().to_owned()
        })
        .collect();
    (output.status.code().unwrap(), page, lies)
}

fn with_pci(name: &str) -> (i32, String, Vec<String>) {
    judge(&["--pci", &format!("{name}/pci"), name])
}

#[test]
fn honest_cards_are_all_truth_with_and_without_pci_facts() {
    for name in ["5700xt-largebar", "5700xt-smallbar", "5600xt-smallbar"] {
        let name = format!("reconstructed/0x731f-{name}");
        let (status, page, lies) = with_pci(&name);
        assert_eq!((status, lies.len()), (0, 0), "{page}");
        assert!(page.contains("verdict=truth rules=-\n"), "{page}");
        for word in ["lie", "unknown", "unjudged"] {
            assert!(!page.contains(&format!("verdict={word}")), "{page}");
        }
        let (status, page, lies) = judge(&[&name]);
        assert_eq!((status, lies.len()), (0, 0), "{page}");
        assert_eq!(page.matches("verdict=unjudged\n").count(), 2, "{page}");
        assert!(page.contains("verdict=truth rules=-\n"), "{page}");
    }
}

#[test]
fn each_lie_is_named_by_its_own_rule() {
    for (name, rule) in [
        ("lie-hotplug-flag", "bank-flags"),
        ("lie-gfxver-100300", "gfx-version"),
        ("lie-hive-id", "hive-id"),
    ] {
        let name = format!("reconstructed/{name}");
        for (status, page, lies) in [judge(&[&name]), with_pci(&name)] {
            assert_eq!((status, lies), (1, vec![rule.to_owned()]), "{page}");
            assert!(
                page.contains(&format!("verdict=lie rules={rule}\n")),
                "{page}"
            );
        }
    }
}

/// The file `SOURCE` of each capture explains the expected verdict.
#[test]
fn machines_that_look_odd_are_judged_rightly() {
    const TRUTH: i32 = 0;
    const LIE: i32 = 1;
    const UNKNOWN: i32 = 3;
    const IDENTITY: &str = "pci-identity,bank-size,heap-bar";
    // All rules but link-coherent: with a small BAR there is no link to judge.
    const ALL: &str = "gfx-version,pci-identity,bank-flags,heap-type,bank-count,bank-size,hive-id,\
                       xgmi,host-coherent,heap-bar";
    // Exit status, rules with `lie`, rules with `unknown`: with PCI facts, then without.
    for (name, with, without) in [
        (
            "lie-bank-larger-than-vram",
            (LIE, "bank-size", ""),
            (TRUTH, "", ""),
        ),
        (
            "lie-second-node",
            (LIE, "bank-flags,hive-id", IDENTITY),
            (LIE, "bank-flags,hive-id", ""),
        ),
        (
            "lie-xgmi-link-from-cpu",
            (LIE, "xgmi", ""),
            (LIE, "xgmi", ""),
        ),
        ("node-of-removed-card", (UNKNOWN, "", ALL), (TRUTH, "", "")),
        ("numa-memory-only-node", (TRUTH, "", ""), (TRUTH, "", "")),
        (
            "stale-node-after-rescan",
            (UNKNOWN, "", IDENTITY),
            (TRUTH, "", ""),
        ),
        (
            "unbound-then-bar-resized",
            (UNKNOWN, "", IDENTITY),
            (TRUTH, "", ""),
        ),
    ] {
        let name = format!("reconstructed/{name}");
        for (judged, expected) in [(with_pci(&name), with), (judge(&[&name]), without)] {
            let (status, page, _) = judged;
            let seen = (
                status,
                &*rules(&page, "lie").join(","),
                &*rules(&page, "unknown").join(","),
            );
            assert_eq!(seen, expected, "{name}\n{page}");
            // A card's verdict is the worst over all its nodes, in every file.
            let worst = match status {
                LIE => "lie",
                UNKNOWN => "unknown",
                _ => "truth",
            };
            for line in page.lines().filter(|line| is_of_a_card(line)) {
                assert!(
                    line.contains(&format!(" verdict={worst}")),
                    "{name}\n{page}"
                );
            }
        }
    }
}

/// Whether a line is a record of `gpus` or `flags`.
fn is_of_a_card(line: &str) -> bool {
    line.contains(" revision=") || line.contains(" claimed_xgmi=")
}

/// The rules with that verdict on a page, each once, in order.
fn rules(page: &str, verdict: &str) -> Vec<String> {
    let mut rules: Vec<String> = Vec::new();
    let end = format!(" verdict={verdict}");
    for line in page.lines().filter(|line| line.ends_with(&end)) {
        let rule = line.split(' ').find_map(|pair| pair.strip_prefix("rule="));
        rules.extend(rule.map(str::to_owned));
    }
    let order = |rule: &String| RULES.iter().position(|known| known.name == rule);
    rules.sort_by_key(order);
    rules.dedup();
    rules
}

#[test]
fn every_capture_here_is_covered() {
    let topologies = |folder: &Path| -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.join("topology").is_dir())
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        names.sort();
        names
    };
    assert_eq!(
        topologies(&captures()),
        [
            "gfx1100-rx7900xtx-0x744c",
            "gfx900-mi25-0x6860",
            "gfx942-mi300x-cpx-bank"
        ]
    );
    assert_eq!(
        topologies(&captures().join("reconstructed")),
        [
            "0x731f-5600xt-smallbar",
            "0x731f-5700xt-largebar",
            "0x731f-5700xt-smallbar",
            "lie-bank-larger-than-vram",
            "lie-gfxver-100300",
            "lie-hive-id",
            "lie-hotplug-flag",
            "lie-second-node",
            "lie-xgmi-link-from-cpu",
            "node-of-removed-card",
            "numa-memory-only-node",
            "stale-node-after-rescan",
            "unbound-then-bar-resized"
        ]
    );
}

#[test]
fn other_gpus_are_no_card() {
    for name in [
        "gfx1100-rx7900xtx-0x744c",
        "gfx900-mi25-0x6860",
        "gfx942-mi300x-cpx-bank",
    ] {
        let (status, page, _) = judge(&[name]);
        assert_eq!(status, 0);
        assert!(page.ends_with("# no 0x731f card\n"), "{page}");
        assert_eq!(page.lines().count(), 5, "{page}");
    }
}

#[test]
fn lines_that_an_old_kernel_lacks_are_unknown() {
    let from = captures().join("reconstructed/0x731f-5700xt-smallbar/topology");
    let to = tempfile::tempdir().unwrap();
    copy(&from, to.path());
    let node = to.path().join("nodes/1/properties");
    let lines = fs::read_to_string(&node).unwrap();
    let old: String = lines
        .split_inclusive('\n')
        .filter(|line| !line.starts_with("gfx_target_version") && !line.starts_with("hive_id"))
        .collect();
    fs::write(&node, old).unwrap();
    let (status, page, lies) = judge(&[to.path().to_str().unwrap()]);
    assert_eq!((status, lies.len()), (3, 0), "{page}");
    assert!(
        page.contains("verdict=unknown rules=gfx-version,hive-id\n"),
        "{page}"
    );
}

fn copy(from: &Path, to: &Path) {
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&target).unwrap();
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

#[test]
fn a_node_that_cannot_be_told_may_be_a_card() {
    let from = captures().join("reconstructed/0x731f-5700xt-smallbar/topology");
    type Spoil = fn(&Path);
    let spoil: [(Spoil, &str); 4] = [
        // `cp` leaves an empty file if it may not read the original.
        (
            |file| fs::write(file, "").unwrap(),
            "it does not say vendor_id, device_id, location_id",
        ),
        (
            |file| fs::write(file, "vendor_id 4098\ndevice_id 29471x\nlocation_id 768\n").unwrap(),
            "it does not say device_id",
        ),
        (
            |file| fs::write(file, "cpu_cores_count 0\nvendor_id 40").unwrap(),
            "it does not say vendor_id, device_id, location_id",
        ),
        (
            |file| {
                fs::remove_file(file).unwrap();
                let made = Command::new("mkfifo").arg(file).status().unwrap();
                assert!(made.success());
            },
            "its properties could not be read",
        ),
    ];
    for (spoil, why) in spoil {
        let to = tempfile::tempdir().unwrap();
        copy(&from, to.path());
        spoil(&to.path().join("nodes/1/properties"));
        let (status, page, _) = judge(&[to.path().to_str().unwrap()]);
        assert_eq!(status, 3, "{page}");
        let last = format!("# node 1 may be a 0x731f card: {why}\n");
        assert!(page.ends_with(&last), "{page}");
    }
}

/// Nodes are missing while KFD removes them, and in incomplete copies.
#[test]
fn no_link_is_judged_where_a_node_is_missing() {
    let to = tempfile::tempdir().unwrap();
    let from = captures().join("reconstructed/0x731f-5700xt-largebar/topology");
    copy(&from, to.path());
    fs::remove_dir_all(to.path().join("nodes/0")).unwrap();
    let (status, page, lies) = judge(&[to.path().to_str().unwrap()]);
    assert_eq!((status, lies.len()), (3, 0), "{page}");
    assert!(
        page.contains("verdict=unknown rules=xgmi,link-coherent\n"),
        "{page}"
    );
    let last = "# node 0 says nothing: links to it and from it are not known\n";
    assert!(page.ends_with(last), "{page}");
}

/// Shortened copies of other cards may lack `location_id`.
#[test]
fn a_node_that_names_another_device_is_no_card_wherever_it_sits() {
    let to = tempfile::tempdir().unwrap();
    let node = to.path().join("nodes/1");
    fs::create_dir_all(&node).unwrap();
    let text = "cpu_cores_count 0\nvendor_id 4098\ndevice_id 29695\n";
    fs::write(node.join("properties"), text).unwrap();
    let folder = to.path().to_str().unwrap();
    let (status, page, _) = judge(&[folder]);
    assert_eq!(status, 0, "{page}");
    assert!(page.ends_with("# no 0x731f card\n"), "{page}");

    // But if the bus has a card, KFD may show that card with a wrong device id.
    let pci = to.path().join("pci");
    let card = "domain_bus_device_function=0000:03:00.0\nvendor=0x1002\ndevice=0x731f\n";
    fs::write(&pci, card).unwrap();
    let (status, page, _) = judge(&["--pci", pci.to_str().unwrap(), folder]);
    assert_eq!(status, 3, "{page}");
    assert!(page.contains(" kfd=unreadable "), "{page}");
    let last = "# node 1 may be a 0x731f card: it does not say location_id\n";
    assert!(page.ends_with(last), "{page}");
}

#[test]
fn unusable_input_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let bad = |text: &[u8]| {
        let path = folder.path().join(format!("pci-{}", text.len()));
        fs::write(&path, text).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let honest = "reconstructed/0x731f-5700xt-largebar";
    let empty = folder.path().to_str().unwrap();
    for (arguments, message) in [
        (vec!["no-such-folder"], "there is no topology in"),
        (vec![empty], "there is no topology in"),
        (
            vec!["--pci", "no-such-file", honest],
            "cannot read the PCI facts",
        ),
        (
            vec!["--pci", &bad(b"vendor=1\n"), honest],
            "before domain_bus_device_function",
        ),
        (vec!["--pci", &bad(b"\xff\xfe\n"), honest], "are not text"),
        (vec!["--pci", "/dev/zero", honest], "too much for PCI facts"),
    ] {
        let output = classify(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(output.stdout.is_empty());
        assert!(
            text(&output.stderr).contains(message),
            "{:?}",
            text(&output.stderr)
        );
    }
    for line in [
        "domain_bus_device_function=03:00.0",
        "domain_bus_device_function=0000:03:00.0\nvendor=0x10000",
        "domain_bus_device_function=0000:03:00.0\nvendor=AMD",
        "domain_bus_device_function=0000:03:00.0\nspeed=1",
        "domain_bus_device_function=0000:03:00.0\ndriver=two words",
        "domain_bus_device_function=0000:03:00.0\nvram_total_bytes=many",
        "domain_bus_device_function=0000:03:00.0\nvendor=0x1002",
        "word",
    ] {
        let output = classify(&["--pci", &bad(line.as_bytes()), honest]);
        assert_eq!(output.status.code(), Some(2), "{line}");
    }
}

#[test]
fn the_pages_are_as_read_by_a_human() {
    let (_, page, _) = with_pci("reconstructed/lie-hotplug-flag");
    insta::assert_snapshot!(page);
}
