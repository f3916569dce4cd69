use crate::cli::confirm::{Answer, ask};

fn answer(input: &str) -> Answer {
    let mut output = Vec::new();
    let answer = ask("Sure?", &mut input.as_bytes(), &mut output).unwrap();
    assert_eq!(String::from_utf8(output).unwrap(), "Sure? [y/N]: ");
    answer
}

#[test]
fn only_y_and_yes_mean_yes() {
    for yes in ["y\n", "Y\n", "yes\n", " YES \n", "y"] {
        assert_eq!(answer(yes), Answer::Yes, "{yes:?}");
    }
    for no in ["", "\n", "n\n", "yess\n", "no\ny\n"] {
        assert_eq!(answer(no), Answer::No, "{no:?}");
    }
}
