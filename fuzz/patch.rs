//! Any bytes as a patch: nothing panics, a dry run says what the real run does, a patch is whole or
//! not at all, a restore takes all of it back, and not a byte outside the project changes.
//!
//! `make fuzz` runs it from the patches of `tests/scenarios/change`. Where a patch holds
//! `@OUTSIDE@`, the absolute path of the directory around the project stands instead.

#![no_main]

mod world;

use libfuzzer_sys::fuzz_target;
use world::World;

thread_local! {
    static WORLD: World = World::new();
}

fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    WORLD.with(|world| world.check(text));
});
