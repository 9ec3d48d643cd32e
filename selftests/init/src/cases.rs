// SPDX-License-Identifier: GPL-2.0

//! The suites and their cases, by name.

use anyhow::Result;
use harness_formats::{CaseListing, Listing, SuiteListing, ADDED};

use crate::ctx::Ctx;
use crate::{kmemleak, truth};

mod announce;
mod any_module;
mod asleep;
mod bench;
mod cards;
mod crowd;
mod debugfs_off;
mod defects;
mod demo;
mod dkms;
mod doctor;
mod fail_nth;
mod fixture_moments;
mod fixture_words;
mod headers;
mod held;
mod hung_probe;
mod leaks;
mod libhsakmt;
mod libhsakmt_limits;
mod libraries;
mod lies;
mod lifecycle;
mod load_window;
mod memory;
mod modinfo;
mod mutate;
mod net_namespace;
mod oddities;
mod paths;
mod readers;
mod reading;
mod requests;
mod requests_kinds;
mod requests_last;
mod requests_life;
mod requests_whose;
mod restricted;
mod run_command;
mod scarce;
mod shapes;
mod stock;
mod storm;
mod torture;
mod trouble;
mod unload;
mod views;

pub use stock::need_amdgpu;

/// One named test: it passes if it gives back `Ok`.
pub struct Case {
    /// The name, as KTAP and `rdna1.cases=` have it.
    pub name: &'static str,
    /// What it does.
    pub run: fn(&mut Ctx) -> Result<()>,
    /// Whether the modules it loads stay, if it passes, for the case that follows.
    pub keeps_modules: bool,
    /// Whether it needs a boot: what it is about is gone in a guest that was saved with modules loaded.
    pub cold: bool,
}

impl Case {
    const fn new(name: &'static str, run: fn(&mut Ctx) -> Result<()>) -> Self {
        Self {
            name,
            run,
            keeps_modules: false,
            cold: false,
        }
    }

    const fn cold(name: &'static str, run: fn(&mut Ctx) -> Result<()>) -> Self {
        Self {
            cold: true,
            ..Self::new(name, run)
        }
    }

    const fn keeping_modules(name: &'static str, run: fn(&mut Ctx) -> Result<()>) -> Self {
        Self {
            keeps_modules: true,
            ..Self::new(name, run)
        }
    }
}

/// What follows the last case of every suite, on a kernel with kmemleak.
pub const LAST: Case = Case::new(ADDED, kmemleak::nothing_lost);

/// Every suite, for the kernel boot that it needs, with its cases in the order of running.
const SUITES: &[(&str, &[Case])] = &[
    ("no-amdgpu", lifecycle::CASES),
    ("debugfs-off", debugfs_off::CASES),
    ("tree", TREE),
    ("shapes", shapes::CASES),
    ("stock", stock::CASES),
    ("requests", requests::CASES),
    ("requests-smp", requests::SMP),
    ("torture", torture::CASES),
    ("restricted", restricted::CASES),
    ("scarce", scarce::CASES),
    ("headers", headers::CASES),
    ("headers-with-btf", headers::WITH_BTF),
    ("headers-wrong-version", headers::WRONG_VERSION),
    ("headers-no-version", headers::NO_VERSION),
    ("rdna1ctl", doctor::CASES),
    ("demo", demo::CASES),
    ("defects", defects::CASES),
    ("any-module", any_module::CASES),
    ("bench", bench::CASES),
    ("cost", bench::GUARD),
];

const TREE: &[Case] = &[
    Case::new("no-card", cards::no_card),
    Case::new("truth-5700xt-large-bar", cards::truth_5700xt_large),
    Case::new("truth-5700xt-small-bar", cards::truth_5700xt_small),
    Case::new("truth-5600xt-large-bar", cards::truth_5600xt_large),
    Case::new("truth-5600xt-small-bar", cards::truth_5600xt_small),
    Case::new("truth-without-atomics", cards::truth_without_atomics),
    Case::new("honest-table", cards::honest_table),
    Case::new("card-there-before-load", cards::card_before_load),
    Case::new("two-cards", cards::two_cards),
    Case::new("twelve-cards", cards::twelve_cards),
    Case::new("on-pci-not-in-kfd", cards::absent_from_kfd),
    Case::new("lie-bank-flags", |ctx| lies::on_tree(ctx, "bank-flags")),
    Case::new("lie-gfx-version", |ctx| lies::on_tree(ctx, "gfx-version")),
    Case::new("lie-hive-id", |ctx| lies::on_tree(ctx, "hive-id")),
    Case::new("lie-pci-identity", |ctx| lies::on_tree(ctx, "pci-identity")),
    Case::new("lie-heap-type", |ctx| lies::on_tree(ctx, "heap-type")),
    Case::new("lie-bank-count", |ctx| lies::on_tree(ctx, "bank-count")),
    Case::new("lie-bank-size", |ctx| lies::on_tree(ctx, "bank-size")),
    Case::new("lie-xgmi", |ctx| lies::on_tree(ctx, "xgmi")),
    Case::new("lie-host-coherent", |ctx| {
        lies::on_tree(ctx, "host-coherent")
    }),
    Case::new("lie-link-coherent", |ctx| {
        lies::on_tree(ctx, "link-coherent")
    }),
    Case::new("lie-heap-bar", |ctx| lies::on_tree(ctx, "heap-bar")),
    Case::new("lie-beside-truth", lies::beside_truth),
    Case::new("lie-is-announced-once", announce::once),
    Case::new("log-at-load", announce::log_at_load),
    Case::new("comings-and-goings", announce::comings_and_goings),
    Case::new("zero-is-unknown", oddities::zero_is_unknown),
    Case::new(
        "private-heap-behind-large-bar",
        oddities::private_heap_behind_large_bar,
    ),
    Case::new("resized-bar", oddities::resized_bar),
    Case::new("node-at-wrong-address", oddities::node_at_wrong_address),
    Case::new("atomics-of-the-path", paths::atomics),
    Case::new("card-without-atomics", paths::card_without_atomics),
    Case::new("resized-behind-switch", paths::resized_behind_switch),
    Case::new("topology-of-amdgpu-dkms", dkms::amdgpu_dkms),
    Case::new("held-before-fill", held::before_fill),
    Case::new("held-before-place", held::before_place),
    Case::new("held-before-links", held::before_links),
    Case::new("unloaded-while-held", held::unloaded_while_held),
    Case::new("reads-wake-nothing", asleep::reads_wake_nothing),
    Case::new("beside-a-hung-probe", hung_probe::files_and_unload),
    Case::new("fresh-at-every-read", lies::fresh_at_every_read),
    Case::new("read-sizes", reading::read_sizes),
    Case::new("counters-only-rise", reading::counters_only_rise),
    Case::new(
        "parallel-reads-are-counted",
        reading::parallel_reads_are_counted,
    ),
    Case::new("reload-beside-card", reading::reload_beside_card),
    Case::new("denied-by-device-cgroup-v1", views::denied_by_cgroup_v1),
    Case::new("denied-by-device-cgroup-bpf", views::denied_by_cgroup_bpf),
    Case::new("reader-in-chroot", views::reader_in_chroot),
    Case::new("reader-without-sysfs", views::reader_without_sysfs),
    Case::new("reader-confined-by-apparmor", views::confined_by_apparmor),
    Case::new("vanishing-node", trouble::vanishing_node),
    Case::new("absent-tree", trouble::absent_tree),
    Case::new(
        "absent-tree-under-readers",
        trouble::absent_tree_under_readers,
    ),
    Case::new("sixty-four-large-bars", crowd::sixty_four_large_bars),
    Case::new("beyond-255-nodes", crowd::beyond_255_nodes),
    Case::new(
        "load-from-net-namespace",
        net_namespace::load_from_net_namespace,
    ),
    Case::new("unload-under-readers", unload::under_readers_of_a_card),
    Case::new(
        "unload-under-comings-and-goings",
        unload::under_comings_and_goings,
    ),
    Case::new(
        "fixture-refuses-nonsense",
        trouble::fixture_refuses_nonsense,
    ),
    Case::new("fixture-driver", fixture_words::driver),
    Case::new("fixture-unplugs", fixture_moments::unplugs),
    Case::new("fixture-holds-probe", fixture_moments::holds_probe),
    Case::new("fixture-sleeps", fixture_moments::sleeps),
    Case::new("fixture-other-gpus", fixture_words::other_gpus),
    Case::new("fixture-tells-lies", fixture_words::tells_lies),
    Case::new("unload-while-open", unload::while_open_beside_card),
];

/// The cases of a suite.
pub fn suite(name: &str) -> Option<&'static [Case]> {
    SUITES
        .iter()
        .find(|(suite, _)| *suite == name)
        .map(|(_, cases)| *cases)
}

/// What the host may ask for.
pub fn listing() -> Listing {
    let case = |case: &Case| CaseListing {
        name: case.name.to_owned(),
        cold: case.cold,
        keeps_modules: case.keeps_modules,
    };
    let suite = |(name, cases): &(&str, &[Case])| SuiteListing {
        name: (*name).to_owned(),
        cases: cases.iter().map(case).collect(),
    };
    Listing {
        suites: SUITES.iter().map(suite).collect(),
        rules: truth::rules().map(str::to_owned).collect(),
    }
}

/// The names of all suites.
pub fn suite_names() -> Vec<&'static str> {
    SUITES.iter().map(|(name, _)| *name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_fit_ktap_and_globs() {
        for (suite, cases) in SUITES {
            assert!(!cases.is_empty(), "{suite}");
            for (at, case) in cases.iter().enumerate() {
                let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
                assert!(case.name.chars().all(plain), "{}", case.name);
                assert!(
                    cases[..at].iter().all(|other| other.name != case.name),
                    "{}",
                    case.name
                );
            }
        }
        assert!(suite("tree").is_some() && suite("").is_none());
    }
}
