//! Single judgements of one node, in worlds whose truth is known.
//!
//! Managers, strategies, rows, probes, messages, seals and signatures are the component's own, and the strategies come from the
//! registry by name. Only who says what is made up here.

mod cases;
mod chains;
mod node;
mod refusal;
mod report;
mod survey;
mod voters;
mod withheld;

pub(crate) use report::markdown;
pub(crate) use survey::{
    AUTHORITY_QUORUM, Count, Key, Plan, Question, SIZES, Survey, below_a_third, survey,
};
pub(crate) use withheld::{Answer, Reaction, reaction};
