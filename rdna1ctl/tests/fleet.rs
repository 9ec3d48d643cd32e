// SPDX-License-Identifier: GPL-2.0

//! The alert rules and the dashboard match the output of `metrics`.

mod machine;
mod promtool;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use machine::Machine;
use regex_lite::Regex;

const RULES: &str = "prometheus/rdna1.rules.yml";
const TESTS: &str = "prometheus/rdna1.test.yml";

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../packaging")
        .join(name)
}

fn text(name: &str) -> String {
    fs::read_to_string(file(name)).unwrap()
}

/// The names of all metrics, each with its labels. Prometheus adds `instance`.
fn printed() -> BTreeMap<String, BTreeSet<String>> {
    let page = Machine::healthy().says(&["metrics"], 0);
    let label = Regex::new(r#"([a-z_]+)=""#).unwrap();
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for line in page.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split(['{', ' ']).next().unwrap();
        let labels = all.entry(name.to_owned()).or_default();
        labels.insert("instance".to_owned());
        labels.extend(label.captures_iter(line).map(|found| found[1].to_owned()));
    }
    all
}

/// Asserts that `metrics` prints all rdna1 metrics and labels of an expression; returns their
/// number.
fn expect_printed(expression: &str) -> usize {
    let metric = Regex::new(r"\b(rdna1(?:ctl)?_[a-z0-9_]+)(\{[^}]*\})?").unwrap();
    let label = Regex::new(r#"([a-z_]+)\s*(?:=~|!~|!=|=)\s*""#).unwrap();
    let printed = printed();
    let mut count = 0;
    for found in metric.captures_iter(expression) {
        let labels = printed.get(&found[1]);
        let labels = labels.unwrap_or_else(|| panic!("{}: in {expression}", &found[1]));
        let selector = found.get(2).map_or("", |selector| selector.as_str());
        for named in label.captures_iter(selector) {
            assert!(labels.contains(&named[1]), "{}: in {expression}", &named[1]);
        }
        count += 1;
    }
    count
}

#[test]
fn rules_name_metrics_that_are_printed() {
    let rules = text(RULES);
    let alert = Regex::new(r"alert: (\w+)").unwrap();
    let alerts: Vec<_> = alert
        .captures_iter(&rules)
        .map(|found| found[1].to_owned())
        .collect();
    let expressions = rules.split("expr:").skip(1);
    let counts = expressions.map(|part| {
        let end = part.find("labels:").unwrap();
        expect_printed(&part[..end])
    });
    assert_eq!(counts.filter(|count| *count > 0).count(), alerts.len() - 1);
    // Each alert is documented and has two tests: one where it fires, one where it stays silent.
    let tests = text(TESTS);
    let page = fs::read_to_string(file("../docs/rdna1ctl.md")).unwrap();
    for name in alerts {
        let all = Regex::new(&format!(r"alertname: {name}\b")).unwrap();
        assert!(
            all.captures_iter(&tests).count() >= 2,
            "{name} is not tried"
        );
        assert!(
            page.contains(&format!("| {name} |")),
            "{name} is not documented"
        );
    }
}

#[test]
fn the_dashboard_names_metrics_that_are_printed() {
    let dashboard: serde_json::Value = serde_json::from_str(&text("grafana/rdna1.json")).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let mut ids = BTreeSet::new();
    for panel in panels {
        assert!(ids.insert(panel["id"].as_u64().unwrap()), "{panel}");
        for target in panel["targets"].as_array().unwrap() {
            let expression = target["expr"].as_str().unwrap();
            assert!(expect_printed(expression) >= 1, "{expression}");
            assert!(expression.contains("$instance"), "{expression}");
        }
    }
    let variables = dashboard["templating"]["list"].as_array().unwrap();
    let definitions = variables
        .iter()
        .filter_map(|one| one["definition"].as_str());
    assert_eq!(definitions.map(expect_printed).sum::<usize>(), 1);
}

/// `make test` fetches promtool and runs these.
#[test]
#[ignore = "needs promtool"]
fn promtool_takes_the_rules() {
    let rules = file(RULES);
    let (well, said) = promtool::run(&["check", "rules", rules.to_str().unwrap()], "");
    assert!(well && said.contains("8 rules found"), "{said}");
    let tests = file(TESTS);
    let (well, said) = promtool::run(&["test", "rules", tests.to_str().unwrap()], "");
    assert!(well, "{said}");
}

/// The tests of the rules detect a changed rule.
#[test]
#[ignore = "needs promtool"]
fn promtool_refuses_other_rules() {
    let folder = tempfile::tempdir().unwrap();
    let rules = folder.path().join("rdna1.rules.yml");
    let tests = folder.path().join("rdna1.test.yml");
    fs::write(&tests, text(TESTS)).unwrap();
    let whole = text(RULES);
    for (from, to) in [
        (
            "verdict=\"lie\"} == 1\n        for: 2m",
            "verdict=\"lie\"} == 1\n        for: 0m",
        ),
        (
            "verdict=\"lie\"} == 1\n        for",
            "verdict=\"lie\"} == 0\n        for",
        ),
        (
            "verdict=\"unknown\"} == 1\n        for: 30m",
            "verdict=\"unknown\"} == 1\n        for: 20m",
        ),
        ("rdna1_card_in_kfd == 0", "rdna1_card_in_kfd == 1"),
        ("rdna1_cards < max", "rdna1_cards <= max"),
        (
            "rdna1_card_bar0_bytes < max",
            "rdna1_card_bar0_bytes <= max",
        ),
        (" and max_over_time(rdna1_module_loaded[7d]) == 1", ""),
        (
            "increase(rdna1_errors_malformed_total[1h]) > 0",
            "rdna1_errors_malformed_total > 0",
        ),
        ("> 1800", "> 600"),
        ("severity: critical", "severity: warning"),
    ] {
        let changed = whole.replacen(from, to, 1);
        assert_ne!(changed, whole, "{from}");
        fs::write(&rules, changed).unwrap();
        let (well, said) = promtool::run(&["test", "rules", tests.to_str().unwrap()], "");
        assert!(!well, "{from} as {to}: {said}");
    }
    fs::write(
        &rules,
        whole.replace("expr: rdna1_cards <", "expr: rdna1_cards <<"),
    )
    .unwrap();
    let (well, said) = promtool::run(&["check", "rules", rules.to_str().unwrap()], "");
    assert!(!well && said.contains("parse error"), "{said}");
}
