//! `tidegate schema`: what editors check plans against while they are written.

use super::Context;
use super::exit::Exit;
use super::failure::Failure;
use crate::plan::schema;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  tidegate schema > tidegate.schema.json
and at the top of a plan file:
  # yaml-language-server: $schema=tidegate.schema.json")]
pub struct Args {}

pub fn run(context: &Context, _: &Args) -> Result<Exit, Failure> {
    let schema = schema();
    match serde_json::to_string_pretty(&schema) {
        Ok(text) if !context.printer.is_json() => context.printer.data(&text),
        _ => context.printer.json(&schema),
    }
    Ok(Exit::Done)
}
