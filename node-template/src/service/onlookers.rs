use super::{ResyncDesk, RunConfig, tasks::Tasks};
use crate::{
    Block,
    pool::Pool,
    telemetry::{
        Alert, AlertCommand, AlertWatch, Alerts, Exposed, Informant, LiveNode, Metrics,
        MetricsServer, MetricsStartError,
    },
};
use std::sync::{Arc, Weak};
use sync_component::{
    NetworkSyncManager, Observer,
    net::NetHandle,
    observer::Unobserved,
    ports::{Bridge, Clock},
    wire::Roles,
};

/// Who measures a node, and who is told of what a person should look at. Lives as long as the process, so that counts go on
/// through an exchange of the stores.
#[derive(Clone, Debug)]
pub(super) struct Onlookers {
    pub(super) observer: Arc<dyn Observer>,
    /// `None` where somebody waits for the end anyway.
    pub(super) alerts: Option<Arc<Alerts>>,
}

impl Onlookers {
    /// Nobody: a command that works alone.
    pub(super) fn none() -> Self {
        Self {
            observer: Arc::new(Unobserved),
            alerts: None,
        }
    }

    /// Raises an alert, if there is somebody to be told.
    pub(super) fn alert(&self, alert: Alert) {
        if let Some(alerts) = &self.alerts {
            alerts.raise(alert);
        }
    }
}

/// The metrics and the alerts of a process.
pub(super) struct Telemetry {
    pub(super) metrics: Arc<Metrics>,
    pub(super) alerts: Arc<Alerts>,
    server: Option<MetricsServer>,
}

impl Telemetry {
    /// Takes the port of the metrics and begins to run `--alert-cmd`. Needs a tokio runtime.
    pub(super) fn begin(
        config: &RunConfig,
        clock: Arc<dyn Clock>,
    ) -> Result<Self, MetricsStartError> {
        let server = config.prometheus.map(MetricsServer::bind).transpose()?;
        let (chain, name) = (&config.spec.id, &config.name);
        let metrics = Arc::new(Metrics::new(chain, name));
        let alerts = Arc::new(Alerts::new(name, chain, Arc::clone(&metrics), clock));
        if let Some(line) = &config.alert_command {
            tokio::spawn(AlertCommand::new(line.clone()).run(alerts.events()));
        }
        Ok(Self {
            metrics,
            alerts,
            server,
        })
    }

    pub(super) fn onlookers(&self) -> Onlookers {
        let observer: Arc<dyn Observer> = self.metrics.clone();
        Onlookers {
            observer,
            alerts: Some(Arc::clone(&self.alerts)),
        }
    }

    /// Begins to answer. Needs a tokio runtime.
    pub(super) fn serve(self, desk: Arc<ResyncDesk>) -> Watched {
        let exposed = Arc::new(Exposed::new(Arc::clone(&self.metrics), Arc::clone(&desk)));
        let url = self.server.as_ref().map(MetricsServer::local_url);
        if let Some(server) = self.server {
            tracing::info!("〽️ Prometheus exporter started at {}", server.address());
            tokio::spawn(server.run(Arc::clone(&exposed)));
        }
        Watched {
            metrics: self.metrics,
            alerts: self.alerts,
            exposed,
            desk,
            url,
        }
    }
}

/// What a node reports to while it runs.
#[derive(Clone, Debug)]
pub(super) struct Watched {
    pub(super) metrics: Arc<Metrics>,
    pub(super) alerts: Arc<Alerts>,
    pub(super) exposed: Arc<Exposed>,
    desk: Arc<ResyncDesk>,
    /// Where the metrics are served.
    pub(super) url: Option<String>,
}

/// What of a running node is looked at.
pub(super) struct Attended {
    pub(super) manager: Arc<NetworkSyncManager<Block>>,
    pub(super) bridge: Arc<dyn Bridge<Block>>,
    pub(super) network: NetHandle,
    pub(super) pool: Weak<Pool>,
    pub(super) roles: Roles,
    pub(super) clock: Arc<dyn Clock>,
}

impl Watched {
    /// A node runs: its figures are served, its alerts raised, its log lines written, until its tasks are stopped.
    pub(super) fn attend(&self, tasks: &mut Tasks, node: Attended) {
        let Attended {
            manager,
            bridge,
            network,
            pool,
            roles,
            clock,
        } = node;
        self.exposed.runs(Some(LiveNode {
            manager: Arc::downgrade(&manager),
            network: network.clone(),
            pool,
            roles,
        }));
        let alerts = AlertWatch {
            manager: Arc::clone(&manager),
            alerts: Arc::clone(&self.alerts),
            clock: Arc::clone(&clock),
        };
        tasks.spawn("alerts", alerts.run());
        let informant = Informant {
            manager,
            bridge,
            resync: Arc::clone(&self.desk),
            network,
            clock,
        };
        tasks.spawn("informant", informant.run());
    }
}
