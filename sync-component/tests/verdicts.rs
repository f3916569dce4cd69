//! How often Tier 1 strategies are wrong (`docs/verdicts.md`): what must hold of the rates, and that the document is what the
//! command prints.

#[path = "../examples/verdicts/lab/mod.rs"]
mod lab;

use lab::{
    AUTHORITY_QUORUM, Count, Plan, Question, SIZES, Survey, below_a_third, markdown, survey,
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

#[test]
fn document_is_what_the_command_prints() {
    let plan = Plan::default();
    assert_eq!(plan.sizes, SIZES);
    let printed = markdown(&survey(&plan));
    for (line, (here, there)) in (1..).zip(DOCUMENT.lines().zip(printed.lines())) {
        assert_eq!(
            here, there,
            "docs/verdicts.md, line {line}: run `cargo run --locked --example verdicts > sync-component/docs/verdicts.md`"
        );
    }
    assert_eq!(DOCUMENT, printed);
}
