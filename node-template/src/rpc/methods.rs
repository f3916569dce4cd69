use super::{
    BackupView, BlockHashes, BlockNumbers, BlockView, Health, NodeFacts, PeerInfo, PeerView,
    PlanView, ResyncParams, ResyncView, StrategyEntry, SyncState,
    answers::PeersExpected,
    api::NodeApiServer,
    blocks::{BlockNumber, NUMBERS_MAX},
    gate::Healthy,
    hexed::Hexed,
    present::{Live, Present},
    readiness::is_ready,
    subscriptions::{self, Head},
    token::operator_only,
};
use crate::{
    Block, Header,
    authoring::Chain,
    pool::{Origin, Refusal},
    runtime::Extrinsic,
    service::{ResyncDesk, lengths},
    status_view::StatusView,
};
use chain_spec::parse_address;
use codec::DecodeAll;
use futures::{FutureExt, future::BoxFuture};
use jsonrpsee::{
    Extensions, PendingSubscriptionSink, RpcModule,
    core::{RpcResult, SubscriptionResult, async_trait},
    types::{
        ErrorObjectOwned,
        error::{INTERNAL_ERROR_CODE, INVALID_PARAMS_CODE},
    },
};
use serde_json::Value;
use sp_consensus::SyncOracle;
use sp_core::{Bytes, H256};
use sp_runtime::traits::NumberFor;
use std::sync::Arc;
use sync_component::{
    block_id::height,
    chain_sync::{OperatorsOrder, ResyncRequest},
    ports::{BridgeError, PeerId, ReadChain},
    wire::Roles,
};

/// Peer ids are some 52 letters long; decoding takes time that grows with the square of the length.
const PEER_ID_LONGEST: usize = 64;

/// Most characters of what a caller sent that it is sent back. Lower: mistakes are harder to see; higher: answers are as long as
/// calls.
const QUOTED: usize = 80;

/// Substrate's code for bytes that are no extrinsic.
const BAD_FORMAT: i32 = 1001;

/// Substrate's code for a state that is not there.
const UNKNOWN_BLOCK: i32 = 4003;

/// Answers the methods of the RPC from the node's memory and its store.
#[derive(Clone, Debug)]
pub struct Rpc {
    /// What does not change.
    pub facts: Arc<NodeFacts>,
    /// What is exchanged with the stores.
    pub present: Present,
    /// Where the operator's orders go.
    pub desk: Arc<ResyncDesk>,
}

impl Rpc {
    /// All methods, `rpc_methods` included.
    pub(super) fn into_module(self) -> RpcModule<()> {
        let mut module = RpcModule::new(());
        module
            .merge(self.into_rpc())
            .expect("the module is empty, so no name is taken");
        let mut names: Vec<&str> = module.method_names().collect();
        names.push("rpc_methods");
        names.sort_unstable();
        let list = serde_json::json!({ "methods": names });
        module
            .register_method("rpc_methods", move |_, (), _| list.clone())
            .expect("no other method has this name");
        module
    }

    fn live(&self) -> RpcResult<Live> {
        self.present.now()
    }

    fn hash_at(chain: &Chain, BlockNumber(wanted): BlockNumber) -> RpcResult<Option<H256>> {
        // A number that the chain's type cannot hold lies above every tip.
        match NumberFor::<Block>::try_from(wanted) {
            Ok(number) => chain.canonical_hash(number).map_err(|e| fault(&e)),
            Err(_) => Ok(None),
        }
    }
}

impl Rpc {
    /// A peer, which is not this node.
    fn another(&self, text: &str) -> RpcResult<PeerId> {
        if text == self.facts.peer_id {
            let text = format!("{text} is this node itself; name another one");
            return Err(ErrorObjectOwned::owned(
                INVALID_PARAMS_CODE,
                text,
                None::<()>,
            ));
        }
        peer_id(text)
    }
}

impl Healthy for Rpc {
    fn health(&self) -> Health {
        let should_have_peers = self.facts.peers_expected == PeersExpected::Yes;
        // From memory: load balancers ask often.
        match self.present.get() {
            Some(live) => Health {
                peers: live.manager.report().peers,
                is_syncing: live.manager.is_major_syncing(),
                should_have_peers,
            },
            None => Health {
                peers: 0,
                is_syncing: true,
                should_have_peers,
            },
        }
    }

    fn is_ready(&self) -> bool {
        let live = self.present.get();
        live.is_some_and(|live| is_ready(&live.manager.report()))
    }

    fn until_there(&self) -> BoxFuture<'_, ()> {
        self.present.wait().boxed()
    }
}

#[async_trait]
impl NodeApiServer for Rpc {
    fn name(&self) -> RpcResult<String> {
        Ok(env!("CARGO_PKG_NAME").to_owned())
    }

    fn version(&self) -> RpcResult<String> {
        Ok(env!("CARGO_PKG_VERSION").to_owned())
    }

    fn chain(&self) -> RpcResult<String> {
        Ok(self.facts.chain.name.clone())
    }

    fn chain_type(&self) -> RpcResult<String> {
        Ok(self.facts.chain.kind.to_owned())
    }

    fn properties(&self) -> RpcResult<Value> {
        Ok(self.facts.chain.properties.clone())
    }

    fn node_roles(&self) -> RpcResult<Vec<String>> {
        let role = match self.facts.roles {
            Roles::Authority => "Authority",
            Roles::Full => "Full",
        };
        Ok(vec![role.to_owned()])
    }

    fn account_next_index(&self, account: String) -> RpcResult<u64> {
        let account = parse_address(&account).ok_or_else(|| {
            let text = format!("{} is no SS58 address of an account", quoted(&account));
            ErrorObjectOwned::owned(INVALID_PARAMS_CODE, text, None::<()>)
        })?;
        self.live()?
            .pool
            .next_nonce(&account)
            .map_err(|error| fault(&error))
    }

    fn health(&self) -> RpcResult<Health> {
        Ok(Healthy::health(self))
    }

    fn sync_state(&self) -> RpcResult<SyncState> {
        let report = self.live()?.manager.report();
        let current = report.best.height();
        let above = [report.target, report.consensus].into_iter().flatten();
        Ok(SyncState {
            starting_block: height::<Block>(self.facts.starting_block),
            current_block: current,
            highest_block: above.map(|block| block.height()).fold(current, u64::max),
        })
    }

    fn peers(&self) -> RpcResult<Vec<PeerInfo>> {
        Ok(self
            .live()?
            .manager
            .peers()
            .iter()
            .map(Into::into)
            .collect())
    }

    fn local_peer_id(&self) -> RpcResult<String> {
        Ok(self.facts.peer_id.clone())
    }

    fn local_listen_addresses(&self) -> RpcResult<Vec<String>> {
        let addresses = self.facts.addresses.list();
        Ok(addresses.iter().map(ToString::to_string).collect())
    }

    fn header(&self, hash: Option<H256>) -> RpcResult<Option<Header>> {
        let chain = self.live()?.chain;
        let hash = hash.unwrap_or_else(|| chain.best().hash);
        chain.header(hash).map_err(|error| fault(&error))
    }

    fn block(&self, hash: Option<H256>) -> RpcResult<Option<BlockView>> {
        let chain = self.live()?.chain;
        let hash = hash.unwrap_or_else(|| chain.best().hash);
        let block = chain.block(hash).map_err(|error| fault(&error))?;
        if block.is_none() {
            // Of a block that is not there at all nothing is known; of this one there is something to say.
            chain.ensure_kept(hash).map_err(|below| not_kept(&below))?;
        }
        Ok(block.map(|block| BlockView {
            block,
            justifications: None,
        }))
    }

    fn finalized_head(&self) -> RpcResult<H256> {
        Ok(self.live()?.chain.finalized().hash)
    }

    async fn subscribe_new_heads(&self, pending: PendingSubscriptionSink) -> SubscriptionResult {
        subscriptions::heads(pending, self.present.clone(), Head::Best).await
    }

    async fn subscribe_finalized_heads(
        &self,
        pending: PendingSubscriptionSink,
    ) -> SubscriptionResult {
        subscriptions::heads(pending, self.present.clone(), Head::Finalized).await
    }

    fn storage(&self, Hexed(key): Hexed, at: Option<H256>) -> RpcResult<Option<Bytes>> {
        let chain = self.live()?.chain;
        let at = at.unwrap_or_else(|| chain.best().hash);
        let value = chain.reading_state(at, |state| state.get(&key));
        if let Some(value) = value.map_err(|error| fault(&error))? {
            return Ok(value.map(Bytes));
        }
        chain.ensure_kept(at).map_err(|below| not_kept(&below))?;
        let text = format!("block {at:?} is not stored");
        Err(ErrorObjectOwned::owned(UNKNOWN_BLOCK, text, None::<()>))
    }

    fn submit_extrinsic(&self, Hexed(extrinsic): Hexed) -> RpcResult<H256> {
        let extrinsic = Extrinsic::decode_all(&mut extrinsic.as_slice()).map_err(|error| {
            let text = format!("the bytes are no extrinsic of this chain: {error}");
            ErrorObjectOwned::owned(BAD_FORMAT, text, None::<()>)
        })?;
        let taken = self.live()?.pool.submit(extrinsic, Origin::Owner);
        taken.map_err(|refusal| {
            ErrorObjectOwned::owned(refusal_code(&refusal), refusal.to_string(), None::<()>)
        })
    }

    fn pending_extrinsics(&self) -> RpcResult<Vec<Extrinsic>> {
        Ok(self.live()?.pool.all())
    }

    fn block_hash(&self, numbers: Option<BlockNumbers>) -> RpcResult<BlockHashes> {
        let chain = self.live()?.chain;
        match numbers {
            None => Ok(BlockHashes::One(Some(chain.best().hash))),
            Some(BlockNumbers::One(number)) => Self::hash_at(&chain, number).map(BlockHashes::One),
            Some(BlockNumbers::List(numbers)) if numbers.len() > NUMBERS_MAX => {
                Err(ErrorObjectOwned::owned(
                    INVALID_PARAMS_CODE,
                    format!("at most {NUMBERS_MAX} numbers may be asked for at once"),
                    None::<()>,
                ))
            }
            Some(BlockNumbers::List(numbers)) => {
                let hashes = numbers
                    .into_iter()
                    .map(|number| Self::hash_at(&chain, number));
                hashes.collect::<RpcResult<_>>().map(BlockHashes::List)
            }
        }
    }

    fn sync_status(&self) -> RpcResult<StatusView> {
        let resync = self.desk.progress();
        Ok(StatusView::new(
            &self.live()?.manager.report(),
            resync.as_ref(),
        ))
    }

    fn sync_strategies(&self) -> RpcResult<Vec<StrategyEntry>> {
        Ok(self.facts.strategies.iter().map(Into::into).collect())
    }

    fn remembered_peers(&self) -> RpcResult<Vec<PeerView>> {
        let Live { manager, peers, .. } = self.live()?;
        let (ledger, declared) = (peers.ledger(), self.desk.declared());
        let all = PeerView::all(&ledger, peers.now(), peers.trust_hours(), declared);
        Ok(PeerView::told(all, &manager.peers()))
    }

    fn ban_peer(&self, extensions: &Extensions, peer: String) -> RpcResult<()> {
        operator_only(extensions)?;
        let peer = self.another(&peer)?;
        self.live()?
            .peers
            .ban(&peer)
            .map_err(|error| refused(&error))
    }

    fn unban_peer(&self, extensions: &Extensions, peer: String) -> RpcResult<bool> {
        operator_only(extensions)?;
        let peer = peer_id(&peer)?;
        self.live()?
            .peers
            .unban(&peer)
            .map_err(|error| refused(&error))
    }

    fn resync_status(&self) -> RpcResult<ResyncView> {
        let report = self.desk.report().map_err(|error| refused(&error))?;
        Ok(report.into())
    }

    fn backups(&self) -> RpcResult<Vec<BackupView>> {
        let backups = self.desk.backups().map_err(|error| refused(&error))?;
        Ok(backups.iter().map(Into::into).collect())
    }

    fn resync(&self, extensions: &Extensions, params: ResyncParams) -> RpcResult<PlanView> {
        operator_only(extensions)?;
        for peer in &params.peers {
            self.another(peer)?;
        }
        let request = ResyncRequest::parse(&params.peers, params.checkpoint.as_deref());
        let request = request.map_err(|error| invalid(&error))?;
        let wanted = params.strategy.as_deref();
        let strategy = self
            .desk
            .strategy(wanted)
            .map_err(|error| refused(&error))?;
        let manager = &self.live()?.manager;
        let sources = self.desk.sources(manager, &request);
        let sources = sources.map_err(|error| refused(&error))?;
        let lengths = lengths(manager, &sources);
        let plan = if params.dry_run {
            self.desk.plan()
        } else {
            #[allow(
                clippy::disallowed_methods,
                reason = "the operator's order arrives here"
            )]
            let order = OperatorsOrder::given_by_the_operator(request);
            self.desk.order(order, wanted)
        };
        let plan = plan.map_err(|error| refused(&error))?;
        Ok(PlanView::of(&plan, strategy, &sources).likely_by(&plan, lengths))
    }

    fn resume(&self, extensions: &Extensions) -> RpcResult<()> {
        operator_only(extensions)?;
        self.desk.resume().map_err(|error| refused(&error))
    }

    async fn abort(&self, extensions: &Extensions) -> RpcResult<()> {
        operator_only(extensions)?;
        self.desk.abort().await.map_err(|error| refused(&error))
    }

    fn restore_backup(&self, extensions: &Extensions, id: String) -> RpcResult<String> {
        operator_only(extensions)?;
        let name = self.desk.restore(&id).map_err(|error| refused(&error))?;
        Ok(name.0)
    }

    fn prune_backups(&self, extensions: &Extensions) -> RpcResult<Vec<String>> {
        operator_only(extensions)?;
        let pruned = self.desk.prune().map_err(|error| refused(&error))?;
        Ok(pruned.removed.into_iter().map(|name| name.0).collect())
    }
}

/// Substrate's codes for what an extrinsic is refused with.
fn refusal_code(refusal: &Refusal) -> i32 {
    match refusal {
        Refusal::NotSigned
        | Refusal::BadSignature
        | Refusal::Stale { .. }
        | Refusal::TooFarAhead { .. }
        | Refusal::CannotPay { .. } => 1010,
        Refusal::Known => 1013,
        Refusal::NonceTaken { .. } => 1014,
        Refusal::Full { .. } => 1016,
        Refusal::Refused => 1012,
        Refusal::Stopping | Refusal::Local(_) => INTERNAL_ERROR_CODE,
    }
}

fn peer_id(text: &str) -> RpcResult<PeerId> {
    // Many texts are base58 and no id that a peer can have.
    let id = Some(text).filter(|text| text.len() <= PEER_ID_LONGEST);
    let id = id.and_then(|text| text.parse::<libp2p::PeerId>().ok());
    let id = id.ok_or_else(|| {
        let text = format!(
            "{} is no peer id in base58, such as 12D3KooW…",
            quoted(text)
        );
        ErrorObjectOwned::owned(INVALID_PARAMS_CODE, text, None::<()>)
    })?;
    Ok(PeerId::from_bytes(&id.to_bytes()))
}

/// The beginning of what a caller sent.
fn quoted(text: &str) -> String {
    match text.char_indices().nth(QUOTED) {
        None => format!("\"{text}\""),
        Some((end, _)) => format!("\"{}…\"", text.get(..end).unwrap_or_default()),
    }
}

fn invalid(error: &dyn std::error::Error) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(INVALID_PARAMS_CODE, error.to_string(), None::<()>)
}

fn fault(error: &BridgeError) -> ErrorObjectOwned {
    refused(error)
}

/// A block of which only the header is there.
fn not_kept(error: &BridgeError) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(UNKNOWN_BLOCK, error.to_string(), None::<()>)
}

/// An order that is not carried out; its text says what to do.
fn refused(error: &dyn std::error::Error) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(INTERNAL_ERROR_CODE, error.to_string(), None::<()>)
}
