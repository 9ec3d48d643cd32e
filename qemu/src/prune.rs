// SPDX-License-Identifier: GPL-2.0

//! `harness prune`: what the cache holds, and what of it is of no use any more.

use std::path::{Path, PathBuf};

use anyhow::Result;

use crate::cache::{Cache, Owner, KERNELS, ROOTS};
use crate::kernels;
use crate::run;
use crate::warm;
use crate::Context;

/// In a target folder that the Makefile made: whose it is.
const CHECKOUT: &str = "checkout";

/// Says what there is; removes what is of no use only when told so.
pub fn run(context: &Context, yes: bool) -> Result<()> {
    let cache = &context.cache;
    println!("cache: {}", cache.root().display());
    let mut useless = Vec::new();
    // What is of no use is shown with the reason.
    let mut show = |folder: PathBuf, why: Option<&str>| {
        let remark = why.map(|why| format!("  {why}")).unwrap_or_default();
        let shown = folder.strip_prefix(cache.root()).unwrap_or(&folder);
        println!("{:>7}  {}{remark}", size(&folder), shown.display());
        if why.is_some() {
            useless.push(folder);
        }
    };
    let unnamed = |named: bool| (!named).then_some("not in kernels.toml");
    for name in cache.held(ROOTS) {
        let named = context.kernels.root_names().any(|n| n == name);
        show(cache.home(Owner::Root(&name)), unnamed(named));
    }
    for name in cache.held(KERNELS) {
        let named = context.kernels.names().any(|n| n == name);
        show(cache.home(Owner::Kernel(&name)), unnamed(named));
        // Those of a kernel that is not named go with it.
        let saved = warm::newest_of_kind(cache, &name);
        for (snapshot, is_newest) in saved.into_iter().filter(|_| named) {
            show(snapshot, (!is_newest).then_some("an older saved guest"));
        }
    }
    for (folder, checkout) in targets(cache) {
        let name = folder.file_name().unwrap_or_default().to_string_lossy();
        let in_use = checkout.as_ref().is_some_and(|c| kernels::is_checkout(c));
        let whose = match checkout {
            Some(checkout) if in_use => format!("of {}", checkout.display()),
            Some(checkout) => format!("of {}, no checkout now", checkout.display()),
            None => "of no checkout".to_owned(),
        };
        println!("{:>7}  cargo-target/{name}  {whose}", size(&folder));
        if !in_use {
            useless.push(folder);
        }
    }
    for other in ["metadata", "runs"] {
        let folder = cache.root().join(other);
        if folder.exists() {
            println!("{:>7}  {other}", size(&folder));
        }
    }
    if useless.is_empty() {
        println!("nothing to prune");
    } else if yes {
        context.privilege.obtain()?;
        for folder in useless {
            context.privilege.remove_tree(&folder)?;
            println!("removed {}", folder.display());
        }
    } else {
        println!("`make prune YES=1` removes what is not needed");
    }
    Ok(())
}

/// What lies in `cargo-target`, and the checkout that it says it is of.
fn targets(cache: &Cache) -> Vec<(PathBuf, Option<PathBuf>)> {
    let entries = std::fs::read_dir(cache.root().join("cargo-target"));
    let mut found: Vec<_> = entries
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| {
            let named = std::fs::read_to_string(entry.path().join(CHECKOUT));
            let checkout = named.ok().map(|text| text.trim_end().into());
            (entry.path(), checkout)
        })
        .collect();
    found.sort();
    found
}

fn size(path: &Path) -> String {
    let counted = run::output(std::process::Command::new("du").arg("-sh").arg(path));
    let text = counted.unwrap_or_default();
    text.split_whitespace().next().unwrap_or("?").to_owned()
}
