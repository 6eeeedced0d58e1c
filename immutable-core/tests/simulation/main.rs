//! Whole rollouts in a closed loop.

mod found;
mod seeds;
mod sweep;
