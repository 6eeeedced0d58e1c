//! What is really there, for those who judge: nothing late, nothing hidden.
