use codec::{Compact, Encode};

/// Variant index of [`RangeReply::Items`](crate::wire::RangeReply::Items).
const ITEMS_INDEX: u8 = 0;

/// The items of a range reply, already encoded, within the byte budget. Encoding each item once and appending it saves
/// a decoded copy of everything that is served.
#[derive(Debug)]
pub(super) struct RangeBody {
    count: u32,
    bytes: Vec<u8>,
    soft: usize,
    hard: usize,
}

/// The item does not fit: the reply is complete without it.
#[derive(Debug)]
pub(super) struct BudgetSpent;

impl RangeBody {
    /// Nothing yet. Takes items up to `soft` bytes in all; a single larger one goes alone, up to `hard` bytes.
    pub(super) fn new(soft: usize, hard: usize) -> Self {
        Self {
            count: 0,
            bytes: Vec::new(),
            soft,
            hard,
        }
    }

    pub(super) fn push(&mut self, item: &[u8]) -> Result<(), BudgetSpent> {
        let budget = if self.is_empty() {
            self.hard
        } else {
            self.soft
        };
        if self.bytes.len().saturating_add(item.len()) > budget {
            return Err(BudgetSpent);
        }
        self.bytes.extend_from_slice(item);
        self.count += 1;
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The bytes of `RangeReply::Items`.
    pub(super) fn into_reply(self) -> Vec<u8> {
        let mut reply = Vec::with_capacity(self.bytes.len() + 8);
        reply.push(ITEMS_INDEX);
        Compact(self.count).encode_to(&mut reply);
        reply.extend_from_slice(&self.bytes);
        reply
    }
}
