//! Starting a rollout, and starting one again.

use std::collections::BTreeMap;

use super::client::Client;
use super::exit::Exit;
use super::failure::Failure;
use super::follow::{self, Patience};
use super::{Context, text};
use crate::api::views::{RetryBody, StartAnswer, StartRequestBody};

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tidegate start checkout version=v413
  tidegate start checkout version=v413 --wait       for CI: 0 completed, 3 reverted
  tidegate start checkout version=v413 --from 25%   skip what this version passed before")]
pub struct Args {
    /// The plan
    plan: String,
    /// Inputs of the plan
    #[arg(value_name = "NAME=VALUE", value_parser = input)]
    inputs: Vec<(String, String)>,
    /// This revision of the plan [default: the newest]
    #[arg(long, value_name = "N")]
    revision: Option<u32>,
    /// Begin at this step; the same version must have passed those before it
    #[arg(long, value_name = "25%")]
    from: Option<String>,
    /// Why, for the journal
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
    because: String,
    /// Follow it to its end; the exit code tells the outcome
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    patience: Patience,
}

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Example:
  tidegate retry checkout --from 25% --wait

A retry is a new rollout of the same version with the same inputs.")]
pub struct RetryArgs {
    /// The rollout to start again
    name: String,
    /// Begin at this step; this version must have passed those before it
    #[arg(long, value_name = "25%")]
    from: Option<String>,
    /// Why, for the journal
    #[arg(long, default_value = "", hide_default_value = true, value_name = "TEXT")]
    because: String,
    /// Follow it to its end; the exit code tells the outcome
    #[arg(long)]
    wait: bool,
    #[command(flatten)]
    patience: Patience,
}

pub async fn run(context: &Context, args: Args) -> Result<Exit, Failure> {
    let client = context.client()?;
    let body = StartRequestBody {
        plan: args.plan,
        revision: args.revision,
        inputs: inputs(args.inputs)?,
        from: args.from,
        because: args.because,
    };
    let answer: StartAnswer = client.post(&["rollouts"], &body).await?;
    begun(context, &client, answer, args.wait, &args.patience).await
}

pub async fn retry(context: &Context, args: RetryArgs) -> Result<Exit, Failure> {
    let client = context.client()?;
    let body = RetryBody { from: args.from, because: args.because };
    let answer: StartAnswer = client.post(&["rollouts", &args.name, "retry"], &body).await?;
    begun(context, &client, answer, args.wait, &args.patience).await
}

async fn begun(
    context: &Context,
    client: &Client,
    answer: StartAnswer,
    wait: bool,
    patience: &Patience,
) -> Result<Exit, Failure> {
    let name = answer.rollout.name.clone();
    if wait {
        context.printer.say(&answer.text);
        return follow::follow(context, client, &name, patience.for_scripts()).await;
    }
    if context.printer.is_json() {
        context.printer.json(&answer);
    } else {
        context.printer.say(&answer.text);
        context.printer.data(&text::show(&answer.rollout, &context.layout()));
    }
    Ok(Exit::Done)
}

pub fn input(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as name=value".to_owned()),
    }
}

/// One input twice is a slip, and which one was meant nobody can tell.
pub fn inputs(pairs: Vec<(String, String)>) -> Result<BTreeMap<String, String>, Failure> {
    let mut inputs = BTreeMap::new();
    for (name, value) in pairs {
        if let Some(first) = inputs.insert(name.clone(), value) {
            let what = format!("input {name} is given twice, first as `{first}`");
            return Err(Failure::usage(what, "leave one out"));
        }
    }
    Ok(inputs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inputs_are_pairs() {
        assert_eq!(input("version=v413"), Ok(("version".to_owned(), "v413".to_owned())));
        assert_eq!(input("a=b=c"), Ok(("a".to_owned(), "b=c".to_owned())));
        assert!(input("version").is_err() && input("=v").is_err());
        let twice = vec![("a".to_owned(), "1".to_owned()), ("a".to_owned(), "2".to_owned())];
        assert!(inputs(twice).is_err_and(|e| e.to_string().contains("first as `1`")));
    }
}
