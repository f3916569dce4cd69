//! Importing blocks: validation and execution one by one, then the fork choice and finality, then one write
//! (SPEC section 1).

mod authorities;
mod batch;
mod candidate;
mod finality;
mod fork_choice;
mod measure;
mod revert;
mod validate;

pub(crate) use batch::{Batch, Left};
pub(crate) use candidate::Candidate;
pub(crate) use finality::final_height;
pub(crate) use fork_choice::adopt_best;
pub(crate) use measure::Measure;
pub use revert::Reverted;
pub(crate) use revert::revert;
pub(crate) use validate::Validation;
