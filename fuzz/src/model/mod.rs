//! The part of the model that the filter language asks for.

pub mod records;
#[path = "../../../src/model/scope.rs"]
pub mod scope;
