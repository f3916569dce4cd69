//! The chain behind the sync component: validation, execution, fork choice, finality and the store (SPEC section 1).

pub mod execute;
