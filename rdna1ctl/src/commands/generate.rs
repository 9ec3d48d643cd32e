// SPDX-License-Identifier: GPL-2.0

//! `generate`: writes the files that packages install beside the program.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result};
use clap::{Command, CommandFactory as _};
use clap_complete::{generate_to, Shell};
use clap_mangen::Man;

use crate::cli::{Arguments, Generate};
use crate::documents;

use super::WELL;

pub(super) fn generate(how: &Generate) -> Result<u8> {
    let manuals = how.folder.join("man");
    let completions = how.folder.join("completions");
    let schemas = how.folder.join("schema");
    for folder in [&manuals, &completions, &schemas] {
        fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    let mut command = Arguments::command();
    command.build();
    manual(&command, &manuals)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        generate_to(shell, &mut Arguments::command(), "rdna1ctl", &completions)
            .with_context(|| format!("cannot write into {}", completions.display()))?;
    }
    for (name, schema) in documents::schemas() {
        write(
            &schemas.join(format!("{name}.json")),
            documents::json(&schema)?.as_bytes(),
        )?;
    }
    Ok(WELL)
}

/// Writes a page for the program and one for each command, named as git names its pages.
fn manual(command: &Command, folder: &Path) -> Result<()> {
    let name = command.get_display_name().unwrap_or(command.get_name());
    let mut page = Vec::new();
    Man::new(command.clone()).render(&mut page)?;
    writeln!(
        page,
        ".SH SEE ALSO\ndocs/rdna1ctl.md, docs/files.md and docs/truth.md of rdna1_kfd_guard"
    )?;
    write(&folder.join(format!("{name}.1")), &page)?;
    let shown = command.get_subcommands().filter(|sub| !sub.is_hide_set());
    shown
        .filter(|sub| sub.get_name() != "help")
        .try_for_each(|sub| manual(sub, folder))
}

fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    fs::write(path, bytes).with_context(|| format!("cannot write {}", path.display()))
}
