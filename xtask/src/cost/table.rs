// SPDX-License-Identifier: GPL-2.0

//! Formats the tables of `bench.toml`, for the terminal and for docs/performance.md.

use anyhow::{bail, Context, Result};
use serde::Deserialize;

use super::cell;
use super::measured::Measured;

/// A table of `bench.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Table {
    /// The name in the document's marker `<!-- bench: NAME -->`.
    pub name: String,
    /// The heading on the terminal.
    pub title: String,
    /// A heading, and the text that replaces `{}` in the row's cells.
    pub rows: Vec<(String, String)>,
    /// A heading and a cell expression.
    pub columns: Vec<(String, String)>,
}

impl Table {
    /// The expressions of all cells.
    pub fn cells(&self) -> Vec<String> {
        let cells = |row| {
            self.columns
                .iter()
                .map(move |column| Self::cell(row, column))
        };
        self.rows.iter().flat_map(cells).collect()
    }

    fn cell(row: &(String, String), column: &(String, String)) -> String {
        column.1.replace("{}", &row.1)
    }

    fn lines(&self, measured: &Measured) -> Vec<Vec<String>> {
        let headings = self.columns.iter().map(|(heading, _)| heading.clone());
        let mut lines = vec![std::iter::once(String::new()).chain(headings).collect()];
        for row in &self.rows {
            let cells = self.columns.iter();
            let cells = cells.map(|column| cell::text(&Self::cell(row, column), measured));
            lines.push(std::iter::once(row.0.clone()).chain(cells).collect());
        }
        lines
    }

    /// The table as aligned text.
    pub fn plain(&self, measured: &Measured) -> String {
        let lines = self.lines(measured);
        let width = |column: usize| {
            let cells = lines.iter().map(|line| line[column].chars().count());
            cells.max().unwrap_or_default()
        };
        let mut text = format!("{}\n", self.title);
        for line in &lines {
            for (column, cell) in line.iter().enumerate() {
                let width = width(column);
                text.push_str(&match column {
                    0 => format!("  {cell:<width$}"),
                    _ => format!("  {cell:>width$}"),
                });
            }
            text.truncate(text.trim_end().len());
            text.push('\n');
        }
        text
    }

    /// The table as Markdown.
    pub fn markdown(&self, measured: &Measured) -> String {
        let mut text = String::new();
        for (number, line) in self.lines(measured).iter().enumerate() {
            text.push_str(&format!("| {} |\n", line.join(" | ")));
            if number == 0 {
                text.push_str(&format!(
                    "| --- |{}\n",
                    " ---: |".repeat(self.columns.len())
                ));
            }
        }
        text
    }
}

/// Returns the document with `text` between the markers of that name.
pub fn put_between(document: &str, name: &str, text: &str) -> Result<String> {
    let (begin, end) = (format!("<!-- bench: {name} -->\n"), "<!-- end -->");
    let place = format!("between {begin:?} and {end:?}");
    let Some((before, rest)) = document.split_once(&begin) else {
        bail!("the document has no place {place}");
    };
    let (_, after) = rest
        .split_once(end)
        .with_context(|| format!("the document has no end of the place {place}"))?;
    Ok(format!("{before}{begin}{text}{end}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let text = "name = 't'\ntitle = 'T'\nrows = [['`a`', 'a'], ['b', 'b']]\n\
                    columns = [['n', 'x.{}'], ['of a', 'x.{} / x.a']]";
        toml::from_str(text).expect("a table")
    }

    #[test]
    fn a_table_has_a_line_for_each_row() {
        let mut measured = Measured::default();
        measured.add("x.a", 2000);
        assert_eq!(
            table().plain(&measured),
            "T\n           n  of a\n  `a`  2,000  1.00\n  b        –     –\n"
        );
        assert_eq!(
            table().markdown(&measured),
            "|  | n | of a |\n| --- | ---: | ---: |\n| `a` | 2,000 | 1.00 |\n| b | – | – |\n"
        );
    }

    #[test]
    fn only_what_is_between_the_markers_changes() {
        let document = "a\n<!-- bench: t -->\nold\n<!-- end -->\nb\n";
        let new = put_between(document, "t", "new\n").expect("a place");
        assert_eq!(new, "a\n<!-- bench: t -->\nnew\n<!-- end -->\nb\n");
        assert_eq!(put_between(&new, "t", "new\n").expect("a place"), new);
        assert!(put_between(document, "u", "").is_err());
    }
}
