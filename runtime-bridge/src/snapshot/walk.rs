use sp_core::{Blake2Hasher, H256};
use sync_component::wire::STATE_KEY_BYTES;
use trie_db::{
    NodeCodec as _,
    node::{Node, NodeHandle, Value},
};

/// The nodes of Substrate's tries.
type Codec = sp_trie::NodeCodec<Blake2Hasher>;

/// Nibbles of the longest key.
const LONGEST_PATH: usize = STATE_KEY_BYTES * 2;

/// Where a walk's nodes come from.
pub(super) trait NodeFeed {
    /// Why there is none.
    type Error;

    /// The node or value with this hash, which is the next one of the walk; `None`: the walk ends before it. So far it came past
    /// `entries` whole entries.
    fn next(&mut self, hash: &H256, entries: u64) -> Result<Option<Vec<u8>>, Self::Error>;
}

/// How far a walk came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Walked {
    /// Entries that it came past.
    pub(crate) entries: u64,
    /// The key of the last one; the key it began after if there were none.
    pub(crate) last: Option<Vec<u8>>,
    /// Where it ended.
    pub(crate) end: WalkEnd,
}

/// Where a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WalkEnd {
    /// At the end of the state.
    Whole,
    /// Before a node that the feed did not have.
    Cut,
}

/// Why a walk failed.
#[derive(Debug)]
pub(super) enum WalkError<E> {
    /// The feed.
    Feed(E),
    /// The node that came last is no node of a state.
    Malformed,
}

/// What is still to be visited; the next one lies on top.
enum Step {
    /// A node, below this path.
    Node(Place, Vec<u8>),
    /// A value apart from its node, and its key.
    Value(H256, Vec<u8>),
}

enum Place {
    Apart(H256),
    Inside(Vec<u8>),
}

/// Walks through the entries behind `root` whose keys come after `after`, in the order of keys.
pub(super) fn walk<F: NodeFeed>(
    root: H256,
    after: Option<&[u8]>,
    feed: &mut F,
) -> Result<Walked, WalkError<F::Error>> {
    let range = Range::after(after);
    let mut walked = Walked {
        entries: 0,
        last: after.map(<[u8]>::to_vec),
        end: WalkEnd::Whole,
    };
    let mut steps = vec![Step::Node(Place::Apart(root), Vec::new())];
    while let Some(step) = steps.pop() {
        let asked = match &step {
            Step::Node(Place::Inside(_), _) => None,
            Step::Node(Place::Apart(hash), _) | Step::Value(hash, _) => Some(*hash),
        };
        let given = match asked {
            None => None,
            Some(hash) => match feed.next(&hash, walked.entries).map_err(WalkError::Feed)? {
                None => {
                    walked.end = WalkEnd::Cut;
                    return Ok(walked);
                }
                node => node,
            },
        };
        match (step, given) {
            (Step::Node(Place::Inside(bytes), path), _)
            | (Step::Node(Place::Apart(_), path), Some(bytes)) => {
                visit(&bytes, path, &range, &mut steps, &mut walked)
                    .map_err(|NotANode| WalkError::Malformed)?;
            }
            (Step::Value(_, key), _) => walked.pass(key),
            // What lies apart was given.
            (Step::Node(Place::Apart(_), _), None) => {}
        }
    }
    Ok(walked)
}

impl Walked {
    fn pass(&mut self, key: Vec<u8>) {
        self.entries += 1;
        self.last = Some(key);
    }
}

struct NotANode;

/// Takes a node apart: its own value comes first, then its children, from the lowest.
fn visit(
    bytes: &[u8],
    mut path: Vec<u8>,
    range: &Range,
    steps: &mut Vec<Step>,
    walked: &mut Walked,
) -> Result<(), NotANode> {
    let (partial, children, value) = match Codec::decode(bytes).map_err(|_| NotANode)? {
        Node::Empty => return Ok(()),
        Node::Leaf(partial, value) => (partial, [None; 16], Some(value)),
        Node::NibbledBranch(partial, children, value) => (partial, children, value),
        // Substrate's tries have neither.
        Node::Extension(..) | Node::Branch(..) => return Err(NotANode),
    };
    path.extend(partial.iter());
    if path.len() > LONGEST_PATH {
        return Err(NotANode);
    }
    for (nibble, child) in children.iter().enumerate().rev() {
        let Some(child) = child else { continue };
        let mut below = path.clone();
        below.push(u8::try_from(nibble).map_err(|_| NotANode)?);
        if range.may_hold_below(&below) {
            steps.push(Step::Node(place(child)?, below));
        }
    }
    let Some(value) = value else { return Ok(()) };
    let key = key_of(&path)?;
    if range.holds(&path) {
        match value {
            Value::Inline(_) => walked.pass(key),
            Value::Node(hash) => steps.push(Step::Value(hash_of(hash)?, key)),
        }
    }
    Ok(())
}

fn place(handle: &NodeHandle<'_>) -> Result<Place, NotANode> {
    Ok(match handle {
        NodeHandle::Hash(hash) => Place::Apart(hash_of(hash)?),
        NodeHandle::Inline(bytes) => Place::Inside(bytes.to_vec()),
    })
}

fn hash_of(bytes: &[u8]) -> Result<H256, NotANode> {
    let bytes: [u8; 32] = bytes.try_into().map_err(|_| NotANode)?;
    Ok(H256(bytes))
}

/// A key is whole bytes.
fn key_of(path: &[u8]) -> Result<Vec<u8>, NotANode> {
    let (pairs, []) = path.as_chunks::<2>() else {
        return Err(NotANode);
    };
    Ok(pairs.iter().map(|[high, low]| high << 4 | low).collect())
}

/// The keys after some key.
struct Range(Option<Vec<u8>>);

impl Range {
    fn after(key: Option<&[u8]>) -> Self {
        let nibbles = key.map(|key| key.iter().flat_map(|byte| [byte >> 4, byte & 15]).collect());
        Self(nibbles)
    }

    /// Whether the key with these nibbles comes after.
    fn holds(&self, path: &[u8]) -> bool {
        self.0.as_deref().is_none_or(|after| path > after)
    }

    /// Whether a key that begins with these nibbles may come after.
    fn may_hold_below(&self, path: &[u8]) -> bool {
        self.0
            .as_deref()
            .is_none_or(|after| path > after || after.starts_with(path))
    }
}
