//! `tidegate serve`: the service until somebody stops it.

use std::sync::Arc;

use serde_json::json;

use super::exit::Exit;
use super::failure::Failure;
use super::{Context, follow};
use crate::clock::SystemClock;
use crate::config::{Config, ServeArgs};
use crate::server::{self, Server};
use crate::telemetry;

#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tidegate serve
  tidegate serve --data /var/lib/tidegate --listen 0.0.0.0:8420 --listen-providers 0.0.0.0:8421
  tidegate serve --prometheus default=http://127.0.0.1:9090

The first start makes an admin token and shows it once. On this host, commands of the same user need no token: they
use the socket in the data directory. Ctrl-C or SIGTERM stops it; proxies keep the last split meanwhile.")]
pub struct Args {
    #[command(flatten)]
    server: ServeArgs,
}

pub async fn run(context: &Context, args: &Args) -> Result<Exit, Failure> {
    let server = start(&config(context, &args.server)?, &args.server).await?;
    greet(context, &server);
    follow::interrupted().await;
    context.printer.say("stopping: requests under way are finished, proxies keep the last split");
    server.stop().await;
    Ok(Exit::Done)
}

/// # Errors
/// All that is wrong with the options.
pub fn config(context: &Context, args: &ServeArgs) -> Result<Config, Failure> {
    let config = args.config(context.global.data.as_deref());
    config.map_err(|wrong| Failure::usage(wrong.join("\n"), "see `tidegate serve --help`"))
}

/// Starts logging and the service.
///
/// # Errors
/// When its store or its addresses cannot be had.
pub async fn start(config: &Config, args: &ServeArgs) -> Result<Server, Failure> {
    telemetry::start(&args.log, args.log_format).map_err(|wrong| Failure::usage(wrong, ""))?;
    let server = server::start(config, Arc::new(SystemClock::default())).await;
    server.map_err(|error| Failure::Service { doing: "did not start", source: Box::new(error) })
}

fn greet(context: &Context, server: &Server) {
    let printer = &context.printer;
    if printer.is_json() {
        return printer.json(&json!({
            "api": format!("http://{}", server.api),
            "providers": format!("http://{}", server.providers),
            "socket": server.socket,
            "first_token": server.first_token,
        }));
    }
    printer.say(&format!("tidegate is up: http://{}", server.api));
    printer.say(&format!("proxies, programs and flag clients ask http://{}", server.providers));
    if let Some(socket) = &server.socket {
        printer.say(&format!("on this host no token is needed: {}", socket.display()));
    }
    if let Some(token) = &server.first_token {
        printer.say("the first admin token, shown only now:");
        printer.data(token);
    }
}
