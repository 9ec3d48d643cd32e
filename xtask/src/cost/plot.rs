// SPDX-License-Identifier: GPL-2.0

//! Draws the plot: groups of horizontal bars with their figures, each group to its own scale.
//! The same figures give the same SVG, so that a review shows every change.

use askama::Template;
use serde::Deserialize;

use super::cell;
use super::measured::Measured;

/// A plot of `bench.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plot {
    /// The heading of its group of bars.
    pub title: String,
    /// The bars: a label and a cell expression each.
    pub bars: Vec<(String, String)>,
}

const ROW: usize = 22;
const TITLE: usize = 34;
const LONGEST: f64 = 400.0;

#[derive(Template)]
#[template(path = "plot.svg", escape = "html")]
struct Picture<'a> {
    height: usize,
    groups: Vec<Group<'a>>,
}

struct Group<'a> {
    title: &'a str,
    y: usize,
    bars: Vec<Bar<'a>>,
}

struct Bar<'a> {
    label: &'a str,
    y: usize,
    length: usize,
    figure: String,
}

/// The plots, one below the other, as SVG. Bars without a measurement are left out.
pub fn svg(plots: &[Plot], measured: &Measured) -> anyhow::Result<String> {
    let mut y = 0;
    let mut groups = Vec::new();
    for plot in plots {
        y += TITLE;
        let values: Vec<_> = plot
            .bars
            .iter()
            .filter_map(|(label, cell)| Some((label, cell, cell::value(cell, measured)?)))
            .collect();
        let most = values.iter().map(|(.., value)| *value).fold(1.0, f64::max);
        let title = y - ROW / 2;
        let mut bars = Vec::new();
        for (label, cell, value) in values {
            bars.push(Bar {
                label,
                y,
                length: (LONGEST * value.max(0.0) / most).round() as usize,
                figure: cell::text(cell, measured),
            });
            y += ROW;
        }
        groups.push(Group {
            title: &plot.title,
            y: title,
            bars,
        });
    }
    let picture = Picture {
        height: y + ROW / 2,
        groups,
    };
    Ok(picture.render()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bars_are_to_scale_and_what_was_not_measured_is_left_out() {
        let text = "title = 'a < b'\nbars = [['one', 'x'], ['two', 'y'], ['none', 'z']]";
        let plot: Plot = toml::from_str(text).expect("a plot");
        let mut measured = Measured::default();
        measured.add("x", 1000);
        measured.add("y", 4000);
        let svg = svg(&[plot], &measured).expect("a picture");
        let widths: Vec<_> = svg.matches("width=\"100\"").collect();
        assert_eq!(widths.len(), 1, "{svg}");
        assert!(svg.contains("width=\"400\"") && svg.contains("4,000"));
        assert!(!svg.contains("a < b") && !svg.contains("none<"));
    }
}
