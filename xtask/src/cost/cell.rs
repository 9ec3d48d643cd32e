// SPDX-License-Identifier: GPL-2.0

//! Evaluates the expressions of table cells and plot bars in selftests/bench.toml: figures,
//! their differences and quotients. `bench.toml` describes the syntax.

use super::measured::Measured;

/// The text of a cell without a measurement.
pub const NOTHING: &str = "–";

const SPREAD: &str = "spread ";

/// The text of a cell.
pub fn text(cell: &str, measured: &Measured) -> String {
    if let Some(name) = cell.strip_prefix(SPREAD) {
        return match measured.get(name) {
            Some(figure) => format!("{} … {}", grouped(figure.least), grouped(figure.most)),
            None => NOTHING.to_owned(),
        };
    }
    let Some(value) = value(cell, measured) else {
        return NOTHING.to_owned();
    };
    // A quotient of two figures needs decimals; a figure divided by a number is still a count.
    let is_share = cell
        .split_once(" / ")
        .is_some_and(|(_, by)| by.parse::<u64>().is_err());
    if is_share {
        format!("{value:.2}")
    } else if value < 0.0 {
        format!("-{}", grouped(-value as u64))
    } else {
        grouped(value.round() as u64)
    }
}

/// The value of a cell; `None` if a figure was not measured or a divisor is 0.
pub fn value(cell: &str, measured: &Measured) -> Option<f64> {
    let mut parts = cell.split(" / ").map(|part| difference(part, measured));
    let mut value = parts.next()??;
    for by in parts {
        value /= by.filter(|by| *by != 0.0)?;
    }
    Some(value)
}

/// The names of the figures in a cell.
pub fn names(cell: &str) -> Vec<&str> {
    let cell = cell.strip_prefix(SPREAD).unwrap_or(cell);
    let words = cell.split(" / ").flat_map(|part| part.split(" - "));
    words.filter(|word| word.parse::<f64>().is_err()).collect()
}

fn difference(part: &str, measured: &Measured) -> Option<f64> {
    let mut words = part.split(" - ").map(|word| match word.parse() {
        Ok(number) => Some(number),
        Err(_) => measured.get(word).map(|figure| figure.median as f64),
    });
    let mut value = words.next()??;
    for less in words {
        value -= less?;
    }
    Some(value)
}

/// The number with commas between thousands.
pub fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.char_indices() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_shares_and_differences() {
        let mut measured = Measured::default();
        for (name, value) in [("a", 1_500), ("b", 500), ("c", 1_234_567), ("zero", 0)] {
            measured.add(name, value);
        }
        for (cell, expected) in [
            ("a", "1,500"),
            ("c", "1,234,567"),
            ("spread b", "500 … 500"),
            ("a / b", "3.00"),
            ("a / 4", "375"),
            ("a - b", "1,000"),
            ("b - a", "-1,000"),
            ("a - b / b - zero", "2.00"),
            ("a / zero", NOTHING),
            ("a - none", NOTHING),
            ("spread none", NOTHING),
        ] {
            assert_eq!(text(cell, &measured), expected, "{cell}");
        }
        assert_eq!(names("a - b / c / 64"), ["a", "b", "c"]);
    }
}
