// SPDX-License-Identifier: GPL-2.0

//! depmod's `modules.dep`: what a module needs to be loaded before it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result};

/// `modules.dep`, by path.
#[derive(Debug)]
pub struct ModulesDep {
    needs: BTreeMap<String, Vec<String>>,
}

impl ModulesDep {
    /// Reads the text of a `modules.dep`.
    pub fn parse(text: &str) -> Self {
        let needs = text
            .lines()
            .filter(|l| !l.starts_with('#'))
            .filter_map(|l| l.split_once(':'))
            .map(|(path, needs)| {
                let needs = needs.split_whitespace().map(str::to_owned).collect();
                (path.trim().to_owned(), needs)
            })
            .collect();
        Self { needs }
    }

    /// The paths of the named modules and of all that they need.
    pub fn closure(&self, names: &[String]) -> Result<BTreeSet<String>> {
        let mut closure = BTreeSet::new();
        for name in names {
            let mut todo = vec![self
                .needs
                .keys()
                .find(|path| module_name(path) == normal(name))
                .with_context(|| format!("the stock kernel has no module {name}"))?];
            while let Some(path) = todo.pop() {
                if closure.insert(path.clone()) {
                    todo.extend(self.needs.get(path).into_iter().flatten());
                }
            }
        }
        Ok(closure)
    }

    /// The text for these modules alone, decompressed.
    pub fn filtered(&self, paths: &BTreeSet<String>) -> String {
        let mut text = String::new();
        for path in paths {
            text.push_str(uncompressed(path));
            text.push(':');
            for need in self.needs.get(path).into_iter().flatten() {
                text.push(' ');
                text.push_str(uncompressed(need));
            }
            text.push('\n');
        }
        text
    }
}

/// The path without the compression's suffix.
pub fn uncompressed(path: &str) -> &str {
    path.find(".ko").map_or(path, |at| &path[..at + 3])
}

fn module_name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    normal(file.split(".ko").next().unwrap_or(file))
}

fn normal(name: &str) -> String {
    name.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "kernel/a/amdgpu.ko.xz: kernel/d/drm-exec.ko.xz kernel/l/crc16.ko.xz\n\
                        kernel/d/drm-exec.ko.xz: kernel/d/drm.ko.xz\n\
                        kernel/d/drm.ko.xz:\n\
                        kernel/l/crc16.ko.xz:\n\
                        kernel/x/other.ko.xz: kernel/d/drm.ko.xz\n";

    #[test]
    fn all_that_is_needed_and_no_more() {
        let dep = ModulesDep::parse(TEXT);
        let closure = dep.closure(&["amdgpu".to_owned()]).expect("known");
        assert_eq!(closure.len(), 4);
        assert_eq!(
            dep.filtered(&closure).lines().next(),
            Some("kernel/a/amdgpu.ko: kernel/d/drm-exec.ko kernel/l/crc16.ko")
        );
    }

    #[test]
    fn dashes_and_underscores_are_one() {
        let dep = ModulesDep::parse(TEXT);
        assert_eq!(
            dep.closure(&["drm_exec".to_owned()]).expect("known").len(),
            2
        );
    }

    #[test]
    fn an_unknown_module_is_named() {
        let error = ModulesDep::parse(TEXT)
            .closure(&["nouveau".to_owned()])
            .expect_err("unknown");
        assert!(error.to_string().contains("nouveau"));
    }
}
