//! The fleets of AWS over moto, which others wrote by what they know of Amazon's APIs. What it gets wrong is listed with the case that shows it, and must fail: so
//! nobody bends the backend to please it. What would fail now and then is mended instead, in `serve.py`. Needs a server: `./tests/run moto`.

mod account;
#[path = "../built.rs"]
mod built;
mod ec2;
mod groups;
mod images;
mod packer;
mod pools;
mod program;
mod proxy;
mod rollouts;
