// SPDX-License-Identifier: GPL-2.0

//! The description of the module under test: its entry in the host's `modproof.toml`.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use anyhow::{ensure, Context, Result};
use modproof_formats::Trial;
use regex_lite::{Regex, RegexBuilder};

/// Reads stop at this many bytes, as a file may be endless.
const MOST: u64 = 1 << 20;

/// The module, and the effects to check.
#[derive(Debug, Default)]
pub struct Wanted {
    /// The name of the module and of its `.ko`.
    pub name: String,
    /// The parameters for its load.
    pub parameters: String,
    /// The files to read while it is loaded.
    pub reads: Vec<Expected>,
    /// Each must match a line that the kernel logs from load to unload.
    log: Vec<Regex>,
}

/// A file, and the text that it must show.
#[derive(Debug)]
pub struct Expected {
    /// The file.
    pub path: PathBuf,
    shows: Regex,
}

impl Wanted {
    /// The path of the description.
    pub fn path() -> PathBuf {
        Path::new("/").join(Trial::FILE)
    }

    /// Reads the description that the host has put into the guest.
    pub fn read() -> Result<Self> {
        let path = Self::path();
        let shown = path.display();
        let text = fs::read_to_string(&path).with_context(|| {
            format!("{shown} is not there: this suite is booted with a module of modproof.toml")
        })?;
        serde_json::from_str(&text)
            .map_err(Into::into)
            .and_then(Self::of)
            .with_context(|| format!("cannot use {shown}"))
    }

    fn of(trial: Trial) -> Result<Self> {
        let reads = trial.reads.into_iter().map(|read| {
            Ok(Expected {
                path: read.path,
                shows: pattern(&read.shows)?,
            })
        });
        Ok(Self {
            reads: reads.collect::<Result<_>>()?,
            log: trial
                .log
                .iter()
                .map(|text| pattern(text))
                .collect::<Result<_>>()?,
            name: trial.name,
            parameters: trial.parameters,
        })
    }

    /// Fails unless each pattern matches a line.
    pub fn expect_log(&self, lines: &[String]) -> Result<()> {
        for pattern in &self.log {
            ensure!(
                lines.iter().any(|line| pattern.is_match(line)),
                "kernel log: expected a line that matches {:?}, from the load to the unload\n{}",
                pattern.as_str(),
                seen(lines)
            );
        }
        Ok(())
    }
}

impl Expected {
    /// Reads the file, fails unless the text matches, and returns the size.
    pub fn expect(&self) -> Result<usize> {
        let mut bytes = Vec::new();
        File::open(&self.path)
            .and_then(|file| file.take(MOST).read_to_end(&mut bytes))
            .with_context(|| format!("read {}", self.path.display()))?;
        self.expect_in(&String::from_utf8_lossy(&bytes))?;
        Ok(bytes.len())
    }

    fn expect_in(&self, text: &str) -> Result<()> {
        let lines: Vec<_> = text.lines().map(str::to_owned).collect();
        ensure!(
            self.shows.is_match(text),
            "{}: expected something that matches {:?}\n{}",
            self.path.display(),
            self.shows.as_str(),
            seen(&lines)
        );
        Ok(())
    }

    /// Whether the file exists.
    pub fn exists(&self) -> bool {
        self.path.exists()
    }
}

/// Compiles a pattern in which `^` and `$` match at the ends of lines.
fn pattern(text: &str) -> Result<Regex> {
    let built = RegexBuilder::new(text).multi_line(true).build();
    built.with_context(|| format!("the regular expression {text:?}"))
}

fn seen(lines: &[String]) -> String {
    match lines {
        [] => "seen: nothing".to_owned(),
        _ => format!("seen: {}", lines.join("\nseen: ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{"name": "hello", "parameters": "greeting=hi loud=1",
        "reads": [{"path": "/proc/a b", "shows": "^one$"}, {"path": "/proc/c", "shows": ""}],
        "log": ["hello: saying .*", "gone$"]}"#;

    fn parse(text: &str) -> Result<Wanted> {
        Wanted::of(serde_json::from_str(text)?)
    }

    fn lines(text: &[&str]) -> Vec<String> {
        text.iter().map(|line| line.to_string()).collect()
    }

    #[test]
    fn all_that_is_wanted_is_read() {
        let wanted = parse(TEXT).unwrap();
        assert_eq!(wanted.name, "hello");
        assert_eq!(wanted.parameters, "greeting=hi loud=1");
        let paths: Vec<_> = wanted.reads.iter().map(|file| &file.path).collect();
        assert_eq!(paths, [Path::new("/proc/a b"), Path::new("/proc/c")]);
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for wrong in ["", "{}", &TEXT.replace(".*", "(")] {
            assert!(parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_line_that_does_not_come_is_told_with_what_came() {
        let wanted = parse(TEXT).unwrap();
        let all = lines(&["hello: saying hi", "hello: gone"]);
        assert!(wanted.expect_log(&all).is_ok());
        let why = wanted.expect_log(&all[..1]).unwrap_err().to_string();
        assert!(
            why.contains("\"gone$\"") && why.contains("seen: hello: saying hi"),
            "{why}"
        );
        let why = wanted.expect_log(&[]).unwrap_err().to_string();
        assert!(why.contains("seen: nothing"), "{why}");
    }

    #[test]
    fn a_file_must_show_what_is_wanted() {
        let wanted = parse(TEXT).unwrap();
        assert!(wanted.reads[0].expect_in("zero\none\n").is_ok());
        let why = wanted.reads[0].expect_in("ones\n").unwrap_err().to_string();
        assert!(
            why.starts_with("/proc/a b: expected") && why.contains("seen: ones"),
            "{why}"
        );
        assert!(wanted.reads[1].expect_in("").is_ok());
    }

    #[test]
    fn a_file_that_is_not_there_is_named() {
        let wanted = parse(&TEXT.replace("/proc/a b", "/proc/no-such-file")).unwrap();
        let why = format!("{:#}", wanted.reads[0].expect().unwrap_err());
        assert!(why.starts_with("read /proc/no-such-file: "), "{why}");
        assert!(!wanted.reads[0].exists());
    }
}
