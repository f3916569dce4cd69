//! `key`: secrets of authorities, accounts and the network identity.

use super::PlaceArgs;
use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

/// `key`. Substrate's names; of its options those are left out that choose among what this chain has one of: `--network` (one
/// address format), `--password` (a keystore is protected by its permissions alone), and `--scheme` where nothing is stored
/// (accounts and authorities sign with sr25519).
#[derive(Clone, Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a new key and show it, its secret phrase included
    #[command(after_help = "Examples:
  node-template key generate
  node-template key generate --words 24
  node-template key generate --output-type json | jq -r .ss58Address")]
    Generate(GenerateKeyArgs),
    /// Show the public key and address of a secret, or of a public key
    #[command(after_help = "Examples:
  node-template key inspect < phrase.txt
  node-template key inspect --public 5Grw…")]
    Inspect(InspectKeyArgs),
    /// Store an authority's key in the node's keystore
    #[command(after_help = "Example:
  node-template key insert --chain my-chain.toml --base-path ./data < phrase.txt")]
    Insert(InsertKeyArgs),
    /// Make a network identity; the secret goes to standard output or a file, the peer id to standard error
    #[command(after_help = "Example:
  node-template key generate-node-key --file ./node-key")]
    GenerateNodeKey(GenerateNodeKeyArgs),
    /// Show the peer id of a network identity
    #[command(after_help = "Example:
  node-template key inspect-node-key --file ./node-key")]
    InspectNodeKey(NodeKeyArgs),
}

/// How a key is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OutputType {
    /// For people
    Text,
    /// For programs
    Json,
}

/// How many words a secret phrase has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum PhraseLength {
    /// 128 bits of randomness
    #[value(name = "12")]
    Twelve,
    /// 160 bits
    #[value(name = "15")]
    Fifteen,
    /// 192 bits
    #[value(name = "18")]
    Eighteen,
    /// 224 bits
    #[value(name = "21")]
    TwentyOne,
    /// 256 bits
    #[value(name = "24")]
    TwentyFour,
}

impl PhraseLength {
    /// As a number.
    pub fn words(self) -> usize {
        match self {
            Self::Twelve => 12,
            Self::Fifteen => 15,
            Self::Eighteen => 18,
            Self::TwentyOne => 21,
            Self::TwentyFour => 24,
        }
    }
}

/// `key generate`.
#[derive(Clone, Debug, Args)]
pub struct GenerateKeyArgs {
    /// How many words the secret phrase has
    #[arg(long, short = 'w', value_enum, value_name = "WORDS", default_value_t = PhraseLength::Twelve)]
    pub words: PhraseLength,
    /// How it is shown
    #[arg(long, value_enum, default_value_t = OutputType::Text)]
    pub output_type: OutputType,
}

/// `key inspect`.
#[derive(Clone, Debug, Args)]
pub struct InspectKeyArgs {
    /// A secret phrase or URI, such as `//Alice`, or 0x and a seed of 64 hex digits [default: a line of standard input, where
    /// other users of this machine cannot see it]
    #[arg(value_name = "URI", allow_hyphen_values = true)]
    pub uri: Option<String>,
    /// The URI is a public key in hex, or an SS58 address
    #[arg(long)]
    pub public: bool,
    /// How it is shown
    #[arg(long, value_enum, default_value_t = OutputType::Text)]
    pub output_type: OutputType,
}

/// `key insert`.
#[derive(Clone, Debug, Args)]
pub struct InsertKeyArgs {
    /// Which node, by its files.
    #[command(flatten)]
    pub place: PlaceArgs,
    /// The secret phrase or URI [default: a line of standard input, where other users of this machine cannot see it]
    #[arg(long, value_name = "URI", allow_hyphen_values = true)]
    pub suri: Option<String>,
    /// What the key is for
    #[arg(long, value_enum, default_value_t = KeyType::Aura)]
    pub key_type: KeyType,
    /// How it signs
    #[arg(long, value_enum, default_value_t = Scheme::Sr25519)]
    pub scheme: Scheme,
}

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum KeyType {
    /// Sealing blocks
    Aura,
}

/// How a key signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Scheme {
    /// Schnorr signatures over Ristretto
    Sr25519,
}

/// `key generate-node-key`.
#[derive(Clone, Debug, Args)]
pub struct GenerateNodeKeyArgs {
    /// A new file for the secret, readable for its owner only [default: standard output]
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

/// `key inspect-node-key`.
#[derive(Clone, Debug, Args)]
pub struct NodeKeyArgs {
    /// The file with the secret: 32 bytes, or 64 hex digits [default: a line of standard input]
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}
