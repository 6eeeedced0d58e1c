//! Azure's ports over a fake of it.
