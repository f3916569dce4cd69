/// The name most like `word`, if one is like it: a third of its letters may be wrong.
pub(super) fn nearest(word: &str, names: &[&'static str]) -> Option<&'static str> {
    const LONGEST: usize = 64;
    if word.len() > LONGEST {
        return None;
    }
    let best = names
        .iter()
        .map(|name| (edits(&word.to_lowercase(), name), *name))
        .min()?;
    let (distance, name) = best;
    (distance * 3 <= name.chars().count()).then_some(name)
}

/// How many letters have to be inserted, removed or replaced to make one word of the other.
fn edits(one: &str, other: &str) -> usize {
    let other: Vec<char> = other.chars().collect();
    let mut row: Vec<usize> = (0..=other.len()).collect();
    for (line, letter) in one.chars().enumerate() {
        let mut next = Vec::with_capacity(row.len());
        next.push(line + 1);
        let mut left = line + 1;
        let diagonals = row.iter().zip(row.iter().skip(1));
        for ((diagonal, above), theirs) in diagonals.zip(&other) {
            let replaced = diagonal + usize::from(letter != *theirs);
            left = replaced.min(above + 1).min(left + 1);
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or_default()
}
