// SPDX-License-Identifier: GPL-2.0

use super::*;

const CHECKS: &str = "# rdna1 checks v1\n\
    gpu=0001:00:00.0 node=1 bank=0 rule=bank-flags expected=0x0 observed=0x1 verdict=lie\n\
    gpu=0001:00:00.0 node=1 bank=? rule=hive-id expected=0 observed=0 verdict=truth more=x\n";

#[test]
fn a_good_file() {
    let report = Report::parse("checks", CHECKS).unwrap();
    report.expect_count(2).unwrap();
    let record = report.one(&[("rule", "bank-flags")]).unwrap();
    record
        .expect(&[("verdict", "lie"), ("observed", "0x1")])
        .unwrap();
    assert_eq!(record.get("bank").unwrap(), "0");
    report.expect_none(&[("verdict", "unknown")]).unwrap();
}

#[test]
fn counts_are_exact() {
    let report = Report::parse("checks", CHECKS).unwrap();
    assert!(report.one(&[("node", "1")]).is_err());
    assert!(report.one(&[("node", "2")]).is_err());
    assert!(report.expect_count(1).is_err());
    assert!(report.expect_none(&[("verdict", "lie")]).is_err());
}

#[test]
fn a_malformed_file_is_refused() {
    for (file, text) in [
        ("checks", ""),
        ("checks", "# rdna1 checks v2\n"),
        ("heaps", "# rdna1 checks v1\n"),
        ("checks", "# rdna1 checks v1\ngpu=1 node=1"),
        ("checks", "# rdna1 checks v1\n\n"),
        ("checks", "# rdna1 checks v1\nrule=x\n"),
        ("other", "# rdna1 other v1\n"),
    ] {
        assert!(Report::parse(file, text).is_err(), "{file}: {text:?}");
    }
    assert!(Report::parse("heaps", "# rdna1 heaps v1\n")
        .unwrap()
        .records
        .is_empty());
}
