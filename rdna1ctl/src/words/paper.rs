// SPDX-License-Identifier: GPL-2.0

//! Text of a certain width: colours, paragraphs and tables.
//!
//! The text always has colours. `anstream` removes them when printing, if stdout is not a terminal,
//! or if `NO_COLOR` or `TERM=dumb` is set.

use super::table;

pub use super::colours::*;

/// The width without a terminal.
const WIDTH: usize = 80;

/// Text that is being written.
pub struct TextWriter {
    width: usize,
    text: String,
}

impl TextWriter {
    /// Takes the width of the terminal, or of `COLUMNS`.
    pub fn new() -> Self {
        let terminal = terminal_size::terminal_size().map(|(width, _)| usize::from(width.0));
        let named = std::env::var("COLUMNS")
            .ok()
            .and_then(|text| text.parse().ok());
        let width = terminal.or(named).unwrap_or(WIDTH);
        Self::of_width(width)
    }

    /// Takes that width, limited to 40 to 200 columns.
    pub fn of_width(width: usize) -> Self {
        Self {
            width: width.clamp(40, 200),
            text: String::new(),
        }
    }

    /// The text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Adds a line without wrapping it.
    pub fn line(&mut self, line: &str) {
        self.text.push_str(line);
        self.text.push('\n');
    }

    /// Adds an empty line, unless the text is empty or ends with one.
    pub fn gap(&mut self) {
        if !self.text.is_empty() && !self.text.ends_with("\n\n") {
            self.text.push('\n');
        }
    }

    /// Adds a paragraph. Its first line begins with `first`, the others with as many blanks.
    pub fn paragraph(&mut self, first: &str, words: &str) {
        let blanks = " ".repeat(textwrap::core::display_width(first));
        self.lines(first, &blanks, words);
    }

    /// Adds a name and its text. After a long name, the other lines begin further left.
    pub fn named(&mut self, name: &str, words: &str) {
        let first = format!("  {name}: ");
        match textwrap::core::display_width(&first) > self.width / 2 {
            true => self.lines("  ", "    ", &format!("{name}: {words}")),
            false => self.paragraph(&first, words),
        }
    }

    /// Adds a shell comment.
    pub fn comment(&mut self, words: &str) {
        self.lines("# ", "# ", words);
    }

    fn lines(&mut self, first: &str, others: &str, words: &str) {
        let options = textwrap::Options::new(self.width)
            .initial_indent(first)
            .subsequent_indent(others)
            // A reader copies addresses and paths: keep them whole.
            .break_words(false)
            .word_splitter(textwrap::WordSplitter::NoHyphenation);
        for line in textwrap::wrap(words, options) {
            self.line(&line);
        }
    }

    /// Adds a table. Verdicts are coloured.
    pub fn table<R: AsRef<[String]>>(&mut self, heads: &[&str], rows: &[R]) {
        for line in table::lines(self.width, heads, rows) {
            self.line(&line);
        }
    }
}

impl Default for TextWriter {
    fn default() -> Self {
        Self::new()
    }
}
