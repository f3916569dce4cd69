//! What a node sealed, by its log.

/// Slot and hash of every seal that a log tells of, lost branches included.
pub(crate) fn seals_in(log: &str) -> Vec<(u64, String)> {
    let lines = log.lines().filter(|line| line.contains('🎁'));
    lines
        .map(|line| {
            let slot = number_after(line, "slot").unwrap_or_else(|| panic!("no slot: {line}"));
            let hash = full_hash(line).unwrap_or_else(|| panic!("no hash: {line}"));
            (slot, hash)
        })
        .collect()
}

fn number_after(line: &str, word: &str) -> Option<u64> {
    let (_, rest) = line.split_once(word)?;
    let digits: String = rest
        .trim_start_matches(|letter: char| !letter.is_ascii_digit())
        .chars()
        .take_while(char::is_ascii_digit)
        .collect();
    digits.parse().ok()
}

fn full_hash(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("0x")?;
    let digits: String = rest.chars().take_while(char::is_ascii_hexdigit).collect();
    (digits.len() == 64).then_some(digits)
}
