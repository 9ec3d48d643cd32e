// SPDX-License-Identifier: GPL-2.0

//! `resolved.toml`: a record of the chosen kernel and packages, for people to read.

use std::fmt::Write as _;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::choose::Package;
use super::{mirror, symbols, Provision, Ready};
use crate::accel::Accelerator;
use crate::cache::{write_atomically, Cache};
use crate::kernels::Origin;

/// The record of a kernel.
#[derive(Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct Record {
    /// The IDs of the build root and of the object folder.
    #[serde(default)]
    made: String,
    kernel: String,
    release: String,
    suite: String,
    mirror: String,
    date: String,
    abi: String,
    version: String,
    cc: String,
    rustc: String,
    bindgen: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    rust_symbols: Option<usize>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    config: Vec<String>,
    packages: Vec<Package>,
}

/// Writes the record, unless it describes this build already.
pub fn write(provision: &Provision, ready: &Ready) -> Result<()> {
    let made = format!("{} {}", ready.root.id(), ready.object.id());
    let old = read(provision.cache, &provision.kernel.name);
    if old.is_ok_and(|old| old.made == made) {
        return Ok(());
    }
    let (suite, config) = match &provision.kernel.from {
        Origin::Stock(stock) => (stock.suite.clone(), Vec::new()),
        Origin::Source(source) => (format!("source of {}", source.of), source.config.clone()),
    };
    let rust_symbols = match &ready.stock_headers {
        Some(headers) => Some(symbols::check(headers, &ready.object())?.stock),
        None => None,
    };
    let date = crate::run::output(
        std::process::Command::new("date").args(["--utc", "+%Y-%m-%dT%H:%M:%SZ"]),
    )?;
    let record = Record {
        made,
        kernel: provision.kernel.name.clone(),
        release: provision.kernels.root_of(provision.kernel)?.release.clone(),
        suite,
        mirror: mirror::of_apt(&ready.root().join("etc/apt")).unwrap_or_default(),
        date: date.trim().to_owned(),
        abi: ready.choice.abi.clone(),
        version: ready.choice.version.clone(),
        cc: ready.compilers.cc_text.clone(),
        rustc: ready.compilers.rustc_text.clone(),
        bindgen: ready.compilers.bindgen_text.clone(),
        rust_symbols,
        config,
        packages: ready.choice.packages.clone(),
    };
    let path = provision
        .cache
        .kernel(&provision.kernel.name)
        .join("resolved.toml");
    write_atomically(&path, &toml::to_string(&record)?)
}

fn read(cache: &Cache, kernel: &str) -> Result<Record> {
    let path = cache.kernel(kernel).join("resolved.toml");
    let text = std::fs::read_to_string(&path)
        .with_context(|| format!("nothing is resolved for {kernel} yet; `provision` does it"))?;
    toml::from_str(&text).with_context(|| format!("cannot use {}", path.display()))
}

/// The record as text for the user.
pub fn describe(cache: &Cache, kernel: &str) -> Result<String> {
    let record = read(cache, kernel)?;
    let accelerator = Accelerator::remembered(cache).map_or_else(
        || "not tried since the host was booted".to_owned(),
        |a| a.to_string(),
    );
    let mut text = String::new();
    let mut row = |key: &str, value: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{key:<14}{value}");
    };
    row("kernel", &record.abi);
    row("package", &record.version);
    row("suite", &format!("{} of {}", record.suite, record.mirror));
    row("build root", &format!("Debian {}", record.release));
    row("C compiler", &record.cc);
    row("Rust compiler", &record.rustc);
    row("bindgen", &record.bindgen);
    if let Some(count) = record.rust_symbols {
        row("Rust symbols", &format!("{count} of {count} equal"));
    }
    if !record.config.is_empty() {
        row("built with", &record.config.join(" "));
    }
    row("resolved", &record.date);
    row("accelerator", &accelerator);
    for package in &record.packages {
        row("sha256", &format!("{} {}", package.sha256, package.name));
    }
    row(
        "file",
        &cache
            .kernel(kernel)
            .join("resolved.toml")
            .display()
            .to_string(),
    );
    Ok(text)
}
