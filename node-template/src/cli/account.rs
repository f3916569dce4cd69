//! Accounts and secrets as people give them.

use super::CliError;
use sp_core::{Pair, crypto::Ss58Codec, sr25519};
use std::io::{BufRead, IsTerminal, Read, Write, stderr, stdin};

/// Longest line that is read. A phrase of 24 words with a derivation path is a few hundred bytes.
pub(super) const LINE_BYTES: u64 = 4_096;

/// The account of an SS58 address or of a public key in hex. Empty texts and paths (`/1`, `//Alice`) are none: the library takes
/// them as derived from the well-known development phrase, whose money anybody can take.
pub(super) fn account(text: &str) -> Option<sr25519::Public> {
    let text = text.trim();
    if text.is_empty() || text.starts_with('/') {
        return None;
    }
    sr25519::Public::from_string(text).ok()
}

/// The key of a secret phrase or URI, with its seed where there is one; `None` if it is none.
pub(super) fn secret(uri: &str) -> Option<(sr25519::Pair, Option<<sr25519::Pair as Pair>::Seed>)> {
    // The library takes nothing at all for the well-known development phrase.
    if uri.is_empty() {
        return None;
    }
    sr25519::Pair::from_string_with_seed(uri, None).ok()
}

/// A line of standard input; on a terminal it is asked for, as `what`.
pub(super) fn asked(what: &str) -> Result<String, CliError> {
    if stdin().is_terminal() {
        let mut err = stderr().lock();
        // Standard output is for the result. Nowhere is left to say that standard error is gone.
        let _ = write!(err, "{what}: ").and_then(|()| err.flush());
    }
    line(&mut stdin().lock())
}

/// A line of `input`, without the space around it.
pub(super) fn line(input: &mut impl BufRead) -> Result<String, CliError> {
    let mut line = String::new();
    let read = input.take(LINE_BYTES).read_line(&mut line);
    let read = read.map_err(|source| CliError::Input { source })?;
    // Cut short it would be another secret.
    if u64::try_from(read).is_ok_and(|read| read >= LINE_BYTES) {
        return Err(CliError::LongLine);
    }
    Ok(line.trim().to_owned())
}
