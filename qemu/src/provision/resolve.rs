// SPDX-License-Identifier: GPL-2.0

//! Asks the Debian suite for its current kernel.

use anyhow::{Context, Result};

use super::choose::{choose, parse_packages, Choice};
use super::chroot::Chroot;
use super::{mirror, root, Provision};
use crate::cache::{self, Built, Owner, Stage, Work};
use crate::kernels::Stock;

/// Options that make apt use the package lists of this stage, and no others.
pub const APT_OPTIONS: &str = "-o Dir::Etc::SourceList=/mnt/lists/sources.list \
     -o Dir::Etc::SourceParts=/dev/null -o Dir::State::Lists=/mnt/lists/lists \
     -o APT::Sandbox::User=root -o Acquire::Languages=none -o Dpkg::Use-Pty=0";

/// Asks the suite, and keeps the answer until the user asks for an update.
pub fn ensure(provision: &Provision, stock: &Stock, root: &Built) -> Result<(Built, Choice)> {
    let kernel = provision.kernel;
    let mut inputs = vec![
        ("layout", "1".to_owned()),
        ("root", root.id().to_owned()),
        ("suite", stock.suite.clone()),
        ("pick", format!("{:?}", stock.pick)),
        ("flavour", stock.flavour.clone()),
    ];
    let asked = provision.cache.kernel(&kernel.name).join("asked");
    let before = std::fs::read_to_string(&asked).unwrap_or_default();
    let now = if provision.update {
        cache::now_as_id()
    } else {
        before.clone()
    };
    cache::write_atomically(&asked, &now)?;
    inputs.push(("asked", now));
    let stage = Stage {
        cache: provision.cache,
        owner: Owner::Kernel(&kernel.name),
        name: "resolved",
        about: "which kernel the suite has",
        inputs,
    };
    let built = stage.ensure(provision.ui, provision.privilege, |work| {
        let choice = ask(provision, stock, root, work)?;
        let said = format!("{} (package {})", choice.abi, choice.version);
        std::fs::write(work.tree.join("choice.toml"), toml::to_string(&choice)?)?;
        Ok(said)
    });
    if built.is_err() {
        // Restore the previous value, so that the old answer stays valid.
        cache::write_atomically(&asked, &before)?;
    }
    let built = built?;
    let text = std::fs::read_to_string(built.tree().join("choice.toml"))?;
    Ok((built, toml::from_str(&text)?))
}

fn ask(provision: &Provision, stock: &Stock, root: &Built, work: &Work) -> Result<Choice> {
    let mirror = mirror::of_apt(&root.tree().join("etc/apt"))
        .context("the build root names no Debian mirror in its apt configuration")?;
    let source = format!("deb {mirror} {} main\n", stock.suite);
    std::fs::write(work.tree.join("sources.list"), source)?;
    std::fs::create_dir_all(work.tree.join("lists/partial"))?;
    let check = if provision.allow_expired {
        "false"
    } else {
        "true"
    };
    let script = format!(
        "apt-get {APT_OPTIONS} -o Acquire::Check-Valid-Until={check} --error-on=any update\n\
         apt-get {APT_OPTIONS} indextargets --format '$(FILENAME)' 'Created-By: Packages' |\n\
         while read -r file; do /usr/lib/apt/apt-helper cat-file \"$file\"; done >/mnt/lists/Packages\n\
         chmod -R a+rX /mnt/lists\n"
    );
    Chroot::new(provision.privilege, root.tree(), &work.busy)
        .writable(&work.tree, "lists")
        .with_network()
        .sh(&script, &work.log, Some(work.activity))
        .or_else(|error| root::explain(&work.log.text(), error))?;
    let list = std::fs::read_to_string(work.tree.join("Packages"))?;
    choose(&parse_packages(&list), stock.pick, &stock.flavour)
}
