// SPDX-License-Identifier: GPL-2.0

//! The machine shapes as data. A device is the words of the fixture's command `add`; a step is a
//! command of the fixture, `resize N`, `reload` or `suspend` (`selftests/fixture/README.md`).

/// The devices of a machine.
pub struct Content {
    /// The name of the case, without `honest-`.
    pub name: &'static str,
    /// The devices in the order of adding, from slot 0.
    pub devices: &'static [&'static str],
}

/// A sequence of events for one card.
pub struct Moment {
    /// The name of the case, without `honest-`.
    pub name: &'static str,
    /// The steps; the module's report is checked after each.
    pub steps: &'static [&'static str],
}

/// A lie, and the rule that catches it.
pub struct Lie {
    /// The name of the case, without `caught-`.
    pub name: &'static str,
    /// The rule that must report the lie.
    pub rule: &'static str,
    /// The fixture's words of lying cards; each is tried on its own.
    pub words: &'static [&'static str],
}

const fn content(name: &'static str, devices: &'static [&'static str]) -> Content {
    Content { name, devices }
}

const fn moment(name: &'static str, steps: &'static [&'static str]) -> Moment {
    Moment { name, steps }
}

const fn lie(name: &'static str, rule: &'static str, words: &'static [&'static str]) -> Lie {
    Lie { name, rule, words }
}

/// Expands to one such device for each online NUMA node.
pub const EACH: &str = "numa=each";
/// The last online NUMA node.
pub const LAST: &str = "numa=last";

/// The machines; each is also built in reverse order.
pub const CONTENTS: &[Content] = &[
    content("large-bar", &["bar=large"]),
    content("small-bar", &["bar=small"]),
    content("partial-bar", &["bar=partial"]),
    content("5600xt", &["board=5600xt bar=large"]),
    content("5600xt-small-bar", &["board=5600xt bar=small"]),
    content("without-atomics", &["atomics=0", "bar=small completer=0"]),
    content("behind-switch", &["path=switch", "path=switch bar=small"]),
    content("two-cards", &["bar=large", "board=5600xt bar=small"]),
    content(
        "three-cards",
        &["board=5600xt", "bar=partial atomics=0", "path=switch"],
    ),
    content(
        "four-cards",
        &[
            "bar=small",
            "bar=large",
            "board=5600xt bar=partial",
            "path=switch",
        ],
    ),
    content(
        "high-pci-domain",
        &["domain=0x10000", "domain=0xffff bar=small"],
    ),
    content("card-not-in-kfd", &["kfd=0 driver=1", "bar=large"]),
    content("card-without-driver", &["kfd=0", "bar=large"]),
    content("each-numa-node", &["bar=large numa=each"]),
    content("each-numa-node-small-bar", &["bar=small numa=each"]),
    content("last-numa-node", &["bar=large numa=last", "bar=large"]),
    content("beside-rx6600", &["board=rx6600", "bar=large"]),
    content("beside-apu", &["board=raphael", "bar=large"]),
    content("beside-hive-of-two", &["board=mi100", "board=mi100", ""]),
    content(
        "beside-hive-of-three",
        &[
            "board=mi100",
            "bar=small",
            "board=mi100",
            "bar=large",
            "board=mi100",
        ],
    ),
    content("beside-xgmi-to-cpu", &["board=mi250a", "bar=large"]),
    content(
        "beside-all",
        &[
            "bar=large",
            "board=mi100",
            "board=mi250a",
            "board=5600xt bar=small",
            "board=mi100",
            "board=raphael",
            "board=rx6600",
        ],
    ),
];

/// The machines for each moment, which happens to the first card.
pub const MOMENT_MACHINES: &[&[&str]] = &[
    &["bar=large"],
    &["board=5600xt bar=small", "bar=large"],
    &["board=mi100", "path=switch", "board=mi100", "board=raphael"],
];

/// The steps of the first card. `reload` reloads the module; `suspend` suspends and resumes the
/// system.
pub const MOMENTS: &[Moment] = &[
    moment(
        "being-added-not-filled",
        &["add hold=fill", "reload", "release"],
    ),
    moment(
        "being-added-without-place",
        &["add hold=ids", "reload", "release"],
    ),
    moment(
        "being-added-without-links",
        &["add hold=links", "reload", "release"],
    ),
    moment("unplugged", &["add", "unplug", "reload", "drop"]),
    moment("replugged", &["add", "unplug", "replug", "reload", "drop"]),
    moment(
        "replugged-without-driver",
        &["add", "unplug", "replug bind=0", "reload", "drop"],
    ),
    moment(
        "replugged-twice",
        &["add", "unplug", "replug", "unplug", "replug", "drop"],
    ),
    moment("unbound", &["add", "unbind", "reload", "drop"]),
    moment("bound-again", &["add", "unbind", "bind", "reload", "drop"]),
    moment(
        "resized-while-unbound",
        &[
            "add",
            "unbind",
            "resize 8",
            "resize 10",
            "resize 13",
            "bind",
        ],
    ),
    moment("asleep", &["add", "sleep", "reload", "wake"]),
    moment("suspended", &["add", "suspend", "reload", "suspend"]),
    moment("asleep-then-removed", &["add", "sleep", "remove"]),
];

/// The lies; the first eleven have the names of the rules, in their order.
pub const LIES: &[Lie] = &[
    lie(
        "gfx-version",
        "gfx-version",
        &["lie=gfx-version bar=large", "lie=gfx-version bar=small"],
    ),
    lie("pci-identity", "pci-identity", &["lie=pci-identity"]),
    lie(
        "bank-flags",
        "bank-flags",
        &["lie=bank-flags bar=large", "lie=bank-flags bar=small"],
    ),
    lie("heap-type", "heap-type", &["lie=heap-type"]),
    lie("bank-count", "bank-count", &["lie=bank-count"]),
    lie("bank-size", "bank-size", &["lie=bank-size"]),
    lie(
        "hive-id",
        "hive-id",
        &["lie=hive-id bar=large", "lie=hive-id bar=small"],
    ),
    lie(
        "xgmi",
        "xgmi",
        &["lie=xgmi bar=large", "lie=xgmi bar=small"],
    ),
    lie("host-coherent", "host-coherent", &["lie=host-coherent"]),
    lie("link-coherent", "link-coherent", &["lie=link-coherent"]),
    lie("heap-bar", "heap-bar", &["lie=heap-bar"]),
    lie("xgmi-link", "xgmi", &["lie=xgmi-link bar=large"]),
    lie(
        "bank-size-of-5600xt",
        "bank-size",
        &["board=5600xt lie=bank-size"],
    ),
];
