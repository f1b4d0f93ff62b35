//! How sure a rate is that was measured on few samples.

use serde::Serialize;

/// The quantile of the normal distribution for 95%, both sides.
const Z: f64 = 1.959_963_984_540_054;

/// A measured rate with its 95% interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rate {
    /// What was counted.
    pub hits: u32,
    /// Out of so many.
    pub of: u32,
    /// Their quotient.
    pub estimate: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl Rate {
    /// A rate of `hits` out of `of` with its Wilson score interval (E. B. Wilson 1927), which keeps
    /// within 0 and 1 and says something also where all or none hit. Out of nothing, there is none.
    #[must_use]
    pub fn of(hits: u32, of: u32) -> Option<Self> {
        if of == 0 || hits > of {
            return None;
        }
        let estimate = f64::from(hits) / f64::from(of);
        let (low, high) = wilson(estimate, f64::from(of));
        // At the ends, rounding must not keep the interval from its bound.
        let low = if hits == 0 { 0.0 } else { low };
        let high = if hits == of { 1.0 } else { high };
        Some(Self { hits, of, estimate, low, high })
    }
}

fn wilson(rate: f64, count: f64) -> (f64, f64) {
    let square = Z * Z;
    let scale = 1.0 + square / count;
    let centre = (rate + square / (2.0 * count)) / scale;
    let margin = Z / scale * (rate * (1.0 - rate) / count + square / (4.0 * count * count)).sqrt();
    ((centre - margin).max(0.0), (centre + margin).min(1.0))
}

/// How many samples at this rate put the lower end of the interval above one half; none for a rate
/// that no number of samples does it for within a million.
#[must_use]
pub fn samples_above_half(rate: f64) -> Option<u32> {
    const MOST: u32 = 1_000_000;
    // The lower end rises with the count, so a search by halves finds where it passes one half.
    let above = |count: u32| wilson(rate, f64::from(count)).0 > 0.5;
    let mut high = 1;
    while !above(high) {
        high *= 2;
        if high > MOST {
            return None;
        }
    }
    let mut low = high / 2;
    while high - low > 1 {
        let middle = low.midpoint(high);
        if above(middle) {
            high = middle;
        } else {
            low = middle;
        }
    }
    Some(high)
}
