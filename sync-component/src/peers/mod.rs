//! Peers.
use sp_runtime::traits::Block as BlockT;
/// Typed requests.
#[derive(Debug)]
pub struct PeerClient<B: BlockT>(std::marker::PhantomData<B>);
impl<B: BlockT> Clone for PeerClient<B> {
    fn clone(&self) -> Self {
        Self(self.0)
    }
}
