//! Numbers that are the same in every run (xorshift, Marsaglia).

pub(crate) struct Seeded(pub(crate) u64);

impl Seeded {
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(limit).unwrap()).unwrap()
    }

    /// A random pause of less than this number of milliseconds.
    pub(crate) fn pause(&mut self, limit: usize) -> std::time::Duration {
        std::time::Duration::from_millis(u64::try_from(self.below(limit)).unwrap())
    }
}
