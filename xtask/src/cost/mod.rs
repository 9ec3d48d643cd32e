// SPDX-License-Identifier: GPL-2.0

//! `make bench`: what the module costs, counted in instructions. The guest measures; this code
//! parses the figures, checks limits, and writes the tables, the plot and the record.

mod cell;
mod measured;
mod plot;
mod record;
mod table;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{bail, Context as _, Result};
use serde::Deserialize;

use crate::repo;
use measured::Measured;
use modproof::accel::Accelerator;
use modproof::boot::{Boot, Booted, Booter};
use modproof::build::elf;
use modproof::cache::write_atomically;
use modproof::filter::Filter;
use modproof::plan;
use modproof::project::read_toml;
use modproof::provision::Ready;
use modproof::report::boot::outcome;
use modproof::suites::Suite;
use modproof::tally::Outcome;
use modproof::{Context, Guests};
use record::Record;

/// The suite that measures everything for the document.
const SUITE: &str = "bench";
/// The suite that `make test` compares with the record.
pub const RECORDED: &str = "cost";

const DOCUMENT: &str = "docs/performance.md";
const PLOT: &str = "performance.svg";

/// The contents of `selftests/bench.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Layout {
    #[serde(rename = "table")]
    tables: Vec<table::Table>,
    #[serde(rename = "plot")]
    plots: Vec<plot::Plot>,
    #[serde(rename = "limit")]
    limits: Vec<Limit>,
}

/// A maximum for some cells.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Limit {
    /// The cells' meaning, for the message.
    about: String,
    most: f64,
    cells: Vec<String>,
}

impl Limit {
    /// A message for each cell above the limit. [`Layout::not_measured`] reports missing figures.
    fn exceeded(&self, measured: &Measured) -> Vec<String> {
        let over = |cell: &String| {
            let value = cell::value(cell, measured).filter(|value| *value > self.most)?;
            Some(format!(
                "{}: expected {} at most, seen {value:.2}: {cell}",
                self.about, self.most
            ))
        };
        self.cells.iter().filter_map(over).collect()
    }
}

impl Layout {
    fn load(repo: &Path) -> Result<Self> {
        read_toml(&repo.join("selftests/bench.toml"))
    }

    /// The names of figures that the layout uses and the guest did not measure.
    fn not_measured(&self, measured: &Measured) -> Vec<String> {
        let of_tables = self.tables.iter().flat_map(table::Table::cells);
        let of_plots = self.plots.iter().flat_map(|plot| &plot.bars);
        let of_limits = self.limits.iter().flat_map(|limit| &limit.cells);
        let others = of_plots.map(|(_, cell)| cell).chain(of_limits).cloned();
        let mut missing = BTreeSet::new();
        for cell in of_tables.chain(others) {
            let names = cell::names(&cell).into_iter();
            let names = names.filter(|name| measured.get(name).is_none());
            missing.extend(names.map(str::to_owned));
        }
        missing.into_iter().collect()
    }
}

/// Measures, prints the tables and draws the plot. With `accept`, also writes the document and
/// the record.
pub fn run(
    context: &Context,
    guests: &Guests,
    accept: bool,
    filter: Option<&str>,
) -> Result<ExitCode> {
    let kernel = context.kernel()?;
    let wanted = Filter::parse(filter)?;
    let repo = repo(context)?;
    let layout = Layout::load(repo)?;
    let ready = context.provision(kernel)?;
    let builder = context.builder(&ready)?;
    let suites = &context.project.suites;
    let parts = [SUITE, RECORDED].map(|name| suites.find(name));
    let mut needed = BTreeSet::new();
    for suite in parts {
        needed.extend(suite?.with.iter().map(|part| &**part));
    }
    let products = builder.build(needed)?.expect_all()?;
    let modules = [("ours", "module"), ("sample", "sample")];
    let sizes = modules.map(|(name, part)| {
        let module = products.module(part);
        module.and_then(elf::sizes).map(|sizes| (name, sizes))
    });
    // This releases the build's lock, so that other runs can build.
    let (guest, _) = products.into_guest();

    let accelerator = Accelerator::find(&context.cache, &context.ui, &ready.image)?;
    let booter = context.booter(guests, &ready, &guest, &accelerator)?;
    let on_kernel = |name: &str| Ok::<_, anyhow::Error>(kernel.suite(suites.find(name)?));
    let Some(booted) = boot(context, &booter, &on_kernel(SUITE)?, &wanted)? else {
        return Ok(ExitCode::FAILURE);
    };
    let mut measured = Measured::of(&booted.verdict.stream)?;
    for sized in sizes {
        let (name, sizes) = sized?;
        measured.add(&format!("size.{name}.text"), sizes.text);
        measured.add(&format!("size.{name}.file"), sizes.file);
    }
    println!("{}, {}", ready.choice.abi, ready.compilers.rustc_text);
    for table in &layout.tables {
        println!("\n{}", table.plain(&measured).trim_end());
    }
    let svg = plot::svg(&layout.plots, &measured)?;
    let picture = booted.folder.join(PLOT);
    fs::write(&picture, &svg).with_context(|| format!("cannot write {}", picture.display()))?;
    let missing = layout.not_measured(&measured);
    if !missing.is_empty() {
        println!("\nnot measured: {}", missing.join(" "));
    }
    println!("\nplot: {}", picture.display());
    println!("log: {}", booted.console_path().display());
    let limits = layout.limits.iter();
    let exceeded: Vec<_> = limits.flat_map(|limit| limit.exceeded(&measured)).collect();
    if !exceeded.is_empty() {
        println!("\ntoo much:\n{}", exceeded.join("\n"));
        return Ok(ExitCode::FAILURE);
    }
    if !accept {
        return Ok(ExitCode::SUCCESS);
    }

    let Some(recorded) = boot(context, &booter, &on_kernel(RECORDED)?, &wanted)? else {
        return Ok(ExitCode::FAILURE);
    };
    let recorded = Measured::of(&recorded.verdict.stream)?;
    Record::new(&ready, &recorded).write(repo)?;
    write_document(repo, &layout, &ready, &measured)?;
    write_atomically(&repo.join("docs").join(PLOT), &svg)?;
    println!("written: {DOCUMENT}, docs/{PLOT} and the record");
    Ok(ExitCode::SUCCESS)
}

/// Compares the figures of a guest of [`RECORDED`] with the record.
pub fn judge(context: &Context, ready: &Ready, booted: &Booted) -> Outcome {
    let judged = || {
        let repo = repo(context)?;
        let measured = Measured::of(&booted.verdict.stream)?;
        let record = Record::load(repo)?;
        Ok(record.judge(&ready.choice.abi, &ready.compilers.rustc_text, &measured))
    };
    judged().unwrap_or_else(|error| Outcome::of(Err(error)).named("costs"))
}

fn boot(
    context: &Context,
    booter: &Booter,
    suite: &Suite,
    wanted: &Filter,
) -> Result<Option<Booted>> {
    let cases = context.listing()?.cases_of(suite.guest());
    let planned = plan::boots(suite, cases, wanted, false);
    let [one] = <[Boot; 1]>::try_from(planned)
        .map_err(|boots| anyhow::anyhow!("{} guests for {}", boots.len(), suite.name))?;
    let activity = context.ui.begin(format!("boot: {}", suite.name));
    let booted = booter.run(&one, &activity)?;
    activity.clear();
    let outcome = outcome(&booted, suite);
    if !booted.verdict.passed() {
        outcome.print(&suite.name);
        return Ok(None);
    }
    for line in outcome.details.lines() {
        context.ui.say(line);
    }
    Ok(Some(booted))
}

fn write_document(repo: &Path, layout: &Layout, ready: &Ready, measured: &Measured) -> Result<()> {
    let path = repo.join(DOCUMENT);
    let mut text = fs::read_to_string(&path).with_context(|| format!("cannot read {DOCUMENT}"))?;
    let kernel = format!(
        "Linux {}, {}.\n",
        ready.choice.abi, ready.compilers.rustc_text
    );
    text = table::put_between(&text, "kernel", &kernel)?;
    for table in &layout.tables {
        text = table::put_between(&text, &table.name, &table.markdown(measured))?;
    }
    if !text.contains(PLOT) {
        bail!("{DOCUMENT} does not show {PLOT}");
    }
    write_atomically(&path, &text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn repo() -> std::path::PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
    }

    #[test]
    fn the_document_has_a_place_for_each_table() {
        let text = fs::read_to_string(repo().join(DOCUMENT)).expect(DOCUMENT);
        for table in Layout::load(&repo()).expect("bench.toml").tables {
            table::put_between(&text, &table.name, "").expect("a place");
        }
        assert!(text.contains(PLOT));
    }

    #[test]
    fn what_is_too_much_is_said() {
        let limit = Limit {
            about: "a share".to_owned(),
            most: 0.7,
            cells: vec!["a / b".to_owned(), "b / a".to_owned(), "c / a".to_owned()],
        };
        let mut measured = Measured::default();
        measured.add("a", 2);
        measured.add("b", 3);
        assert_eq!(
            limit.exceeded(&measured),
            ["a share: expected 0.7 at most, seen 1.50: b / a"]
        );
    }
}
