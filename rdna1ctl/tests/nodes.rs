// SPDX-License-Identifier: GPL-2.0

//! Cards that KFD does not list, lists several times, or lists after they are gone. Every command
//! takes the worst verdict over all nodes of a card.

mod machine;

use machine::{contains, copy, Machine};
use serde_json::json;

const NODES: &str = "/sys/class/kfd/kfd/topology/nodes";
const CARD: &str = "0000:03:00.0";

/// Checks the machine both without the module and with the files that the module writes for it.
fn both(make: impl Fn() -> Machine, check: impl Fn(&Machine)) {
    let without = make();
    check(&without);
    let with = make();
    with.load_module();
    check(&with);
}

fn capture(name: &str) -> Machine {
    Machine::without_module(&format!("reconstructed/{name}"))
}

/// The findings without the good ones, and without those about the module and the package.
fn findings(machine: &Machine) -> Vec<(String, String, String)> {
    let mut findings = machine.findings();
    findings.retain(|(id, ..)| !matches!(id.as_str(), "module-not-loaded" | "amdgpu-package"));
    findings
}

fn ids(findings: &[(String, String, String)]) -> Vec<(&str, &str)> {
    let ids = findings.iter().map(|(id, state, _)| (&**id, &**state));
    ids.collect()
}

/// The words of a page, without line breaks.
fn words(page: &str) -> String {
    page.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A machine whose KFD does not list the card, and so claims nothing about it.
fn unlisted() -> Machine {
    let machine = capture("0x731f-5700xt-largebar");
    machine.remove(&format!("{NODES}/1"));
    machine
}

#[test]
fn a_card_that_kfd_does_not_list_is_unjudged() {
    both(unlisted, |machine| {
        for command in ["status", "heaps", "checks", "gpus"] {
            machine.says(&[command], 0);
        }
        let page = words(&machine.says(&["status"], 0));
        contains(
            &page,
            &[
                "verdict unjudged: KFD does not list this card, so it claims nothing about it",
                "KFD does not list the card (reason: unknown)",
                "`rdna1ctl doctor` says what to do.",
            ],
        );
        for word in ["truth", "lie:", "unknown:"] {
            assert!(!page.contains(word), "{word} in {page}");
        }
        let status = machine.json("status", 0);
        assert_eq!(status["verdict"], "unjudged");
        assert_eq!(status["cards"][0]["verdict"], "unjudged");
        assert_eq!(status["cards"][0]["unknown_cause"], json!(null));
        assert_eq!(status["cards"][0]["nodes"], json!([]));
        let found = findings(machine);
        assert_eq!(ids(&found)[0], ("kfd-absent", "trouble"), "{found:#?}");
        contains(
            &found[0].2,
            &["no ROCm program can use it", "verdict=unjudged"],
        );
        assert!(
            !found.iter().any(|(id, ..)| id == "verdict-unknown"),
            "{found:#?}"
        );
        let doctor = machine.says(&["doctor"], 1);
        assert!(!doctor.contains("topology matches"), "{doctor}");
        let page = machine.says(&["metrics"], 0);
        contains(
            &page,
            &[
                "rdna1_card_verdict{gpu=\"0000:03:00.0\",verdict=\"unjudged\"} 1\n",
                "rdna1_card_verdict{gpu=\"0000:03:00.0\",verdict=\"unknown\"} 0\n",
                "rdna1_card_verdict{gpu=\"0000:03:00.0\",verdict=\"truth\"} 0\n",
                "rdna1_card_in_kfd{gpu=\"0000:03:00.0\"} 0\n",
            ],
        );
        let page = words(&machine.says(&["watch", "--count", "1"], 0));
        contains(&page, &["verdict unjudged: "]);
    });
}

/// The variables fit the card, but have no effect before KFD lists it.
#[test]
fn env_and_run_say_that_kfd_does_not_list_the_card() {
    both(unlisted, |machine| {
        let page = machine.says(&["env"], 0);
        let caveat = "KFD does not list the card at 0000:03:00.0: no ROCm program can use it";
        assert!(words(&page.replace("# ", "")).starts_with(caveat), "{page}");
        let document = machine.json("env", 0);
        contains(document["caveats"][0].as_str().unwrap(), &[caveat]);
        let ran = machine.run(&["run", "--", "sh", "-c", "exit 7"]);
        assert_eq!(ran.status.code(), Some(7));
        contains(&String::from_utf8_lossy(&ran.stderr), &[caveat]);
        let ran = machine.run(&["run", "--no-env", "--", "true"]);
        assert!(!String::from_utf8_lossy(&ran.stderr).contains(caveat));
    });
}

/// A second card that KFD leaves out does not hide behind the first one's truth.
#[test]
fn an_unlisted_card_beside_a_listed_one() {
    let make = || {
        let machine = capture("0x731f-5700xt-largebar");
        let other = "domain_bus_device_function=0000:0b:00.0\nvendor=0x1002\ndevice=0x731f\n\
                     revision=0xc1\nbar0_bytes=268435456\n";
        machine.add_card(other, machine::Atomics::Completer);
        machine
    };
    both(make, |machine| {
        let page = machine.says(&["status"], 0);
        contains(&page, &["`rdna1ctl doctor` says what to do."]);
        let status = machine.json("status", 0);
        assert_eq!(status["verdict"], "truth");
        assert_eq!(status["cards"][1]["verdict"], "unjudged");
        let found = findings(machine);
        let absent = found.iter().find(|(id, ..)| id == "kfd-absent");
        contains(&absent.unwrap().2, &["gpu=0000:0b:00.0"]);
    });
}

/// The worst node decides, whether it is the first or the last.
#[test]
fn a_lie_of_any_node_is_the_cards() {
    let swapped = || {
        let machine = capture("lie-second-node");
        let node = |number: u32| machine.path(&format!("{NODES}/{number}"));
        std::fs::rename(node(1), node(9)).unwrap();
        std::fs::rename(node(2), node(1)).unwrap();
        std::fs::rename(node(9), node(2)).unwrap();
        machine
    };
    for make in [
        &(|| capture("lie-second-node")) as &dyn Fn() -> Machine,
        &swapped,
    ] {
        both(make, |machine| {
            for command in ["status", "heaps", "checks", "gpus"] {
                machine.says(&[command], 1);
            }
            let page = words(&machine.says(&["status"], 1));
            contains(
                &page,
                &[
                    "verdict lie: KFD's topology does not match the hardware (bank-flags, hive-id). \
                     Run nothing on this card until it matches again",
                    "(one of 2 nodes for this card)",
                    "VRAM node 1: ",
                    "VRAM node 2: ",
                ],
            );
            let status = machine.json("status", 1);
            let card = &status["cards"][0];
            assert_eq!(status["cards"].as_array().unwrap().len(), 1);
            assert_eq!(card["nodes"], json!([1, 2]));
            assert_eq!(card["lies"], json!(["bank-flags", "hive-id"]));
            let found = findings(machine);
            let lies = found.iter().filter(|(id, ..)| id.starts_with("lie-"));
            let lies: Vec<_> = lies.map(|(id, ..)| id.as_str()).collect();
            assert_eq!(lies, ["lie-bank-flags", "lie-hive-id"], "{found:#?}");
            let several = found.iter().find(|(id, ..)| id == "kfd-several-nodes");
            contains(&several.unwrap().2, &["2 times, as nodes 1, 2"]);
            let page = machine.says(&["metrics"], 0);
            contains(
                &page,
                &[
                    "rdna1_card_verdict{gpu=\"0000:03:00.0\",verdict=\"lie\"} 1\n",
                    "rdna1_card_verdict{gpu=\"0000:03:00.0\",verdict=\"truth\"} 0\n",
                ],
            );
            // Each node has its own verdicts, with exactly one for each rule.
            for node in [1, 2] {
                let of_rule = format!("node=\"{node}\",bank=\"-\",rule=\"hive-id\"");
                let of_rule = page.lines().filter(|line| line.contains(&of_rule));
                let holds = of_rule.filter(|line| line.ends_with(" 1"));
                assert_eq!(holds.count(), 1, "node {node}: {page}");
            }
            machine.says(&["watch", "--count", "1"], 1);
            let refused = machine.run(&["env"]);
            let said = String::from_utf8_lossy(&refused.stderr).into_owned();
            contains(
                &said,
                &["KFD's topology does not match the hardware (bank-flags, hive-id)"],
            );
            let checks = machine.says(&["checks"], 1);
            contains(
                &checks,
                &["0000:03:00.0, node 1\n", "0000:03:00.0, node 2\n"],
            );
        });
    }
}

/// An override for the card's second node counts as one for the card.
#[test]
fn an_override_for_any_node() {
    let machine = capture("stale-node-after-rescan");
    machine.add_program(4242, "HSA_OVERRIDE_GFX_VERSION_2=10.3.0\0");
    let found = findings(&machine);
    let found = found.iter().find(|(id, ..)| id == "override");
    contains(&found.unwrap().2, &["of node 2 for a gfx1030"]);
}

/// `env` chooses no GPU: the number of the working node is unknown.
#[test]
fn no_gpu_is_chosen_among_several_nodes() {
    let machine = capture("stale-node-after-rescan");
    machine.put(&format!("{NODES}/3/gpu_id"), "777\n");
    machine.put(
        &format!("{NODES}/3/properties"),
        "vendor_id 4098\ndevice_id 5567\nlocation_id 1280\n",
    );
    let page = machine.says(&["env"], 0);
    assert!(!page.contains("ROCR_VISIBLE_DEVICES"), "{page}");
}

const CLOSE: &str = "close the programs that hold the card's render node, or reboot";

/// Nodes that cannot be compared with PCI or amdgpu: the page says why, and what to do.
#[test]
fn an_unknown_says_why_and_what_to_do() {
    type Make = fn() -> Machine;
    let old_node: Make = || {
        let machine = capture("0x731f-5700xt-largebar");
        let drm = "/sys/bus/pci/devices/0000:03:00.0/drm";
        machine.remove(&format!("{drm}/renderD128"));
        machine.put(&format!("{drm}/renderD129/dev"), "226:129\n");
        machine
    };
    let cases: [(Make, &str, &str, &[&str]); 4] = [
        (
            || capture("stale-node-after-rescan"),
            "several-nodes",
            "KFD lists this card several times",
            &["kfd-several-nodes"],
        ),
        (
            || capture("unbound-then-bar-resized"),
            "not-driven",
            "amdgpu does not drive this card",
            &["driver-unclear"],
        ),
        (
            old_node,
            "old-node",
            "KFD's node is an older one than the driver that is bound now",
            &[],
        ),
        (
            || capture("node-of-removed-card"),
            "removed",
            "the PCI bus has no such card at this address",
            &["no-card"],
        ),
    ];
    for (make, cause, means, others) in cases {
        both(make, |machine| {
            let page = words(&machine.says(&["status"], 3));
            contains(&page, &["verdict unknown: ", means, "Not judged: ", CARD]);
            let status = machine.json("status", 3);
            assert_eq!(status["verdict"], "unknown");
            let card = match cause {
                "removed" => &status["only_in_kfd"][0],
                _ => &status["cards"][0],
            };
            assert_eq!(card["unknown_cause"], cause);
            assert_eq!(
                (&card["gpu"], &card["verdict"]),
                (&json!(CARD), &json!("unknown"))
            );
            let found = findings(machine);
            let (_, state, said) = found
                .iter()
                .find(|(id, ..)| id == "verdict-unknown")
                .unwrap_or_else(|| panic!("{found:#?}"));
            assert_eq!(state, "unseen");
            contains(said, &[means, CLOSE, "rule=pci-identity"]);
            for other in others {
                assert!(found.iter().any(|(id, ..)| id == other), "{found:#?}");
            }
            let lies = found.iter().filter(|(id, ..)| id.starts_with("lie-"));
            assert_eq!(lies.count(), 0, "{found:#?}");
            let metrics = machine.says(&["metrics"], 0);
            let verdict = "rdna1_card_verdict{gpu=\"0000:03:00.0\",verdict=\"unknown\"} 1\n";
            contains(&metrics, &[verdict]);
        });
    }
}

/// A card that was removed does not hide behind one that is there.
#[test]
fn a_removed_card_beside_another_one() {
    let make = || {
        let machine = capture("node-of-removed-card");
        let honest = machine::captures().join("reconstructed/0x731f-5600xt-smallbar");
        copy(
            &honest.join("topology/nodes/1"),
            &machine.path(&format!("{NODES}/2")),
        );
        let pci = std::fs::read_to_string(honest.join("pci")).unwrap();
        machine.add_card(&pci, machine::Atomics::Completer);
        machine
    };
    both(make, |machine| {
        let page = words(&machine.says(&["status"], 3));
        contains(
            &page,
            &["verdict truth", "0000:03:00.0 a 0x731f card only in KFD"],
        );
        let status = machine.json("status", 3);
        assert_eq!(status["cards"].as_array().unwrap().len(), 1);
        assert_eq!(status["only_in_kfd"][0]["nodes"], json!([1]));
    });
}

/// A missing line and an old node have different reasons, and so different advice.
#[test]
fn a_missing_line_is_no_old_node() {
    let machine = capture("0x731f-5700xt-largebar");
    machine.edit(&format!("{NODES}/1/properties"), "hive_id 0\n", "");
    assert_eq!(
        machine.json("status", 3)["cards"][0]["unknown_cause"],
        json!(null)
    );
    let page = words(&machine.says(&["status"], 3));
    contains(&page, &["these rules could not be judged: hive-id"]);
    let found = findings(&machine);
    let found = found.iter().find(|(id, ..)| id == "verdict-unknown");
    assert!(!found.unwrap().2.contains(CLOSE), "{found:#?}");
}

/// KFD refuses a card for missing AtomicOps only with old firmware. If the version is unknown, the
/// page names both facts and no conclusion.
#[test]
fn atomics_are_the_reason_only_with_an_old_firmware() {
    for (version, reason, says) in [
        (Some("0x00000090"), "atomics", "older than 145"),
        (Some("0x00000091"), "unknown", "the reason is unknown"),
        (None, "unknown", "the version of the firmware is unknown"),
    ] {
        let make = || {
            let machine = unlisted();
            machine.set_atomics(CARD, machine::Atomics::None);
            let file = format!("/sys/bus/pci/devices/{CARD}/fw_version/mec_fw_version");
            match version {
                Some(version) => machine.put(&file, format!("{version}\n")),
                None => machine.remove(&file),
            }
            machine
        };
        both(make, |machine| {
            assert_eq!(machine.json("gpus", 0)["records"][0]["reason"], reason);
            let found = findings(machine);
            let absent = found.iter().find(|(id, ..)| id == "kfd-absent").unwrap();
            contains(&absent.2, &[says, &format!("reason={reason}")]);
        });
    }
}
