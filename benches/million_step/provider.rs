//! A simulated provider with a known error rate, and votes over its answers.

use maestro::testing::{Ballot, MOST_SAMPLES, Rule, Stop};

/// A generator of pseudo-random numbers (splitmix64), the same on every machine.
pub struct Numbers(u64);

impl Numbers {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// The next number: at least 0 and less than 1.
    pub fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut bits = self.0;
        bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        bits ^= bits >> 31;
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The distribution of wrong answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rivals {
    /// All wrong answers are equal: the worst case, which the formulas assume.
    One,
    /// There are four different wrong answers.
    Four,
}

/// A simulated provider.
pub struct Provider {
    numbers: Numbers,
    accuracy: f64,
    valid: f64,
    rivals: Rivals,
}

impl Provider {
    pub fn new(seed: u64, accuracy: f64, valid: f64, rivals: Rivals) -> Self {
        Self { numbers: Numbers::new(seed), accuracy, valid, rivals }
    }

    /// Draws an answer by its number; 0 is the right one. None if the answer is red-flagged.
    pub fn choice(&mut self) -> Option<u32> {
        if self.numbers.next() >= self.valid {
            return None;
        }
        if self.numbers.next() < self.accuracy {
            return Some(0);
        }
        Some(match self.rivals {
            Rivals::One => 1,
            Rivals::Four => 1 + (self.numbers.next() * 4.0) as u32,
        })
    }

    /// Draws an answer as a model would write it: JSON in one of several spellings.
    pub fn sample(&mut self, right: &str) -> Option<String> {
        let choice = self.choice()?;
        let answer = if choice == 0 { right.to_owned() } else { format!("{{\"move\":[0,{choice},1]}}") };
        Some(if self.numbers.next() < 0.5 { answer } else { answer.replace(':', " : ").replace(',', ", ") })
    }
}

/// The result of one vote.
pub struct Decision<A> {
    pub winner: A,
    pub votes: u32,
    pub samples: u32,
    pub rounds: u32,
}

/// Holds one vote.
pub fn decide<A: PartialEq + Clone>(k: u32, mut sample: impl FnMut() -> Option<A>) -> Decision<A> {
    let mut ballot = Ballot::new(Rule::new(k, MOST_SAMPLES).unwrap());
    loop {
        match ballot.stop() {
            Some(Stop::AheadByK | Stop::Unanimous) => break,
            Some(other) => unreachable!("{other:?} within {MOST_SAMPLES} samples"),
            None => {}
        }
        for _ in 0..ballot.next_round() {
            match sample() {
                Some(answer) => ballot.count(answer).map(drop).unwrap(),
                None => ballot.discard().unwrap(),
            }
        }
    }
    let winner = ballot.options()[ballot.leader().unwrap()].answer.clone();
    Decision { winner, votes: ballot.valid(), samples: ballot.samples(), rounds: ballot.rounds() }
}
