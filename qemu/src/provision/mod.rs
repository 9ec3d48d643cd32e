// SPDX-License-Identifier: GPL-2.0

//! Provisioning: from nothing to all that building and booting needs.

mod choose;
mod chroot;
mod metadata;
mod mirror;
mod modules_dep;
mod packages;
mod record;
mod resolve;
mod root;
mod stock;
pub mod symbols;

use std::path::PathBuf;

use anyhow::{Context, Result};

pub use choose::Choice;
pub use chroot::{quote, Chroot};
pub use metadata::Compilers;
pub use record::describe;

use crate::cache::{Built, Cache};
use crate::kernels::{Kernel, Kernels, Origin, Stock};
use crate::run::Privilege;
use crate::ui::Ui;

/// What provisioning goes by.
pub struct Provision<'a> {
    /// Where all is kept.
    pub cache: &'a Cache,
    /// How progress is shown.
    pub ui: &'a Ui,
    /// Root's rights.
    pub privilege: &'a Privilege,
    /// All there are.
    pub kernels: &'a Kernels,
    /// The kernel wanted.
    pub kernel: &'a Kernel,
    /// Take a mirror whose Release file is expired.
    pub allow_expired: bool,
    /// Ask the suite again which kernel it has.
    pub update: bool,
}

/// A kernel with all that building and booting needs.
pub struct Ready {
    /// Its name in `kernels.toml`.
    pub kernel: String,
    /// The package of libhsakmt in its build root, if there is one.
    pub hsakmt: Option<String>,
    /// Which kernel.
    pub choice: Choice,
    /// Its compilers.
    pub compilers: Compilers,
    root: Built,
    packages: Built,
    source: Built,
    object: Built,
    stock: Built,
    _resolved: Built,
}

impl Ready {
    /// The build root.
    pub fn root(&self) -> PathBuf {
        self.root.tree()
    }

    /// The stock packages, unpacked.
    pub fn packages(&self) -> PathBuf {
        self.packages.tree()
    }

    /// The kernel's source.
    pub fn source(&self) -> PathBuf {
        self.source.tree()
    }

    /// The folder that modules are built with.
    pub fn object(&self) -> PathBuf {
        self.object.tree()
    }

    /// Names this making of the object folder.
    pub fn object_id(&self) -> &str {
        self.object.id()
    }

    /// The stock kernel image.
    pub fn image(&self) -> PathBuf {
        self.stock.tree().join("vmlinuz")
    }

    /// The stock modules as an initramfs archive.
    pub fn stock_archive(&self) -> PathBuf {
        self.stock.tree().join("stock.cpio")
    }

    /// The folder of the headers package.
    pub fn stock_headers(&self) -> PathBuf {
        metadata::headers(&self.packages.tree(), &self.choice)
    }
}

/// Does what is not done yet.
pub fn provision(provision: &Provision) -> Result<Ready> {
    let ready = match &provision.kernel.from {
        Origin::Stock(stock) => take_stock(provision, stock)?,
    };
    show_headers(provision, &ready)?;
    Ok(ready)
}

fn take_stock(provision: &Provision, stock: &Stock) -> Result<Ready> {
    let root = root::ensure(provision)?;
    let (resolved, choice) = resolve::ensure(provision, stock, &root)?;
    let packages = packages::ensure(provision, &root, &resolved, &choice)?;
    let compilers = metadata::compilers(&packages.tree(), &choice)?;
    let source = packages::ensure_source(provision, &root, &packages)?;
    let object = metadata::ensure(provision, &root, &packages, &source, &choice, &compilers)?;
    let image = stock::ensure(provision, &stock.modules, &packages, &choice)?;
    let ready = Ready {
        kernel: provision.kernel.name.clone(),
        hsakmt: provision.kernels.root_of(provision.kernel)?.hsakmt.clone(),
        choice,
        compilers,
        root,
        packages,
        source,
        object,
        stock: image,
        _resolved: resolved,
    };
    record::write(provision, stock, &ready)?;
    Ok(ready)
}

/// `CACHE/uapi`: where host builds find the kernel tree's own headers. Those of
/// the first kernel, so that the host's crates are not built anew for each.
fn show_headers(provision: &Provision, ready: &Ready) -> Result<()> {
    let cache = provision.cache;
    let wanted = ready.source().join("include/uapi");
    let link = cache.root().join("uapi");
    let is_first = provision.kernels.names().next() == Some(&ready.kernel);
    match std::fs::read_link(&link) {
        Ok(there) if there == wanted => return Ok(()),
        Ok(there) if !is_first && there.exists() => return Ok(()),
        _ => {}
    }
    let fresh = tempfile::tempdir_in(cache.root())?;
    std::os::unix::fs::symlink(&wanted, fresh.path().join("uapi"))?;
    std::fs::rename(fresh.path().join("uapi"), &link)
        .with_context(|| format!("cannot make the link {}", link.display()))
}
