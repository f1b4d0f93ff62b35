//! Gated runs, one after another, on servers that are killed in the middle.

use std::time::{Duration, Instant};

use super::tally::Tally;
use crate::harness::{Seeded, Server};
use crate::workflow::broken;
use crate::workflow::crash::{Acknowledged, kill_after, step};

/// Pause between two runs. Meanwhile the consults of the other servers count in no run.
const PAUSE: Duration = Duration::from_secs(8);

/// Does runs until the deadline; the last one may stay open.
pub(crate) fn go_through(server: &Server, until: Instant) -> Tally {
    let mut random = Seeded(11);
    let mut tally = Tally::default();
    while Instant::now() < until {
        // Puts the fault back, so that each run mends it again.
        drop(broken(server.beside()));
        let mut seen = Acknowledged::default();
        let mut is_complete = false;
        while !is_complete && Instant::now() < until {
            is_complete = live(server, &mut seen, &mut random, &mut tally, until);
        }
        tally.runs += usize::from(is_complete);
        tally.acknowledged.append(&mut seen.texts);
        std::thread::sleep(PAUSE.min(until.saturating_duration_since(Instant::now())));
    }
    tally
}

/// Works on the run with one server until the server is killed. Returns true if the run is complete.
fn live(
    server: &Server,
    seen: &mut Acknowledged,
    random: &mut Seeded,
    tally: &mut Tally,
    until: Instant,
) -> bool {
    let mut client = server.beside().start();
    let killer = kill_after(client.pid(), Duration::from_millis(500) + random.pause(8_000));
    let is_complete = loop {
        match step(&mut client, seen) {
            Some(true) => break true,
            Some(false) if Instant::now() < until => {}
            Some(false) => break false,
            None => {
                tally.cut_off += 1;
                break false;
            }
        }
    };
    killer.join().unwrap();
    tally.killed += 1;
    is_complete
}
