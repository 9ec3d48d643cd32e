// SPDX-License-Identifier: GPL-2.0

//! The suites whose cases are spread over several files.

use modproof_guest::Case;

use super::{
    announce, asleep, cards, crowd, dkms, doctor, fail_nth, fixture_moments, fixture_words, held,
    hung_probe, libhsakmt, libhsakmt_limits, libraries, lies, load_window, mutate, net_namespace,
    oddities, paths, reading, requests, requests_last, requests_life, requests_whose, run_command,
    stock, storm, torture, trouble, unload, views,
};

/// The suite `tree`: cards that the kernel tree's own KFD code publishes.
pub const TREE: &[Case] = &[
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
    Case::new("unload-while-open", unload::while_open_beside_card),
];

/// The suite `stock`: the stock amdgpu.ko. Loading amdgpu takes long under emulation, so the first
/// case that needs it loads it, and the last case removes it.
pub const STOCK: &[Case] = &[
    Case::cold("loaded-before-amdgpu", stock::loaded_before_amdgpu),
    Case::new("no-card", stock::no_card),
    Case::new("truth-5700xt-large-bar", stock::truth_5700xt_large),
    Case::new("truth-5700xt-small-bar", stock::truth_5700xt_small),
    Case::new("truth-5600xt-large-bar", stock::truth_5600xt_large),
    Case::new("truth-5600xt-small-bar", stock::truth_5600xt_small),
    Case::new("lie-bank-flags", stock::lie_bank_flags),
    Case::new("lie-gfx-version", stock::lie_gfx_version),
    Case::new("libhsakmt-agrees", libhsakmt::agrees),
    Case::new("libhsakmt-agrees-on-lies", libhsakmt::agrees_on_lies),
    Case::new("libhsakmt-agrees-on-changes", libhsakmt::agrees_on_changes),
    Case::new("libhsakmt-overridden", libhsakmt::overridden),
    Case::new("libhsakmt-gives-up", libhsakmt_limits::gives_up),
    Case::new("libhsakmt-needs", libhsakmt_limits::needs),
    Case::new(
        "libhsakmt-comparison-can-fail",
        libhsakmt_limits::comparison_can_fail,
    ),
    Case::new("holds-no-reference", stock::holds_no_reference),
    Case::new("atomics-of-the-path", stock::atomics_of_the_path),
    Case::new("probed-by-amdgpu-in-vain", stock::probed_in_vain),
    Case::new("vanishing-node", stock::vanishing_node),
    Case::new("amdgpu-removed-under-the-module", stock::amdgpu_removed),
];

/// The suite `requests`: `rdna1ctl requests` beside the stock amdgpu.ko.
pub const REQUESTS: &[Case] = &[
    Case::new("one-request", requests::one_request),
    Case::new("names-of-cards", requests::names_of_cards),
    Case::new("full-map", requests::full_map),
    Case::new("one-process", requests_whose::one_process),
    Case::new("a-command-and-its-children", requests_whose::command),
    Case::new("exec-by-a-thread", requests_whose::exec_by_a_thread),
    Case::new("killed", requests_life::killed),
    Case::new("without-amdgpu", requests_life::without_amdgpu),
    Case::new("amdgpu-reloaded", requests_life::reloaded),
    Case::new("not-root", requests_life::not_root),
    Case::new(
        "blind-without-kprobes",
        requests_life::blind_without_kprobes,
    ),
    Case::new("blind-without-ftrace", requests_life::blind_without_ftrace),
    Case::new("last-requests", requests_last::kept),
    Case::new("last-requests-of-anybody", requests_last::of_anybody),
];

/// The suite `requests-smp`: `rdna1ctl requests` on a machine with several CPUs.
pub const REQUESTS_SMP: &[Case] = &[
    Case::new(
        "exact-by-eight-processes",
        requests::exact_by_eight_processes,
    ),
    Case::new("last-requests-are-whole", requests_last::whole),
    Case::new("killed-in-a-storm", requests_life::killed_in_a_storm),
];

/// The suite `torture`, on the tree's own KFD code: it adds and removes cards quickly.
pub const TORTURE: &[Case] = &[
    Case::new("cycles-beside-a-card", torture::cycles_beside_a_card),
    Case::new("all-at-once", torture::all_at_once),
    Case::new("card-changes-under-readers", storm::comings_and_goings),
    Case::new("references", torture::references),
    Case::new("loads-in-a-race", torture::loads_in_a_race),
    Case::new("mutated-topologies", mutate::topologies),
];

/// The suite `fail-nth`: each allocation fails once, on a kernel with fault injection.
pub const FAIL_NTH: &[Case] = &[
    Case::new("every-allocation-of-the-load-fails", fail_nth::load),
    Case::new(
        "files-opened-during-a-failing-load",
        load_window::files_opened_during_the_load,
    ),
    Case::new("every-allocation-of-an-unload-fails", fail_nth::unload),
    Case::new("every-allocation-of-a-read-fails", fail_nth::reads),
    Case::new("every-allocation-of-an-event-fails", fail_nth::events),
];

/// The suite `rdna1ctl`, beside the stock amdgpu.ko. The last case unloads amdgpu.
pub const DOCTOR: &[Case] = &[
    Case::new("healthy", doctor::healthy),
    Case::new("healthy-without-module", doctor::healthy_without_module),
    Case::new("no-card", doctor::no_card),
    Case::new("absent-from-kfd", doctor::absent_from_kfd),
    Case::new("no-atomics", doctor::no_atomics),
    Case::new("small-bar", doctor::small_bar),
    Case::new("every-lie", doctor::every_lie),
    Case::new("override-in-a-program", doctor::override_in_a_program),
    Case::new("libraries-of-a-program", libraries::of_a_program),
    Case::new("libraries-before-and-in-run", libraries::before_and_in_run),
    Case::new("debugfs-not-mounted", doctor::debugfs_not_mounted),
    Case::new(
        "module-for-another-kernel",
        doctor::module_for_another_kernel,
    ),
    Case::new("module-refused", doctor::module_refused),
    Case::new("run-fine-grained", run_command::fine_grained),
    Case::new("run-that-crashes", run_command::crashes),
    Case::new("run-that-hangs", run_command::hangs),
    Case::new("run-refuses-a-liar", run_command::refuses_a_liar),
    Case::new("no-amdgpu", doctor::no_amdgpu),
];

/// The suite `fixture`: the fixture on the tree's own KFD code, which other suites rely on.
pub const FIXTURE: &[Case] = &[
    Case::new("refuses-nonsense", trouble::fixture_refuses_nonsense),
    Case::new("driver", fixture_words::driver),
    Case::new("unplugs", fixture_moments::unplugs),
    Case::new("holds-probe", fixture_moments::holds_probe),
    Case::new("sleeps", fixture_moments::sleeps),
    Case::new("other-gpus", fixture_words::other_gpus),
    Case::new("tells-lies", fixture_words::tells_lies),
];

/// The suite `fixture-stock`: tests the fixture beside the stock amdgpu.ko.
pub const FIXTURE_STOCK: &[Case] = &[
    Case::new("keep-out-of-each-others-way", stock::fixtures_keep_apart),
    Case::new("holds-no-card", stock::fixture_holds_no_card),
    Case::new("driver", stock::fixture_driver),
    Case::new("other-gpus", stock::fixture_other_gpus),
];
