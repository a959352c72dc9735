//! Answers whole, cut short and malformed; a server on the loopback that answers, is slow, or is not there.

use super::*;
use std::net::TcpListener;

fn target(http: &str, timeout_ms: u64) -> Target {
    Target { http: http.into(), user: "guest".into(), password: "guest".into(), timeout_ms }
}

#[test]
fn addresses_have_several_forms() {
    for (http, expected) in [
        ("127.0.0.1:1", "127.0.0.1:1"),
        ("http://host:2/", "host:2"),
        ("host", "host:15672"),
        ("[::1]", "[::1]:15672"),
        ("http://[::1]:3", "[::1]:3"),
    ] {
        assert_eq!(authority(http).unwrap(), expected);
    }
    for bad in ["https://host", "", "a b", "user@host", "host/path", "a\r\nb"] {
        assert_eq!(authority(bad).unwrap_err().code, USAGE, "{bad}");
    }
}

#[test]
fn answers_are_read_by_length_chunks_or_the_end() {
    let body = |text: &str| parse(text.as_bytes()).map(|reply| String::from_utf8(reply.body).unwrap());
    assert_eq!(body("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiX").unwrap(), "hi");
    assert_eq!(
        body("HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\n2;x\r\nhi\r\n1\r\n!\r\n0\r\n\r\n").unwrap(),
        "hi!"
    );
    assert_eq!(body("HTTP/1.0 200\r\nA: b\r\n\r\nhi").unwrap(), "hi");
    assert_eq!(parse(b"HTTP/1.1 404 Not Found\r\n\r\n").unwrap().status, 404);
    for bad in [
        "",
        "HTTP/1.1 200 OK\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhi\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nhi\r\n",
        "AMQP\0\0\u{9}\u{1}\r\n\r\n",
    ] {
        assert_eq!(body(bad).unwrap_err().kind(), io::ErrorKind::InvalidData, "{bad:?}");
    }
}

#[test]
fn segments_are_escaped() {
    assert_eq!(escape("/ a%é~"), "%2F%20a%25%C3%A9~");
}

#[test]
fn a_request_goes_over_the_wire() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let http = listener.local_addr().unwrap().to_string();
    let server = std::thread::Builder::new().spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let (mut request, mut chunk) = (Vec::new(), [0; 1024]);
        while !request.ends_with(b"\r\n\r\n") {
            let count = stream.read(&mut chunk).unwrap();
            request.extend_from_slice(&chunk[..count]);
        }
        stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]").unwrap();
        String::from_utf8(request).unwrap()
    });
    let reply = HttpApi::boxed(&target(&http, 10_000)).unwrap().request("GET", "/api/queues/%2F").unwrap();
    assert_eq!(reply, Reply { status: 200, body: b"[]".to_vec() });
    let request = server.unwrap().join().unwrap();
    assert!(request.starts_with("GET /api/queues/%2F HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("authorization: Basic Z3Vlc3Q6Z3Vlc3Q=\r\n"), "{request}");
}

#[test]
fn nobody_there_and_nobody_answering_are_told_apart() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let http = listener.local_addr().unwrap().to_string();
    let silent = HttpApi::boxed(&target(&http, 50)).unwrap().request("GET", "/api/queues").unwrap_err();
    assert_eq!(silent.code, TEMPORARY);
    assert!(silent.text.ends_with("timed out. Timeout value used: 50\n"), "{}", silent.text);
    drop(listener);
    let gone = HttpApi::boxed(&target(&http, 10_000)).unwrap().request("GET", "/api/queues").unwrap_err();
    assert_eq!(gone.code, UNAVAILABLE);
    assert!(gone.text.contains(&http) && gone.text.contains("--http"), "{}", gone.text);
}
