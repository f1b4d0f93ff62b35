//! The sources of this binary.

/// Version, commit, target and profile, for example
/// `0.1.0 (1a2b3c4d5e6f, x86_64-unknown-linux-gnu, release)`. The commit ends in `+changes` where the
/// sources differed from it, and is `unknown` where they were no checkout.
pub(super) const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION"),
    " (",
    env!("BUILD_COMMIT"),
    ", ",
    env!("BUILD_TARGET"),
    ", ",
    env!("BUILD_PROFILE"),
    ")"
);
