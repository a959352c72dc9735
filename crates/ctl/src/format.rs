//! Rows of cells as a table, as JSON, as CSV, and as a table with lines.

use crate::cell::{Cell, json_text};
use std::io::{self, Write};

/// How a listing is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    /// Fields separated by tabs.
    Table,
    /// One object a row.
    Json,
    /// Quoted fields separated by commas.
    Csv,
    /// With lines drawn in the terminal's graphic characters.
    Pretty,
}

impl Format {
    /// The format of this name.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "table" => Self::Table,
            "json" => Self::Json,
            "csv" => Self::Csv,
            "pretty_table" => Self::Pretty,
            _ => return None,
        })
    }

    /// Whether what a command is about is said before what it found.
    pub(crate) fn has_banner(self) -> bool {
        matches!(self, Self::Table | Self::Pretty)
    }
}

/// A listing: the names of its columns, and rows of as many cells.
pub(crate) struct Listing {
    pub(crate) columns: Vec<&'static str>,
    pub(crate) rows: Vec<Vec<Cell>>,
}

impl Listing {
    /// Writes it; `headers` is about the plain table only. Without rows only JSON has anything to show.
    pub(crate) fn write(&self, format: Format, headers: bool, out: &mut dyn Write) -> io::Result<()> {
        let visible = !self.rows.is_empty() && !self.columns.is_empty();
        match format {
            Format::Json => self.write_json(out),
            Format::Table if visible => self.write_table(headers, out),
            Format::Csv if visible => self.write_csv(out),
            Format::Pretty if visible => self.write_pretty(out),
            _ => Ok(()),
        }
    }

    fn write_table(&self, headers: bool, out: &mut dyn Write) -> io::Result<()> {
        if headers {
            writeln!(out, "{}", self.columns.join("\t"))?;
        }
        for row in &self.rows {
            writeln!(out, "{}", row.iter().map(Cell::in_table).collect::<Vec<_>>().join("\t"))?;
        }
        Ok(())
    }

    fn write_json(&self, out: &mut dyn Write) -> io::Result<()> {
        out.write_all(b"[\n")?;
        for (at, row) in self.rows.iter().enumerate() {
            let mut line = String::from(if at == 0 { "{" } else { ",{" });
            for (at, (column, cell)) in self.columns.iter().zip(row).enumerate() {
                if at > 0 {
                    line.push(',');
                }
                json_text(column, &mut line);
                line.push(':');
                cell.in_json(&mut line);
            }
            line.push_str("}\n");
            out.write_all(line.as_bytes())?;
        }
        out.write_all(b"]\n")
    }

    fn write_csv(&self, out: &mut dyn Write) -> io::Result<()> {
        let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
        writeln!(out, "{}", self.columns.iter().map(|column| quoted(column)).collect::<Vec<_>>().join(","))?;
        for row in &self.rows {
            writeln!(out, "{}", row.iter().map(|cell| quoted(&cell.in_table())).collect::<Vec<_>>().join(","))?;
        }
        Ok(())
    }

    fn write_pretty(&self, out: &mut dyn Write) -> io::Result<()> {
        let texts: Vec<Vec<String>> = self.rows.iter().map(|row| row.iter().map(Cell::in_table).collect()).collect();
        let width = |text: &str| text.chars().count();
        let widths: Vec<usize> = (0..self.columns.len())
            .map(|at| texts.iter().map(|row| width(&row[at])).chain([width(self.columns[at])]).max().unwrap_or(0))
            .collect();
        let rule = |left: &str, cross: &str, right: &str| {
            let parts: Vec<String> = widths.iter().map(|width| "q".repeat(width + 2)).collect();
            format!("\x1b(0{left}{}{right}\x1b(B\n", parts.join(cross))
        };
        let line = |cells: &[String], bold: bool| {
            let mut text = String::from("\x1b(0x\x1b(B");
            for (cell, wide) in cells.iter().zip(&widths) {
                let padding = " ".repeat(wide - width(cell));
                let (on, off) = if bold { ("\x1b[1m", "\x1b[0m") } else { ("", "") };
                text += &format!(" {on}{cell}{off}{padding} \x1b(0x\x1b(B");
            }
            text + "\n"
        };
        let header: Vec<String> = self.columns.iter().map(|&column| column.to_owned()).collect();
        let mut text = rule("l", "w", "k") + &line(&header, true);
        for row in &texts {
            text += &(rule("t", "n", "u") + &line(row, false));
        }
        out.write_all((text + &rule("m", "v", "j")).as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn written(listing: &Listing, format: Format, headers: bool) -> String {
        let mut out = Vec::new();
        listing.write(format, headers, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    fn exchanges() -> Listing {
        let row = |name: &str, kind: &str| vec![Cell::plain(&json!(name)), Cell::plain(&json!(kind))];
        let rows = vec![row("quo\"te\\back,comma", "direct"), row("héad", "headers"), row("", "direct")];
        Listing { columns: vec!["name", "type"], rows }
    }

    #[test]
    fn each_format_is_that_of_the_original() {
        let listing = exchanges();
        assert_eq!(
            written(&listing, Format::Table, true),
            "name\ttype\nquo\"te\\back,comma\tdirect\nhéad\theaders\n\tdirect\n"
        );
        assert_eq!(written(&listing, Format::Table, false), "quo\"te\\back,comma\tdirect\nhéad\theaders\n\tdirect\n");
        assert_eq!(
            written(&listing, Format::Json, true),
            "[\n{\"name\":\"quo\\\"te\\\\back,comma\",\"type\":\"direct\"}\n,{\"name\":\"héad\",\"type\":\"headers\"}\n\
             ,{\"name\":\"\",\"type\":\"direct\"}\n]\n"
        );
        assert_eq!(
            written(&listing, Format::Csv, true),
            "\"name\",\"type\"\n\"quo\"\"te\\back,comma\",\"direct\"\n\"héad\",\"headers\"\n\"\",\"direct\"\n"
        );
    }

    #[test]
    fn lines_are_drawn_in_graphic_characters() {
        let row = |name: &str| vec![Cell::plain(&json!(name)), Cell::plain(&json!("running"))];
        let listing = Listing { columns: vec!["name", "state"], rows: vec![row("a"), row("b")] };
        assert_eq!(
            written(&listing, Format::Pretty, false),
            "\x1b(0lqqqqqqwqqqqqqqqqk\x1b(B\n\
             \x1b(0x\x1b(B \x1b[1mname\x1b[0m \x1b(0x\x1b(B \x1b[1mstate\x1b[0m   \x1b(0x\x1b(B\n\
             \x1b(0tqqqqqqnqqqqqqqqqu\x1b(B\n\
             \x1b(0x\x1b(B a    \x1b(0x\x1b(B running \x1b(0x\x1b(B\n\
             \x1b(0tqqqqqqnqqqqqqqqqu\x1b(B\n\
             \x1b(0x\x1b(B b    \x1b(0x\x1b(B running \x1b(0x\x1b(B\n\
             \x1b(0mqqqqqqvqqqqqqqqqj\x1b(B\n"
        );
    }

    #[test]
    fn an_empty_listing_shows_nothing_but_json() {
        let listing = Listing { columns: vec!["name"], rows: Vec::new() };
        assert_eq!(written(&listing, Format::Json, true), "[\n]\n");
        for format in [Format::Table, Format::Csv, Format::Pretty] {
            assert_eq!(written(&listing, format, true), "");
        }
    }
}
