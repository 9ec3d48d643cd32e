// SPDX-License-Identifier: GPL-2.0

//! depmod's `modules.dep`: the modules that the kernel needs before it can load another.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};

/// The name by which the kernel knows a module file: `-` and `_` are the same.
pub fn module_name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split(".ko").next().unwrap_or(file).replace('-', "_")
}

/// The parsed file: for each module name its path, and the paths of the modules that it needs.
#[derive(Clone, Debug, Default)]
pub struct ModulesDep {
    modules: BTreeMap<String, (String, Vec<String>)>,
}

impl ModulesDep {
    /// Reads depmod's format, `path: needed needed …` on each line.
    pub fn parse(text: &str) -> Result<Self> {
        let lines = text.lines().map(str::trim);
        let lines = lines.filter(|line| !line.is_empty() && !line.starts_with('#'));
        let modules = lines.map(|line| {
            let (path, needs) = line
                .split_once(':')
                .with_context(|| format!("modules.dep: no ':' in line {line:?}"))?;
            let needs = needs.split_whitespace().map(str::to_owned).collect();
            Ok((module_name(path), (path.to_owned(), needs)))
        });
        Ok(Self {
            modules: modules.collect::<Result<_>>()?,
        })
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
        let (path, needs) = self
            .modules
            .get(&name)
            .with_context(|| format!("module {name} is not listed in modules.dep"))?;
        if !seen.insert(name) {
            return Ok(());
        }
        for need in needs {
            self.visit(need, seen, order)?;
        }
        order.push(path.clone());
        Ok(())
    }

    /// A `modules.dep` of only these modules, with the paths of uncompressed files.
    pub fn text_of(&self, paths: &BTreeSet<String>) -> String {
        let listed = self
            .modules
            .values()
            .filter(|(path, _)| paths.contains(path));
        let lines = listed.map(|(path, needs)| {
            let needs = needs.iter().map(|need| format!(" {}", uncompressed(need)));
            format!("{}:{}\n", uncompressed(path), needs.collect::<String>())
        });
        lines.collect()
    }
}

/// The path without the compression's suffix.
pub fn uncompressed(path: &str) -> &str {
    path.find(".ko").map_or(path, |at| &path[..at + 3])
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEP: &str = "a/gpu.ko.xz: a/drm-kms.ko.xz a/drm.ko.xz\n\
                       a/drm-kms.ko.xz: a/drm.ko.xz b/i2c.ko.xz\n\
                       a/drm.ko.xz:\n\
                       b/i2c.ko.xz:\n\
                       c/other.ko.xz: a/drm.ko.xz\n";

    fn order(text: &str, name: &str) -> Result<Vec<String>> {
        ModulesDep::parse(text)?.load_order(name)
    }

    #[test]
    fn needed_first_each_once_and_no_more() {
        let order = order(DEP, "gpu").unwrap();
        let expected = [
            "a/drm.ko.xz",
            "b/i2c.ko.xz",
            "a/drm-kms.ko.xz",
            "a/gpu.ko.xz",
        ];
        assert_eq!(order, expected);
        let text = ModulesDep::parse(DEP)
            .unwrap()
            .text_of(&order.into_iter().collect());
        let first = text.lines().find(|line| line.starts_with("a/gpu")).unwrap();
        assert_eq!(first, "a/gpu.ko: a/drm-kms.ko a/drm.ko");
        assert_eq!(text.lines().count(), 4);
    }

    #[test]
    fn dash_and_underscore_are_one() {
        let deps = ModulesDep::parse(DEP).unwrap();
        assert!(deps.has("drm_kms") && deps.has("drm-kms") && deps.has("a/drm-kms.ko"));
        assert_eq!(module_name("x/snd-hda-core.ko.xz"), "snd_hda_core");
    }

    #[test]
    fn a_missing_module_is_named() {
        let error = order("a.ko: b.ko\n", "a").unwrap_err().to_string();
        assert!(error.contains("module b "), "{error}");
    }

    #[test]
    fn a_cycle_ends() {
        assert_eq!(
            order("a.ko: b.ko\nb.ko: a.ko\n", "a").unwrap(),
            ["b.ko", "a.ko"]
        );
    }

    #[test]
    fn garbage_is_refused() {
        assert!(ModulesDep::parse("no colon here").is_err());
    }
}
