use serde::Serialize;
use std::fmt;
use sync_component::ports::cores;

/// On what figures were measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Machine {
    /// Cores that this process may use.
    pub cores: usize,
    /// How this program was built.
    pub profile: Profile,
}

/// How this program was built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Profile {
    /// With `--release`.
    Release,
    /// Without: its figures mean nothing.
    Debug,
}

impl Machine {
    /// This one.
    pub fn here() -> Self {
        let profile = if cfg!(debug_assertions) {
            Profile::Debug
        } else {
            Profile::Release
        };
        Self {
            // Where the system does not say, one core is what there is for certain.
            cores: cores(),
            profile,
        }
    }

    /// What has to be said before any figure of a build that is not optimised.
    pub fn warning(self) -> Option<&'static str> {
        match self.profile {
            Profile::Release => None,
            Profile::Debug => Some(
                "*** DEBUG BUILD: the figures below mean nothing. Build with `cargo build --release` and measure again. ***",
            ),
        }
    }
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cores = match self.cores {
            1 => "1 core".to_owned(),
            cores => format!("{cores} cores"),
        };
        let profile = match self.profile {
            Profile::Release => "release build",
            Profile::Debug => "DEBUG BUILD",
        };
        write!(f, "{cores}, {profile}")
    }
}
