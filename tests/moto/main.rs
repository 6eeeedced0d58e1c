//! The fleets of AWS over moto, which others wrote by what they know of Amazon's APIs: what it gets wrong would be listed with the case that shows it, and must fail, so
//! that nobody bends the backend to please it. What would fail now and then is mended instead, in `serve.py`. Needs a server: `./tests/run moto`.

mod account;
#[path = "../built.rs"]
mod built;
mod ec2;
mod groups;
mod packer;
mod pools;
mod proxy;
mod rollouts;
