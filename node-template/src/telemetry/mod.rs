//! What a node tells people: the log, Substrate's informant lines, and the health line when the status changes
//! (SPEC section 12).

mod health;
mod informant;
mod lines;
mod logging;
mod throttle;

#[cfg(test)]
mod tests;

pub use informant::Informant;
pub use logging::{LogFilterError, start_log};
pub use throttle::Throttle;
