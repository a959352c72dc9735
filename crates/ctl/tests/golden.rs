//! Commands against recorded answers of the API: output, errors and exit codes are those of the original, to the byte.
//!
//! `golden/commands.txt` is what the original gave over the same objects: `$` command, its output, `!` exit code and errors.

use narumq_ctl::{Api, Failure, Reply, Target, execute};
use serde_json::{Value, json};

/// Answers from the recording; what is not in it does not exist.
struct Recorded;

impl Api for Recorded {
    fn send(&mut self, method: &str, path: &str, _: &str) -> Result<Reply, Failure> {
        let answers: Value = serde_json::from_str(include_str!("golden/answers.json")).expect("the recording is JSON");
        let reply = |status, body: &Value| Reply { status, body: body.to_string().into_bytes() };
        let in_use = json!({"error": "bad_request", "reason": "queue 'hello' in vhost '/' in use"});
        Ok(match (method, path, answers.get(path)) {
            ("GET", _, Some(answer)) => reply(200, answer),
            ("DELETE", "/api/queues/%2F/hello/contents", _) => Reply { status: 204, body: Vec::new() },
            ("DELETE", "/api/queues/%2F/hello?if-empty=false&if-unused=true", _) => reply(400, &in_use),
            ("GET" | "DELETE", _, _) => reply(404, &json!({"error": "Object Not Found", "reason": "Not Found"})),
            _ => reply(405, &Value::Null),
        })
    }
}

struct Outcome {
    out: String,
    err: String,
    code: u8,
    target: Option<Target>,
}

fn run(args: &[&str], http: Option<&str>) -> Outcome {
    let args: Vec<String> = args.iter().map(|&arg| arg.to_owned()).collect();
    let (mut out, mut err, mut target) = (Vec::new(), Vec::new(), None);
    let mut connect = |wanted: &Target| {
        target = Some(wanted.clone());
        Ok(Box::new(Recorded) as Box<dyn Api>)
    };
    let code = execute(&args, http, &mut connect, &mut out, &mut err);
    let text = |bytes| String::from_utf8(bytes).expect("output is text");
    Outcome { out: text(out), err: text(err), code, target }
}

#[test]
fn output_is_that_of_the_original() {
    let recording = include_str!("golden/commands.txt");
    let mut count = 0;
    for section in recording.split("\n$ ") {
        let section = section.strip_prefix("$ ").unwrap_or(section);
        let (command, expected) = section.split_once('\n').expect("a command is a line");
        let outcome = run(&command.split(' ').collect::<Vec<_>>(), None);
        let errors: String = outcome.err.lines().map(|line| format!("! {line}\n")).collect();
        let shown = format!("{}! {}\n{errors}", outcome.out, outcome.code);
        assert_eq!(shown.trim_end_matches('\n'), expected.trim_end_matches('\n'), "{command}");
        count += 1;
    }
    assert_eq!(count, 55);
}

#[test]
fn wrong_arguments_are_told_with_the_usage() {
    for (line, reason) in [
        ("list_queues bogus", "Info key(s) bogus are not supported"),
        ("list_queues name bogus other", "Info key(s) bogus,other are not supported"),
        ("list_exchanges Name", "Info key(s) Name are not supported"),
        ("list_queues --bogus", "Invalid options for this command:\n--bogus : "),
        ("list_queues -q name --bogus -y", "Invalid options for this command:\n--bogus : \n-y : "),
        ("list_queues --timeout abc", "Invalid options for this command:\n--timeout : abc"),
        ("list_queues --no-table-headers --formatter json", "Invalid options for this command:\n--no-table-headers : "),
        ("list_bindings --offline", "Invalid options for this command:\n--offline : "),
        ("list_users extra", "too many arguments."),
        ("purge_queue", "not enough arguments."),
        ("delete_queue a b", "too many arguments."),
        ("list_queues --formatter xml", "formatter 'xml' is not one of table, json, csv, pretty_table"),
        ("list_queues -n a@b", "-n is not supported: the broker is found by --http or NARUMQ_HTTP"),
    ] {
        let outcome = run(&line.split(' ').collect::<Vec<_>>(), None);
        let expected =
            format!("Error (argument validation): {reason}\nArguments given:\n\t{line}\n\n\x1b[1mUsage\x1b[0m\n\n");
        assert!(outcome.err.starts_with(&expected), "{line}: {}", outcome.err);
        assert_eq!((outcome.code, outcome.out.as_str(), outcome.target), (64, "", None), "{line}");
    }
    let secret = run(&["--password", "secret", "--user=me", "list_queues", "bogus"], None);
    assert!(secret.err.contains("\n\tlist_queues bogus\n") && !secret.err.contains("secret"), "{}", secret.err);
}

#[test]
fn the_broker_is_found_and_the_login_chosen() {
    let target = |args: &[&str], http| run(args, http).target.expect("the command runs");
    let plain = target(&["list_users"], None);
    let login = (plain.user.as_str(), plain.password.as_str());
    assert_eq!((plain.http.as_str(), login, plain.timeout_ms), ("127.0.0.1:15672", ("guest", "guest"), 60_000));
    assert_eq!(target(&["list_users"], Some("h:1")).http, "h:1");
    let chosen = target(&["list_users", "--http", "h:2", "--user", "u", "--password", "p", "-t", "5"], Some("h:1"));
    assert_eq!((chosen.http.as_str(), chosen.user.as_str(), chosen.password.as_str()), ("h:2", "u", "p"));
    assert_eq!(chosen.timeout_ms, 5000);
    assert_eq!(run(&["list_users", "-t", "0"], None).code, 75);
    assert_eq!(run(&["list_users", "-t", "-1"], None).code, 64);
}

#[test]
fn help_goes_to_the_output_and_confusion_to_the_errors() {
    for args in [&["help"][..], &["--help"], &["help", "list_queues"], &["list_queues", "--help"]] {
        let outcome = run(args, None);
        assert!(outcome.code == 0 && outcome.err.is_empty() && outcome.out.contains("Usage"), "{args:?}");
    }
    assert!(run(&["help", "list_bindings"], None).out.contains("must be one of arguments, destination_kind, "));
    for args in [&[][..], &["bogus_command"]] {
        let outcome = run(args, None);
        assert!(
            outcome.code == 64 && outcome.out.is_empty() && outcome.err.contains("Available commands:"),
            "{args:?}"
        );
    }
    let bogus = run(&["help", "bogus"], None);
    assert_eq!((bogus.code, bogus.err.as_str()), (64, "Error:\n\nCommand 'bogus' not found.\n"));
    assert_eq!(run(&["version"], None).out, concat!(env!("CARGO_PKG_VERSION"), "\n"));
    assert_eq!(run(&["--version"], None).out, concat!(env!("CARGO_PKG_VERSION"), "\n"));
}

/// An API that answers everything with one status.
struct Always(u16);

impl Api for Always {
    fn send(&mut self, _: &str, _: &str, _: &str) -> Result<Reply, Failure> {
        Ok(Reply { status: self.0, body: br#"{"error":"e","reason":"because"}"#.to_vec() })
    }
}

#[test]
fn refusals_and_faults_have_exit_codes() {
    for (status, code, text) in [
        (401, 77, "Error: the broker refuses user 'guest': because\n"),
        (503, 70, "Error: the broker answers 503: because\n"),
        (418, 70, "Error: the broker answers 418: because\n"),
        (200, 70, "Error: the broker's answer is no list\n"),
    ] {
        let (mut out, mut err) = (Vec::new(), Vec::new());
        let mut connect = |_: &Target| Ok(Box::new(Always(status)) as Box<dyn Api>);
        let args = ["list_queues".to_owned(), "-q".to_owned()];
        assert_eq!(execute(&args, None, &mut connect, &mut out, &mut err), code);
        assert_eq!((out.as_slice(), String::from_utf8(err).expect("text").as_str()), (&b""[..], text));
    }
}

#[test]
fn the_status_shows_what_is_known() {
    struct Status;
    impl Api for Status {
        fn send(&mut self, _: &str, path: &str, _: &str) -> Result<Reply, Failure> {
            let body = match path {
                "/api/overview" => json!({
                    "product_name": "NaruMQ", "product_version": "0.1.0", "node": "n1",
                    "object_totals": {"connections": 1, "queues": 2},
                    "listeners": [{"protocol": "amqp", "ip_address": "::1", "port": 5672}],
                }),
                "/api/nodes" => json!([{"os_pid": "12", "uptime": 5500, "mem_used": 139_100_000, "mem_alarm": true}]),
                _ => json!([{"name": "/"}]),
            };
            Ok(Reply { status: 200, body: body.to_string().into_bytes() })
        }
    }
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let mut connect = |_: &Target| Ok(Box::new(Status) as Box<dyn Api>);
    assert_eq!(execute(&["status".to_owned()], None, &mut connect, &mut out, &mut err), 0);
    let heading = |title: &str| format!("\x1b[1m{title}\x1b[0m\n\n");
    let expected = [
        "Status of node n1 ...\n".to_owned(),
        heading("Runtime") + "OS PID: 12\nUptime (seconds): 5\nNaruMQ version: 0.1.0\nNode name: n1\n\n",
        heading("Alarms") + "memory\n\n",
        heading("Memory") + "Total memory used: 0.1391 gb\n\n",
        heading("Totals") + "Connection count: 1\nQueue count: 2\nVirtual host count: 1\n\n",
        heading("Listeners") + "Interface: [::1], port: 5672, protocol: amqp\n",
    ];
    assert_eq!(String::from_utf8(out).expect("text"), expected.concat());
}
