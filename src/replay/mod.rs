//! Looks into a recording: the samples of a capture as rows for programs and as a screen.
//!
//! ```text
//!  keys ─► action ─► state ─► screen, panels
//!                      │ ▲
//!              request ▼ │ sample
//!            terminal (the loop) ─► capture::Cursor, analysis in the background
//! ```
//!
//! [`state`] knows neither the terminal nor the file, so that tests press keys and look at what
//! is drawn. One panel is one file in `panels/`.

pub mod action;
pub mod background;
pub mod listing;
pub mod panels;
pub mod screen;
pub mod state;
pub mod terminal;
pub mod time;
pub mod view;

pub use state::State;
pub use terminal::Player;
pub use time::When;
