// SPDX-License-Identifier: GPL-2.0

//! The file of a suite's defects. It describes each planted defect and the expected verdict.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::{bail, Context, Result};
use serde::Deserialize;

use crate::judge::{Kind, Verdict};
use crate::project::read_toml;
use crate::suites::{yes, Suite};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    defect: Vec<Defect>,
}

/// A defect to plant.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Defect {
    /// The name of the defect.
    pub name: String,
    /// The headline that the judge must find.
    kind: Kind,
    /// Other headlines, each for kernels with that option.
    #[serde(default)]
    instead: BTreeMap<String, Kind>,
    /// Other kinds that the judge may also find.
    #[serde(default)]
    also: Vec<Kind>,
    /// Texts that the reasons must contain.
    #[serde(default)]
    tells: Vec<String>,
    /// The guest's cases that plant the defect. Default: the case with the defect's name.
    case: Option<String>,
    #[serde(default)]
    command_line: String,
    #[serde(default)]
    needs: Vec<String>,
    #[serde(default)]
    unless: Vec<String>,
    limit_seconds: Option<u64>,
    silence_seconds: Option<u64>,
    /// Whether the guest has an initramfs.
    #[serde(default = "yes")]
    pub initramfs: bool,
    /// Whether a plain `test` plants the defect.
    #[serde(default)]
    pub in_test: bool,
}

/// The options that are `y` in a kernel's configuration.
pub struct Configuration(BTreeSet<String>);

impl Configuration {
    /// Reads a `.config` file.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path)
            .with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Self::parse(&text))
    }

    fn parse(text: &str) -> Self {
        let set = text.lines().filter_map(|line| {
            let name = line.strip_prefix("CONFIG_")?.strip_suffix("=y")?;
            Some(name.to_owned())
        });
        Self(set.collect())
    }
}

/// Reads the defects of a file.
pub fn load(path: &Path) -> Result<Vec<Defect>> {
    Ok(read_toml::<File>(path)?.defect)
}

impl Defect {
    /// The suite that boots the defect: the common suite with the defect's own settings.
    pub fn suite(&self, common: &Suite) -> Suite {
        Suite {
            name: format!("{}/{}", common.name, self.name),
            guest: Some(common.guest().to_owned()),
            command_line: format!("{} {}", common.command_line, self.command_line),
            limit_seconds: self.limit_seconds.unwrap_or(common.limit_seconds),
            silence_seconds: self.silence_seconds.unwrap_or(common.silence_seconds),
            ..common.clone()
        }
    }

    /// The guest's cases that plant the defect.
    pub fn cases(&self) -> &str {
        self.case.as_deref().unwrap_or(&self.name)
    }

    /// Returns the reason why this kernel cannot show the defect, if there is one.
    pub fn skipped_by(&self, kernel: &Configuration) -> Option<String> {
        if let Some(missing) = self.needs.iter().find(|name| !kernel.0.contains(*name)) {
            return Some(format!("the kernel has no CONFIG_{missing}"));
        }
        let other = self.unless.iter().find(|name| kernel.0.contains(*name))?;
        Some(format!("CONFIG_{other} sees it first, as something else"))
    }

    fn kind_on(&self, kernel: &Configuration) -> Kind {
        let mut instead = self.instead.iter();
        let other = instead.find(|(option, _)| kernel.0.contains(*option));
        other.map_or(self.kind, |(_, kind)| *kind)
    }

    /// Checks the verdict on a boot with the defect. Returns the headline.
    pub fn check(&self, kernel: &Configuration, verdict: &Verdict) -> Result<String> {
        let expected = self.kind_on(kernel);
        let mut said = String::new();
        for reason in &verdict.reasons {
            said.push_str(&format!("\n{reason}"));
        }
        let Some(headline) = verdict.reasons.first() else {
            bail!("planted, and the boot PASSED");
        };
        if headline.kind != expected {
            bail!("{expected} expected as headline, found:{said}");
        }
        let mut kinds = verdict.reasons.iter().map(|r| r.kind);
        let belongs = |kind: &Kind| *kind == expected || self.also.contains(kind);
        if let Some(other) = kinds.find(|kind| !belongs(kind)) {
            bail!("{other} does not belong to it:{said}");
        }
        let told = |words: &&String| said.contains(words.as_str());
        if let Some(untold) = self.tells.iter().find(|words| !told(words)) {
            bail!("{untold:?} is not told:{said}");
        }
        Ok(headline.to_string())
    }
}

#[cfg(test)]
mod tests {

    use super::*;
    use crate::judge::{ktap::Stream, Reason};

    fn defect(text: &str) -> Defect {
        let text = format!("[[defect]]\nname = \"x\"\nkind = \"oops\"\n{text}");
        let file: File = toml::from_str(&text).expect("a sound defect");
        file.defect.into_iter().next().expect("one")
    }

    fn verdict(kinds: &[Kind]) -> Verdict {
        let reasons = kinds.iter().map(|kind| Reason {
            kind: *kind,
            text: format!("seen {kind}"),
            of_case: false,
        });
        Verdict {
            stream: Stream::default(),
            reasons: reasons.collect(),
        }
    }

    #[test]
    fn what_was_planted_must_be_the_headline() {
        let text = "also = [\"panic\"]\ntells = [\"seen panic\"]\ninstead = { KASAN = \"kasan\" }";
        let defect = defect(text);
        let (stock, kasan) = ("", "CONFIG_KASAN=y\n");
        let check = |kernel, kinds: &[Kind]| {
            let kernel = Configuration::parse(kernel);
            defect.check(&kernel, &verdict(kinds))
        };
        assert!(check(stock, &[Kind::Oops, Kind::Panic]).is_ok());
        assert!(check(kasan, &[Kind::Kasan, Kind::Panic]).is_ok());
        assert!(check(kasan, &[Kind::Oops, Kind::Panic]).is_err());
        for wrong in [
            &[][..],
            &[Kind::Panic],
            &[Kind::Panic, Kind::Oops],
            &[Kind::Oops, Kind::Panic, Kind::Taint],
            &[Kind::Oops],
        ] {
            assert!(check(stock, wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_kernel_that_cannot_see_it_is_told() {
        let kernel =
            Configuration::parse("CONFIG_UBSAN=y\nCONFIG_M=m\n# CONFIG_KASAN is not set\n");
        let skipped = |text: &str| defect(text).skipped_by(&kernel);
        assert_eq!(skipped(""), None);
        assert_eq!(skipped("needs = [\"UBSAN\"]\nunless = [\"KASAN\"]"), None);
        assert!(skipped("needs = [\"UBSAN\", \"KASAN\"]").is_some_and(|s| s.contains("KASAN")));
        assert!(skipped("needs = [\"M\"]").is_some());
        assert!(skipped("unless = [\"UBSAN\"]").is_some());
    }
}
