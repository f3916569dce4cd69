//! What peers can grow here, with the bounds (invariant I6).

use super::HeightSyncManager;
use crate::attestation::{ATTESTATIONS_PER_SLOT, REMEMBERED_SEALS, REMEMBERED_SLOTS};
use sp_runtime::traits::Block as BlockT;

impl<B: BlockT> HeightSyncManager<B> {
    /// Name, size now, and the most that the settings and the set of authorities allow.
    pub(crate) fn footprint(&self) -> Vec<(&'static str, usize, usize)> {
        let limits = &self.context.settings.limits;
        let slots = self.context.settings.attestation_slots.0.get() as usize;
        let authorities = self.authorities();
        let state = self.state();
        let (tips, parked) = state.tips.footprint();
        let (attested, early, taken) = state.attestations.footprint();
        let (seals, evidence) = state.evidence.footprint();
        let most_tips = limits.tracked_tips.max(authorities.saturating_mul(2));
        // Of the slots that count at one moment, and one begins or ends meanwhile; each may be contradicted once.
        let slots = slots.saturating_add(2);
        let per_slot = (ATTESTATIONS_PER_SLOT as usize).saturating_add(1);
        let news = authorities.saturating_mul(slots).saturating_mul(per_slot);
        vec![
            ("verified tips", tips, most_tips),
            ("parked blocks", parked, limits.tracked_tips),
            ("claims", state.claims.len(), limits.max_peers),
            ("peers being asked", state.asking.len(), limits.max_peers),
            (
                "peers asked twice",
                state.asked_twice.len(),
                limits.max_peers,
            ),
            ("attestations", attested, authorities),
            ("authorities ahead of us", early, authorities),
            (
                "slots with attestations taken in",
                taken,
                authorities.saturating_mul(REMEMBERED_SLOTS),
            ),
            ("seals remembered", seals, REMEMBERED_SEALS),
            (
                "authorities with evidence",
                evidence,
                limits.max_authorities,
            ),
            (
                "equivocations to be reported",
                state.unreported.len(),
                limits.max_authorities,
            ),
            (
                "suspects",
                state.suspects.iter().count(),
                limits.max_authorities / 2,
            ),
            ("attestations to be passed on", state.news.len(), news),
        ]
    }
}
