//! Applies any bytes as a patch and checks: nothing panics, a dry run reports the same as the real run, a
//! patch is applied whole or not at all, a restore undoes it, and nothing outside the project changes.
//!
//! `make fuzz` starts from the patches in `tests/scenarios/change`. In a patch, `@OUTSIDE@` stands for the
//! absolute path of the directory around the project.

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
