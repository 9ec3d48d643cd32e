// SPDX-License-Identifier: GPL-2.0

//! Tables that fit a width: the widest columns are wrapped, if possible after a separator.

use std::iter;

use textwrap::core::{display_width, Word};
use textwrap::{Options, WordSeparator, WordSplitter};

use super::colours::{bold, verdict};
use super::safe;

const GAP: usize = 2;

/// The least width of a column that is wrapped.
const LEAST: usize = 8;

/// The lines of a table: a head, and a row for each of `rows`.
pub fn lines<R: AsRef<[String]>>(width: usize, heads: &[&str], rows: &[R]) -> Vec<String> {
    let heads: Vec<String> = heads.iter().map(|head| safe(head)).collect();
    let rows: Vec<Vec<String>> = rows
        .iter()
        .map(|row| row.as_ref().iter().map(|cell| safe(cell)).collect())
        .collect();
    let widths = widths(width, &heads, &rows);
    let rows = rows.iter().flat_map(|row| row_lines(row, &widths, verdict));
    row_lines(&heads, &widths, bold)
        .into_iter()
        .chain(rows)
        .collect()
}

fn widths(width: usize, heads: &[String], rows: &[Vec<String>]) -> Vec<usize> {
    let wanted = heads.iter().enumerate().map(|(index, head)| {
        let cells = rows.iter().filter_map(|row| row.get(index));
        let cells = iter::once(head).chain(cells);
        cells.map(|cell| display_width(cell)).max().unwrap_or(0)
    });
    let mut widths: Vec<usize> = wanted.collect();
    let room = width.saturating_sub(GAP * widths.len().saturating_sub(1));
    while widths.iter().sum::<usize>() > room {
        // Takes the last one of the widest columns.
        let Some(widest) = widths.iter_mut().max_by_key(|width| **width) else {
            break;
        };
        if *widest <= LEAST {
            break;
        }
        *widest -= 1;
    }
    widths
}

/// One row, on as many lines as its cells need.
fn row_lines(row: &[String], widths: &[usize], style: impl Fn(&str) -> String) -> Vec<String> {
    let cells: Vec<Vec<String>> = row
        .iter()
        .zip(widths)
        .map(|(cell, width)| broken(cell, *width))
        .collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
    let line = |number: usize| {
        let mut line = String::new();
        let mut blanks = 0;
        for (cell, width) in cells.iter().zip(widths) {
            let text = cell.get(number).map_or("", String::as_str);
            if !text.is_empty() {
                line.push_str(&" ".repeat(blanks));
                line.push_str(&style(text));
                blanks = 0;
            }
            blanks += width.saturating_sub(display_width(text)) + GAP;
        }
        line
    };
    (0..height).map(line).collect()
}

fn broken(cell: &str, width: usize) -> Vec<String> {
    let options = Options::new(width)
        .word_separator(WordSeparator::Custom(parts))
        .word_splitter(WordSplitter::NoHyphenation);
    let lines = textwrap::wrap(cell, options);
    lines.into_iter().map(|line| line.into_owned()).collect()
}

/// The parts of a cell. A line can begin with each of them.
fn parts(text: &str) -> Box<dyn Iterator<Item = Word<'_>> + '_> {
    Box::new(text.split_inclusive([' ', ',', '|', '-']).map(Word::from))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(width: usize, cells: &[&str]) -> Vec<String> {
        let row: Vec<String> = cells.iter().map(|cell| (*cell).to_owned()).collect();
        let heads: Vec<&str> = cells.iter().map(|_| "H").collect();
        let lines = lines(width, &heads, &[row]);
        lines
            .iter()
            .skip(1)
            .map(|line| anstream::adapter::strip_str(line).to_string())
            .collect()
    }

    #[test]
    fn what_fits_is_left_alone() {
        assert_eq!(plain(20, &["0000:03:00.0", "a,b"]), ["0000:03:00.0  a,b"]);
    }

    #[test]
    fn the_widest_column_is_broken_after_a_mark() {
        assert_eq!(
            plain(30, &["0000:03:00.0", "gfx-version,hive-id"]),
            ["0000:03:00.0  gfx-version,", "              hive-id"]
        );
        assert_eq!(
            plain(26, &["0000:03:00.0", "xxxxxxxxxxxxxxxxx"]),
            ["0000:03:00.0  xxxxxxxxxxxx", "              xxxxx"]
        );
    }

    #[test]
    fn no_escape_sequence_gets_through() {
        let lines = plain(40, &["\u{1b}[2Jx", "y"]);
        assert_eq!(lines, ["\u{fffd}[2Jx  y"]);
    }
}
