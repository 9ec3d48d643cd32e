// SPDX-License-Identifier: GPL-2.0

//! Checks that selftests/modproof.toml is consistent and matches the documents.

use std::collections::BTreeSet;
use std::path::Path;

use modproof::filter::Filter;
use modproof::kernels::{Origin, Pick, Trouble};
use modproof::project::Project;

fn project() -> Project {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../selftests");
    Project::load(Some(&folder)).expect("selftests/modproof.toml")
}

/// For each kernel, its name and the suites that a filter picks.
fn picked(filter: Option<&str>, torture: bool) -> Vec<(String, Vec<String>)> {
    let project = project();
    let filter = Filter::parse(filter).expect("a filter");
    let filter = filter.of_torture(torture);
    let of = |kernel: &modproof::kernels::Kernel| {
        let suites = kernel.suites.iter().filter(|name| {
            let suite = project.suites.find(name).expect("a suite");
            suite.is_picked_by(&filter) && filter.wants_suite(&kernel.name, name)
        });
        (kernel.name.clone(), suites.cloned().collect())
    };
    project.kernels.iter().map(of).collect()
}

#[test]
fn torture_is_storms_shapes_and_tight_places() {
    let torture = picked(None, true);
    let expected = [
        "debugfs-off",
        "fail-nth",
        "fail-nth-smp",
        "little-memory",
        "lockdown-confidentiality",
        "lockdown-integrity",
        "shape-four-nodes",
        "shape-memory-after",
        "shape-memory-before",
        "shape-memory-between",
        "shape-one-node",
        "shape-two-sockets",
        "sig-enforce",
        "torture",
        "torture-smp",
    ];
    let all: BTreeSet<_> = torture.iter().flat_map(|(_, suites)| suites).collect();
    assert_eq!(all.into_iter().collect::<Vec<_>>(), expected);
    for (kernel, suites) in &torture {
        for each in ["debugfs-off", "torture"] {
            assert!(suites.iter().any(|s| s == each), "no {each} on {kernel}");
        }
    }
    let some = picked(Some("sanitizer:*smp*"), true);
    let some: Vec<_> = some.iter().filter(|(_, s)| !s.is_empty()).collect();
    let smp = ["torture-smp", "fail-nth-smp"].map(String::from).to_vec();
    assert_eq!(some, [&("sanitizer".into(), smp)]);
    assert!(picked(Some("tree"), true).iter().all(|(_, s)| s.is_empty()));
}

#[test]
fn long_suites_run_where_somebody_asks_for_them() {
    let has = |found: &[(String, Vec<String>)], suite: &str| {
        let mut all = found.iter().flat_map(|(_, suites)| suites);
        all.any(|name| name == suite)
    };
    let test = picked(None, false);
    assert!(has(&test, "tree") && !has(&test, "torture") && !has(&test, "torture-smp"));
    let project = project();
    let full = Filter::parse(None).expect("a filter").of_full(true);
    let taken = |name| {
        project
            .suites
            .find(name)
            .expect("a suite")
            .is_picked_by(&full)
    };
    assert!(taken("tree") && taken("torture") && !taken("torture-smp"));
    assert!(has(&picked(Some("torture*"), false), "torture"));
    assert!(has(&picked(Some("torture-*"), false), "torture-smp"));
    assert!(!has(&picked(Some("*"), false), "torture-smp"));
}

/// Debian's experimental may have no kernel, or one that does not build.
#[test]
fn experimental_tolerates_all_troubles() {
    let project = project();
    let experimental = project.kernels.find(Some("experimental"));
    let experimental = experimental.expect("the newest of all");
    for trouble in [Trouble::Expired, Trouble::NoKernel, Trouble::Build] {
        assert!(experimental.tolerated.contains(&trouble), "{trouble}");
    }
    let Origin::Stock(stock) = &experimental.from else {
        panic!("experimental is no stock kernel");
    };
    assert_eq!(stock.pick, Pick::Newest);
}

#[test]
fn only_declared_skips_are_expected() {
    let project = project();
    let expects = |kernel: &str, suite: &str, case: &str, why: &str| {
        let kernel = project.kernels.find(Some(kernel)).expect("a kernel");
        let suite = project.suites.find(suite).expect("a suite");
        kernel.suite(suite).may_skip(case, why)
    };
    let case = "signed-tells-the-truth";
    let why = "nobody but Debian can sign for this kernel";
    let stock = "trixie-backports";
    assert!(expects(stock, "sig-enforce", case, why));
    assert!(!expects(stock, "sig-enforce", case, "no such file"));
    assert!(!expects("sanitizer", "sig-enforce", case, why));
}
