// SPDX-License-Identifier: GPL-2.0

//! Rule xgmi: the card has no XGMI engine and no XGMI link.
//!
//! Navi10 has only PCI Express links (`HSA_IOLINK_TYPE_PCIEXPRESS`).

use super::*;

pub(super) fn judge(evidence: &Evidence<'_>) -> Option<Judgement> {
    let engines = evidence.node.properties.num_sdma_xgmi_engines();
    let links = evidence.node.links.xgmi;
    let verdict = if [engines, links]
        .iter()
        .any(|count| count.known().is_some_and(|count| count != 0))
    {
        Verdict::Lie
    } else if engines == Value::Known(0) && links == Value::Known(0) {
        Verdict::Truth
    } else {
        Verdict::Unknown
    };
    Some(Judgement {
        expected: shown(Value::Known(0), Value::Known(0)),
        observed: shown(engines, links),
        verdict,
    })
}

fn shown(engines: Value, links: Value) -> Shown {
    Shown::Both(("engines:", engines), (",links:", links))
}
