//! Immutable fleets on AWS.
