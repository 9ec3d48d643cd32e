// SPDX-License-Identifier: GPL-2.0

//! Cards for which KFD publishes values that the hardware cannot have.

use anyhow::{bail, ensure, Context, Result};
use modproof_guest::Ctx;

use crate::fixture::{Card, Fixture, TREE};
use crate::guard;
use crate::kfd;
use crate::truth::View;

/// Each rule with the BARs that can show its lie. Only a large BAR has a link from the CPU and a
/// truly public heap.
pub const ALL: &[(&str, &[&str])] = &[
    ("bank-flags", BOTH),
    ("gfx-version", BOTH),
    ("hive-id", BOTH),
    ("pci-identity", BOTH),
    ("heap-type", BOTH),
    ("bank-count", BOTH),
    ("bank-size", BOTH),
    ("xgmi", BOTH),
    ("host-coherent", BOTH),
    ("link-coherent", LARGE),
    ("heap-bar", SMALL),
];

const LARGE: &[&str] = &["large"];
const SMALL: &[&str] = &["small"];
const BOTH: &[&str] = &["large", "small"];

/// Demands that the module finds this rule's lie on the kernel tree's own KFD.
pub fn on_tree(ctx: &mut Ctx, rule: &str) -> Result<()> {
    let found = ALL.iter().find(|(name, _)| *name == rule);
    let (_, bars) = found.with_context(|| format!("{rule} is no rule"))?;
    TREE.load(&ctx.modules, "")?;
    guard::load(&ctx.modules)?;
    for bar in *bars {
        lie_of(TREE, rule, bar).with_context(|| format!("with a {bar} BAR"))?;
    }
    guard::unload()?;
    TREE.unload()
}

/// A link's flag (`HSA_IOLINK_FLAGS_NON_COHERENT`, `kfd_sysfs.h`).
const NON_COHERENT: u64 = 1 << 1;

/// Adds a card with this rule's lie, demands that the module finds it, and removes the card.
pub fn lie_of(fixture: Fixture, rule: &str, bar: &str) -> Result<()> {
    let card = fixture.add(0, &format!("board=5700xt bar={bar} lie={rule}"))?;
    let view = View::read()?;
    view.expect_cards(1)?;
    view.expect_lie(&card, rule)?;
    expect_raw(&view, &card, rule)?;
    fixture.remove(0)?;
    guard::expect_header_only()
}

/// Demands the values `expected` and `observed` of the rule, and the raw values behind them.
pub fn expect_raw(view: &View, card: &Card, rule: &str) -> Result<()> {
    let gpu = [("gpu", card.gpu())];
    let heap = view.heaps.one(&gpu)?;
    let flags = view.flags.one(&gpu)?;
    let node = kfd::node(card.node());
    let claimed = |key: &str| kfd::property(&node.join("properties"), key);
    let (bank, expected, observed) = match rule {
        "bank-flags" => {
            heap.expect(&[("flags", "0x1")])?;
            flags.expect(&[("claimed_hot_pluggable", "1"), ("hot_pluggable_vram", "0")])?;
            ("0", "0x0".into(), "0x1".into())
        }
        "gfx-version" => {
            flags.expect(&[("claimed_gfx", "100300"), ("gfx", "100100")])?;
            view.gpus.one(&gpu)?.expect(&[("gfx", "100300")])?;
            ("-", "100100".into(), "100300".into())
        }
        "heap-type" => {
            heap.expect(&[("heap", "system")])?;
            ("0", "fb_public|fb_private".into(), "system".into())
        }
        "hive-id" => {
            let hive = claimed("hive_id")?;
            ensure!(hive != 0, "the fixture's hive_id is 0");
            flags.expect(&[("claimed_xgmi", "1"), ("xgmi", "0")])?;
            ("-", "0x0".into(), format!("{hive:#x}"))
        }
        "pci-identity" => ("-", "0x1002:0x731f".into(), "0x1002:0x73bf".into()),
        "bank-count" => ("-", "1".into(), "listed:2,found:1".into()),
        "bank-size" => {
            let bytes = card.get("bank_bytes")?;
            heap.expect(&[("size_bytes", bytes)])?;
            let vram = card.get("vram_bytes")?;
            ("0", format!("1..{vram}"), bytes.to_owned())
        }
        "xgmi" => {
            let engines = claimed("num_sdma_xgmi_engines")?;
            ensure!(engines != 0, "the fixture's card has no XGMI engine");
            flags.expect(&[("claimed_xgmi", "1"), ("xgmi", "0")])?;
            let observed = format!("engines:{engines},links:0");
            ("-", "engines:0,links:0".into(), observed)
        }
        "host-coherent" => {
            flags.expect(&[("claimed_host_coherent", "1"), ("host_coherent", "0")])?;
            let observed = format!("{:#x}", claimed("capability")?);
            ("-", "no-COHERENTHOSTACCESS".into(), observed)
        }
        "link-coherent" => {
            let link = kfd::link_flags("0", card.node())?;
            let observed = format!("{link:#x}");
            ensure!(
                link & NON_COHERENT == 0,
                "the fixture's link from the CPU has flags {observed}"
            );
            ("-", "NON_COHERENT".into(), observed)
        }
        "heap-bar" => {
            heap.expect(&[("heap", "fb_public")])?;
            let reach = kfd::bar0_bytes(card.gpu())?;
            let bank = node.join("mem_banks/0/properties");
            let bytes = kfd::property(&bank, "size_in_bytes")?;
            ensure!(
                reach < bytes,
                "the fixture's BAR reaches {reach} of {bytes} bytes"
            );
            ("0", format!("bar0:{reach}"), format!("fb_public:{bytes}"))
        }
        _ => bail!("no raw value is known for the rule {rule}: name it here"),
    };
    view.checks
        .one(&[("gpu", card.gpu()), ("rule", rule)])?
        .expect(&[
            ("bank", bank),
            ("expected", &expected),
            ("observed", &observed),
        ])
}

/// One card lies, its neighbour does not.
pub fn beside_truth(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "slot=1 lie=bank-flags;slot=2")?;
    guard::load(&ctx.modules)?;
    let (liar, honest) = (TREE.card(1)?, TREE.card(2)?);
    let view = View::read()?;
    view.expect_cards(2)?;
    view.expect_lie(&liar, "bank-flags")?;
    view.expect_truth(&honest)?;
    guard::unload()
}

/// A live property changes while KFD's generation_id stays: every read must see the change.
pub fn fresh_at_every_read(ctx: &mut Ctx) -> Result<()> {
    TREE.load(&ctx.modules, "slot=0")?;
    guard::load(&ctx.modules)?;
    let card = TREE.card(0)?;
    let generation = kfd::generation()?;
    for (property, rule, back) in [
        ("bank.flags=1", "bank-flags", "bank.flags=0"),
        (
            "gfx_target_version=100300",
            "gfx-version",
            "gfx_target_version=100100",
        ),
    ] {
        View::read()?.expect_truth(&card)?;
        TREE.set(0, property)?;
        View::read()?.expect_lie(&card, rule)?;
        TREE.set(0, back)?;
        View::read()?.expect_truth(&card)?;
    }
    let after = kfd::generation()?;
    ensure!(
        after == generation,
        "generation_id moved from {generation} to {after}: tried nothing"
    );
    guard::unload()
}
