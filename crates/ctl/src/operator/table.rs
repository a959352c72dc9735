//! Tables that align: numbers to the right, texts to the left, a heading, and no more than that.

use super::Screen;
use std::io;

/// A table: headings, those to the right marked, and rows of as many cells.
pub(crate) struct Table {
    headings: Vec<(&'static str, bool)>,
    rows: Vec<Vec<String>>,
}

impl Table {
    /// A table without rows. A heading that begins with `>` stands to the right, with its column.
    pub(crate) fn new(headings: &[&'static str]) -> Self {
        let side = |heading: &&'static str| heading.strip_prefix('>').map_or((*heading, false), |rest| (rest, true));
        Self { headings: headings.iter().map(side).collect(), rows: Vec::new() }
    }

    /// Adds a row.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.headings.len());
        self.rows.push(cells);
    }

    /// Writes it; without rows, only the heading.
    pub(crate) fn write(&self, screen: &mut Screen<'_>) -> io::Result<()> {
        let width = |at: usize| {
            let cells = self.rows.iter().map(|row| columns(&row[at]));
            cells.chain([columns(self.headings[at].0)]).max().unwrap_or(0)
        };
        let widths: Vec<usize> = (0..self.headings.len()).map(width).collect();
        let (on, off) = if screen.colour { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
        let headings: Vec<&str> = self.headings.iter().map(|(name, _)| *name).collect();
        writeln!(screen.out, "{on}{}{off}", self.line(&headings, &widths))?;
        for row in &self.rows {
            let cells: Vec<&str> = row.iter().map(String::as_str).collect();
            writeln!(screen.out, "{}", self.line(&cells, &widths))?;
        }
        Ok(())
    }

    fn line(&self, cells: &[&str], widths: &[usize]) -> String {
        let mut line = String::new();
        for ((cell, width), (_, right)) in cells.iter().zip(widths).zip(&self.headings) {
            let room = " ".repeat(width.saturating_sub(columns(cell)));
            if !line.is_empty() {
                line += "  ";
            }
            match right {
                true => line += &(room + cell),
                false => line += &((*cell).to_owned() + &room),
            }
        }
        line.trim_end().to_owned()
    }
}

/// How wide a text is, taking every character for one column.
fn columns(text: &str) -> usize {
    text.chars().count()
}

/// A text without characters that a terminal obeys: no name can move the cursor.
pub(crate) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(table: &Table, colour: bool) -> String {
        let mut out = Vec::new();
        table.write(&mut Screen { out: &mut out, colour }).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn numbers_stand_to_the_right_and_texts_to_the_left() {
        let mut table = Table::new(&["NAME", ">LAG", "STATE"]);
        assert_eq!(shown(&table, false), "NAME  LAG  STATE\n");
        table.row(vec!["größe".into(), "7".into(), "empty".into()]);
        table.row(vec!["b".into(), "12345".into(), "stable".into()]);
        assert_eq!(shown(&table, false), "NAME     LAG  STATE\ngröße      7  empty\nb      12345  stable\n");
        assert!(shown(&table, true).starts_with("\x1b[1mNAME "));
        assert_eq!(plain("a\x1b[2J\n"), "a\u{fffd}[2J\u{fffd}");
    }
}
