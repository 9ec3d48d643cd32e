// SPDX-License-Identifier: GPL-2.0

//! `classify` on machines it has never seen: no panic, and no lie on an honest tree of any GPU
//! generation, whatever lines it has.

mod gpus;
mod links;
mod machine;
mod tree;

use std::{
    fs,
    path::Path,
    process::Command, //
};

use machine::{
    machine,
    Age, //
};
use proptest::{
    prelude::*,
    sample::Index,
    strategy::ValueTree, //
};
use tree::Files;

/// What `classify` prints of the files, beside these PCI facts if there are any, and its exit
/// status.
fn classify(files: &Files, pci: Option<&str>) -> (i32, String) {
    let folder = tempfile::tempdir().unwrap();
    tree::write(files, folder.path());
    judge(folder.path(), pci)
}

fn judge(folder: &Path, pci: Option<&str>) -> (i32, String) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_classify"));
    if let Some(facts) = pci {
        let file = folder.join("pci");
        fs::write(&file, facts).unwrap();
        command.arg("--pci").arg(file);
    }
    let output = command.arg(folder).output().unwrap();
    // All that it may have to say: how often something could not be read.
    let said = String::from_utf8(output.stderr).unwrap();
    let counts = |line: &str| line.starts_with("classify: errors_");
    assert!(said.lines().all(counts), "{said}");
    let page = String::from_utf8(output.stdout).unwrap();
    (output.status.code().unwrap(), page)
}

/// The records of `file` on the page of `classify`.
fn records<'p>(page: &'p str, file: &str) -> Vec<&'p str> {
    let heading = format!("# rdna1 {file} v1");
    let below = page.lines().skip_while(|line| *line != heading).skip(1);
    below.take_while(|line| line.starts_with("gpu=")).collect()
}

fn node_of(record: &str) -> Option<String> {
    let node = record
        .split(' ')
        .find_map(|pair| pair.strip_prefix("node="));
    node.map(str::to_owned)
}

/// A change that leaves a tree honest, or spoils it without making it say anything else.
#[derive(Clone, Debug)]
enum Spoil {
    /// A line is not there, as in another kernel.
    WithoutLine(Index, Index),
    /// A line that nobody knows, as in a later kernel.
    NewLine(Index, Index, String, u64),
    /// A copy of the file that ends too early.
    Cut(Index, Index),
    /// Its folder is there, the file is not.
    WithoutFile(Index),
}

fn spoil() -> impl Strategy<Value = Spoil> {
    let at = any::<Index>;
    prop_oneof![
        6 => (at(), at()).prop_map(|(file, line)| Spoil::WithoutLine(file, line)),
        6 => (at(), at(), "new_[a-z_]{1,20}", any::<u64>())
            .prop_map(|(file, line, key, value)| Spoil::NewLine(file, line, key, value)),
        1 => (at(), at()).prop_map(|(file, byte)| Spoil::Cut(file, byte)),
        1 => at().prop_map(Spoil::WithoutFile),
    ]
}

impl Spoil {
    /// Changes `files`; gives the file that is to be removed at the end.
    fn apply(&self, files: &mut Files) -> Option<String> {
        let names: Vec<String> = files.keys().cloned().collect();
        let (Self::WithoutLine(file, _)
        | Self::NewLine(file, ..)
        | Self::Cut(file, _)
        | Self::WithoutFile(file)) = self;
        let name = file.get(&names);
        let text = files.get_mut(name).unwrap();
        let mut lines: Vec<String> = text.split_inclusive('\n').map(str::to_owned).collect();
        match self {
            Self::WithoutLine(_, line) if !lines.is_empty() => {
                lines.remove(line.index(lines.len()));
            }
            Self::NewLine(_, line, key, value) if name.ends_with("properties") => {
                lines.insert(line.index(lines.len() + 1), format!("{key} {value}\n"));
            }
            Self::Cut(_, byte) => {
                text.truncate(byte.index(text.len() + 1));
                return None;
            }
            Self::WithoutFile(_) => return Some(name.clone()),
            Self::WithoutLine(..) | Self::NewLine(..) => {}
        }
        *text = lines.concat();
        None
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn an_honest_machine_has_no_lie(machine in machine()) {
        let (status, page) = classify(&machine.files(), None);
        prop_assert!(!page.contains("lie"), "{}", page);
        for file in ["gpus", "heaps"] {
            let seen: Vec<_> = records(&page, file).into_iter().filter_map(node_of).collect();
            prop_assert_eq!(seen, machine.nodes_of_cards(), "{}", file);
        }
        // A kernel that prints all that is judged has no excuse for an unknown.
        let complete = machine.nodes_of_cards().is_empty() || machine.age >= Age::New;
        prop_assert_eq!(status, if complete { 0 } else { 3 }, "{}", page);
    }

    #[test]
    fn an_honest_machine_has_no_lie_beside_its_pci_facts(machine in machine()) {
        let (status, page) = classify(&machine.files(), Some(&machine.pci_facts()));
        prop_assert!(!page.contains("lie"), "{}", page);
        // KFD has them all, even where it does not say in which domain.
        prop_assert!(!page.contains("kfd=absent"), "{}", page);
        let cards = machine.nodes_of_cards();
        prop_assert_eq!(records(&page, "gpus").len(), cards.len(), "{}", page);
        if machine.age >= Age::Old {
            for file in ["gpus", "heaps"] {
                let mut seen: Vec<_> =
                    records(&page, file).into_iter().filter_map(node_of).collect();
                seen.sort();
                prop_assert_eq!(&seen, &cards, "{}", file);
            }
        }
        let complete = cards.is_empty() || machine.age >= Age::New;
        prop_assert_eq!(status, if complete { 0 } else { 3 }, "{}", page);
        prop_assert!(!page.contains("unjudged"), "{}", page);
    }

    #[test]
    fn no_line_more_or_less_makes_a_lie(
        machine in machine(),
        spoils in prop::collection::vec(spoil(), 1..30),
        with_pci in any::<bool>(),
    ) {
        let mut files = machine.files();
        let removed: Vec<String> = spoils.iter().filter_map(|s| s.apply(&mut files)).collect();
        let folder = tempfile::tempdir().unwrap();
        tree::write(&files, folder.path());
        for name in removed {
            // The same may be named twice.
            let _ = fs::remove_file(folder.path().join(name));
        }
        let pci = machine.pci_facts();
        let (status, page) = judge(folder.path(), with_pci.then_some(pci.as_str()));
        prop_assert!(!page.contains("lie"), "{}", page);
        prop_assert!([0, 3].contains(&status), "{}", page);
    }
}

/// The generator makes what it is meant to: a lie in one of its cards is found.
#[test]
fn a_lie_among_the_generated_is_found() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let mut found = 0;
    for _ in 0..40 {
        let machine = machine().new_tree(&mut runner).unwrap().current();
        if machine.nodes_of_cards().is_empty() {
            continue;
        }
        let mut files = machine.files();
        for (name, text) in &mut files {
            if name.ends_with("/mem_banks/0/properties") {
                *text = text.replace("flags 0", "flags 1");
            }
        }
        let (status, page) = classify(&files, None);
        assert_eq!(status, 1, "{page}");
        let lies = records(&page, "heaps");
        assert!(
            lies.iter().all(|heap| heap.contains("bank-flags")),
            "{page}"
        );
        found += 1;
    }
    assert!(
        found > 5,
        "{found} machines with a card: tried next to nothing"
    );
}
