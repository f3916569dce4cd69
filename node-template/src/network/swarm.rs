use super::{
    KnownNodes, ListenAddresses, NetworkPlan, NetworkStartError, ReachedAt, ToldAddresses,
    behaviours::{Behaviours, BehavioursEvent, ChainNames, swarm},
    candidate::{Jitter, Kind},
    dialling::{Dial, Dialling, Failure, Presence},
    finder::Found,
    listen::listen,
    local,
    plan::Admission,
    public,
    reach::{Reach, dialable, seen_at},
    slots::{Link, Room, Slots},
    transactions::{Carrier, Errand, Transactions},
    walks::Walks,
};
use futures::StreamExt;
use libp2p::{
    Multiaddr, PeerId, Swarm,
    core::ConnectedPoint,
    identify, mdns,
    swarm::{
        SwarmEvent,
        dial_opts::{DialOpts, PeerCondition},
    },
};
use std::error::Error;
use sync_component::net::{OfAnotherChain, SyncBehaviour};
use tokio::time::Instant;

/// A node in its network: it listens when this exists, and meets others while [`Node::run`] is polled.
pub struct Node {
    swarm: Swarm<Behaviours>,
    names: ChainNames,
    dialling: Dialling,
    walks: Walks,
    admission: Admission,
    told: ToldAddresses,
    addresses_per_peer: usize,
    addresses: ListenAddresses,
    reached: ReachedAt,
    carrier: Option<Carrier>,
}

impl std::fmt::Debug for Node {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Node")
            .field("peer_id", self.swarm.local_peer_id())
            .field("dialling", &self.dialling)
            .finish_non_exhaustive()
    }
}

impl Node {
    /// Makes the swarm for the chain whose block 0 has the hash `genesis`, and waits until it listens, so that a port in
    /// use is known before anything else runs. Without `transactions` the node takes none and sends none.
    pub async fn start(
        plan: NetworkPlan,
        genesis: &[u8],
        sync: SyncBehaviour,
        transactions: Option<Transactions>,
    ) -> Result<Self, NetworkStartError> {
        let (transactions, carrier) = transactions
            .map(|both| (both.behaviour, both.carrier))
            .unzip();
        let names = ChainNames::new(genesis);
        let mut swarm = swarm(&plan, &names, sync, transactions)?;
        let ours = *swarm.local_peer_id();
        for address in public::to_tell(&plan.public, ours, plan.told)? {
            swarm.add_external_address(address);
        }
        let addresses = ListenAddresses::new(ours);
        listen(&mut swarm, &plan.listen, &addresses).await?;
        let known = match plan.admission {
            Admission::Everyone(_) => plan.known,
            Admission::ReservedOnly => KnownNodes {
                reserved: plan.known.reserved,
                ..KnownNodes::default()
            },
        };
        let now = Instant::now();
        Ok(Self {
            swarm,
            names,
            dialling: Dialling::new(&known, ours, plan.limits, now),
            walks: Walks::new(now),
            admission: plan.admission,
            told: plan.told,
            addresses_per_peer: plan.limits.addresses_per_peer,
            addresses,
            reached: ReachedAt::default(),
            carrier,
        })
    }

    /// Our identity.
    pub fn peer_id(&self) -> PeerId {
        *self.swarm.local_peer_id()
    }

    /// Where we listen.
    pub fn addresses(&self) -> &ListenAddresses {
        &self.addresses
    }

    /// Where our connected peers are reached.
    pub fn reached(&self) -> &ReachedAt {
        &self.reached
    }

    /// Drives the network; never returns.
    pub async fn run(mut self) {
        loop {
            let dial_at = self.dialling.next_due(self.room());
            let dial = async {
                match dial_at {
                    Some(at) => tokio::time::sleep_until(at).await,
                    None => std::future::pending().await,
                }
            };
            let walk = tokio::time::sleep_until(self.walks.next_due());
            tokio::select! {
                event = self.swarm.select_next_some() => self.handle(event),
                () = dial => self.dial(),
                () = walk => self.walk(),
                errand = next_errand(&mut self.carrier) => self.run_errand(errand),
            }
        }
    }

    fn run_errand(&mut self, errand: Errand) {
        let behaviour = self.swarm.behaviour_mut().transactions.as_mut();
        if let (Some(carrier), Some(behaviour)) = (&mut self.carrier, behaviour) {
            carrier.run(errand, behaviour);
        }
    }

    fn slots(&self) -> &Slots {
        self.swarm.behaviour().door.slots()
    }

    fn room(&self) -> Room {
        self.slots().room(self.dialling.under_way())
    }

    fn dial(&mut self) {
        let room = self.room();
        for Dial { peer, addresses } in self.dialling.take_due(Instant::now(), room) {
            let options = DialOpts::peer_id(peer)
                .condition(PeerCondition::DisconnectedAndNotDialing)
                .addresses(addresses)
                .build();
            if let Err(error) = self.swarm.dial(options) {
                self.dial_failed(&peer, &error);
            }
        }
    }

    /// Looks for more peers, if there is a place for one.
    fn walk(&mut self) {
        if self.room().free > 0 {
            self.swarm.behaviour_mut().finder.walk();
        }
        self.walks.taken(Instant::now());
    }

    fn dial_failed(&mut self, peer: &PeerId, error: &dyn Error) {
        let now = Instant::now();
        // A dial that failed because the peer is there already is none to repeat.
        if self.swarm.is_connected(peer) {
            self.dialling.connected(peer, None, now);
            return;
        }
        self.swarm.behaviour_mut().finder.forget(peer);
        let company = self.room().company;
        let failed = self.dialling.failed(peer, company, now, Jitter::random());
        let Some(Failure { kind, failures }) = failed else {
            return;
        };
        let cause = innermost(error);
        match (kind, failures) {
            (Kind::Reserved, 1) => {
                tracing::warn!(%peer, %cause, "a reserved node cannot be reached; trying again for ever: check its address, and that it runs");
            }
            (Kind::Bootnode, 1) => {
                tracing::warn!(%peer, %cause, "a bootnode cannot be reached; trying again for ever: check its address, and that it runs");
            }
            _ => tracing::debug!(%peer, ?kind, %cause, failures, "a peer cannot be reached"),
        }
    }

    fn handle(&mut self, event: SwarmEvent<BehavioursEvent>) {
        match event {
            SwarmEvent::Behaviour(event) => self.handle_behaviour(event),
            SwarmEvent::ConnectionEstablished {
                peer_id,
                endpoint,
                num_established,
                ..
            } => {
                if num_established.get() == 1 {
                    self.connected(peer_id, &endpoint);
                }
                self.reached.connected(peer_id, &endpoint);
            }
            SwarmEvent::ConnectionClosed {
                peer_id,
                num_established: 0,
                ..
            } => {
                self.dialling
                    .disconnected(&peer_id, Instant::now(), Jitter::random());
                self.reached.disconnected(&peer_id);
            }
            SwarmEvent::OutgoingConnectionError {
                peer_id: Some(peer),
                error,
                ..
            } => self.dial_failed(&peer, &error),
            SwarmEvent::IncomingConnectionError {
                error,
                send_back_addr,
                ..
            } => {
                let cause = innermost(&error);
                tracing::debug!(from = %send_back_addr, %cause, "a connection was not taken");
            }
            SwarmEvent::NewListenAddr { address, .. } => self.addresses.add(address),
            SwarmEvent::ExpiredListenAddr { address, .. } => self.addresses.remove(&address),
            SwarmEvent::ListenerClosed {
                addresses, reason, ..
            } => {
                for address in &addresses {
                    self.addresses.remove(address);
                }
                tracing::error!(
                    ?addresses,
                    ?reason,
                    "a listener ended; restart the node to listen there again"
                );
            }
            SwarmEvent::ListenerError { error, .. } => {
                tracing::debug!(%error, "a listener reports an error");
            }
            _ => {}
        }
    }

    fn connected(&mut self, peer: PeerId, endpoint: &ConnectedPoint) {
        let dialled = match endpoint {
            ConnectedPoint::Dialer { address, .. } => Some(address),
            ConnectedPoint::Listener { .. } => None,
        };
        self.dialling.connected(&peer, dialled, Instant::now());
    }

    fn handle_behaviour(&mut self, event: BehavioursEvent) {
        match event {
            BehavioursEvent::Transactions(event) => {
                if let Some(carrier) = &mut self.carrier {
                    carrier.handle(event);
                }
            }
            // What identify says comes first; this is for peers that do not speak it.
            BehavioursEvent::Sync(OfAnotherChain { peer }) if self.swarm.is_connected(&peer) => {
                self.foreign(peer);
            }
            // What is pushed is not looked at: the peer would say how often. We ask again every few minutes.
            BehavioursEvent::Identify(identify::Event::Received { peer_id, info, .. }) => {
                self.identified(peer_id, &info);
            }
            BehavioursEvent::Finder(Found { peer, addresses }) => {
                // Who of the connected peers told so is not known, so the farthest is taken for it.
                let teller = self.slots().widest().unwrap_or(Reach::World);
                self.found(peer, &addresses, teller);
            }
            BehavioursEvent::Local(mdns::Event::Discovered(heard)) => {
                for (peer, address) in heard {
                    self.found(peer, &[address], Reach::Site);
                }
                local::keep_bounded(&mut self.swarm.behaviour_mut().local);
            }
            _ => {}
        }
    }

    /// Somebody, who is as far away as `teller`, named a peer.
    fn found(&mut self, peer: PeerId, addresses: &[Multiaddr], teller: Reach) {
        if self.admission == Admission::ReservedOnly || self.swarm.is_connected(&peer) {
            return;
        }
        let addresses = self.believed(peer, addresses, teller);
        self.dialling
            .learn(peer, addresses, Presence::Away, Instant::now());
    }

    /// A connected peer said what it speaks and where it listens.
    fn identified(&mut self, peer: PeerId, info: &identify::Info) {
        // It may have gone in the meantime.
        let Some(link) = self.slots().link(&peer) else {
            return;
        };
        if !info.protocols.contains(&self.names.status) {
            self.foreign(peer);
            return;
        }
        let addresses = self.listening(peer, &info.listen_addrs, link);
        if info.protocols.contains(&self.names.kademlia) {
            self.swarm.behaviour_mut().finder.routes(&peer, &addresses);
        }
        if let Some(first) = addresses.first() {
            self.reached.told(peer, first.clone());
        }
        if self.admission != Admission::ReservedOnly {
            self.dialling
                .learn(peer, addresses, Presence::Connected, Instant::now());
        }
    }

    /// A peer of another chain, or of a version that shares no protocol with ours, takes no slot from those of ours.
    fn foreign(&mut self, peer: PeerId) {
        let kind = self.dialling.is_foreign(peer, Instant::now());
        if kind >= Kind::Bootnode {
            tracing::warn!(%peer, ?kind, "a node that was declared for this chain is on another one, or too old or too new; check its address and its chain spec");
        } else {
            tracing::debug!(%peer, "a peer is on another chain, or too old or too new");
        }
        // An error says that it has gone already.
        let _ = self.swarm.disconnect_peer_id(peer);
    }

    /// Where a connected peer listens, as far as we can make use of what it says.
    fn listening(&self, peer: PeerId, said: &[Multiaddr], link: Link) -> Vec<Multiaddr> {
        let believed = self.believed(peer, said, link.reach);
        match link.ip {
            Some(ip) if believed.is_empty() => {
                let mut seen = said.iter().filter_map(|said| seen_at(said, peer, ip));
                seen.next().into_iter().collect()
            }
            _ => believed,
        }
    }

    fn believed(&self, peer: PeerId, addresses: &[Multiaddr], teller: Reach) -> Vec<Multiaddr> {
        let least = match self.told {
            ToldAddresses::All => Reach::Machine,
            ToldAddresses::AsFarAsTheTeller => teller,
        };
        let mut believed: Vec<Multiaddr> = Vec::new();
        for address in addresses {
            match dialable(address, peer, least) {
                Some(address) if !believed.contains(&address) => believed.push(address),
                _ => {}
            }
            if believed.len() >= self.addresses_per_peer {
                break;
            }
        }
        believed
    }
}

async fn next_errand(carrier: &mut Option<Carrier>) -> Errand {
    match carrier {
        Some(carrier) => carrier.next().await,
        None => std::future::pending().await,
    }
}

/// The cause at the end of the chain, on one line: libp2p's outer errors list all attempts over several.
fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    let text = cause.to_string();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
