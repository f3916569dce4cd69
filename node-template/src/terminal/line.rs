use super::{Colour, Paint};

/// A line of a picture: pieces of text, each in a colour.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Line(Vec<(Colour, String)>);

impl Line {
    /// Text in the terminal's own colour.
    pub(crate) fn of(text: impl Into<String>) -> Self {
        Self::coloured(Colour::Usual, text)
    }

    /// Text in one colour.
    pub(crate) fn coloured(colour: Colour, text: impl Into<String>) -> Self {
        Self(vec![(colour, text.into())])
    }

    /// More text at its end.
    #[must_use]
    pub(crate) fn then(mut self, colour: Colour, text: impl Into<String>) -> Self {
        self.0.push((colour, text.into()));
        self
    }

    /// The whole of it in one colour.
    #[must_use]
    pub(crate) fn all_in(self, colour: Colour) -> Self {
        Self(self.0.into_iter().map(|(_, text)| (colour, text)).collect())
    }

    /// As it is written, no wider than `columns`; what is cut off is shown as `…`.
    pub(crate) fn drawn(&self, columns: usize, paint: Paint) -> String {
        let whole: usize = self.0.iter().map(|(_, text)| width(text)).sum();
        let mut left = columns;
        let mut drawn = String::new();
        for (colour, text) in &self.0 {
            if whole <= columns {
                drawn.push_str(&paint.apply(*colour, text));
                continue;
            }
            // Two for the sign that something is missing.
            let fits = head(text, left.saturating_sub(2));
            if fits.len() == text.len() {
                drawn.push_str(&paint.apply(*colour, text));
                left -= width(text);
            } else {
                drawn.push_str(&paint.apply(*colour, &format!("{fits}…")));
                break;
            }
        }
        drawn
    }
}

/// `text` in lines of at most `columns`, broken between words, and within those that are longer than a line. `first` goes
/// before the first line, `next` before the others.
pub(crate) fn wrapped(text: &str, first: &str, next: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = first.to_owned();
    let mut has_word = false;
    for word in text.split(' ') {
        if has_word && width(&line) + 1 + width(word) > columns {
            lines.push(std::mem::replace(&mut line, next.to_owned()));
            has_word = false;
        }
        if has_word {
            line.push(' ');
        }
        let mut rest = word;
        while width(&line) + width(rest) > columns {
            let fits = head(rest, columns.saturating_sub(width(&line)));
            if fits.is_empty() {
                // Not even the indentation leaves room: whoever draws the line cuts it.
                break;
            }
            line.push_str(fits);
            rest = rest.get(fits.len()..).unwrap_or_default();
            lines.push(std::mem::replace(&mut line, next.to_owned()));
        }
        line.push_str(rest);
        has_word = true;
    }
    lines.push(line);
    lines
}

/// Columns that a text takes. What is not ASCII is taken as two columns wide: rather too wide than too narrow.
fn width(text: &str) -> usize {
    text.chars().map(columns_of).sum()
}

fn columns_of(character: char) -> usize {
    if character.is_ascii() { 1 } else { 2 }
}

/// The beginning of `text` that fits in `columns`.
fn head(text: &str, columns: usize) -> &str {
    let mut taken = 0;
    let end = text.char_indices().find_map(|(at, character)| {
        taken += columns_of(character);
        (taken > columns).then_some(at)
    });
    end.and_then(|end| text.get(..end)).unwrap_or(text)
}
