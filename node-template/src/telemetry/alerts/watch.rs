use super::{Alerts, rules::AlertRules};
use sp_runtime::traits::Block as BlockT;
use std::{sync::Arc, time::Duration};
use sync_component::{NetworkSyncManager, ports::Clock};
use tokio::{
    sync::broadcast::error::RecvError,
    time::{MissedTickBehavior, interval},
};

/// How often the conditions that the clock alone shows are looked at.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// Raises the alerts of one run of a node.
#[derive(Debug)]
pub struct AlertWatch<B: BlockT> {
    /// Who is watched.
    pub manager: Arc<NetworkSyncManager<B>>,
    /// Where they are raised.
    pub alerts: Arc<Alerts>,
    /// Time.
    pub clock: Arc<dyn Clock>,
}

impl<B: BlockT> AlertWatch<B> {
    /// Runs until it is cancelled.
    pub async fn run(self) {
        let mut rules = AlertRules::default();
        let mut events = self.manager.events();
        let mut looks = interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                _ = looks.tick() => {
                    for alert in rules.looked(&self.manager.report(), self.clock.now()) {
                        self.alerts.raise(alert);
                    }
                }
                event = events.recv() => {
                    let alert = match event {
                        Ok(event) => rules.happened(&event, self.clock.now()),
                        // What counts is where the node stands now.
                        Err(RecvError::Lagged(_)) => rules.judged(&self.manager.report().verdict),
                        Err(RecvError::Closed) => return,
                    };
                    if let Some(alert) = alert {
                        self.alerts.raise(alert);
                    }
                }
            }
        }
    }
}
