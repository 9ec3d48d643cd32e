// SPDX-License-Identifier: GPL-2.0

//! Checks the entries for kernels before modproof fetches or builds anything.

use std::collections::BTreeSet;

use anyhow::{bail, Context, Result};
use modproof_formats::words;

use super::{Kernel, Kernels, Origin, ALL};
use crate::names::check_names;
use crate::suites::Suites;

impl Kernels {
    /// Fails if an entry is wrong, or if it names a suite that is not in `suites`.
    pub(super) fn check(&self, suites: &Suites) -> Result<()> {
        if self.kernels.is_empty() {
            bail!("it names no kernel");
        }
        check_names("kernel", self.names())?;
        check_names("root", self.root_names())?;
        for kernel in &self.kernels {
            let checked = self.check_kernel(kernel, suites);
            checked.with_context(|| format!("kernel {}", kernel.name))?;
        }
        Ok(())
    }

    fn check_kernel(&self, kernel: &Kernel, suites: &Suites) -> Result<()> {
        if kernel.name == ALL {
            bail!("no kernel can be named {ALL}: that means all of them");
        }
        if !self.roots.iter().any(|r| r.name == kernel.root) {
            bail!("there is no root {}", kernel.root);
        }
        let mut seen = BTreeSet::new();
        for name in &kernel.suites {
            suites.find(name)?;
            if !seen.insert(name) {
                bail!("it has the suite {name} twice");
            }
        }
        let mut short = BTreeSet::new();
        if kernel.in_test && !kernel.short.is_empty() {
            bail!("`in_test` takes all of it, so that needs no short form");
        }
        for (part, text) in kernel.short_form()?.iter().zip(&kernel.short) {
            if part.names_kernels() || text.starts_with(['*', '?']) {
                bail!("{text} can be no part of its short form: SUITE or SUITE/CASES is wanted");
            }
            let named = kernel.suites.iter().filter(|suite| part.names(suite));
            let named: Vec<_> = named.collect();
            let [one] = named.as_slice() else {
                bail!("{text} must name one of its suites to be in its short form");
            };
            if !short.insert(*one) {
                bail!("it has the suite {one} twice in its short form");
            }
        }
        match &kernel.from {
            Origin::Stock(_) => check_words(kernel),
            Origin::Source(source) => {
                let Some(base) = self.kernels.iter().find(|k| k.name == source.of) else {
                    bail!("there is no kernel {} to take the source of", source.of);
                };
                if !base.is_stock() {
                    bail!("{} is no stock kernel", base.name);
                }
                Ok(())
            }
        }
    }
}

/// Refuses words for the kernel on a stock kernel. Guests there start from snapshots, at least
/// for `shell`. A snapshot was booted without these words, and they are not part of its key.
fn check_words(kernel: &Kernel) -> Result<()> {
    let mut line = kernel.command_line.split_whitespace();
    if let Some(word) = line.find(|word| !word.starts_with(words::PREFIX)) {
        bail!(
            "command_line has the word {word}: that of a stock kernel can have none but {} words, \
             for its guests start from one that was booted without",
            words::PREFIX
        );
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parts::Parts;

    const ROOT: &str = "[[root]]\nname = 'r'\nrelease = 'trixie'\n";

    fn checked(kernels: &str) -> Result<()> {
        let text = format!("[packages]\nevery_root = []\n{kernels}");
        let kernels: Kernels = toml::from_str(&text).expect("what can be read");
        let suite = |name| {
            let text = format!("name='{name}'\nabout='b'\nlimit_seconds=1\nsilence_seconds=1");
            toml::from_str(&text).expect("a suite")
        };
        let suites = Suites::of(["tree", "stock"].map(suite).to_vec(), &Parts::default());
        kernels.check(&suites.expect("suites"))
    }

    fn stock(name: &str, more: &str) -> String {
        format!(
            "[[kernel]]\nname = '{name}'\nroot = 'r'\n{more}\n\
             from.stock = {{ suite = 's', flavour = 'f', modules = [] }}\n"
        )
    }

    fn own(of: &str, more: &str) -> String {
        format!(
            "[[kernel]]\nname = 'own'\nroot = 'r'\n{more}\n\
             from.source = {{ of = '{of}', config = [], make = '' }}\n"
        )
    }

    #[test]
    fn a_sound_file_is_taken() {
        let one = stock(
            "a.b-c_1",
            "suites = ['tree']\ncommand_line = 'modproof.share=1'",
        );
        let other = own("a.b-c_1", "suites = ['tree']\ncommand_line = 'no5lvl'");
        checked(&format!("{ROOT}{one}{other}")).expect("sound");
    }

    #[test]
    fn what_is_wrong_is_named() {
        let none = "suites = []";
        let wrong = [
            (stock("a:b", none), "\"a:b\" can be no kernel's name"),
            (stock("a/b", none), "\"a/b\" can be no kernel's name"),
            (stock("", none), "\"\" can be no kernel's name"),
            (stock("..", none), "\"..\" can be no kernel's name"),
            (stock("all", none), "kernel all: no kernel can be named all"),
            (
                stock("a", none) + &stock("a", none),
                "two kernels are named a",
            ),
            (
                stock("a", "suites = ['tree', 'tere']"),
                "kernel a: there is no suite tere",
            ),
            (
                stock("a", "suites = ['tree', 'stock', 'tree']"),
                "kernel a: it has the suite tree twice",
            ),
            (
                stock(
                    "a",
                    "suites = []\ncommand_line = 'modproof.share=1 nokaslr'",
                ),
                "kernel a: command_line has the word nokaslr",
            ),
            (
                stock("a", none).replace("'r'", "'q'"),
                "kernel a: there is no root q",
            ),
            (
                stock("a", none) + &own("b", none),
                "kernel own: there is no kernel b",
            ),
            (
                stock("a", none) + &own("own", none),
                "kernel own: own is no stock kernel",
            ),
            (
                stock("a", none) + &own("all", none),
                "kernel own: there is no kernel all",
            ),
            (
                stock("a", "suites = ['tree']\nshort = ['tree']"),
                "that needs no short form",
            ),
            (
                stock(
                    "a",
                    "suites = ['tree']\nin_test = false\nshort = ['stock/a']",
                ),
                "stock/a must name one of its suites",
            ),
            (
                stock("a", "suites = ['tree']\nin_test = false\nshort = ['*']"),
                "* can be no part of its short form",
            ),
            (
                stock(
                    "a",
                    "suites = ['tree']\nin_test = false\nshort = ['b:tree']",
                ),
                "b:tree can be no part of its short form",
            ),
            (
                stock(
                    "a",
                    "suites = ['tree']\nin_test = false\nshort = ['tree/a', 'tree/b']",
                ),
                "it has the suite tree twice in its short form",
            ),
            (ROOT.to_owned() + &stock("a", none), "two roots are named r"),
            (
                ROOT.replace("'r'", "'r r'") + &stock("a", none),
                "\"r r\" can be no root's name",
            ),
        ];
        for (kernels, said) in wrong {
            let error = checked(&format!("{ROOT}{kernels}")).expect_err(said);
            let error = format!("{error:#}");
            assert!(error.contains(said), "{said}: {error}");
        }
    }
}
