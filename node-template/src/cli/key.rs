//! `key`: Substrate's commands for keys.

use super::{
    CliError, ExitCode, NodeKeyArgs, OutputType,
    account::{account, asked, secret},
    args::{GenerateKeyArgs, GenerateNodeKeyArgs, InsertKeyArgs, InspectKeyArgs, KeyCommand},
    node_key,
    place::Place,
    print,
};
use crate::{
    keystore::{self, Inserted},
    network,
    service::{ChainFolder, NodeKey},
};
use bip39::Mnemonic;
use serde::Serialize;
use sp_core::{Pair, crypto::Ss58Codec, sr25519};
use std::{
    io::{Write, stderr},
    path::Path,
};

/// What is asked for on a terminal.
const SECRET: &str = "secret phrase or URI";

/// Makes, shows and stores keys.
pub(super) fn run(command: &KeyCommand) -> Result<ExitCode, CliError> {
    match command {
        KeyCommand::Generate(args) => generate(args),
        KeyCommand::Inspect(args) => inspect(args),
        KeyCommand::Insert(args) => insert(args),
        KeyCommand::GenerateNodeKey(args) => generate_node_key(args),
        KeyCommand::InspectNodeKey(args) => inspect_node_key(args),
    }
}

/// What is shown of a key, in Substrate's words.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct KeyView {
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_phrase: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secret_seed: Option<String>,
    public_key: String,
    account_id: String,
    ss58_public_key: String,
    ss58_address: String,
}

impl KeyView {
    fn of_public(public: &sr25519::Public) -> Self {
        let hex = format!("0x{}", hex::encode(public));
        let address = public.to_ss58check();
        Self {
            secret_phrase: None,
            secret_seed: None,
            public_key: hex.clone(),
            // With sr25519 an account is its public key.
            account_id: hex,
            ss58_public_key: address.clone(),
            ss58_address: address,
        }
    }

    fn show(&self, as_type: OutputType) -> Result<(), CliError> {
        if as_type == OutputType::Json {
            let text = serde_json::to_string_pretty(self).expect("texts are always valid JSON");
            return print(&format!("{text}\n"));
        }
        let rows = [
            ("Secret phrase:", self.secret_phrase.as_ref()),
            ("Secret seed:", self.secret_seed.as_ref()),
            ("Public key (hex):", Some(&self.public_key)),
            ("Account ID:", Some(&self.account_id)),
            ("Public key (SS58):", Some(&self.ss58_public_key)),
            ("SS58 Address:", Some(&self.ss58_address)),
        ];
        let rows = rows
            .into_iter()
            .filter_map(|(label, value)| Some(format!("{label:<19} {}\n", value?)));
        print(&rows.collect::<String>())
    }
}

fn generate(args: &GenerateKeyArgs) -> Result<ExitCode, CliError> {
    let phrase = Mnemonic::generate(args.words.words())
        .expect("the standard has phrases of each of these lengths")
        .to_string();
    let (pair, seed) =
        sr25519::Pair::from_phrase(&phrase, None).expect("a phrase of the standard gives a key");
    let view = KeyView {
        secret_phrase: Some(phrase),
        secret_seed: Some(format!("0x{}", hex::encode(seed))),
        ..KeyView::of_public(&pair.public())
    };
    view.show(args.output_type)?;
    Ok(ExitCode::Done)
}

fn inspect(args: &InspectKeyArgs) -> Result<ExitCode, CliError> {
    let what = if args.public {
        "public key or address"
    } else {
        SECRET
    };
    let given = given(args.uri.as_deref(), what)?;
    let view = if args.public {
        let public = account(&given).ok_or(CliError::NotAPublicKey)?;
        KeyView::of_public(&public)
    } else {
        let (pair, seed) = secret(&given).ok_or(CliError::NotASecret)?;
        let is_phrase = given.split_whitespace().count() > 1;
        KeyView {
            secret_phrase: is_phrase.then(|| given.clone()),
            secret_seed: seed.map(|seed| format!("0x{}", hex::encode(seed))),
            ..KeyView::of_public(&pair.public())
        }
    };
    view.show(args.output_type)?;
    Ok(ExitCode::Done)
}

/// What was given, or else a line of standard input: what is on the command line other users of the machine can see.
fn given(uri: Option<&str>, what: &str) -> Result<String, CliError> {
    match uri {
        Some(uri) if uri != "-" => Ok(uri.trim().to_owned()),
        _ => asked(what),
    }
}

fn insert(args: &InsertKeyArgs) -> Result<ExitCode, CliError> {
    let place = Place::of(&args.place)?;
    let uri = given(args.suri.as_deref(), SECRET)?;
    let (pair, _) = secret(&uri).ok_or(CliError::NotASecret)?;
    let folder = ChainFolder::at(&place.folder).keystore();
    let stored = keystore::insert(&folder, &uri, &pair)?;
    let how = match stored {
        Inserted::New(path) => format!("stored in {}", path.display()),
        Inserted::There(path) => format!("was stored already, in {}", path.display()),
    };
    let address = pair.public().to_ss58check();
    print(&format!(
        "{address} {how}\na node that runs reads it at its next start, with --validator\n"
    ))?;
    if !place.spec.authorities.contains(&pair.public().into()) {
        // On standard error, as what a script reads is the above alone.
        let _ = writeln!(
            stderr().lock(),
            "warning: {address} is none of the authorities that the chain spec of {} names: a node with this key alone authors nothing",
            place.spec.id
        );
    }
    Ok(ExitCode::Done)
}

fn generate_node_key(args: &GenerateNodeKeyArgs) -> Result<ExitCode, CliError> {
    let key = network::generate_key();
    match &args.file {
        Some(path) => {
            network::write_new(path, &key).map_err(|source| CliError::NotWritten {
                path: path.clone(),
                source,
            })?;
        }
        None => print(&format!("{}\n", hex::encode(key.secret())))?,
    }
    // Substrate's: what a script reads is the secret alone. Nowhere is left to say that standard error is gone.
    let _ = writeln!(stderr().lock(), "{}", network::peer_id(&key));
    Ok(ExitCode::Done)
}

fn inspect_node_key(args: &NodeKeyArgs) -> Result<ExitCode, CliError> {
    let key: NodeKey = match &args.file {
        Some(path) if path != Path::new("-") => node_key::read(path)?,
        _ => node_key::from_hex(&given(None, "network key, 64 hex digits")?)
            .ok_or(CliError::NodeKeyLine)?,
    };
    print(&format!("{}\n", network::peer_id(&key)))?;
    Ok(ExitCode::Done)
}
