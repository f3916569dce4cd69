use crate::{ChainSpec, ChainType, Genesis, hex_text};
use sp_core::{crypto::Ss58Codec, sr25519};
use toml::{Table, Value};

impl ChainSpec {
    /// As TOML that reads back as the same specification. Every key of `[sync]` is written out, so that the chain's rules
    /// do not change with the defaults of a later version.
    pub fn to_toml(&self) -> String {
        toml::to_string_pretty(&self.to_table())
            .expect("a table of texts, numbers, truths, lists and tables is what TOML is made of")
    }

    /// As JSON that reads back as the same specification; see [`ChainSpec::to_toml`].
    pub fn to_json(&self) -> String {
        let table = Value::Table(self.to_table());
        serde_json::to_string_pretty(&table)
            .expect("keys are texts, and writing to a text does not fail")
    }

    pub(crate) fn to_table(&self) -> Table {
        let slot = i64::try_from(self.slot_duration.as_millis()).unwrap_or(i64::MAX);
        let authorities = self.authorities.iter();
        let authorities =
            authorities.map(|id| sr25519::Public::from(id.clone()).to_ss58check().into());
        let bad_blocks = self.bad_blocks.iter();
        let bad_blocks = bad_blocks.map(|hash| hex_text::write(hash.as_bytes()).into());
        let mut table = Table::new();
        table.insert("name".into(), self.name.clone().into());
        table.insert("id".into(), self.id.clone().into());
        table.insert("type".into(), type_name(self.chain_type).into());
        table.insert("slot_duration_ms".into(), slot.into());
        table.insert("authorities".into(), Value::Array(authorities.collect()));
        table.insert("bootnodes".into(), self.bootnodes.clone().into());
        table.insert("reserved_nodes".into(), self.reserved_nodes.clone().into());
        table.insert("bad_blocks".into(), Value::Array(bad_blocks.collect()));
        table.insert("properties".into(), self.properties.clone().into());
        table.insert("genesis".into(), genesis(&self.genesis).into());
        table.insert("checkpoints".into(), self.checkpoints_list());
        table.insert("sync".into(), self.sync.to_table().into());
        table
    }

    fn checkpoints_list(&self) -> Value {
        let list = self.checkpoints.iter().map(|checkpoint| {
            let mut table = Table::new();
            table.insert("number".into(), i64::from(checkpoint.number).into());
            let hash = hex_text::write(checkpoint.hash.as_bytes());
            table.insert("hash".into(), hash.into());
            Value::Table(table)
        });
        Value::Array(list.collect())
    }
}

fn type_name(chain_type: ChainType) -> &'static str {
    match chain_type {
        ChainType::Development => "Development",
        ChainType::Local => "Local",
        ChainType::Live => "Live",
    }
}

/// Balances are written as texts: a number beyond 2^63 is no TOML, one beyond 2^53 is not safe in JSON.
fn genesis(genesis: &Genesis) -> Table {
    let balances = genesis.balances.iter();
    let balances =
        balances.map(|(account, balance)| (account.to_ss58check(), balance.to_string().into()));
    let raw = genesis.raw.iter();
    let raw = raw.map(|(key, value)| (hex_text::write(key), hex_text::write(value).into()));
    let mut table = Table::new();
    table.insert("balances".into(), Value::Table(balances.collect()));
    table.insert("raw".into(), Value::Table(raw.collect()));
    table
}
