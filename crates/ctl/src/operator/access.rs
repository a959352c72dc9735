//! Where the broker is, who asks, and how its answers become values or failures.

use crate::Target;
use crate::client::{Api, HttpApi, Reply, escape};
use crate::commands::reason;
use crate::error::{DATA, Failure, NO_PERMISSION, SOFTWARE, UNAVAILABLE};
use serde_json::Value;

/// Options of all these commands.
#[derive(clap::Args, Clone, Debug)]
pub(crate) struct Access {
    /// Where the broker's management API listens: host:port
    #[arg(
        id = "access-http",
        long = "http",
        value_name = "ADDR",
        env = "NARUMQ_HTTP",
        default_value = "127.0.0.1:15672",
        global = true
    )]
    #[arg(help_heading = "Broker", hide_env_values = true)]
    pub(crate) http: String,
    /// Who asks
    #[arg(
        id = "access-user",
        long = "user",
        value_name = "NAME",
        env = "NARUMQ_USER",
        default_value = "guest",
        global = true
    )]
    #[arg(help_heading = "Broker", hide_env_values = true)]
    pub(crate) user: String,
    /// The password
    #[arg(
        id = "access-password",
        long = "password",
        env = "NARUMQ_PASSWORD",
        default_value = "guest",
        hide_default_value = true,
        global = true
    )]
    #[arg(help_heading = "Broker", hide_env_values = true)]
    pub(crate) password: String,
    /// The virtual host; Kafka's clients see the one that is called /
    #[arg(
        id = "access-vhost",
        long = "vhost",
        value_name = "NAME",
        default_value = "/",
        global = true,
        help_heading = "Broker"
    )]
    pub(crate) vhost: String,
    /// How long one request may take, in seconds
    #[arg(
        id = "access-timeout",
        long = "timeout",
        value_name = "SECONDS",
        default_value_t = 60,
        global = true,
        help_heading = "Broker"
    )]
    #[arg(value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) timeout: u32,
    /// How results are shown
    #[arg(id = "access-output", short = 'o', long = "output", value_enum, default_value_t = Output::Table, global = true)]
    pub(crate) output: Output,
}

/// How results are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Output {
    /// For people
    Table,
    /// For programs
    Json,
}

/// A broker's API, with what to try when it says no.
pub(crate) struct Client {
    api: Box<dyn Api>,
    user: String,
    vhost: String,
    /// What to do when something is not there.
    next: &'static str,
}

impl Client {
    /// For this broker; nothing is sent yet.
    pub(crate) fn new(access: &Access, next: &'static str) -> Result<Self, Failure> {
        let api = HttpApi::boxed(&Target {
            http: access.http.clone(),
            user: access.user.clone(),
            password: access.password.clone(),
            timeout_ms: u64::from(access.timeout) * 1000,
        })?;
        Ok(Self { api, user: access.user.clone(), vhost: access.vhost.clone(), next })
    }

    /// The path of what lies in the vhost: `/api/kind/vhost`, and what follows, each part escaped.
    pub(crate) fn path(&self, kind: &str, rest: &[&str]) -> String {
        let mut path = format!("/api/{kind}/{}", escape(&self.vhost));
        for part in rest {
            path.push('/');
            path += &escape(part);
        }
        path
    }

    /// What stands under a path. `what` is tried, as in "show topic 't'".
    pub(crate) fn get(&mut self, what: &str, path: &str) -> Result<Value, Failure> {
        self.send(what, ("GET", path), None)
    }

    /// What stands under a path; `None` if nothing does.
    pub(crate) fn find(&mut self, what: &str, path: &str) -> Result<Option<Value>, Failure> {
        let reply = self.api.send("GET", path, "")?;
        if reply.status == 404 { Ok(None) } else { self.judge(what, &reply).map(Some) }
    }

    /// Sends a request and gives back the answer's body, null if there is none.
    pub(crate) fn send(
        &mut self,
        what: &str,
        (method, path): (&str, &str),
        body: Option<&Value>,
    ) -> Result<Value, Failure> {
        let body = body.map_or_else(String::new, Value::to_string);
        let reply = self.api.send(method, path, &body)?;
        self.judge(what, &reply)
    }

    fn judge(&self, what: &str, reply: &Reply) -> Result<Value, Failure> {
        let reason = match reason(reply) {
            Some(reason) if reply.status == 404 && reason == "Not Found" => "it does not exist".into(),
            Some(reason) => reason,
            None => format!("the broker answers {}", reply.status),
        };
        let fail = |code, next: &str| Err(Failure::new(code, format!("cannot {what}: {reason}\n{next}")));
        match reply.status {
            200..=299 if reply.body.is_empty() => Ok(Value::Null),
            200..=299 => serde_json::from_slice(&reply.body).map_err(|error| {
                Failure::new(SOFTWARE, format!("cannot {what}: the broker's answer is no JSON: {error}"))
            }),
            401 | 403 => {
                let text = format!(
                    "cannot {what}: the broker refuses user '{}': {reason}\nAnother one is named with --user and --password.",
                    self.user
                );
                Err(Failure::new(NO_PERMISSION, text))
            }
            404 => fail(UNAVAILABLE, self.next),
            405 => fail(UNAVAILABLE, "Does a broker of this version listen there? --http chooses another one."),
            503 => fail(UNAVAILABLE, "Try again later; `narumq ctl status` shows what is short."),
            400..=499 if reason.contains("has members") => {
                fail(DATA, "Stop its consumers, or wait until their sessions end; `narumq groups describe` shows them.")
            }
            400..=499 => fail(DATA, "Nothing was changed; --help shows what is possible."),
            _ => fail(SOFTWARE, "The broker's own log says more."),
        }
    }
}
