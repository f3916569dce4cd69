use crate::execute::SignedPayload;
use schnorrkel::{PublicKey, Signature, signing_context, verify_batch};
use sp_core::sr25519;

/// Substrate's signing context for sr25519.
const CONTEXT: &[u8] = b"substrate";

/// How many signatures go into one batch. Beyond a few hundred a batch gains nothing more per signature, and a bad one
/// costs the whole batch again.
const BATCH: usize = 256;

/// One signature to check.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureCheck {
    /// Who is said to have signed.
    pub signer: sr25519::Public,
    /// The signed bytes.
    pub message: Vec<u8>,
    /// The signature.
    pub signature: sr25519::Signature,
}

impl From<SignedPayload> for SignatureCheck {
    fn from(payload: SignedPayload) -> Self {
        let SignedPayload {
            signer,
            message,
            signature,
        } = payload;
        Self {
            signer,
            message,
            signature,
        }
    }
}

/// Position of the first bad signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("signature {0} is bad")]
pub struct FirstBad(pub usize);

/// Checks all signatures, in batches; when a batch fails, one by one, to find the first bad one. The verdict is the
/// same as checking each alone.
pub fn check_signatures(checks: &[SignatureCheck]) -> Result<(), FirstBad> {
    for (batch, start) in checks.chunks(BATCH).zip((0..).step_by(BATCH)) {
        if batch.len() > 1 && batch_holds(batch) {
            continue;
        }
        if let Some(bad) = batch.iter().position(|check| !holds(check)) {
            return Err(FirstBad(start + bad));
        }
    }
    Ok(())
}

fn parsed(check: &SignatureCheck) -> Option<(PublicKey, Signature)> {
    let key = PublicKey::from_bytes(check.signer.as_ref()).ok()?;
    let signature = Signature::from_bytes(check.signature.as_ref()).ok()?;
    Some((key, signature))
}

fn holds(check: &SignatureCheck) -> bool {
    let Some((key, signature)) = parsed(check) else {
        return false;
    };
    key.verify_simple(CONTEXT, &check.message, &signature)
        .is_ok()
}

fn batch_holds(batch: &[SignatureCheck]) -> bool {
    let Some(parsed) = batch.iter().map(parsed).collect::<Option<Vec<_>>>() else {
        return false;
    };
    let (keys, signatures): (Vec<_>, Vec<_>) = parsed.into_iter().unzip();
    let context = signing_context(CONTEXT);
    let transcripts = batch.iter().map(|check| context.bytes(&check.message));
    // All three have one entry per check; the library would panic otherwise.
    verify_batch(transcripts, &signatures, &keys, false).is_ok()
}
