//! Clouds on the wire.
