//! No call yet.
use crate::arm::table::Row;
pub(crate) const CALLS: &[Row] = &[];
