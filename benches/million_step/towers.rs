//! Towers of Hanoi.

/// Number of moves that a tower of `disks` disks takes.
pub fn steps(disks: u32) -> u32 {
    (1 << disks) - 1
}

/// Three pegs with disks, the smallest disk on top.
pub struct Towers {
    disks: u32,
    pegs: [Vec<u32>; 3],
}

impl Towers {
    pub fn new(disks: u32) -> Self {
        Self { disks, pegs: [(1..=disks).rev().collect(), Vec::new(), Vec::new()] }
    }

    /// The move of a step, counted from 0: the disk, the peg it leaves and the peg it goes to.
    fn step(&self, step: u32) -> (u32, usize, usize) {
        // The well-known rule: the number of trailing zeros of the step's number gives the disk, and each
        // disk moves round the pegs in its own direction.
        let number = step + 1;
        let disk = number.trailing_zeros() + 1;
        let from = self.pegs.iter().position(|peg| peg.last() == Some(&disk)).unwrap();
        let forward = (self.disks - disk) % 2 == 1;
        (disk, from, if forward { (from + 1) % 3 } else { (from + 2) % 3 })
    }

    /// The right move of a step, in the form of an answer: `[disk, from, to]`.
    pub fn next_move(&self, step: u32) -> String {
        let (disk, from, to) = self.step(step);
        format!("{{\"move\":[{disk},{from},{to}]}}")
    }

    /// Makes the move of a step. Panics if the rules of the game forbid it.
    pub fn make(&mut self, step: u32) {
        let (disk, from, to) = self.step(step);
        assert_eq!(self.pegs[from].pop(), Some(disk));
        assert!(self.pegs[to].last().is_none_or(|top| *top > disk), "a disk lies on a smaller one");
        self.pegs[to].push(disk);
    }

    pub fn is_solved(&self) -> bool {
        self.pegs[0].is_empty() && self.pegs[1].is_empty()
    }
}
