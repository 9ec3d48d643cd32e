// SPDX-License-Identifier: GPL-2.0

//! Applies the rules to a card, and combines their answers into verdicts.

use core::fmt;

use crate::facts::prelude::*;

use super::{
    Evidence,
    Judgement,
    Rule,
    Scope,
    RULES, //
};

/// Whether KFD's claims match the hardware.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They match.
    Truth,
    /// They do not match.
    Lie,
    /// A claim could not be read, is missing, or was changing.
    Unknown,
    /// KFD claims nothing about the card, or there are no PCI facts to compare with.
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

    /// The word that the files show.
    pub fn name(self) -> &'static str {
        match self {
            Self::Truth => "truth",
            Self::Lie => "lie",
            Self::Unknown => "unknown",
            Self::Unjudged => "unjudged",
        }
    }

    /// Combines two verdicts: a lie outweighs an unknown, and an unknown outweighs a truth.
    pub fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Lie, _) | (_, Self::Lie) => Self::Lie,
            (Self::Unknown, _) | (_, Self::Unknown) => Self::Unknown,
            (Self::Truth, _) | (_, Self::Truth) => Self::Truth,
            (Self::Unjudged, Self::Unjudged) => Self::Unjudged,
        }
    }
}

/// The output of one rule for one node of a card, or for one of its banks.
#[derive(Clone, Copy)]
pub struct Finding<'a> {
    /// The rule.
    pub rule: &'static Rule,
    /// The node.
    pub node: &'a Node,
    /// The bank, if the rule is about banks.
    pub bank: Option<&'a Bank>,
    /// The output of the rule.
    pub judgement: Judgement,
}

/// The findings that a caller wants.
#[derive(Clone, Copy)]
pub enum About<'a> {
    /// All findings about a card.
    Card,
    /// The findings about this node, including its banks.
    Node(&'a Node),
    /// The findings about this bank of this node, and about the node as a whole.
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

/// Calls `each` with every finding about a card, until it fails.
///
/// A card that is absent from KFD has no findings.
#[inline(never)] // One copy keeps the module small.
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

/// The combined verdict of all rules on a card, on one of its nodes or on one of its banks.
#[inline(never)] // One copy keeps the module small.
pub fn verdict(snapshot: &Snapshot, card: &Card, about: About<'_>) -> Verdict {
    if card.presence == Presence::Absent {
        return Verdict::Unjudged;
    }
    let mut verdict = None;
    // The closure never fails.
    let _ = findings(snapshot, card, about, &mut |finding| {
        let found = finding.judgement.verdict;
        verdict = Some(verdict.map_or(found, |verdict: Verdict| verdict.and(found)));
        Ok(())
    });
    verdict.unwrap_or(Verdict::Unknown)
}

/// The verdict on a card: the worst of all its nodes; unjudged if KFD has none for it.
pub fn card_verdict(snapshot: &Snapshot, card: &Card) -> Verdict {
    verdict(snapshot, card, About::Card)
}

/// The node with the worst verdict, the card's. Of equals the last, as KFD appends new nodes.
pub fn worst_node<'a>(snapshot: &'a Snapshot, card: &'a Card) -> Option<&'a Node> {
    if !card.has_more {
        return snapshot.nodes_of(card).next();
    }
    let of_card = card_verdict(snapshot, card);
    let is_worst = |node: &&Node| verdict(snapshot, card, About::Node(node)) == of_card;
    snapshot.nodes_of(card).filter(is_worst).last()
}

/// The names of the rules with a finding of one of the `verdicts`. Each name shows once, separated
/// by commas; `-` for none.
pub struct RuleNames<'a> {
    /// The snapshot that holds the card.
    pub snapshot: &'a Snapshot,
    /// The card.
    pub card: &'a Card,
    /// The findings to look at.
    pub about: About<'a>,
    /// The verdicts to look for.
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
