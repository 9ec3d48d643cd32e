// SPDX-License-Identifier: GPL-2.0

//! What every command works with.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{bail, Context as _, Result};
use modproof_formats::Listing;

use crate::accel::Accelerator;
use crate::boot::Booter;
use crate::build::{self, Builder, Programs};
use crate::cache::Cache;
use crate::cargo::Cargo;
use crate::cli::{Guests, Options};
use crate::kernels::{self, Kernel, Kernels};
use crate::provision::{self, Provision, Ready};
use crate::run::Privilege;
use crate::runs::RunFolder;
use crate::ui::Ui;
use crate::warm::{Pool, Snapshots};

/// What every command works with.
pub struct Context {
    /// The checkout.
    pub repo: PathBuf,
    /// Where downloads and builds are kept.
    pub cache: Cache,
    /// How cargo is run.
    pub cargo: Cargo,
    /// How progress is shown.
    pub ui: Ui,
    /// How root is become.
    pub privilege: Privilege,
    /// The kernels there are.
    pub kernels: Kernels,
    /// What the user asks of all commands.
    pub options: Options,
    run_folder: OnceLock<RunFolder>,
    guest: OnceLock<(Programs, Listing)>,
}

impl Context {
    /// For what was asked for.
    pub fn new(options: Options) -> Result<Self> {
        let repo = checkout(options.repo.as_deref())?;
        let cache = Cache::open(options.cache.as_deref())?;
        Ok(Self {
            cargo: Cargo::new(&repo, &cache),
            cache,
            ui: Ui::new(),
            privilege: Privilege::detect(),
            kernels: Kernels::load(&repo)?,
            options,
            run_folder: OnceLock::new(),
            guest: OnceLock::new(),
            repo,
        })
    }

    /// Where the logs and the report of this run go.
    pub fn run_folder(&self) -> Result<&Path> {
        if self.run_folder.get().is_none() {
            // Where another thread was quicker, its one stays.
            let _ = self.run_folder.set(RunFolder::begin(&self.cache)?);
        }
        let folder = self.run_folder.get().context("a run without a folder")?;
        Ok(folder.path())
    }

    /// The kernel named, or the first one.
    pub fn kernel(&self) -> Result<&Kernel> {
        self.kernels.find(self.options.kernel.as_deref())
    }

    /// The kernel named, or all of them, or those that `unasked` says.
    pub fn picked(&self, unasked: impl Fn(&Kernel) -> bool) -> Result<Vec<&Kernel>> {
        match self.options.kernel.as_deref() {
            Some(kernels::ALL) => Ok(self.kernels.iter().collect()),
            Some(name) => Ok(vec![self.kernels.find(Some(name))?]),
            None => Ok(self.kernels.iter().filter(|k| unasked(k)).collect()),
        }
    }

    /// Whether the user asks for a kernel, or for all.
    pub fn names_kernel(&self) -> bool {
        self.options.kernel.is_some()
    }

    /// Whether the user asks for one kernel alone.
    pub fn names_one_kernel(&self) -> bool {
        let name = self.options.kernel.as_deref();
        name.is_some_and(|name| name != kernels::ALL)
    }

    /// What provisions a kernel.
    pub fn provisioning<'a>(&'a self, kernel: &'a Kernel) -> Provision<'a> {
        Provision {
            cache: &self.cache,
            ui: &self.ui,
            privilege: &self.privilege,
            repo: &self.repo,
            kernels: &self.kernels,
            kernel,
            allow_expired: self.options.allow_expired_release,
            update: self.options.update,
        }
    }

    /// All that building for a kernel and booting it needs.
    pub fn provision(&self, kernel: &Kernel) -> Result<Ready> {
        provision::provision(&self.provisioning(kernel))
    }

    /// The saved guests of a kernel; none of one without stock modules, which
    /// has nothing that takes long to load, nor a driver for the handover.
    pub fn pool<'a>(
        &'a self,
        ready: &'a Ready,
        guest: &'a build::Guest,
        accelerator: &'a Accelerator,
    ) -> Option<Pool<'a>> {
        let stock_archive = ready.stock_archive.as_deref()?;
        Some(Pool::new(Snapshots {
            cache: &self.cache,
            ui: &self.ui,
            privilege: &self.privilege,
            kernel: &ready.kernel,
            ready,
            stock_archive,
            waiter: &guest.waiter,
            accelerator,
        }))
    }

    /// What runs guests on a kernel as the user asks for it.
    pub fn booter<'a>(
        &'a self,
        guests: &'a Guests,
        ready: &'a Ready,
        guest: &'a build::Guest,
        accelerator: &'a Accelerator,
    ) -> Result<Booter<'a>> {
        Ok(Booter {
            cache: &self.cache,
            logs: self.run_folder()?,
            image: &ready.image,
            guest,
            accelerator,
            pool: self.pool(ready, guest, accelerator),
            keep: guests.keep,
            limit: guests.limit(),
            words: &guests.words,
        })
    }

    /// What host builds need: a kernel tree's own headers.
    pub fn headers(&self) -> Result<()> {
        provision::headers(&self.provisioning(self.kernels.find(None)?))
    }

    /// The guest's programs, and what they can be asked for.
    fn guest(&self) -> Result<&(Programs, Listing)> {
        if self.guest.get().is_none() {
            self.headers()?;
            let programs = build::build_programs(&self.cargo, &self.ui)?;
            let listing = programs.list()?;
            // Where another thread was quicker, its one stays.
            let _ = self.guest.set((programs, listing));
        }
        self.guest.get().context("a guest without programs")
    }

    /// What guests can be asked for.
    pub fn listing(&self) -> Result<&Listing> {
        Ok(&self.guest()?.1)
    }

    /// What builds for a kernel.
    pub fn builder<'a>(&'a self, ready: &'a Ready) -> Result<Builder<'a>> {
        let kernel = &ready.kernel;
        Ok(Builder {
            cargo: &self.cargo,
            programs: &self.guest()?.0,
            repo: &self.repo,
            cache: &self.cache,
            ui: &self.ui,
            privilege: &self.privilege,
            kernel,
            ready,
            busy: self.cache.lock_file(&format!("{kernel}.build.busy")),
        })
    }
}

/// The checkout named, or the one that the current folder is in. Never that
/// which this program was built from: it may be another one, or gone.
fn checkout(named: Option<&Path>) -> Result<PathBuf> {
    if let Some(named) = named {
        let folder = named
            .canonicalize()
            .with_context(|| format!("--repo {}", named.display()))?;
        if !kernels::is_checkout(&folder) {
            bail!("--repo {}: no checkout of rdna1_kfd_guard", named.display());
        }
        return Ok(folder);
    }
    let here = std::env::current_dir().context("the current folder is gone")?;
    let found = here.ancestors().find(|folder| kernels::is_checkout(folder));
    let Some(found) = found else {
        bail!(
            "{} is in no checkout of rdna1_kfd_guard: go to one, or name it with --repo",
            here.display()
        );
    };
    Ok(found.canonicalize()?)
}
