// SPDX-License-Identifier: GPL-2.0

//! Judges a captured KFD topology as the module would judge the live one.

use std::{
    io::{
        self,
        Write as _, //
    },
    path::PathBuf,
    process::ExitCode, //
};

use anyhow::{
    Context,
    Result, //
};
use clap::Parser;
use rdna1_kfd_guard::{
    facts::{
        snapshot::Snapshot,
        tally::Tally, //
    },
    host::{
        doubts,
        Capture,
        PciFile, //
    },
    observe::observe,
    rules::{
        card_verdict,
        Verdict, //
    },
    text, //
};

/// Judge a captured KFD topology.
///
/// Prints the module's files gpus, heaps, flags and checks for this topology. Exit status: 0 if
/// all verdicts are truth or there is no 0x731f card; 1 for a lie; 2 for unusable input; 3 for an
/// unknown verdict without a lie.
#[derive(Parser)]
#[command(version)]
struct Arguments {
    /// A file with PCI facts as key=value lines: domain_bus_device_function, vendor, device,
    /// revision, bar0_bytes, driver, vram_total_bytes. Each domain_bus_device_function starts a new
    /// function. Without this file the rules pci-identity and heap-bar stay unjudged.
    #[arg(long, value_name = "FILE")]
    pci: Option<PathBuf>,

    /// A copy of /sys/class/kfd/kfd/topology, or a folder that contains one as `topology`.
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

/// All verdicts are truth, or there is no card.
const ALL_TRUTH: u8 = 0;
/// A verdict is lie.
const A_LIE: u8 = 1;
/// The input can't be used; also clap's status for wrong arguments.
const UNUSABLE: u8 = 2;
/// No verdict is lie, but one is unknown.
const AN_UNKNOWN: u8 = 3;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    match classify(&arguments) {
        Ok(status) => status.into(),
        Err(error) => {
            eprintln!("classify: {error:#}");
            UNUSABLE.into()
        }
    }
}

fn classify(arguments: &Arguments) -> Result<u8> {
    let mut topology = Capture::open(&arguments.folder)?;
    let mut pci = arguments.pci.as_deref().map(PciFile::open).transpose()?;
    let mut tally = Tally::default();
    let snapshot: Snapshot = observe(&mut topology, pci.as_mut(), &mut tally)
        .ok()
        .context("out of memory")?;

    let mut page = String::new();
    text::gpus(&snapshot, &mut page)?;
    text::heaps(&snapshot, &mut page)?;
    text::flags(&snapshot, &mut page)?;
    text::checks(&snapshot, &mut page)?;
    for doubt in doubts(&snapshot) {
        page += &format!("# {doubt}\n");
    }
    if snapshot.cards.is_empty() && !snapshot.may_hide_a_card() {
        page.push_str("# no 0x731f card\n");
    }
    io::stdout()
        .write_all(page.as_bytes())
        .context("cannot write the result")?;
    explain(&tally);
    Ok(status(&snapshot))
}

/// Reports read errors, which the verdicts do not show.
fn explain(tally: &Tally) {
    let errors = Tally::NAMES.into_iter().zip(tally.values());
    for (name, count) in errors.filter(|(name, count)| name.starts_with("errors_") && *count != 0) {
        eprintln!("classify: {name} {count}");
    }
}

fn status(snapshot: &Snapshot) -> u8 {
    let verdicts = snapshot.cards().map(|card| card_verdict(snapshot, card));
    match verdicts.reduce(Verdict::and) {
        Some(Verdict::Lie) => A_LIE,
        _ if snapshot.may_hide_a_card() => AN_UNKNOWN,
        None | Some(Verdict::Truth | Verdict::Unjudged) => ALL_TRUTH,
        Some(Verdict::Unknown) => AN_UNKNOWN,
    }
}
