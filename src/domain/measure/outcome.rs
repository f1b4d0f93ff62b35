//! The outcomes of tasks, with one agent and with several.

use serde::{Deserialize, Serialize};

use super::baseline::error_amplification;
use super::number::ratio;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Agents {
    /// One agent.
    Single,
    /// Several, in any topology.
    Several,
}

/// Tasks and how many of them were solved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Solved {
    /// Tasks that were solved.
    pub successes: u64,
    /// Tasks.
    pub tasks: u64,
}

impl Solved {
    /// Counts a task.
    pub fn add(&mut self, success: bool) {
        self.successes += u64::from(success);
        self.tasks += 1;
    }

    /// The share that was solved, 0 to 1; none without a task.
    pub fn rate(self) -> Option<f64> {
        ratio(self.successes, self.tasks)
    }

    fn merge(&mut self, other: Self) {
        self.successes += other.successes;
        self.tasks += other.tasks;
    }
}

/// Tasks by who worked on them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Outcomes {
    /// Those of one agent.
    pub single: Solved,
    /// Those of several.
    pub several: Solved,
}

impl Outcomes {
    /// Counts a task.
    pub fn add(&mut self, agents: Agents, success: bool) {
        match agents {
            Agents::Single => self.single.add(success),
            Agents::Several => self.several.add(success),
        }
    }

    /// Adds what another one holds.
    pub fn merge(&mut self, other: Self) {
        self.single.merge(other.single);
        self.several.merge(other.several);
    }

    /// `(1 - P_MAS) / (1 - P_SAS)` over tasks; none where either was not recorded, or where a single
    /// agent never failed.
    pub fn error_amplification(self) -> Option<f64> {
        error_amplification(self.several.rate()?, self.single.rate()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amplification_needs_both_sides() {
        let mut outcomes = Outcomes::default();
        outcomes.add(Agents::Several, true);
        outcomes.add(Agents::Several, false);
        assert_eq!(outcomes.error_amplification(), None);
        outcomes.add(Agents::Single, true);
        assert_eq!(outcomes.error_amplification(), None, "a single agent that never failed");
        for success in [true, true, false] {
            outcomes.add(Agents::Single, success);
        }
        // Half of the tasks against a quarter of them.
        assert_eq!(outcomes.error_amplification(), Some(2.0));
    }
}
