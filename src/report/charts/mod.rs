//! The charts: one file each, and one line each in the list.
