//! The certainty of a rate that was measured on few samples.

use serde::Serialize;

/// The quantile of the normal distribution for 95%, both sides.
const Z: f64 = 1.959_963_984_540_054;

/// A measured rate with its 95% interval.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rate {
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
