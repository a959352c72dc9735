//! Requests whole, in pieces, cut short and with bytes changed.

use super::*;

const LIMITS: Limits = Limits { head_bytes: 512, headers: 8, body_bytes: 64 };

fn whole(input: &[u8]) -> (Request<'_>, usize) {
    match RequestParser::default().parse(input, &LIMITS) {
        Ok(Parsed::Complete { request, consumed }) => (request, consumed),
        other => panic!("{other:?}"),
    }
}

fn error(input: &[u8]) -> RequestError {
    match RequestParser::default().parse(input, &LIMITS) {
        Err(error) => error,
        Ok(parsed) => panic!("{parsed:?} of {:?}", String::from_utf8_lossy(input)),
    }
}

fn get(headers: &str) -> Vec<u8> {
    format!("GET / HTTP/1.1\r\nHost: x\r\n{headers}\r\n").into_bytes()
}

#[test]
fn a_request_has_its_parts() {
    let input =
        b"PUT /api/queues/%2F/q?if-unused=true HTTP/1.1\r\nHost: h\r\nX-A:  b c \r\ncontent-length: 2\r\n\r\nhiGET";
    let (request, consumed) = whole(input);
    assert_eq!((request.method, request.path), ("PUT", "/api/queues/%2F/q"));
    assert_eq!(request.query, Some("if-unused=true"));
    assert_eq!(request.header("x-a"), Some(&b"b c"[..]));
    assert_eq!(request.header("nothing"), None);
    assert_eq!(request.headers().count(), 3);
    assert_eq!(request.body.as_ref(), b"hi");
    assert!(request.keep_alive && request.minor == 1);
    assert_eq!(&input[consumed..], b"GET");
}

#[test]
fn targets_have_three_forms() {
    let path = |target: &str| {
        let input = format!("OPTIONS {target} HTTP/1.1\r\nhost: x\r\n\r\n").into_bytes();
        let (request, _) = whole(&input);
        (request.path.to_owned(), request.query.map(str::to_owned))
    };
    assert_eq!(path("http://h:1/a?b"), ("/a".into(), Some("b".into())));
    assert_eq!(path("HTTPS://h?b"), ("/".into(), Some("b".into())));
    assert_eq!(path("http://h"), ("/".into(), None));
    assert_eq!(path("*"), ("*".into(), None));
    assert_eq!(error(b"GET * HTTP/1.1\r\nhost: x\r\n\r\n"), RequestError::Syntax);
    assert_eq!(error(b"GET /a#b HTTP/1.1\r\nhost: x\r\n\r\n"), RequestError::Syntax);
    assert_eq!(error(b"CONNECT h:1 HTTP/1.1\r\nhost: x\r\n\r\n"), RequestError::Syntax);
}

#[test]
fn a_connection_lives_on_unless_one_side_says_otherwise() {
    assert!(whole(&get("")).0.keep_alive);
    assert!(!whole(&get("Connection: x, Close\r\n")).0.keep_alive);
    assert!(!whole(b"GET / HTTP/1.0\r\n\r\n").0.keep_alive);
    assert!(whole(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n").0.keep_alive);
    assert!(!whole(b"GET / HTTP/1.0\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n").0.keep_alive);
}

#[test]
fn what_can_be_read_in_two_ways_is_refused() {
    let body = |headers: &str| error(&get(headers));
    assert_eq!(body("Content-Length: 0\r\nTransfer-Encoding: chunked\r\n"), RequestError::AmbiguousBody);
    assert_eq!(body("Transfer-Encoding: chunked\r\nContent-Length: 5\r\n"), RequestError::AmbiguousBody);
    assert_eq!(body("Transfer-Encoding: chunked, gzip\r\n"), RequestError::AmbiguousBody);
    assert_eq!(body("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n"), RequestError::AmbiguousBody);
    assert_eq!(body("Transfer-Encoding: gzip, chunked\r\n"), RequestError::TransferCoding);
    assert_eq!(body("Transfer-Encoding: xchunked\r\n"), RequestError::TransferCoding);
    assert_eq!(error(b"GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n"), RequestError::AmbiguousBody);
    assert_eq!(body("Content-Length: 1\r\nContent-Length: 2\r\n"), RequestError::ContentLength);
    assert_eq!(body("Content-Length: 1, 2\r\n"), RequestError::ContentLength);
    for bad in ["+1", "-1", "1 ", "0x1", "", "1,", "1;", "١"] {
        let input = get(&format!("Content-Length: {bad}\r\n"));
        let outcome = RequestParser::default().parse(&input, &LIMITS);
        let tolerated = bad == "1 ";
        assert_eq!(outcome.is_ok(), tolerated, "{bad:?}: {outcome:?}");
    }
    assert_eq!(body("X: a\r\n b\r\n"), RequestError::Syntax, "folded");
    assert_eq!(body("X : a\r\n"), RequestError::Syntax, "blank before the colon");
    assert_eq!(error(b"GET / HTTP/1.1\nHost: x\n\n"), RequestError::LineEnding);
    assert_eq!(error(b"GET / HTTP/1.1\nHost"), RequestError::LineEnding);
    assert_eq!(error(b"GET / HTTP/1.1\r\n\r\n"), RequestError::Host);
    assert_eq!(body("Host: y\r\n"), RequestError::Host);
    let (request, _) = whole(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nhi");
    assert_eq!(request.body.as_ref(), b"hi", "equal lengths say one thing");
}

#[test]
fn limits_have_their_statuses() {
    assert_eq!(error(&get("Content-Length: 65\r\n")), RequestError::BodyTooLarge);
    assert_eq!(error(&get("Content-Length: 99999999999999999999999\r\n")), RequestError::BodyTooLarge);
    assert_eq!(error(&get(&"a: b\r\n".repeat(8))), RequestError::HeadTooLarge);
    assert_eq!(error(&get(&format!("a: {}\r\n", "b".repeat(600)))), RequestError::HeadTooLarge);
    assert_eq!(error(format!("GET /{} HTTP/1.1\r\n", "a".repeat(600)).as_bytes()), RequestError::TargetTooLong);
    assert_eq!(error(b"GET / HTTP/2.0\r\nHost: x\r\n\r\n").status(), 505);
    assert_eq!(error(&get("Expect: tea\r\n")).status(), 417);
    assert_eq!(error(b"\x16\x03\x01\x02\x00\x01\x00").status(), 400, "a TLS hello");
}

#[test]
fn a_waiting_client_is_told_to_go_on_once() {
    let mut parser = RequestParser::default();
    let input = b"PUT / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc";
    let ask = |parser: &mut RequestParser, end: usize| match parser.parse(&input[..end], &LIMITS).unwrap() {
        Parsed::NeedMore { needed, send_continue } => Some((needed, send_continue)),
        Parsed::Complete { .. } => None,
    };
    assert_eq!(ask(&mut parser, 20), Some((0, false)));
    assert_eq!(ask(&mut parser, input.len() - 3), Some((input.len(), true)));
    assert_eq!(ask(&mut parser, input.len() - 1), Some((input.len(), false)));
    assert_eq!(ask(&mut parser, input.len()), None);
    assert_eq!(ask(&mut parser, input.len() - 3), Some((input.len(), true)), "the next request is told again");
}

#[test]
fn a_head_can_be_seen_before_its_body() {
    let input = b"\r\nPUT /a HTTP/1.1\r\nHost: x\r\nContent-Length: 60\r\n\r\nabc";
    let head = RequestParser::peek(input, &LIMITS).unwrap().unwrap();
    assert_eq!((head.method, head.path, head.body.len()), ("PUT", "/a", 0));
    assert!(RequestParser::peek(&input[..20], &LIMITS).unwrap().is_none());
    assert!(RequestParser::peek(b"PUT /a\n", &LIMITS).is_err());
}

const SAMPLES: [&[u8]; 4] = [
    b"GET /a?b=c HTTP/1.1\r\nHost: x\r\nAuthorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n\r\n",
    b"POST /x HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\nhello world",
    b"POST /x HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5;e=1\r\nhello\r\n6\r\n world\r\n0\r\nt: 1\r\n\r\n",
    b"PUT /y HTTP/1.0\r\nConnection: keep-alive\r\nContent-Length: 1\r\n\r\n{",
];

#[test]
fn a_request_cut_short_waits_and_comes_whole_at_every_split() {
    for sample in SAMPLES {
        let expected = whole(sample);
        let mut parser = RequestParser::default();
        for end in 0..sample.len() {
            match parser.parse(&sample[..end], &LIMITS) {
                Ok(Parsed::NeedMore { needed, .. }) => assert!(needed == 0 || (end < needed && needed <= sample.len())),
                other => panic!("{other:?} at {end}"),
            }
        }
        let Ok(Parsed::Complete { request, consumed }) = parser.parse(sample, &LIMITS) else { panic!("not whole") };
        assert_eq!((request.body.as_ref(), consumed), (expected.0.body.as_ref(), sample.len()));
    }
}

#[test]
fn pipelined_requests_are_told_apart() {
    let input = SAMPLES.concat();
    let (mut parser, mut at, mut paths) = (RequestParser::default(), 0, Vec::new());
    while at < input.len() {
        let Ok(Parsed::Complete { request, consumed }) = parser.parse(&input[at..], &LIMITS) else { panic!("at {at}") };
        paths.push(request.path.to_owned());
        at += consumed;
    }
    assert_eq!(paths, ["/a", "/x", "/x", "/y"]);
    assert_eq!(whole(b"\r\n\r\nGET /b HTTP/1.0\r\n\r\n").0.path, "/b", "empty lines before a request");
}

#[test]
fn changed_bytes_never_panic_and_never_reach_past_the_input() {
    for sample in SAMPLES {
        for at in 0..sample.len() {
            for byte in 0..=255u8 {
                let mut input = sample.to_vec();
                input[at] = byte;
                let mut parser = RequestParser::default();
                if let Ok(Parsed::Complete { request, consumed }) = parser.parse(&input, &LIMITS) {
                    assert!(consumed <= input.len() && request.body.len() <= LIMITS.body_bytes);
                    let _ = (super::super::segments(request.path), request.query.map(super::super::query_pairs));
                }
            }
        }
    }
}
