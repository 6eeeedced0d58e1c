//! Whole rollouts over a fake, whatever cloud it is of: what happens at one call of them, at every call, and everything at once from a seed.

mod hand;
mod script;
mod seeds;
mod sweep;
mod world;

pub use hand::{GENERATION, GROUP, Hand, cost};
pub use script::{Case, Script};
pub use seeds::{Dice, seeds, storm};
pub use sweep::{Played, sweep, twice};
pub use world::{Live, Stage, World};
