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

/// Signatures of many owners, checked in full batches whatever the owner. Holds one batch at most.
#[derive(Debug)]
pub(crate) struct Signatures<T> {
    checks: Vec<SignatureCheck>,
    owners: Vec<T>,
}

impl<T: Copy> Signatures<T> {
    pub(crate) fn new() -> Self {
        Self {
            checks: Vec::new(),
            owners: Vec::new(),
        }
    }

    /// Adds one. `Err` is the owner of the first bad one so far; nothing is to be added after that.
    pub(crate) fn add(&mut self, check: SignatureCheck, owner: T) -> Result<(), T> {
        self.checks.push(check);
        self.owners.push(owner);
        if self.checks.len() < BATCH {
            return Ok(());
        }
        self.check()
    }

    /// Checks what is left. `Err` is the owner of the first bad one.
    pub(crate) fn check(&mut self) -> Result<(), T> {
        let checked = check_signatures(&self.checks);
        let bad = checked
            .err()
            .and_then(|bad| self.owners.get(bad.0).copied());
        self.checks.clear();
        self.owners.clear();
        bad.map_or(Ok(()), Err)
    }
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
    // By signer: one key costs its decoding once, and one term of the sum instead of one per signature. Which order they are
    // in makes no difference to whether all are good.
    let mut by_signer: Vec<&SignatureCheck> = batch.iter().collect();
    by_signer.sort_unstable_by_key(|check| check.signer.0);
    let mut keys: Vec<PublicKey> = Vec::with_capacity(batch.len());
    let mut signatures = Vec::with_capacity(batch.len());
    let mut last = None;
    for check in &by_signer {
        let known = last.filter(|signer| *signer == check.signer);
        let key = match known.and(keys.last()) {
            Some(key) => Ok(*key),
            None => PublicKey::from_bytes(check.signer.as_ref()),
        };
        let signature = Signature::from_bytes(check.signature.as_ref());
        let (Ok(key), Ok(signature)) = (key, signature) else {
            return false;
        };
        keys.push(key);
        signatures.push(signature);
        last = Some(check.signer);
    }
    let context = signing_context(CONTEXT);
    let transcripts = by_signer.iter().map(|check| context.bytes(&check.message));
    // All three have one entry per check; the library would panic otherwise.
    verify_batch(transcripts, &signatures, &keys, true).is_ok()
}
