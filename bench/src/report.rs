//! What was measured, as tables of medians with their spread, and the judgements drawn from them.

use std::fmt::Write as _;

/// One part of the document.
pub(crate) struct Section {
    pub(crate) title: &'static str,
    /// What was done, for a reader who wants to judge the figures.
    pub(crate) method: String,
    pub(crate) table: Table,
    pub(crate) judgements: Vec<Judgement>,
}

/// Samples by line and column, in the order in which they first came.
#[derive(Default)]
pub(crate) struct Table {
    columns: Vec<&'static str>,
    lines: Vec<(String, Vec<Vec<f64>>)>,
}

impl Table {
    pub(crate) fn new(columns: &[&'static str]) -> Self {
        Self { columns: columns.to_vec(), lines: Vec::new() }
    }

    /// Adds one sample. A column that the table does not have is a mistake in this program.
    pub(crate) fn record(&mut self, line: &str, column: &str, sample: f64) {
        let at =
            self.columns.iter().position(|name| *name == column).expect("columns are literals of the row");
        let known = self.lines.iter().position(|(name, _)| name == line);
        let line = known.unwrap_or_else(|| {
            self.lines.push((line.to_owned(), vec![Vec::new(); self.columns.len()]));
            self.lines.len() - 1
        });
        self.lines[line].1[at].push(sample);
    }

    /// The median of a cell, if it has samples.
    pub(crate) fn median(&self, line: &str, column: &str) -> Option<f64> {
        let at = self.columns.iter().position(|name| *name == column)?;
        let (_, cells) = self.lines.iter().find(|(name, _)| name == line)?;
        median(&cells[at])
    }

    fn markdown(&self) -> String {
        let mut text =
            format!("| | {} |\n|---|{}\n", self.columns.join(" | "), "---:|".repeat(self.columns.len()));
        for (name, cells) in &self.lines {
            let cells: Vec<String> = cells.iter().map(|samples| cell(samples)).collect();
            let _ = writeln!(text, "| {name} | {} |", cells.join(" | "));
        }
        text
    }
}

/// Whether a figure of performance.md was reached.
pub(crate) struct Judgement {
    pub(crate) what: String,
    measured: f64,
    must: Option<f64>,
    goal: Option<f64>,
    /// Less is better.
    at_most: bool,
    unit: &'static str,
}

impl Judgement {
    /// `measured` must be at least `must`; `unit` follows the figures.
    pub(crate) fn at_least(what: impl Into<String>, measured: f64, unit: &'static str) -> Self {
        Self { what: what.into(), measured, must: None, goal: None, at_most: false, unit }
    }

    /// `measured` must be at most `must`.
    pub(crate) fn at_most(what: impl Into<String>, measured: f64, unit: &'static str) -> Self {
        Self { at_most: true, ..Self::at_least(what, measured, unit) }
    }

    /// The same figure under words that say it better.
    pub(crate) fn about(self, what: impl Into<String>) -> Self {
        Self { what: what.into(), ..self }
    }

    pub(crate) fn must(self, must: f64) -> Self {
        Self { must: Some(must), ..self }
    }

    pub(crate) fn goal(self, goal: f64) -> Self {
        Self { goal: Some(goal), ..self }
    }

    fn outcome(&self, wanted: f64) -> String {
        let reached = if self.at_most { self.measured <= wanted } else { self.measured >= wanted };
        if reached {
            return "reached".to_owned();
        }
        format!("**missed by {:.0} %**", (self.measured - wanted).abs() / wanted * 100.0)
    }

    fn markdown(&self) -> String {
        let wanted = |limit: Option<f64>| match limit {
            Some(limit) => {
                let sign = if self.at_most { "≤" } else { "≥" };
                format!("{sign} {limit}{}: {}", self.unit, self.outcome(limit))
            }
            None => String::new(),
        };
        let measured = format!("{:.2}{}", self.measured, self.unit);
        format!("| {} | {measured} | {} | {} |", self.what, wanted(self.must), wanted(self.goal))
    }
}

/// The ratio of two cells of a table as a judgement, if both were measured.
pub(crate) fn ratio(table: &Table, column: &str, line: &str, to: &str) -> Option<Judgement> {
    let ratio = table.median(line, column)? / table.median(to, column)?;
    Some(Judgement::at_least(format!("{line}: {column}, to {to}"), ratio, " ×"))
}

impl Section {
    pub(crate) fn markdown(&self) -> String {
        format!("## {}\n\n{}\n\n{}", self.title, self.method, self.table.markdown())
    }
}

/// The table of what was reached.
pub(crate) fn judgements(sections: &[Section]) -> String {
    let mut text = "| what | measured | must | goal |\n|---|---:|---|---|\n".to_owned();
    for judgement in sections.iter().flat_map(|section| &section.judgements) {
        let _ = writeln!(text, "{}", judgement.markdown());
    }
    text
}

fn median(samples: &[f64]) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let upper = *sorted.get(sorted.len() / 2)?;
    if sorted.len().is_multiple_of(2) {
        Some(f64::midpoint(sorted[sorted.len() / 2 - 1], upper))
    } else {
        Some(upper)
    }
}

/// Median, and the least and greatest where there are several samples.
fn cell(samples: &[f64]) -> String {
    let Some(median) = median(samples) else { return "–".to_owned() };
    let least = samples.iter().copied().fold(f64::INFINITY, f64::min);
    let greatest = samples.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if samples.len() == 1 {
        return figure(median);
    }
    format!("{} ({}–{})", figure(median), figure(least), figure(greatest))
}

/// Three significant digits or the whole number.
fn figure(value: f64) -> String {
    let digits = match value.abs() {
        size if size >= 100.0 => 0,
        size if size >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{value:.digits$}");
    if digits > 0 {
        return text;
    }
    // Thousands apart.
    let (sign, whole) = text.strip_prefix('-').map_or(("", text.as_str()), |whole| ("-", whole));
    let groups: Vec<&str> =
        whole.as_bytes().rchunks(3).rev().filter_map(|group| std::str::from_utf8(group).ok()).collect();
    format!("{sign}{}", groups.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cell_shows_the_median_and_the_spread() {
        assert_eq!(cell(&[3.0, 1.0, 2.0]), "2.00 (1.00–3.00)");
        assert_eq!(cell(&[1.0, 2.0]), "1.50 (1.00–2.00)");
        assert_eq!(cell(&[11_537.4]), "11,537");
        assert_eq!(cell(&[]), "–");
    }

    #[test]
    fn judgement_says_by_how_much_a_must_is_missed() {
        let judgement = Judgement::at_least("sessions", 2.0, " ×").must(2.5).goal(1.0);
        assert_eq!(
            judgement.markdown(),
            "| sessions | 2.00 × | ≥ 2.5 ×: **missed by 20 %** | ≥ 1 ×: reached |"
        );
        let judgement = Judgement::at_most("idle", 44.0, " KB").must(40.0);
        assert_eq!(judgement.markdown(), "| idle | 44.00 KB | ≤ 40 KB: **missed by 10 %** |  |");
    }

    #[test]
    fn ratio_needs_both_cells() {
        let mut table = Table::new(&["rate"]);
        table.record("ours", "rate", 30.0);
        assert!(ratio(&table, "rate", "ours", "theirs").is_none());
        table.record("theirs", "rate", 10.0);
        assert!((ratio(&table, "rate", "ours", "theirs").unwrap().measured - 3.0).abs() < 1e-9);
    }
}
