// SPDX-License-Identifier: GPL-2.0

//! The table of all suites: each suite's name and its list of cases.

use modproof_guest::Suite;

mod announce;
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
mod rocr;
mod run_command;
mod scarce;
mod shapes;
mod stock;
mod storm;
mod tables;
mod torture;
mod trouble;
mod unload;
mod views;

pub use demo::LIE;
pub use stock::need_amdgpu;

/// Every suite; its cases run in the order of their list.
pub const SUITES: &[Suite] = &[
    ("no-amdgpu", lifecycle::CASES),
    ("debugfs-off", debugfs_off::CASES),
    ("tree", tables::TREE),
    ("fixture", tables::FIXTURE),
    ("shapes", shapes::CASES),
    ("stock", tables::STOCK),
    ("fixture-stock", tables::FIXTURE_STOCK),
    ("requests", tables::REQUESTS),
    ("requests-smp", tables::REQUESTS_SMP),
    ("torture", tables::TORTURE),
    ("fail-nth", tables::FAIL_NTH),
    ("restricted", restricted::CASES),
    ("scarce", scarce::CASES),
    ("headers", headers::CASES),
    ("headers-with-btf", headers::WITH_BTF),
    ("headers-wrong-version", headers::WRONG_VERSION),
    ("headers-no-version", headers::NO_VERSION),
    ("rdna1ctl", tables::DOCTOR),
    ("rocr", rocr::CASES),
    ("demo", demo::CASES),
    ("demo-with-pools", demo::WITH_POOLS),
    ("defects", defects::CASES),
    ("bench", bench::CASES),
    ("cost", bench::GUARD),
];
