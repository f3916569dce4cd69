//! From a document to a checked specification.

mod genesis;
mod unique;

#[cfg(test)]
mod tests;

use crate::{
    ChainSpec, ChainType, Checkpoint, addresses,
    hex_text::{self, hash},
    nodes::node_address,
};
use genesis::genesis;
use sp_consensus_aura::SlotDuration;
use sp_core::H256;
use std::{collections::BTreeMap, time::Duration};
use sync_component::{
    SyncSettings,
    registry::defaults,
    settings::document::{
        Document, Fault, Format, Location, ProblemReport, Problems, Rule, Section, free_table,
        one_of, text, whole,
    },
};
use unique::unique_list;

impl ChainSpec {
    /// Reads TOML; `name` stands at the head of a report.
    pub fn from_toml(name: &str, text: &str) -> Result<Self, ProblemReport> {
        Self::from_document(Document::parse(name, Format::Toml, text)?)
    }

    /// Reads JSON; `name` stands at the head of a report.
    pub fn from_json(name: &str, text: &str) -> Result<Self, ProblemReport> {
        Self::from_document(Document::parse(name, Format::Json, text)?)
    }

    /// Reads a parsed document.
    pub fn from_document(document: Document) -> Result<Self, ProblemReport> {
        document.read(spec)
    }
}

fn spec(root: &mut Section<'_>, problems: &mut Problems) -> Option<ChainSpec> {
    let name = root.require("name", &name(), problems);
    let id = root.require("id", &id(), problems);
    let chain_type = root.read("type", &chain_type(), problems);
    let properties = root.entries("properties", problems);
    let properties = free_table("properties", properties, problems);
    let authorities = authorities(root, problems);
    let slot = root.require("slot_duration_ms", &slot_duration(), problems);
    let genesis = genesis(root, problems);
    let bootnodes = unique_list(root, "bootnodes", &node_address(), problems);
    let reserved_nodes = unique_list(root, "reserved_nodes", &node_address(), problems);
    let bad_blocks = unique_list(root, "bad_blocks", &hash(), problems);
    let checkpoints = checkpoints(root, &bad_blocks, problems);
    let mut sync = SyncSettings::read(root, slot.map(Duration::from_millis), problems);
    let authorities = authorities?;
    // Here it is known how many they are; the settings alone could not say.
    let tier1 = &mut sync.strategies.tier1;
    tier1.get_or_insert_with(|| defaults::tier1(authorities.len()).to_owned());
    Some(ChainSpec {
        name: name?,
        id: id?,
        chain_type: chain_type.unwrap_or(ChainType::Live),
        properties,
        authorities,
        slot_duration: SlotDuration::from_millis(slot?),
        genesis,
        bootnodes,
        reserved_nodes,
        bad_blocks,
        checkpoints,
        sync,
    })
}

fn name() -> Rule<String> {
    text("a text of 1 to 128 characters on one line", |name| {
        (1..=128).contains(&name.chars().count()) && !name.chars().any(char::is_control)
    })
}

/// The id names a folder, on every file system alike.
fn id() -> Rule<String> {
    let accepted =
        "1 to 64 letters (a-z, A-Z), digits, -, _ or ., beginning with a letter or digit";
    text(accepted, |id| {
        let begins = id
            .bytes()
            .next()
            .is_some_and(|byte| byte.is_ascii_alphanumeric());
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        begins && id.len() <= 64 && id.bytes().all(allowed)
    })
}

fn chain_type() -> Rule<ChainType> {
    one_of(&[
        ("Development", ChainType::Development),
        ("Local", ChainType::Local),
        ("Live", ChainType::Live),
    ])
}

/// Shorter than 100 ms no network agrees within a slot; longer than an hour is a slip of the unit.
fn slot_duration() -> Rule<u64> {
    whole(100..=3_600_000, "milliseconds")
}

fn authorities(
    root: &mut Section<'_>,
    problems: &mut Problems,
) -> Option<Vec<sp_consensus_aura::sr25519::AuthorityId>> {
    const ACCEPTED: &str = "a list of one or more SS58 addresses in slot order";
    let Some(node) = root.peek("authorities") else {
        let accepted = ACCEPTED.into();
        problems.add(root.location(), "authorities", Fault::Missing { accepted });
        return root.node("authorities").and(None);
    };
    if node.as_list().is_some_and(<[_]>::is_empty) {
        problems.refuse(&node.location, "authorities", node.brief(), ACCEPTED);
    }
    let keys = unique_list(root, "authorities", &addresses::address(), problems);
    Some(keys.into_iter().map(Into::into).collect())
}

fn checkpoints(
    root: &mut Section<'_>,
    bad_blocks: &[H256],
    problems: &mut Problems,
) -> Vec<Checkpoint> {
    let mut seen = Seen::default();
    let mut checkpoints = Vec::new();
    for (index, node) in root.list("checkpoints", problems).iter().enumerate() {
        let key = format!("checkpoints.{index}");
        let Some(mut section) = Section::open(key, node, problems) else {
            continue;
        };
        let height = whole(1..=u64::from(u32::MAX), "the block, its height")
            .try_map(|number| u32::try_from(number).ok());
        let number = section.require("number", &height, problems);
        let hash = section.require("hash", &hash(), problems);
        if let (Some(number), Some(hash)) = (number, hash) {
            let checkpoint = Checkpoint { number, hash };
            seen.check(checkpoint, bad_blocks, &section, problems);
            checkpoints.push(checkpoint);
        }
        section.finish(problems);
    }
    checkpoints
}

/// Checkpoints so far, by what must not come twice.
#[derive(Default)]
struct Seen {
    numbers: BTreeMap<u32, Location>,
    hashes: BTreeMap<H256, Location>,
}

impl Seen {
    fn check(
        &mut self,
        checkpoint: Checkpoint,
        bad_blocks: &[H256],
        section: &Section<'_>,
        problems: &mut Problems,
    ) {
        let Checkpoint { number, hash } = checkpoint;
        let place = |key: &str| {
            section
                .peek(key)
                .map_or(section.location(), |node| &node.location)
        };
        let (number_at, hash_at) = (place("number"), place("hash"));
        if let Some(first) = self.numbers.insert(number, number_at.clone()) {
            let value = number.to_string();
            let fault = Fault::Repeated { value, first };
            problems.add(number_at, section.path("number"), fault);
        }
        let written = hex_text::write(hash.as_bytes());
        if let Some(first) = self.hashes.insert(hash, hash_at.clone()) {
            let value = written.clone();
            let fault = Fault::Repeated { value, first };
            problems.add(hash_at, section.path("hash"), fault);
        }
        if bad_blocks.contains(&hash) {
            let accepted = "a block that is not in bad_blocks, or no block would be valid there";
            problems.refuse(hash_at, section.path("hash"), written, accepted);
        }
    }
}
