// SPDX-License-Identifier: GPL-2.0

//! The expected content of the module's files, for an honest card and for a card with one lie.

use anyhow::{bail, ensure, Result};
use rdna1_kfd_guard::rules::RULES;

use crate::fixture::Card;
use crate::guard;
use crate::kfd;
use crate::report::Report;

/// The names of all rules.
pub fn rules() -> impl Iterator<Item = &'static str> {
    RULES.iter().map(|rule| rule.name)
}

/// The rules for a card: only a public heap has the CPU link that `link-coherent` needs.
fn rules_for(card: &Card) -> Result<Vec<&'static str>> {
    let linked = kfd::has_link_from_cpu(card.node())?;
    let judged = |rule: &&str| linked || *rule != "link-coherent";
    Ok(rules().filter(judged).collect())
}

/// One read of each of the module's files.
pub struct View {
    /// One record for each PCI function.
    pub gpus: Report,
    /// One record for each memory bank.
    pub heaps: Report,
    /// One record for each card that KFD lists.
    pub flags: Report,
    /// One record for each rule.
    pub checks: Report,
}

impl View {
    /// Reads the four files through `read`.
    pub fn read_with(read: impl Fn(&str) -> Result<String>) -> Result<Self> {
        let parsed = |file: &str| Report::parse(file, &read(file)?);
        Ok(Self {
            gpus: parsed("gpus")?,
            heaps: parsed("heaps")?,
            flags: parsed("flags")?,
            checks: parsed("checks")?,
        })
    }

    /// Reads the four files.
    pub fn read() -> Result<Self> {
        Self::read_with(guard::text)
    }

    /// Demands exactly `count` cards with one bank each.
    pub fn expect_cards(&self, count: usize) -> Result<()> {
        self.gpus.expect_count(count)?;
        self.heaps.expect_count(count)?;
        self.flags.expect_count(count)
    }

    /// Demands the verdict `truth`, and each value as the fixture, KFD and the PCI core have it.
    pub fn expect_truth(&self, card: &Card) -> Result<()> {
        self.expect_card(card, "truth", "-")?;
        let heap = self.heaps.one(&[("gpu", card.gpu())])?;
        heap.expect(&[("flags", "0x0"), ("heap", heap_of(card)?)])?;
        heap.expect(&[("size_bytes", card.get("bank_bytes")?)])?;
        self.gpus
            .one(&[("gpu", card.gpu())])?
            .expect(&[("bar", card.get("bar")?)])?;
        let linked = kfd::has_link_from_cpu(card.node())?;
        ensure!(
            linked == (card.get("bar")? == "large"),
            "link from the CPU: seen {linked}"
        );
        let flags = self.flags.one(&[("gpu", card.gpu())])?;
        flags.expect(&[
            ("claimed_hot_pluggable", "0"),
            ("claimed_xgmi", "0"),
            ("claimed_host_coherent", "0"),
            ("claimed_gfx", "100100"),
        ])?;
        self.expect_only_lies(card, &[])
    }

    /// Demands that the card fails `rule` and passes every other rule.
    pub fn expect_lie(&self, card: &Card, rule: &str) -> Result<()> {
        self.expect_card(card, "lie", rule)?;
        self.expect_only_lies(card, &[rule])
    }

    /// Demands that the module does not judge the card, because KFD does not list it.
    pub fn expect_absent(&self, gpu: &str) -> Result<()> {
        let unjudged = [("verdict", "unjudged")];
        let record = self.gpus.one(&[("gpu", gpu)])?;
        record.expect(&unjudged)?;
        record.expect(&[("kfd", "absent"), ("node", "?"), ("gfx", "?")])?;
        self.flags.one(&[("gpu", gpu)])?.expect(&unjudged)?;
        self.heaps.expect_none(&[("gpu", gpu)])?;
        self.checks.expect_none(&[("gpu", gpu)])
    }

    /// Demands that every verdict about the card is `unknown`.
    pub fn expect_unknown(&self, gpu: &str) -> Result<()> {
        self.gpus
            .one(&[("gpu", gpu)])?
            .expect(&[("verdict", "unknown"), ("device", "0x731f")])?;
        for report in [&self.heaps, &self.flags, &self.checks] {
            let all = report.select(&[("gpu", gpu)]);
            let unknown = report.select(&[("gpu", gpu), ("verdict", "unknown")]);
            ensure!(
                all.len() == unknown.len(),
                "{gpu}: expected no verdict but unknown, seen\n{}",
                report.text
            );
        }
        Ok(())
    }

    /// Demands that the card is unknown and that `gpus` does not call it absent from KFD.
    pub fn expect_not_known(&self, gpu: &str) -> Result<()> {
        self.expect_unknown(gpu)?;
        let record = self.gpus.one(&[("gpu", gpu)])?;
        let kfd = record.get("kfd")?;
        ensure!(
            kfd != "absent",
            "KFD has the card, and gpus says it has not:\n{}",
            self.gpus.text
        );
        Ok(())
    }

    /// Demands that the module reports the PCIe atomics of the path that the fixture built.
    pub fn expect_atomics(&self, card: &Card) -> Result<()> {
        let hop = card.get("hop")?;
        let atomics = if hop == "-" { "completer" } else { "none" };
        let record = self.gpus.one(&[("gpu", card.gpu())])?;
        record.expect(&[("atomics", atomics), ("atomics_hop", hop)])
    }

    /// Checks the values that do not depend on the verdict: hardware facts and raw values.
    fn expect_card(&self, card: &Card, verdict: &str, rules: &str) -> Result<()> {
        let gpu = card.gpu();
        let node = kfd::node(card.node());
        let bank = node.join("mem_banks/0/properties");
        let [width, clock] = ["width", "mem_clk_max"].map(|name| kfd::property(&bank, name));
        self.heaps.one(&[("gpu", gpu)])?.expect(&[
            ("node", card.node()),
            ("bank", "0"),
            ("width_bits", &width?.to_string()),
            ("mem_clk_max_mhz", &clock?.to_string()),
            ("coarse_grained_only", "1"),
            ("fine_grained", "0"),
            ("verdict", verdict),
            ("rules", rules),
        ])?;
        self.flags.one(&[("gpu", gpu)])?.expect(&[
            ("node", card.node()),
            ("coarse_grained_only", "1"),
            ("fine_grained_vram", "0"),
            ("hot_pluggable_vram", "0"),
            ("xgmi", "0"),
            ("host_coherent", "0"),
            ("gfx", "100100"),
            ("verdict", verdict),
        ])?;
        let gfx = kfd::property(&node.join("properties"), "gfx_target_version")?;
        let gpu_id = kfd::number(&node.join("gpu_id"))?;
        let record = self.gpus.one(&[("gpu", gpu)])?;
        record.expect(&[
            ("device", "0x731f"),
            ("revision", card.get("rev")?),
            ("subsystem", &kfd::pci_subsystem(gpu)?),
            ("board", board_of(card)?),
            ("driver", kfd::pci_driver(gpu)?.as_deref().unwrap_or("-")),
            ("link_gts", &kfd::pci_link_speed(gpu, "current")?),
            (
                "link_width",
                &kfd::pci_attribute(gpu, "current_link_width")?,
            ),
            ("link_gts_max", &kfd::pci_link_speed(gpu, "max")?),
            (
                "link_width_max",
                &kfd::pci_attribute(gpu, "max_link_width")?,
            ),
            ("node", card.node()),
            ("gpu_id", &format!("{gpu_id:#x}")),
            ("gfx", &gfx.to_string()),
            ("bar0_bytes", &kfd::bar0_bytes(gpu)?.to_string()),
            ("bar", bar_of(card)?),
            ("kfd", "present"),
            ("reason", "-"),
            ("coarse_grained_only", "1"),
            ("verdict", verdict),
        ])?;
        self.expect_atomics(card)
    }

    /// Demands exactly one record for each rule; those in `lies` are lies, the others truth.
    fn expect_only_lies(&self, card: &Card, lies: &[&str]) -> Result<()> {
        let gpu = card.gpu();
        let rules = rules_for(card)?;
        for rule in &rules {
            let verdict = if lies.contains(rule) { "lie" } else { "truth" };
            let record = self.checks.one(&[("gpu", gpu), ("rule", rule)])?;
            record.expect(&[("node", card.node()), ("verdict", verdict)])?;
        }
        let (seen, expected) = (self.checks.select(&[("gpu", gpu)]).len(), rules.len());
        ensure!(
            seen == expected,
            "checks: expected {expected} records of {gpu}, seen {seen}\n{}",
            self.checks.text
        );
        Ok(())
    }
}

/// The product name for the revision of the fixture's card.
fn board_of(card: &Card) -> Result<&'static str> {
    Ok(match card.get("rev")? {
        "0xc0" => "RX-5700-XT-50th-Anniversary",
        "0xc1" | "0xc5" => "RX-5700-XT",
        "0xc2" => "RX-5600M",
        "0xc3" => "RX-5700M",
        "0xc4" => "RX-5700",
        "0xca" => "RX-5600-XT",
        "0xcb" => "RX-5600-OEM",
        other => bail!("no board is known with revision {other}"),
    })
}

/// How much of the bank BAR0 covers. A lie about the bank's size changes the result.
fn bar_of(card: &Card) -> Result<&'static str> {
    let reach = kfd::bar0_bytes(card.gpu())?;
    let bank = kfd::node(card.node()).join("mem_banks/0/properties");
    Ok(match kfd::property(&bank, "size_in_bytes")? {
        _ if reach <= 256 << 20 => "small",
        bytes if reach >= bytes => "large",
        _ => "partial",
    })
}

fn heap_of(card: &Card) -> Result<&'static str> {
    Ok(if card.get("bar")? == "large" {
        "fb_public"
    } else {
        "fb_private"
    })
}
