// SPDX-License-Identifier: GPL-2.0

//! The rows of the table in docs/truth.md, section 9.

use anyhow::{Context, Result};

use crate::rocr::Environment;

/// The page with the table.
const PAGE: &str = include_str!("../../../../../docs/truth.md");
/// The beginning of the table.
const HEAD: &str = "| what is tried |";
/// The row of two cards.
pub const BOTH: &str = "an honest card, and one with lie: hive-id";

/// A card, and what is demanded of the runtime whatever its version.
#[derive(Clone, Copy)]
pub struct Row<'a> {
    /// Its name in the table.
    pub label: &'a str,
    /// The words by which the fixture adds the card.
    pub card: &'a str,
    /// A property of its node that the fixture writes over.
    pub set: &'a str,
    /// The same for the truth, where the runtime finds no memory of the card.
    pub undo: &'a str,
    /// The rule that the card breaks.
    pub rule: Option<&'a str>,
    /// The environment of the programs.
    pub environment: Environment<'a>,
    /// The names that the runtime may give the card.
    pub names: &'a [&'a str],
}

const LARGE: &str = "board=5700xt bar=large";
const SMALL: &str = "board=5700xt bar=small";
const FORCED: Environment<'static> = &[(FORCE, "1")];

/// Makes the runtime offer fine-grained VRAM on PCI Express.
pub const FORCE: &str = "HSA_FORCE_FINE_GRAIN_PCIE";

/// An honest card.
const HONEST: Row<'static> = Row {
    label: "5700 XT, large BAR",
    card: LARGE,
    set: "",
    undo: "",
    rule: None,
    environment: &[],
    names: &["gfx1010"],
};

const fn honest(label: &'static str, card: &'static str) -> Row<'static> {
    Row {
        label,
        card,
        ..HONEST
    }
}

const fn lie(label: &'static str, rule: &'static str, card: &'static str) -> Row<'static> {
    Row {
        rule: Some(rule),
        ..honest(label, card)
    }
}

/// A lie that the fixture tells by writing over a property.
const fn set(label: &'static str, rule: &'static str, set: &'static str) -> Row<'static> {
    Row {
        set,
        ..lie(label, rule, LARGE)
    }
}

/// All rows but that of two cards, in the order of the table.
pub const ROWS: &[Row<'static>] = &[
    HONEST,
    honest("5700 XT, small BAR", SMALL),
    honest("5600 XT, large BAR", "board=5600xt bar=large"),
    honest("5600 XT, small BAR", "board=5600xt bar=small"),
    lie("lie: bank-flags", "bank-flags", "bar=large lie=bank-flags"),
    lie(
        "lie: gfx-version",
        "gfx-version",
        "bar=large lie=gfx-version",
    ),
    Row {
        names: &["gfx1100"],
        ..set(
            "lie: gfx-version, a major version above 10",
            "gfx-version",
            "gfx_target_version=110000",
        )
    },
    lie("lie: hive-id", "hive-id", "bar=large lie=hive-id"),
    Row {
        names: &["gfx1030"],
        ..lie(
            "lie: pci-identity",
            "pci-identity",
            "bar=large lie=pci-identity",
        )
    },
    Row {
        undo: "bank.heap_type=1",
        ..lie("lie: heap-type", "heap-type", "bar=large lie=heap-type")
    },
    Row {
        undo: "mem_banks_count=1",
        ..lie("lie: bank-count", "bank-count", "bar=large lie=bank-count")
    },
    Row {
        undo: "mem_banks_count=1",
        ..set(
            "lie: bank-count, none listed",
            "bank-count",
            "mem_banks_count=0",
        )
    },
    lie("lie: bank-size", "bank-size", "bar=large lie=bank-size"),
    Row {
        undo: "bank.size_in_bytes=8573157376",
        ..set(
            "lie: bank-size, 0 bytes",
            "bank-size",
            "bank.size_in_bytes=0",
        )
    },
    lie("lie: xgmi", "xgmi", "bar=large lie=xgmi"),
    lie(
        "lie: xgmi, by the type of the link",
        "xgmi",
        "bar=large lie=xgmi-link",
    ),
    lie(
        "lie: host-coherent",
        "host-coherent",
        "bar=large lie=host-coherent",
    ),
    lie(
        "lie: link-coherent",
        "link-coherent",
        "bar=large lie=link-coherent",
    ),
    lie(
        "lie: heap-bar (small BAR)",
        "heap-bar",
        "bar=small lie=heap-bar",
    ),
    Row {
        environment: &[("HSA_OVERRIDE_GFX_VERSION", "10.3.0")],
        names: &["gfx1030"],
        ..honest("HSA_OVERRIDE_GFX_VERSION=10.3.0", LARGE)
    },
    Row {
        environment: &[("HSA_OVERRIDE_GFX_VERSION_1", "10.3.0")],
        names: &["gfx1010", "gfx1030"],
        ..honest("HSA_OVERRIDE_GFX_VERSION_1=10.3.0", LARGE)
    },
    Row {
        environment: FORCED,
        ..honest("HSA_FORCE_FINE_GRAIN_PCIE=1", LARGE)
    },
    Row {
        environment: FORCED,
        ..honest("HSA_FORCE_FINE_GRAIN_PCIE=1, small BAR", SMALL)
    },
];

/// The row of that name.
pub fn find(label: &str) -> Result<&'static Row<'static>> {
    let found = ROWS.iter().find(|row| row.label == label);
    found.with_context(|| format!("there is no row {label}"))
}

/// The names of all rows, in the order of the table.
#[cfg(test)]
pub fn labels() -> impl Iterator<Item = &'static str> {
    ROWS.iter().map(|row| row.label).chain([BOTH])
}

/// The lines of the table, its head among them, each as its cells.
pub fn table() -> Vec<Vec<&'static str>> {
    let lines = PAGE.lines().skip_while(|line| !line.starts_with(HEAD));
    let rows = lines.take_while(|line| line.starts_with('|'));
    let cells = |line: &'static str| line.trim_matches('|').split('|').map(str::trim).collect();
    rows.map(cells).collect()
}
