// SPDX-License-Identifier: GPL-2.0

//! Checks the module's metadata, which `modinfo` shows.

use anyhow::{ensure, Result};
use modproof_guest::modinfo::ModInfo;
use modproof_guest::Ctx;

use crate::guard;

/// Licence, author, description, version, and the alias by which udev loads the module for a card.
pub fn modinfo(ctx: &mut Ctx) -> Result<()> {
    let info = ModInfo::read(&ctx.modules.own_path(guard::NAME))?;
    let licences: Vec<&str> = info.all("license").collect();
    ensure!(
        licences.len() == 1 && licences[0].starts_with("GPL"),
        "license: expected one that starts with GPL, seen {licences:?}"
    );
    for key in ["description", "author", "version"] {
        let values: Vec<&str> = info.all(key).collect();
        let filled = !values.is_empty() && values.iter().all(|value| !value.trim().is_empty());
        ensure!(filled, "{key}: expected a text, seen {values:?}");
        ctx.note(format!("{key}: {}", values.join(", ")));
    }
    let aliases: Vec<&str> = info.all("alias").collect();
    let wanted = "pci:v00001002d0000731F";
    ensure!(
        aliases.iter().any(|alias| alias.starts_with(wanted)),
        "alias: expected one that starts with {wanted}, seen {aliases:?}"
    );
    let others = aliases
        .iter()
        .filter(|alias| alias.starts_with("pci:") && !alias.starts_with(wanted));
    ensure!(
        others.count() == 0,
        "alias: expected no other PCI function, seen {aliases:?}"
    );
    Ok(())
}
