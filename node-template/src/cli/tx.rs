use super::{
    CliError, ExitCode,
    account::{account, asked, secret},
    args::{TransferArgs, TxCommand},
    print,
    resync::block_on,
    status::node_url,
};
use crate::{runtime::Extrinsic, status_view::NodeClient};
use codec::Encode;
use sp_core::{Pair, crypto::Ss58Codec, sr25519};

/// Makes extrinsics and sends them to a node.
pub(super) fn run(command: &TxCommand) -> Result<ExitCode, CliError> {
    match command {
        TxCommand::Transfer(args) => transfer(args),
    }
}

fn transfer(args: &TransferArgs) -> Result<ExitCode, CliError> {
    let from = sender(&args.from)?;
    let to = receiver(&args.to)?;
    let client = NodeClient::new(node_url(args.url.as_ref(), &args.place)?)?;
    let hash = block_on(async {
        let address = from.public().to_ss58check();
        let nonce = match args.nonce {
            Some(nonce) => nonce,
            None => client.account_next_index(&address).await?,
        };
        let genesis = client.genesis_hash().await?;
        let extrinsic = Extrinsic::transfer(&from, to, args.amount, nonce, genesis);
        Ok(client.submit_extrinsic(&extrinsic.encode()).await?)
    })?;
    print(&format!("{hash:?}\n"))?;
    Ok(ExitCode::Done)
}

/// The key that pays. No error repeats the secret.
fn sender(uri: &str) -> Result<sr25519::Pair, CliError> {
    let given = if uri == "-" {
        asked("secret phrase or URI of the account that pays")?
    } else {
        uri.to_owned()
    };
    let (pair, _) = secret(&given).ok_or(CliError::Sender)?;
    Ok(pair)
}

/// An address, a public key in hex, or the URI of a key (`//Bob`).
fn receiver(text: &str) -> Result<sr25519::Public, CliError> {
    let account = if text.starts_with("//") {
        // A development account; nothing secret is in its name.
        secret(text).map(|(pair, _)| pair.public())
    } else {
        account(text)
    };
    account.ok_or_else(|| CliError::Receiver {
        given: text.to_owned(),
    })
}
