//! Seeded draws. What an instance draws depends on the seed, its group's name, its number and its life alone, so that nothing
//! that happens elsewhere shifts it.

use std::time::Duration;

use crate::artifact::sha256;

/// How long something takes: drawn anew each time, from the cloud's seed.
///
/// A [`Duration`] converts into a constant one.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Delay {
    /// Always as long.
    Constant(Duration),
    /// Anything from the first to the second, each as likely.
    Uniform(Duration, Duration),
    /// Log-normal: mostly near the median, with a long tail, as boots are.
    LogNormal {
        /// Half take longer.
        median: Duration,
        /// The standard deviation of the logarithm: 0.3 for a steady image, 1 for a wild one.
        sigma: f64,
    },
}

impl Delay {
    /// No time at all.
    pub const NONE: Self = Self::Constant(Duration::ZERO);

    pub(super) fn draw(self, random: &mut Random) -> Duration {
        match self {
            Self::Constant(delay) => delay,
            Self::Uniform(one, other) => {
                let (low, high) = (one.min(other), one.max(other));
                low + (high - low).mul_f64(random.unit())
            }
            Self::LogNormal { median, sigma } => scaled(median, (sigma * random.normal()).exp()),
        }
    }

    pub(super) fn is_none(self) -> bool {
        self == Self::NONE
    }

    /// What no draw is beyond; of a log-normal one none in 10¹⁵.
    pub(super) fn most(self) -> Duration {
        match self {
            Self::Constant(delay) => delay,
            Self::Uniform(one, other) => one.max(other),
            Self::LogNormal { median, sigma } => scaled(median, (sigma * 8.0).exp()),
        }
    }
}

impl From<Duration> for Delay {
    fn from(delay: Duration) -> Self {
        Self::Constant(delay)
    }
}

/// Exponential: the time to the next of independent events that come once in `mean`.
pub(super) fn exponential(mean: Duration, random: &mut Random) -> Duration {
    scaled(mean, -(1.0 - random.unit()).ln())
}

fn scaled(duration: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(duration.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

/// SplitMix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Random(u64);

const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    /// The stream of this name.
    pub(crate) fn named(seed: u64, name: &str) -> Self {
        let digest = sha256(name.as_bytes());
        let name = digest.iter().take(8).fold(0, |bits, byte| bits << 8 | u64::from(*byte));
        Self(seed).fork(name)
    }

    /// Another stream, which does not depend on how much was drawn from others.
    pub(super) fn fork(self, key: u64) -> Self {
        Self(mix(self.0 ^ mix(key.wrapping_add(GAMMA))))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(GAMMA);
        mix(self.0)
    }

    /// From 0 to below 1.
    pub(crate) fn unit(&mut self) -> f64 {
        // The 53 bits that a double holds exactly.
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// From 0 to below `bound`; 0 if that is 0. Lemire's multiplication, without its rejection: the bias is below 2⁻³².
    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        u32::try_from(((self.next() >> 32) * u64::from(bound)) >> 32).unwrap_or(0)
    }

    /// Of mean 0 and deviation 1: Box and Muller, 1958.
    fn normal(&mut self) -> f64 {
        let radius = (-2.0 * (1.0 - self.unit()).ln()).sqrt();
        radius * (std::f64::consts::TAU * self.unit()).cos()
    }
}

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_splitmix64() {
        // The reference outputs for seed 1234567 (rosettacode.org, "Pseudo-random numbers/Splitmix64").
        let mut random = Random(1_234_567);
        let drawn: Vec<_> = (0..3).map(|_| random.next()).collect();
        assert_eq!(drawn, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn a_fork_does_not_depend_on_what_was_drawn_from_others() {
        let parent = Random::named(7, "web-0001-0");
        let mut other = parent.fork(1);
        other.next();
        assert_eq!(parent.fork(2).next(), parent.fork(2).next());
        assert_ne!(parent.fork(1).next(), parent.fork(2).next());
        assert_ne!(Random::named(7, "a").next(), Random::named(8, "a").next());
    }

    #[test]
    fn draws_have_the_shape_that_was_asked_for() {
        let seconds = Duration::from_secs;
        let mut random = Random::named(1, "shape");
        let mut draw = |delay: Delay| {
            let mut all: Vec<_> = (0..4001).map(|_| delay.draw(&mut random)).collect();
            all.sort();
            (all[0], all[2000], all[4000])
        };
        assert_eq!(draw(Delay::Constant(seconds(3))), (seconds(3), seconds(3), seconds(3)));
        let (low, middle, high) = draw(Delay::Uniform(seconds(20), seconds(10)));
        assert!(low >= seconds(10) && high <= seconds(20) && middle.abs_diff(seconds(15)) < Duration::from_millis(400));
        let (low, middle, high) = draw(Delay::LogNormal { median: seconds(60), sigma: 0.3 });
        assert!(middle.abs_diff(seconds(60)) < seconds(3), "{middle:?}");
        assert!(low < seconds(30) && high > seconds(120), "{low:?} {high:?}");
        let mean = (0..4000).map(|_| exponential(seconds(100), &mut random).as_secs_f64()).sum::<f64>() / 4000.0;
        assert!((90.0..110.0).contains(&mean), "{mean}");
        assert!((0..1000).all(|_| random.below(3) < 3));
        assert_eq!(random.below(0), 0);
    }

    #[test]
    fn a_draw_never_overflows() {
        let mut random = Random::named(1, "wild");
        let wild = Delay::LogNormal { median: Duration::MAX, sigma: 1e9 };
        assert!((0..100).map(|_| wild.draw(&mut random)).any(|delay| delay == Duration::MAX));
    }
}
