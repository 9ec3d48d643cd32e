// SPDX-License-Identifier: GPL-2.0

//! Applies the rules to a card, and draws verdicts from what they say.

use core::fmt;

use crate::facts::{
    map::Maps,
    node::{
        Links,
        Node,
        NodeProperties, //
    },
    properties::Properties as _,
    snapshot::{
        Bank,
        Card,
        Presence,
        Snapshot, //
    },
    value::Value,
};

use super::{
    Evidence,
    Judgement,
    Rule,
    Scope,
    RULES, //
};

/// Whether KFD says what is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It does.
    Truth,
    /// It does not.
    Lie,
    /// What it says could not be read, is missing, or was changing.
    Unknown,
    /// There are no PCI facts to compare with.
    Unjudged,
}

impl Verdict {
    /// Truth if `agrees`, else a lie.
    pub fn truth_if(agrees: bool) -> Self {
        if agrees {
            Self::Truth
        } else {
            Self::Lie
        }
    }

    /// The verdict over two: a lie outweighs an unknown, and that a truth.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Lie, _) | (_, Self::Lie) => Self::Lie,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Truth, _) | (_, Self::Truth) => Self::Truth,
            (Self::Unjudged, Self::Unjudged) => Self::Unjudged,
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Truth => "truth",
            Self::Lie => "lie",
            Self::Unknown => "unknown",
            Self::Unjudged => "unjudged",
        })
    }
}

/// What one rule says of one card, or of one of its banks.
#[derive(Clone, Copy)]
pub struct Finding<'a> {
    /// The rule.
    pub rule: &'static Rule,
    /// The bank, if the rule is about banks.
    pub bank: Option<&'a Bank>,
    /// What it says.
    pub judgement: Judgement,
}

/// Stands for a node that could not be read, so that the rules themselves say what is unknown.
fn unreadable_node() -> Node {
    Node {
        number: 0,
        gpu_id: Value::Unreadable,
        properties: NodeProperties::unreadable(),
        banks_found: Value::Unreadable,
        links: Links {
            xgmi: Value::Unreadable,
            from_cpu: Value::Unreadable,
            to_cpu: Value::Unreadable,
        },
    }
}

/// Calls `each` with what every rule says of the card with that key, until it fails.
///
/// A card that is absent from KFD has nothing to judge.
#[inline(never)] // Once is enough, for all that ask.
pub fn findings<'a, M: Maps>(
    snapshot: &'a Snapshot<M>,
    key: u32,
    card: &Card,
    each: &mut dyn FnMut(Finding<'a>) -> fmt::Result,
) -> fmt::Result {
    if card.presence == Presence::Absent {
        return Ok(());
    }
    let node = card.node.unwrap_or_else(unreadable_node);
    let mut apply = |rule: &'static Rule, bank: Option<&'a Bank>| {
        let evidence = Evidence {
            card,
            node: &node,
            bank: &bank.map(|bank| bank.properties).unwrap_or_default(),
        };
        let Some(mut judgement) = (rule.judge)(&evidence) else {
            return Ok(());
        };
        if rule.needs_pci && !snapshot.pci_known {
            judgement.verdict = Verdict::Unjudged;
        } else if !card.settled {
            judgement.verdict = Verdict::Unknown;
        }
        each(Finding {
            rule,
            bank,
            judgement,
        })
    };
    for rule in RULES {
        match rule.scope {
            Scope::Card => apply(rule, None)?,
            Scope::Bank => snapshot
                .banks_of(key)
                .try_for_each(|bank| apply(rule, Some(bank)))?,
        }
    }
    Ok(())
}

/// The verdict over all that was found of a card, or over what concerns one of its banks.
#[inline(never)] // Once is enough.
fn over<M: Maps>(snapshot: &Snapshot<M>, key: u32, card: &Card, bank: Option<&Bank>) -> Verdict {
    let mut verdict = None;
    // Nothing fails in it.
    let _ = findings(snapshot, key, card, &mut |finding| {
        if bank.is_none_or(|bank| finding.concerns(bank)) {
            let found = finding.judgement.verdict;
            verdict = Some(verdict.map_or(found, |verdict: Verdict| verdict.and(found)));
        }
        Ok(())
    });
    verdict.unwrap_or(Verdict::Unknown)
}

/// The verdict over a card: over all its rules; unknown for one that is absent from KFD.
pub fn card_verdict<M: Maps>(snapshot: &Snapshot<M>, key: u32, card: &Card) -> Verdict {
    over(snapshot, key, card, None)
}

/// The verdict over a bank: over its own rules, and those of its card as a whole.
pub fn heap_verdict<M: Maps>(
    snapshot: &Snapshot<M>,
    key: u32,
    card: &Card,
    bank: &Bank,
) -> Verdict {
    over(snapshot, key, card, Some(bank))
}

/// The names of the rules whose findings are `wanted`, by comma; `-` for none.
pub struct RuleNames<'a, M: Maps> {
    /// Where the card is.
    pub snapshot: &'a Snapshot<M>,
    /// Its key.
    pub key: u32,
    /// The card.
    pub card: &'a Card,
    /// Only what concerns this bank, if there is one.
    pub bank: Option<&'a Bank>,
    /// Which findings.
    pub wanted: fn(&Finding<'_>) -> bool,
}

impl<M: Maps> fmt::Display for RuleNames<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        findings(self.snapshot, self.key, self.card, &mut |finding| {
            let concerns = self.bank.is_none_or(|bank| finding.concerns(bank));
            if concerns && (self.wanted)(&finding) {
                f.write_str(separator)?;
                f.write_str(finding.rule.name)?;
                separator = ",";
            }
            Ok(())
        })?;
        if separator.is_empty() {
            f.write_str("-")?;
        }
        Ok(())
    }
}

impl Finding<'_> {
    /// Whether it bears on `bank`.
    pub fn concerns(&self, bank: &Bank) -> bool {
        self.bank.is_none_or(|own| own.number == bank.number)
    }

    /// Whether the rule failed or could not be judged.
    pub fn fails(&self) -> bool {
        matches!(self.judgement.verdict, Verdict::Lie | Verdict::Unknown)
    }
}
