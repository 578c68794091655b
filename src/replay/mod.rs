//! Looks into a recording or at the live host: samples as rows for programs and as a screen.
//!
//! ```text
//!  keyboard ─► action ─► state ─► screen, panels
//!                          │ ▲
//!                  request ▼ │ sample
//!                terminal (the loop) ─► source ─┬─ recorded: capture::Cursor, analysis
//!                                               └─ crate::watch: the live host
//! ```
//!
//! [`state`] knows neither the terminal nor where samples come from, so that tests press keys and
//! look at what is drawn. One panel is one file in `panels/`.

pub mod action;
pub mod background;
mod columns;
mod display;
mod export;
mod history;
mod keyboard;
pub mod listing;
mod look;
pub mod panels;
mod recorded;
pub mod screen;
pub mod source;
pub mod state;
pub mod terminal;
pub mod time;
pub mod view;

pub use recorded::Recorded;
pub use source::Source;
pub use state::State;
pub use terminal::Player;
pub use time::{Range, When};
pub use view::Places;
