// SPDX-License-Identifier: GPL-2.0

//! Tests that read reports back, as other programs do.

use std::path::{Path, PathBuf};

use anyhow::anyhow;
use quick_junit::{NonSuccessKind, TestCaseStatus};

use super::*;
use crate::tally;
use crate::tally::RowState;

const NASTY: &str = "<script>alert(\"1\")</script> & 'more' \u{1b}[31m]]>";

/// A run with one log below its folder, and one log elsewhere.
struct Run {
    runs: tempfile::TempDir,
    _elsewhere: tempfile::TempDir,
    report: Report,
}

fn recorded() -> Run {
    let runs = tempfile::tempdir().expect("a folder");
    let elsewhere = tempfile::tempdir().expect("a folder");
    let console = runs.path().join("kernel: a/tree & more/console.log");
    std::fs::create_dir_all(console.parent().expect("a parent")).expect("a folder");
    std::fs::write(&console, "the console").expect("a file");
    let build = elsewhere.path().join("build-lint.log");
    std::fs::write(&build, "the build").expect("a file");

    let mut recorder = Recorder::begin(runs.path().to_owned(), Some("tree/*"));
    let mut lint = tally::Outcome::of(Ok("a note".to_owned()));
    lint.log = Some(build);
    recorder.add("lint", &lint);
    let mut boot = tally::Outcome {
        seconds: Some(12.345_678),
        log: Some(console),
        ..tally::Outcome::default()
    };
    boot.push(tally::Row {
        seconds: Some(0.5),
        ..tally::Row::new(
            "truth",
            RowState::Passed,
            "a passing case may say something",
        )
    });
    boot.push(tally::Row::new(
        NASTY,
        RowState::Failed,
        format!("{NASTY}\nline two"),
    ));
    boot.push(tally::Row::new(
        "vanished",
        RowState::Skipped,
        "no such card",
    ));
    recorder.add("trixie:tree", &boot);
    Run {
        report: recorder.end(&Ok(())),
        runs,
        _elsewhere: elsewhere,
    }
}

fn ended(outcomes: &[tally::Outcome], result: &Result<()>) -> Report {
    let mut recorder = Recorder::begin(PathBuf::from("/nowhere"), None);
    for outcome in outcomes {
        recorder.add("group", outcome);
    }
    recorder.end(result)
}

#[test]
fn the_status_tells_pass_fail_and_could_not_run_apart() {
    let pass = || tally::Outcome::of(Ok(String::new()));
    let fail = || tally::Outcome::of(Err(anyhow!("why")));
    let skip = || tally::Outcome::skipped("not here");
    let broken = Err(anyhow!("no QEMU"));
    let status = |outcomes: &[_], result: &_| ended(outcomes, result).outcome.status();
    assert_eq!(status(&[pass(), skip()], &Ok(())), 0);
    assert_eq!(status(&[pass(), fail()], &Ok(())), 1);
    assert_eq!(status(&[skip()], &Ok(())), 2);
    assert_eq!(status(&[], &Ok(())), 2);
    assert_eq!(status(&[pass()], &broken), 2);
    assert_eq!(status(&[fail()], &broken), 2);
}

#[test]
fn what_was_counted_has_a_row() {
    let mut outcome = tally::Outcome::of(Ok(String::new()));
    outcome.tally.failed = 2;
    let report = ended(&[outcome], &Ok(()));
    let rows = &report.groups[0].rows;
    assert_eq!(rows.len(), 3);
    assert_eq!(
        rows.iter().filter(|r| r.state == RowState::Failed).count(),
        2
    );
}

#[test]
fn json_is_read_back_as_it_was_written() {
    let run = recorded();
    run.report.write(run.runs.path()).expect("written");
    let text = std::fs::read_to_string(run.runs.path().join(JSON)).expect("a file");
    let read: Report = serde_json::from_str(&text).expect("a report");
    assert_eq!(read, run.report);
    assert_eq!(read.outcome, Outcome::Fail);
    assert_eq!(read.groups[1].kernel.as_deref(), Some("trixie"));
    assert_eq!(read.groups[1].seconds, Some(12.346));
    for (from, to) in [
        ("\"version\"", "\"versions\""),
        ("\"fail\"", "\"maybe\""),
        ("\"failed\"", "\"unsure\""),
    ] {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text, "{from}");
        assert!(serde_json::from_str::<Report>(&changed).is_err(), "{to}");
    }
}

#[test]
fn ktap_has_a_line_for_each_check_whatever_its_name() {
    let run = recorded();
    assert_eq!(
        run.report.ktap(),
        "KTAP version 1\n1..2\nok 1 lint\n# a note\n  \
           KTAP version 1\n  # Subtest: trixie:tree\n  1..3\n  ok 1 truth\n  \
           # a passing case may say something\n  \
           not ok 2 <script>alert(\"1\")</script> & 'more'  [31m]]>\n  \
           # <script>alert(\"1\")</script> & 'more'  [31m]]>\n  # line two\n  \
           ok 3 vanished # SKIP no such card\n\
         not ok 2 trixie:tree\n# 2 passed, 1 failed, 1 skipped\n"
    );
    let broken = ended(&[], &Err(anyhow!("no QEMU # here\nat all"))).ktap();
    assert_eq!(
        broken,
        "KTAP version 1\n1..0\nBail out! no QEMU _ here\n# 0 passed, 0 failed\n"
    );
}

#[test]
fn junit_is_read_back_with_the_same_counts() {
    let run = recorded();
    let xml = junit::render(&run.report).expect("XML");
    let read = quick_junit::Report::deserialize_from_str(&xml).expect("JUnit XML");
    assert_eq!((read.tests, read.failures, read.errors), (4, 1, 0));
    let [lint, boot] = &read.test_suites[..] else {
        panic!("{xml}");
    };
    assert_eq!(
        (lint.name.as_str(), boot.name.as_str()),
        ("lint", "trixie:tree")
    );
    assert_eq!(lint.test_cases[0].name.as_str(), "lint");
    assert_eq!((boot.tests, boot.failures), (3, 1));
    let nasty = boot.test_cases[1].name.as_str();
    assert!(
        nasty.contains("<script>") && nasty.contains("]]>"),
        "{nasty}"
    );
    let TestCaseStatus::NonSuccess {
        kind: NonSuccessKind::Failure,
        message: Some(message),
        description: Some(description),
        ..
    } = &boot.test_cases[1].status
    else {
        panic!("{:?}", boot.test_cases[1].status);
    };
    assert!(!message.as_str().contains("line two"));
    assert!(description.as_str().contains("line two"));
}

#[test]
fn junit_tells_that_it_did_not_run_to_its_end() {
    let report = ended(&[], &Err(anyhow!("no QEMU\nand more")));
    let xml = junit::render(&report).expect("XML");
    let read = quick_junit::Report::deserialize_from_str(&xml).expect("JUnit XML");
    assert_eq!((read.tests, read.failures, read.errors), (1, 0, 1));
}

#[test]
fn the_page_needs_no_network_and_no_script() {
    let run = recorded();
    let page = page::render(&run.report).expect("a page");
    for no in [
        "http", "<script", "src=", "@import", "url(", "<link", "onclick",
    ] {
        assert!(!page.contains(no), "{no}");
    }
    for yes in [
        "prefers-color-scheme: dark",
        "color-scheme: light dark",
        "&#60;script&#62;",
        "line two",
        "trixie",
        "no such card",
        "0.5 s",
        "tree/*",
    ] {
        assert!(page.contains(yes), "{yes}\n{page}");
    }
    // One row for each check, and one more for the failed check.
    assert_eq!(page.matches("<tr><td>").count(), 4 + 1);
    for tag in ["table", "tbody", "tr", "td", "details", "summary", "pre"] {
        let opened =
            page.matches(&format!("<{tag}>")).count() + page.matches(&format!("<{tag} ")).count();
        assert_eq!(opened, page.matches(&format!("</{tag}>")).count(), "{tag}");
    }
}

#[test]
fn the_page_tells_that_it_did_not_run_to_its_end() {
    let report = ended(&[], &Err(anyhow!("no QEMU & so on")));
    let page = page::render(&report).expect("a page");
    assert!(page.contains("no QEMU &#38; so on"), "{page}");
    assert!(page.contains("could not run"), "{page}");
}

/// Links work from every folder that holds a copy of the report.
#[test]
fn links_lead_to_logs() {
    let run = recorded();
    let copy = tempfile::tempdir().expect("a folder");
    let copy = copy.path().join("made/for it");
    run.report.write(run.runs.path()).expect("written");
    run.report.copy(run.runs.path(), &copy).expect("copied");
    for folder in [run.runs.path(), &*copy] {
        let page = std::fs::read_to_string(folder.join(PAGE)).expect("a page");
        let links: Vec<_> = page.split("href=\"").skip(1).collect();
        assert_eq!(links.len(), 5);
        for link in links {
            let link = link.split('"').next().expect("an end");
            let log = folder.join(decoded(link));
            assert!(log.is_file(), "{link}");
        }
        assert!(folder.join(JSON).is_file() && folder.join(JUNIT).is_file());
        let partial = std::fs::read_dir(folder).expect("a folder");
        let hidden = partial
            .flatten()
            .any(|e| e.file_name().to_string_lossy().starts_with('.'));
        assert!(!hidden);
    }
}

#[test]
fn a_folder_that_cannot_be_written_is_named() {
    let run = recorded();
    let file = run.runs.path().join("a file");
    std::fs::write(&file, "").expect("a file");
    let error = run
        .report
        .copy(run.runs.path(), &file.join("x"))
        .expect_err("no folder");
    assert!(format!("{error:#}").contains("a file/x"), "{error:#}");
}

#[test]
fn it_is_not_copied_onto_itself() {
    let run = recorded();
    run.report.write(run.runs.path()).expect("written");
    let link = run.runs.path().join("link");
    std::os::unix::fs::symlink(run.runs.path(), &link).expect("a link");
    for copy in [run.runs.path(), &link, &run.runs.path().join(".")] {
        let copied = run.report.copy(run.runs.path(), copy);
        let log = run.runs.path().join("kernel: a/tree & more/console.log");
        let log = std::fs::read_to_string(log).expect("a log");
        assert_eq!(log, "the console", "{}", copy.display());
        assert!(copied.is_err(), "{}", copy.display());
    }
}

fn decoded(link: &str) -> PathBuf {
    let mut bytes = Vec::new();
    let mut rest = link.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let hex: String = rest.by_ref().take(2).map(char::from).collect();
                u8::from_str_radix(&hex, 16).expect("two digits")
            }
            byte => byte,
        });
    }
    Path::new(&String::from_utf8(bytes).expect("UTF-8")).to_owned()
}
