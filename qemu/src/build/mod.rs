// SPDX-License-Identifier: GPL-2.0

//! Builds kernel modules in the build root, guest programs with the host's toolchain, and the
//! initramfs that holds them.

mod builder;
mod done;
pub mod elf;
mod guest;
mod lint;
mod module;
mod others;
mod programs;
mod script;
mod sync;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{anyhow, bail, Context, Error, Result};

use crate::cache::LockGuard;
use crate::kernels::Trouble;
use crate::parts::ModulePart;
use crate::provision::tools;
use builder::parts_folder;
pub use builder::Builder;
pub use done::Done;
use guest::{program, tree, unsigned_and_signed};
pub use guest::{Guest, GuestFile};
use module::ModuleBuild;
use programs::build_program;
pub use programs::{build as build_programs, Programs};

/// The products of a build. It holds the build lock, so no other build runs meanwhile.
pub struct Products {
    /// The modules of each part, not stripped.
    modules: BTreeMap<String, Vec<PathBuf>>,
    /// The files for guests.
    pub guest: Guest,
    /// The parts that failed to build.
    pub failed: BTreeMap<String, Error>,
    _lock: LockGuard,
}

impl Products {
    /// The first module of a part.
    pub fn module(&self, part: &str) -> Result<&Path> {
        let modules = self.modules.get(part);
        let first = modules.and_then(|modules| modules.first());
        let path = first.with_context(|| format!("part.build.{part} is not built"))?;
        Ok(path)
    }

    /// Returns the files for guests and the failed parts. Releases the build lock.
    pub fn into_guest(self) -> (Guest, BTreeMap<String, Error>) {
        (self.guest, self.failed)
    }

    /// The first of these parts that failed to build.
    pub fn failed_among(&self, parts: &[String]) -> Option<(&String, &Error)> {
        parts
            .iter()
            .find_map(|part| self.failed.get_key_value(part))
    }

    /// All modules, each with the name of its part.
    pub fn modules(&self) -> impl Iterator<Item = (&str, &Path)> {
        let parts = self.modules.iter();
        parts.flat_map(|(part, paths)| paths.iter().map(|path| (&**part, &**path)))
    }

    /// Fails if a part failed to build.
    pub fn expect_all(mut self) -> Result<Self> {
        match self.failed.pop_first() {
            Some((_, error)) => Err(error),
            None => Ok(self),
        }
    }
}

impl Builder<'_> {
    /// A guest with its first process and no parts.
    fn empty_guest(&self) -> Result<Guest> {
        Ok(Guest {
            waiter: self.programs.waiter.clone(),
            // A project's module may need some of the kernel's own modules.
            stock_archive: self.ready.stock_archive.clone(),
            init: Some(program("init", &self.programs.init)?),
            parts: BTreeMap::new(),
            more: Vec::new(),
        })
    }

    /// Brings parts up to date. A part that fails does not stop the others.
    pub fn build<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> Result<Products> {
        let mut products = Products {
            modules: BTreeMap::new(),
            guest: self.empty_guest()?,
            failed: BTreeMap::new(),
            _lock: self.begin()?,
        };
        let names: Vec<&str> = names.into_iter().collect();
        std::thread::scope(|scope| {
            // cargo builds programs on the host while make builds the modules in the build root.
            let programs = scope.spawn(|| self.build_programs(&names));
            let of = |name: &str| (name.to_owned(), self.parts.builds.get(name));
            let mut builds: Vec<_> = names.iter().map(|name| of(name)).collect();
            // Also build the modules that scripts use.
            let scripts = names
                .iter()
                .filter_map(|name| self.parts.scripts.get(*name));
            builds.extend(
                scripts
                    .flat_map(|script| &script.builds)
                    .map(|name| of(name)),
            );
            for (name, build) in builds {
                let tried =
                    products.modules.contains_key(&name) || products.failed.contains_key(&name);
                let Some(build) = build.filter(|_| !tried) else {
                    continue;
                };
                let files = self.build_modules(&name, build, &mut products.modules);
                products.take(&name, files);
            }
            for name in &names {
                let Some(script) = self.parts.scripts.get(*name) else {
                    continue;
                };
                let files = match products.failed_among(&script.builds) {
                    Some((part, _)) => {
                        let not_run = anyhow!("not run: the build of {part} failed");
                        Err(not_run.context(Trouble::Build))
                    }
                    None => self.run_script(name, script),
                };
                products.take(name, files);
            }
            for name in &names {
                if let Some(tools) = self.parts.tools.get(*name) {
                    let gathered = tools::ensure(&self.provision, self.ready, name, tools);
                    let files = gathered.and_then(|built| tree(&built.tree().join("guest")));
                    products.take(name, files);
                }
            }
            let Ok(programs) = programs.join() else {
                bail!("building programs for guests panicked");
            };
            for (name, files) in programs {
                products.take(name, files);
            }
            Ok(())
        })?;
        Ok(products)
    }

    fn build_programs<'n>(&self, names: &[&'n str]) -> Vec<(&'n str, Result<Files>)> {
        let programs = names.iter().filter_map(|name| {
            let wanted = self.parts.programs.get(*name)?;
            let built = build_program(self.cargo, self.provision.ui, &wanted.package, name);
            let files = built.and_then(|path| Ok(vec![program(name, &path)?]));
            Some((*name, files))
        });
        programs.collect()
    }

    fn build_modules(
        &self,
        name: &str,
        build: &ModulePart,
        modules: &mut BTreeMap<String, Vec<PathBuf>>,
    ) -> Result<Files> {
        let built = ModuleBuild {
            folder: &parts_folder(name),
            build,
        }
        .build(self)?;
        let files = unsigned_and_signed(&built);
        modules.insert(name.to_owned(), built.whole);
        files
    }
}

impl Products {
    fn take(&mut self, part: &str, files: Result<Files>) {
        match files {
            Ok(files) => drop(self.guest.parts.insert(part.to_owned(), files)),
            Err(error) => drop(self.failed.insert(part.to_owned(), error)),
        }
    }
}

type Files = Vec<Arc<GuestFile>>;
