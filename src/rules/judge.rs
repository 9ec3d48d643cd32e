// SPDX-License-Identifier: GPL-2.0

//! Applies the rules to a card, and draws verdicts from what they say.

use core::fmt;

use crate::facts::prelude::*;

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
    /// KFD claims nothing of the card, or there are no PCI facts to compare with.
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

    /// As it is shown.
    pub fn name(self) -> &'static str {
        match self {
            Self::Truth => "truth",
            Self::Lie => "lie",
            Self::Unknown => "unknown",
            Self::Unjudged => "unjudged",
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

/// What one rule says of one node of a card, or of one of its banks.
#[derive(Clone, Copy)]
pub struct Finding<'a> {
    /// The rule.
    pub rule: &'static Rule,
    /// The node.
    pub node: &'a Node,
    /// The bank, if the rule is about banks.
    pub bank: Option<&'a Bank>,
    /// What it says.
    pub judgement: Judgement,
}

/// Which findings are asked for.
#[derive(Clone, Copy)]
pub enum About<'a> {
    /// Those of all nodes of a card.
    Card,
    /// Those of this node.
    Node(&'a Node),
    /// Those that concern this bank of this node: its own, and those of the node as a whole.
    Bank(&'a Node, &'a Bank),
}

impl About<'_> {
    fn includes(&self, node: &Node, bank: Option<&Bank>) -> bool {
        match *self {
            Self::Card => true,
            Self::Node(own) => own.number == node.number,
            Self::Bank(own, wanted) => {
                own.number == node.number && bank.is_none_or(|bank| bank.number == wanted.number)
            }
        }
    }
}

/// Calls `each` with what every rule says of a card, until it fails.
///
/// A card that is absent from KFD has nothing to judge.
#[inline(never)] // Once is enough, for all that ask.
pub fn findings<'a>(
    snapshot: &'a Snapshot,
    card: &'a Card,
    about: About<'_>,
    each: &mut dyn FnMut(Finding<'a>) -> fmt::Result,
) -> fmt::Result {
    for node in snapshot.nodes_of(card) {
        let mut apply = |rule: &'static Rule, bank: Option<&'a Bank>| {
            if !about.includes(node, bank) {
                return Ok(());
            }
            let evidence = Evidence {
                node,
                bank: &bank.map(|bank| bank.properties).unwrap_or_default(),
                function: card.function.as_ref(),
                pci_known: snapshot.pci_known,
            };
            let Some(mut judgement) = (rule.judge)(&evidence) else {
                return Ok(());
            };
            judgement.verdict = match node.basis {
                _ if rule.needs_pci && !snapshot.pci_known => Verdict::Unjudged,
                Basis::Nothing => Verdict::Unknown,
                Basis::Device if rule.needs_pci => Verdict::Unknown,
                Basis::Device | Basis::Function => judgement.verdict,
            };
            each(Finding {
                rule,
                node,
                bank,
                judgement,
            })
        };
        for rule in &RULES {
            match rule.scope {
                Scope::Card => apply(rule, None)?,
                Scope::Bank => snapshot
                    .banks_of(node)
                    .try_for_each(|bank| apply(rule, Some(bank)))?,
            }
        }
    }
    Ok(())
}

/// The verdict over what was found of a card, of one of its nodes or of one of its banks: that of
/// all rules taken together.
#[inline(never)] // Once is enough.
pub fn verdict(snapshot: &Snapshot, card: &Card, about: About<'_>) -> Verdict {
    if card.presence == Presence::Absent {
        return Verdict::Unjudged;
    }
    let mut verdict = None;
    // Nothing fails in it.
    let _ = findings(snapshot, card, about, &mut |finding| {
        let found = finding.judgement.verdict;
        verdict = Some(verdict.map_or(found, |verdict: Verdict| verdict.and(found)));
        Ok(())
    });
    verdict.unwrap_or(Verdict::Unknown)
}

/// The verdict over a card: the worst over all its nodes; unjudged if KFD has none for it.
pub fn card_verdict(snapshot: &Snapshot, card: &Card) -> Verdict {
    verdict(snapshot, card, About::Card)
}

/// The node that a card's verdict is drawn from: the worst. Of equals the last, as KFD adds new nodes
/// at the end of its list.
pub fn worst_node<'a>(snapshot: &'a Snapshot, card: &'a Card) -> Option<&'a Node> {
    if !card.has_more {
        return snapshot.nodes_of(card).next();
    }
    let of_card = card_verdict(snapshot, card);
    let is_worst = |node: &&Node| verdict(snapshot, card, About::Node(node)) == of_card;
    snapshot.nodes_of(card).filter(is_worst).last()
}

/// The names of the rules that have a finding of one of the `verdicts`, each once, by comma; `-` for
/// none.
pub struct RuleNames<'a> {
    /// Where the card is.
    pub snapshot: &'a Snapshot,
    /// The card.
    pub card: &'a Card,
    /// Which findings.
    pub about: About<'a>,
    /// Which verdicts.
    pub verdicts: &'a [Verdict],
}

impl fmt::Display for RuleNames<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut found = [false; RULES.len()];
        findings(self.snapshot, self.card, self.about, &mut |finding| {
            if self.verdicts.contains(&finding.judgement.verdict) {
                for (found, rule) in found.iter_mut().zip(&RULES) {
                    *found |= core::ptr::eq(rule, finding.rule);
                }
            }
            Ok(())
        })?;
        let mut separator = "";
        for (_, rule) in found.iter().zip(&RULES).filter(|(found, _)| **found) {
            f.write_str(separator)?;
            f.write_str(rule.name)?;
            separator = ",";
        }
        if separator.is_empty() {
            f.write_str("-")?;
        }
        Ok(())
    }
}
