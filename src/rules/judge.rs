// SPDX-License-Identifier: GPL-2.0

//! Applies the rules to a card, and draws verdicts from what they say.

use core::fmt;

use crate::facts::{
    map::Maps,
    node::{
        BankProperties,
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

/// Calls `each` with what every rule says of the card with that key.
///
/// A card that is absent from KFD has nothing to judge.
pub fn findings<'a, M: Maps, E>(
    snapshot: &'a Snapshot<M>,
    key: u32,
    card: &Card,
    mut each: impl FnMut(Finding<'a>) -> Result<(), E>,
) -> Result<(), E> {
    if card.presence == Presence::Absent {
        return Ok(());
    }
    let node = card.node.unwrap_or_else(unreadable_node);
    for rule in RULES {
        let mut apply = |bank: Option<&'a Bank>, properties: &BankProperties| {
            let evidence = Evidence {
                card,
                node: &node,
                bank: properties,
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
        match rule.scope {
            Scope::Card => apply(None, &BankProperties::default())?,
            Scope::Bank => {
                for bank in snapshot.banks_of(key) {
                    apply(Some(bank), &bank.properties)?;
                }
            }
        }
    }
    Ok(())
}

/// The verdict over all that was found of a card for which `concerns` says yes.
fn over<M: Maps>(
    snapshot: &Snapshot<M>,
    key: u32,
    card: &Card,
    concerns: impl Fn(&Finding<'_>) -> bool,
) -> Verdict {
    let mut verdict = None;
    let _: Result<(), core::convert::Infallible> = findings(snapshot, key, card, |finding| {
        if concerns(&finding) {
            let found = finding.judgement.verdict;
            verdict = Some(verdict.map_or(found, |verdict: Verdict| verdict.and(found)));
        }
        Ok(())
    });
    verdict.unwrap_or(Verdict::Unknown)
}

/// The verdict over a card: over all its rules; unknown for one that is absent from KFD.
pub fn card_verdict<M: Maps>(snapshot: &Snapshot<M>, key: u32, card: &Card) -> Verdict {
    over(snapshot, key, card, |_| true)
}

/// The verdict over a bank: over its own rules, and those of its card as a whole.
pub fn heap_verdict<M: Maps>(
    snapshot: &Snapshot<M>,
    key: u32,
    card: &Card,
    bank: &Bank,
) -> Verdict {
    over(snapshot, key, card, |finding| finding.concerns(bank))
}

/// Writes the names of the rules whose findings are `wanted`, by comma; `-` for none.
pub fn write_names<M: Maps>(
    snapshot: &Snapshot<M>,
    key: u32,
    card: &Card,
    wanted: impl Fn(&Finding<'_>) -> bool,
    out: &mut impl fmt::Write,
) -> fmt::Result {
    let mut separator = "";
    findings(snapshot, key, card, |finding| {
        if wanted(&finding) {
            out.write_str(separator)?;
            out.write_str(finding.rule.name)?;
            separator = ",";
        }
        Ok(())
    })?;
    if separator.is_empty() {
        out.write_char('-')?;
    }
    Ok(())
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
