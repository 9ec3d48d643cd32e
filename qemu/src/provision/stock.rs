// SPDX-License-Identifier: GPL-2.0

//! Takes the image and some modules of a stock kernel for the guest.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufWriter;
use std::path::Path;
use std::process::Command;

use anyhow::{bail, Context, Result};
use modproof_formats::{uncompressed, ModulesDep};

use super::choose::Choice;
use super::Provision;
use crate::cache::{Built, Owner, Stage, Work};
use crate::cpio::Archive;

/// The folder of stock modules in the guest.
const IN_GUEST: &str = "modules/stock";

/// Makes the folder with `vmlinuz` and the archive `stock.cpio`.
pub fn ensure(
    provision: &Provision,
    modules: &[String],
    packages: &Built,
    choice: &Choice,
) -> Result<Built> {
    let stage = Stage {
        cache: provision.cache,
        owner: Owner::Kernel(&provision.kernel.name),
        name: "stock",
        about: "stock modules for the guest",
        inputs: vec![
            ("layout", "1".to_owned()),
            ("packages", packages.id().to_owned()),
            ("modules", modules.join(" ")),
        ],
    };
    stage.ensure(provision.ui, provision.privilege, |work| {
        let folder = packages
            .tree()
            .join(format!("usr/lib/modules/{}", choice.abi));
        let count = collect(&folder, modules, work)?;
        std::fs::copy(folder.join("vmlinuz"), work.tree.join("vmlinuz"))
            .context("cannot copy the stock kernel image")?;
        Ok(format!("{count} modules"))
    })
}

fn collect(folder: &Path, names: &[String], work: &Work) -> Result<usize> {
    let dep_path = folder.join("modules.dep");
    let text = std::fs::read_to_string(&dep_path)
        .with_context(|| format!("cannot read {}", dep_path.display()))?;
    let dep = ModulesDep::parse(&text)?;
    let mut paths = BTreeSet::new();
    for name in names {
        paths.extend(dep.load_order(name)?);
    }
    let archive_path = work.tree.join("stock.cpio");
    let file = File::create(&archive_path)
        .with_context(|| format!("cannot write {}", archive_path.display()))?;
    let mut archive = Archive::new(BufWriter::new(file));
    for path in &paths {
        work.activity.detail(path);
        let data = decompressed(&folder.join(path))?;
        archive.file(&format!("{IN_GUEST}/{}", uncompressed(path)), &data)?;
        work.log.line(&format!("{path}: {} bytes", data.len()));
    }
    archive.file(
        &format!("{IN_GUEST}/modules.dep"),
        dep.text_of(&paths).as_bytes(),
    )?;
    archive.finish()?;
    Ok(paths.len())
}

fn decompressed(path: &Path) -> Result<Vec<u8>> {
    let tool = match path.extension().and_then(|e| e.to_str()) {
        Some("ko") => {
            return std::fs::read(path).with_context(|| format!("cannot read {}", path.display()))
        }
        Some("xz") => "xz",
        Some("zst") => "zstd",
        Some("gz") => "gzip",
        _ => bail!("{} is compressed in an unknown way", path.display()),
    };
    let out = Command::new(tool)
        .arg("-dc")
        .arg(path)
        .output()
        .with_context(|| format!("cannot start {tool}"))?;
    if !out.status.success() {
        bail!(
            "{tool} cannot unpack {}: {}",
            path.display(),
            String::from_utf8_lossy(&out.stderr).trim()
        );
    }
    Ok(out.stdout)
}
