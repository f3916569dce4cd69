use serde::Serialize;

/// An alert as `--alert-cmd` gets it: one line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AlertEvent {
    /// What, by the name that is in metrics too.
    pub alert: &'static str,
    /// Why, where the alert is that production is paused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// All facts, and what to do.
    pub message: String,
    /// How often it happened since the last such event, this time included.
    pub times: u64,
    /// When, in milliseconds since the Unix epoch.
    pub unix_ms: u64,
    /// The node's name.
    pub node: String,
    /// The chain's id.
    pub chain: String,
}

impl AlertEvent {
    /// One line.
    pub(super) fn to_line(&self) -> Vec<u8> {
        let mut line = serde_json::to_vec(self).expect("texts and numbers are always valid JSON");
        line.push(b'\n');
        line
    }
}
