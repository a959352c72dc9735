//! Random values of messages from a seed, for tests.

/// A generator of 64 bits (xorshift), good enough to choose values for tests.
#[derive(Debug)]
pub struct Random(u64);

impl Random {
    /// Begins at a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        (self.next() >> 16) % limit
    }

    /// A number for a field: small ones, those about to overflow, or any.
    pub fn number(&mut self) -> i64 {
        match self.below(4) {
            0 => self.below(200) as i64 - 2,
            1 => [i64::MIN, i64::MAX, -1, 0, 0x7FFF, 0x8000, 0xFFFF_FFFF][self.below(7) as usize],
            _ => self.next() as i64,
        }
    }

    /// A string: short, long or empty, with and without characters of several bytes.
    pub fn string(&mut self) -> &'static str {
        const LONG: &str = "naru — 成る — naru — 成る — naru — 成る — naru — 成る — naru — 成る — naru — 成る — naru — 成る — naru — \
                            成る — naru — 成る — naru — 成る — naru — 成る — naru — 成る — naru — 成る — naru — 成る — naru — 成る";
        match self.below(8) {
            0 => "",
            1 => LONG,
            _ => ["a", "topic-1", "größe", "成", "consumer-0b5c", "range", "\0"][self.below(7) as usize],
        }
    }
}
