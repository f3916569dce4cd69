use super::{CliError, account::LINE_BYTES};
use std::io::{BufRead, Read, Write};

/// What a person answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// Go on.
    Yes,
    /// Anything else, the end of the input included.
    No,
}

/// Asks `question` on `output` and reads one line from `input`. Only `y` and `yes` mean yes.
pub(super) fn ask(
    question: &str,
    input: &mut impl BufRead,
    output: &mut impl Write,
) -> Result<Answer, CliError> {
    write!(output, "{question} [y/N]: ")
        .and_then(|()| output.flush())
        .map_err(|source| CliError::Output { source })?;
    let mut line = String::new();
    // What is longer than any line here is no yes.
    let read = input.take(LINE_BYTES).read_line(&mut line);
    read.map_err(|source| CliError::Answer { source })?;
    match line.trim().to_ascii_lowercase().as_str() {
        "y" | "yes" => Ok(Answer::Yes),
        _ => Ok(Answer::No),
    }
}
