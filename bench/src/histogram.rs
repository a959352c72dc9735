//! A log-linear histogram of durations: constant memory, one increment per value.

/// Sub-buckets per power of two: a quantile is at most 1/64 (1.6 %) above the true value.
const SUB_BUCKETS: u64 = 64;
const SUB_BITS: u32 = SUB_BUCKETS.trailing_zeros();
const BUCKETS: usize = (64 - SUB_BITS as usize) * SUB_BUCKETS as usize + SUB_BUCKETS as usize;

/// Counts of values (nanoseconds by convention) in buckets whose width grows with the value.
#[derive(Clone)]
pub(crate) struct Histogram {
    counts: Vec<u64>,
    total: u64,
    largest: u64,
}

impl Histogram {
    /// An empty histogram (30 KiB).
    pub(crate) fn new() -> Histogram {
        Histogram { counts: vec![0; BUCKETS], total: 0, largest: 0 }
    }

    /// Counts one value.
    #[inline]
    pub(crate) fn record(&mut self, value: u64) {
        self.counts[bucket(value)] += 1;
        self.total += 1;
        self.largest = self.largest.max(value);
    }

    /// How many values were counted.
    #[cfg(test)]
    pub(crate) fn count(&self) -> u64 {
        self.total
    }

    /// The largest value counted, exactly; 0 when empty.
    #[cfg(test)]
    pub(crate) fn max(&self) -> u64 {
        self.largest
    }

    /// The value below or at which `fraction` (0 to 1) of all values lie; `None` when empty.
    pub(crate) fn quantile(&self, fraction: f64) -> Option<u64> {
        if self.total == 0 {
            return None;
        }
        let wanted = ((self.total as f64 * fraction).ceil() as u64).clamp(1, self.total);
        let mut seen = 0;
        for (index, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return Some(upper_bound(index).min(self.largest));
            }
        }
        Some(self.largest)
    }

    /// Adds all values of another histogram.
    pub(crate) fn merge(&mut self, other: &Histogram) {
        for (mine, theirs) in self.counts.iter_mut().zip(&other.counts) {
            *mine += theirs;
        }
        self.total += other.total;
        self.largest = self.largest.max(other.largest);
    }
}

/// The bucket of a value: below 128 each value has its own, above it each power of two has 64.
#[inline]
fn bucket(value: u64) -> usize {
    let exponent = 63 - (value | 1).leading_zeros();
    let shift = exponent.saturating_sub(SUB_BITS);
    (u64::from(shift) * SUB_BUCKETS + (value >> shift)) as usize
}

/// The largest value that falls into a bucket.
fn upper_bound(index: usize) -> u64 {
    let index = index as u64;
    if index < 2 * SUB_BUCKETS {
        return index;
    }
    let shift = index / SUB_BUCKETS - 1;
    let first = (index - shift * SUB_BUCKETS) << shift;
    first + ((1 << shift) - 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_a_bucket_that_is_at_most_one_sixty_fourth_wide() {
        let mut value = 0u64;
        let mut previous = 0;
        while value < u64::MAX / 3 {
            let index = bucket(value);
            assert!(index < BUCKETS && index >= previous, "buckets rise with the value");
            let upper = upper_bound(index);
            assert!(upper >= value && upper - value <= value / 64, "{value} -> {upper}");
            assert_eq!(bucket(upper), index);
            assert_eq!(bucket(upper + 1), index + 1, "buckets leave no gap after {upper}");
            previous = index;
            value = value * 2 / 3 * 2 + 7;
        }
        assert!(bucket(u64::MAX) < BUCKETS);
    }

    #[test]
    fn quantiles_of_a_thousand_values() {
        let mut histogram = Histogram::new();
        assert_eq!(histogram.quantile(0.5), None);
        (1..=1000).for_each(|value| histogram.record(value * 1000));
        let close = |fraction: f64, value: u64| {
            let got = histogram.quantile(fraction).unwrap();
            assert!(got >= value && got <= value + value / 64, "{fraction}: {got}, wanted {value}");
        };
        close(0.5, 500_000);
        close(0.99, 990_000);
        close(0.999, 999_000);
        assert_eq!(histogram.quantile(1.0), Some(1_000_000));
        assert_eq!((histogram.count(), histogram.max()), (1000, 1_000_000));
    }

    #[test]
    fn merged_histograms_count_as_one() {
        let (mut low, mut high) = (Histogram::new(), Histogram::new());
        low.record(1);
        high.record(100);
        high.record(101);
        low.merge(&high);
        assert_eq!((low.count(), low.max(), low.quantile(0.5)), (3, 101, Some(100)));
    }
}
