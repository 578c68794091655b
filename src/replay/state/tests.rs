//! Keys, and what is on the screen then.
