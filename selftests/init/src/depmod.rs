// SPDX-License-Identifier: GPL-2.0

//! `modules.dep`: which modules have to be there before one is loaded.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{bail, Result};

/// The name by which the kernel knows a module file: `-` and `_` are the same.
pub fn module_name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split(".ko").next().unwrap_or(file).replace('-', "_")
}

/// The parsed file: for each module name its path and the paths it needs.
#[derive(Clone, Debug, Default)]
pub struct Deps {
    modules: BTreeMap<String, (String, Vec<String>)>,
}

impl Deps {
    /// Reads depmod's format, `path: needed needed …` on each line.
    pub fn parse(text: &str) -> Result<Self> {
        let mut modules = BTreeMap::new();
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let Some((path, needs)) = line.split_once(':') else {
                bail!("modules.dep: no ':' in line {line:?}");
            };
            let needs = needs.split_whitespace().map(str::to_owned).collect();
            modules.insert(module_name(path), (path.to_owned(), needs));
        }
        Ok(Self { modules })
    }

    /// Whether the module is listed.
    pub fn has(&self, name: &str) -> bool {
        self.modules.contains_key(&module_name(name))
    }

    /// The paths to load, in order, the module itself last.
    pub fn load_order(&self, name: &str) -> Result<Vec<String>> {
        let mut order = Vec::new();
        self.visit(name, &mut BTreeSet::new(), &mut order)?;
        Ok(order)
    }

    fn visit(
        &self,
        name: &str,
        seen: &mut BTreeSet<String>,
        order: &mut Vec<String>,
    ) -> Result<()> {
        let name = module_name(name);
        let Some((path, needs)) = self.modules.get(&name) else {
            bail!("module {name} is not listed in modules.dep: is its file in the initramfs?");
        };
        if !seen.insert(name) {
            return Ok(());
        }
        for need in needs {
            self.visit(need, seen, order)?;
        }
        order.push(path.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEP: &str = "a/gpu.ko: a/drm-kms.ko a/drm.ko\n\
                       a/drm-kms.ko: a/drm.ko b/i2c.ko\n\
                       a/drm.ko:\n\
                       b/i2c.ko:\n";

    #[test]
    fn needed_first_each_once() {
        let order = Deps::parse(DEP).unwrap().load_order("gpu").unwrap();
        assert_eq!(order, ["a/drm.ko", "b/i2c.ko", "a/drm-kms.ko", "a/gpu.ko"]);
    }

    #[test]
    fn dash_and_underscore_are_one() {
        let deps = Deps::parse(DEP).unwrap();
        assert!(deps.has("drm_kms") && deps.has("drm-kms") && deps.has("a/drm-kms.ko"));
        assert_eq!(module_name("x/snd-hda-core.ko.xz"), "snd_hda_core");
    }

    #[test]
    fn a_missing_module_is_named() {
        let deps = Deps::parse("a.ko: b.ko\n").unwrap();
        assert!(deps
            .load_order("a")
            .unwrap_err()
            .to_string()
            .contains("module b "));
    }

    #[test]
    fn a_cycle_ends() {
        let deps = Deps::parse("a.ko: b.ko\nb.ko: a.ko\n").unwrap();
        assert_eq!(deps.load_order("a").unwrap(), ["b.ko", "a.ko"]);
    }

    #[test]
    fn garbage_is_refused() {
        assert!(Deps::parse("no colon here").is_err());
    }
}
