//! Records a live host.
