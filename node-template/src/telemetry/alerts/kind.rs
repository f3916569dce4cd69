use sync_component::observer::HoldKind;

/// What a person should look at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AlertKind {
    /// Critical: the network holds another chain, and only the operator can leave ours.
    Fork,
    /// Critical: a block fails in execution here and not for others.
    MayBeFaulty,
    /// Critical: two blocks of one height are both final.
    FinalityConflict,
    /// Critical: somebody else signs with a key of ours.
    OwnKeyUsedElsewhere,
    /// An authority signed two things that exclude each other: two headers of one slot, or two attestations of one counter.
    Equivocation,
    /// Critical: most voters are far below us.
    Ahead,
    /// Critical: far behind, and only the operator closes the gap (`join_windows = false`).
    CriticalGap,
    /// The blocks of most peers lie in our future: the clock is wrong.
    ClockSuspect,
    /// Slots of ours are let go, for a reason that does not end by itself or has lasted for a minute.
    ProductionPaused,
    /// Nothing new for `stalled_slots`.
    Stalled,
    /// The clock says for a minute that the chain should be higher, and no gap explains it.
    BehindSchedule,
    /// A large or critical gap is not being closed: a session failed. It starts again by itself.
    CatchUpFailed,
    /// The store, the record of seals or the program itself failed.
    LocalFault,
    /// A resync or a restore did not come to its end.
    ResyncFailed,
    /// The backups cannot be kept in order.
    BackupsFailed,
}

impl AlertKind {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Fork,
        Self::MayBeFaulty,
        Self::FinalityConflict,
        Self::OwnKeyUsedElsewhere,
        Self::Equivocation,
        Self::Ahead,
        Self::CriticalGap,
        Self::ClockSuspect,
        Self::ProductionPaused,
        Self::Stalled,
        Self::BehindSchedule,
        Self::CatchUpFailed,
        Self::LocalFault,
        Self::ResyncFailed,
        Self::BackupsFailed,
    ];

    /// Its name in metrics, events and log lines.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fork => "fork",
            Self::MayBeFaulty => "may_be_faulty",
            Self::FinalityConflict => "finality_conflict",
            Self::OwnKeyUsedElsewhere => "own_key_used_elsewhere",
            Self::Equivocation => "equivocation",
            Self::Ahead => "ahead",
            Self::CriticalGap => "critical_gap",
            Self::ClockSuspect => "clock_suspect",
            Self::ProductionPaused => "production_paused",
            Self::Stalled => "stalled",
            Self::BehindSchedule => "behind_schedule",
            Self::CatchUpFailed => "catch_up_failed",
            Self::LocalFault => "local_fault",
            Self::ResyncFailed => "resync_failed",
            Self::BackupsFailed => "backups_failed",
        }
    }
}

/// Something happened that a person should look at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Alert {
    /// What.
    pub kind: AlertKind,
    /// Why production is paused.
    pub hold: Option<HoldKind>,
    /// What makes two alerts of one kind the same: the message, unless it names what moves on with each block.
    pub about: String,
    /// All facts, and what to do.
    pub message: String,
}

impl Alert {
    /// An alert that says `message`.
    pub fn new(kind: AlertKind, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            kind,
            hold: None,
            about: message.clone(),
            message,
        }
    }
}
