//! Shows a recording or the live host: samples as rows for programs, and on a screen.
//!
//! ```text
//!  keyboard ─► action ─► state ─► screen, panels
//!                          │ ▲
//!                  request ▼ │ sample
//!                terminal (the loop) ─► source ─┬─ recorded: capture::Cursor, analysis
//!                                               └─ crate::watch: the live host
//! ```
//!
//! [`state`] knows neither the terminal nor the source of samples, so that tests can press keys and
//! check what is drawn. Each panel is one file in `panels/`.

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
pub use view::Geolocator;
