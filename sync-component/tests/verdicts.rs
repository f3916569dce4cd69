//! How often Tier 1 strategies are wrong (`docs/verdicts.md`): what must hold of the rates, and that the document is what the
//! command prints.

#[path = "../examples/verdicts/lab/mod.rs"]
mod lab;

use lab::{
    AUTHORITY_QUORUM, Answer, Count, Plan, Question, Reaction, SIZES, Survey, below_a_third,
    markdown, reaction, survey,
};
use std::sync::OnceLock;

const DOCUMENT: &str = include_str!("../docs/verdicts.md");

/// Few rounds, other ones than those of the document.
fn brief() -> &'static Survey {
    static BRIEF: OnceLock<Survey> = OnceLock::new();
    BRIEF.get_or_init(|| {
        survey(&Plan {
            rounds: 2,
            seed: 7,
            ..Plan::default()
        })
    })
}

/// Rounds of `authority-quorum` with fewer than a third liars, and laggards at most one block behind.
fn below_third_by_one(question: Question) -> Count {
    brief().total(AUTHORITY_QUORUM, question, |key| {
        below_a_third(key.liars, key.size) && key.lag.blocks <= 1
    })
}

#[test]
fn authority_quorum_is_never_wrong_below_a_third_of_liars_whoever_lags_by_one() {
    for question in [Question::FalseGo, Question::FalseHalt] {
        let count = below_third_by_one(question);
        assert!(count.rounds > 100, "{question:?}: {count:?}");
        assert_eq!(count.wrong, 0, "{question:?}: {count:?}");
    }
}

#[test]
fn authority_quorum_is_never_wrong_where_liars_and_far_laggards_are_below_a_third() {
    for question in [Question::FalseGo, Question::FalseHalt] {
        let count = brief().few_absent(AUTHORITY_QUORUM, question);
        let near = below_third_by_one(question);
        assert!(
            count.rounds > near.rounds,
            "some of them lag far: {count:?}"
        );
        assert_eq!(count.wrong, 0, "{question:?}: {count:?}");
    }
}

#[test]
fn authority_quorum_clears_nothing_false_below_a_third_however_far_others_lag() {
    let far = |key: &lab::Key| below_a_third(key.liars, key.size) && key.lag.blocks > 1;
    let count = brief().total(AUTHORITY_QUORUM, Question::FalseGo, far);
    assert!(count.rounds > 100, "{count:?}");
    assert_eq!(count.wrong, 0, "{count:?}");
}

/// The rates above are worth something only if the same rounds can go wrong.
#[test]
fn every_strategy_is_wrong_about_halting_with_more_liars_and_some_about_going() {
    for strategy in ["height-majority", "tip-quorum", AUTHORITY_QUORUM] {
        let many = |key: &lab::Key| !below_a_third(key.liars, key.size);
        let halts = brief().total(strategy, Question::FalseHalt, many);
        assert!(halts.wrong > 0, "{strategy}: {halts:?}");
    }
    let goes = brief().total("tip-quorum", Question::FalseGo, |_| true);
    assert!(goes.wrong > 0, "{goes:?}");
}

/// SPEC section 0, *suspect*. Two who act together are another matter: the document says what they can do.
#[test]
fn author_that_withholds_its_block_alone_stops_no_authority_once_it_is_suspect() {
    for size in SIZES {
        assert_eq!(
            reaction(AUTHORITY_QUORUM, 7, size, 1),
            Reaction {
                at_first: Answer::Halt,
                once_suspect: Answer::Go
            },
            "{size}"
        );
    }
}

const AGAIN: &str = "docs/verdicts.md is not what the command makes: run \
    `cargo run --locked --example verdicts > sync-component/docs/verdicts.md`";

/// All but the figures: each is one 0.
fn skeleton(text: &str) -> String {
    text.chars().fold(String::new(), |mut so_far, letter| {
        match letter.is_ascii_digit() {
            true if so_far.ends_with('0') => {}
            true => so_far.push('0'),
            false => so_far.push(letter),
        }
        so_far
    })
}

#[test]
fn document_has_the_text_and_the_columns_that_the_command_prints() {
    let (here, there) = (skeleton(DOCUMENT), skeleton(&markdown(brief())));
    for (here, there) in here.lines().zip(there.lines()) {
        assert_eq!(here, there, "{AGAIN}");
    }
    assert_eq!(here, there, "{AGAIN}");
}

/// The larger networks take too long for every day; what changes them changes these too.
#[test]
fn document_has_the_figures_that_the_command_prints_for_small_networks() {
    let small = Plan {
        sizes: vec![4, 7],
        ..Plan::default()
    };
    let rows = |text: &str| -> Vec<String> {
        let of_small = |line: &&str| line.starts_with("| 4 |") || line.starts_with("| 7 |");
        text.lines()
            .filter(of_small)
            .map(ToOwned::to_owned)
            .collect()
    };
    let printed = rows(&markdown(&survey(&small)));
    assert!(printed.len() > 20);
    assert_eq!(rows(DOCUMENT), printed, "{AGAIN}");
}
