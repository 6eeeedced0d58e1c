//! Whole rollouts in a closed loop.

mod sweep;
