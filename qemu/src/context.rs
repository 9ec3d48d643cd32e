// SPDX-License-Identifier: GPL-2.0

//! The resources that all commands share: the project, the cache, cargo, progress, and options.

use std::path::Path;
use std::sync::OnceLock;

use anyhow::{Context as _, Result};
use modproof_formats::Listing;

use crate::accel::Accelerator;
use crate::boot::Booter;
use crate::build::{self, Builder, Programs};
use crate::cache::Cache;
use crate::cargo::Cargo;
use crate::kernels::{self, Kernel, Kernels};
use crate::options::{Guests, Options};
use crate::project::Project;
use crate::provision::{self, Provision, Ready};
use crate::run::Privilege;
use crate::runs::RunFolder;
use crate::setup;
use crate::ui::Ui;
use crate::warm::{Pool, Snapshots};

/// The resources that all commands share.
pub struct Context {
    /// The project.
    pub project: Project,
    /// The cache of downloads and builds.
    pub cache: Cache,
    /// Runs cargo.
    pub cargo: Cargo,
    /// Shows progress.
    pub ui: Ui,
    /// How to get root's rights.
    pub privilege: Privilege,
    /// The options of all commands.
    pub options: Options,
    run_folder: OnceLock<RunFolder>,
    guest: OnceLock<(Programs, Listing)>,
}

impl Context {
    /// Loads the project that the options name. Fails if the host lacks a program.
    pub fn new(options: Options) -> Result<Self> {
        let project = Project::load(options.project.as_deref())?;
        setup::expect_programs()?;
        let cache = Cache::open(options.cache.as_deref())?;
        let workspace = project.workspace.as_deref();
        Ok(Self {
            cargo: Cargo::new(workspace.unwrap_or(project.folder())),
            cache,
            ui: Ui::detect(),
            privilege: Privilege::detect(),
            options,
            run_folder: OnceLock::new(),
            guest: OnceLock::new(),
            project,
        })
    }

    /// The folder for the logs and the report of this run.
    pub fn run_folder(&self) -> Result<&Path> {
        if self.run_folder.get().is_none() {
            // Another thread may have set it already. Then that value stays.
            let _ = self.run_folder.set(RunFolder::begin(&self.cache)?);
        }
        let folder = self.run_folder.get().context("a run without a folder")?;
        Ok(folder.path())
    }

    /// All kernels of the project.
    pub fn kernels(&self) -> &Kernels {
        &self.project.kernels
    }

    /// The kernel that `--kernel` names, or the first one.
    pub fn kernel(&self) -> Result<&Kernel> {
        self.project.kernels.find(self.options.kernel.as_deref())
    }

    /// The kernels that `--kernel` names. Without `--kernel`, those that `unasked` picks.
    pub fn picked(&self, unasked: impl Fn(&Kernel) -> bool) -> Result<Vec<&Kernel>> {
        match self.options.kernel.as_deref() {
            Some(kernels::ALL) => Ok(self.project.kernels.iter().collect()),
            Some(name) => Ok(vec![self.project.kernels.find(Some(name))?]),
            None => Ok(self.project.kernels.iter().filter(|k| unasked(k)).collect()),
        }
    }

    /// Whether `--kernel` is given.
    pub fn names_kernel(&self) -> bool {
        self.options.kernel.is_some()
    }

    /// Whether `--kernel` names one kernel, not `all`.
    pub fn names_one_kernel(&self) -> bool {
        let name = self.options.kernel.as_deref();
        name.is_some_and(|name| name != kernels::ALL)
    }

    /// The settings to provision a kernel.
    pub fn provisioning<'a>(&'a self, kernel: &'a Kernel) -> Provision<'a> {
        Provision {
            cache: &self.cache,
            ui: &self.ui,
            privilege: &self.privilege,
            kernels: &self.project.kernels,
            kernel,
            allow_expired: self.options.allow_expired_release,
            update: self.options.update,
        }
    }

    /// Prepares everything that builds for a kernel and its boots need.
    pub fn provision(&self, kernel: &Kernel) -> Result<Ready> {
        provision::provision(&self.provisioning(kernel))
    }

    /// The pool of a kernel's snapshots. `None` for a kernel without stock modules: nothing there
    /// takes long to load, and it has no driver for the handover to a restored guest.
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

    /// A booter for guests on a kernel, with the user's options.
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

    /// Provides a kernel tree's own headers as `uapi` in the cache. Guest programs may need them.
    pub fn headers(&self) -> Result<()> {
        if !self.project.has_programs() {
            return Ok(());
        }
        provision::headers(&self.provisioning(self.project.kernels.find(None)?))
    }

    /// The guest's programs, and the listing of their suites and cases.
    fn guest(&self) -> Result<&(Programs, Listing)> {
        if self.guest.get().is_none() {
            self.headers()?;
            let programs =
                build::build_programs(&self.cargo, &self.ui, self.project.guest.as_deref())?;
            let listing = programs.list()?;
            // Another thread may have set it already. Then that value stays.
            let _ = self.guest.set((programs, listing));
        }
        self.guest.get().context("a guest without programs")
    }

    /// The suites, cases and lists of the guest program.
    pub fn listing(&self) -> Result<&Listing> {
        Ok(&self.guest()?.1)
    }

    /// A builder for a kernel.
    pub fn builder<'a>(&'a self, ready: &'a Ready) -> Result<Builder<'a>> {
        let kernel = &ready.kernel;
        Ok(Builder {
            cargo: &self.cargo,
            programs: &self.guest()?.0,
            parts: &self.project.parts,
            provision: self.provisioning(self.project.kernels.find(Some(kernel))?),
            ready,
            busy: self.cache.lock_file(&format!("{kernel}.build.busy")),
        })
    }
}
