// SPDX-License-Identifier: GPL-2.0

//! What is wanted of a module that this program knows nothing of: the host
//! hands it over in a file, made from the user's `modules.toml`.

use std::fs::{self, File};
use std::io::Read;
use std::path::PathBuf;

use anyhow::{bail, ensure, Context, Result};
use regex_lite::{Regex, RegexBuilder};

/// Where the host puts it.
const FILE: &str = "/modules/wanted";
/// No more is read of a file: it may have no end.
const MOST: u64 = 1 << 20;

/// A module, and what it has to do.
#[derive(Debug, Default)]
pub struct Wanted {
    /// Its name, and that of its `.ko`.
    pub name: String,
    /// What it is loaded with.
    pub parameters: String,
    /// The files that are read while it is loaded.
    pub reads: Vec<Expected>,
    /// What lines the kernel log must have, from the load to the unload.
    log: Vec<Regex>,
}

/// A file, and what must stand in it.
#[derive(Debug)]
pub struct Expected {
    /// The file.
    pub path: PathBuf,
    shows: Regex,
}

impl Wanted {
    /// What the host wants.
    pub fn read() -> Result<Self> {
        let text = fs::read_to_string(FILE).with_context(|| {
            format!("{FILE} is not there: this suite is booted with a module of modules.toml")
        })?;
        Self::parse(&text).with_context(|| format!("cannot use {FILE}"))
    }

    /// Lines `KEY VALUE`; `shows` is about the file of the `read` before it.
    fn parse(text: &str) -> Result<Self> {
        let mut wanted = Self::default();
        for line in text.lines() {
            let (key, value) = line.split_once(' ').unwrap_or((line, ""));
            match key {
                "name" => wanted.name = value.to_owned(),
                "parameters" => wanted.parameters = value.to_owned(),
                "log" => wanted.log.push(pattern(value)?),
                "read" => wanted.reads.push(Expected {
                    path: value.into(),
                    shows: pattern("")?,
                }),
                "shows" => match wanted.reads.last_mut() {
                    Some(file) => file.shows = pattern(value)?,
                    None => bail!("{line:?} stands before any file"),
                },
                _ => bail!("{line:?} is not understood"),
            }
        }
        ensure!(!wanted.name.is_empty(), "no module is named");
        Ok(wanted)
    }

    /// Demands every line that is wanted.
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
    /// Reads the file, and demands what must stand in it; gives its size.
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

    /// Whether it is there.
    pub fn exists(&self) -> bool {
        self.path.exists()
    }
}

/// `^` and `$` are the ends of lines.
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
    use std::path::Path;

    use super::*;

    const TEXT: &str = "name hello\nparameters greeting=hi loud=1\n\
                        read /proc/a b\nshows ^one$\nread /proc/c\n\
                        log hello: saying .*\nlog gone$\n";

    fn lines(text: &[&str]) -> Vec<String> {
        text.iter().map(|line| line.to_string()).collect()
    }

    #[test]
    fn all_that_is_wanted_is_read() {
        let wanted = Wanted::parse(TEXT).unwrap();
        assert_eq!(wanted.name, "hello");
        assert_eq!(wanted.parameters, "greeting=hi loud=1");
        let paths: Vec<_> = wanted.reads.iter().map(|file| &file.path).collect();
        assert_eq!(paths, [Path::new("/proc/a b"), Path::new("/proc/c")]);
        assert!(Wanted::parse("name x\nparameters \n").is_ok());
    }

    #[test]
    fn what_is_not_understood_is_refused() {
        for wrong in ["", "name a\nnmae b", "name a\nshows x", "name a\nlog ("] {
            assert!(Wanted::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn a_line_that_does_not_come_is_told_with_what_came() {
        let wanted = Wanted::parse(TEXT).unwrap();
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
        let wanted = Wanted::parse(TEXT).unwrap();
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
        let wanted = Wanted::parse("name a\nread /proc/no-such-file").unwrap();
        let why = format!("{:#}", wanted.reads[0].expect().unwrap_err());
        assert!(why.starts_with("read /proc/no-such-file: "), "{why}");
        assert!(!wanted.reads[0].exists());
    }
}
