//! Arguments of every kind, in the notations that the original tool was seen to use.

use super::*;
use serde_json::json;

fn both(value: &Value) -> (String, String) {
    let cell = Cell::arguments(value);
    let mut text = String::new();
    cell.in_json(&mut text);
    (cell.in_table(), text)
}

#[test]
fn arguments_are_terms_in_tables_and_triples_in_json() {
    let (table, json) = both(&json!({
        "x-message-ttl": 60000, "x-dead-letter-exchange": "dlx", "x-custom": "tab\there \"quoted\" \\back é",
        "x-list": [1, "a", true, null], "x-table": {"k": "v", "e": {}}, "x-big": 123_456_789_012i64, "x-neg": -5,
        "x-empty": "", "x-el": [], "x-null": null, "x-false": false, "x-nl": "a\nb\r\u{1}\u{7f}", "x-f": 1.5,
    }));
    assert_eq!(
        table,
        concat!(
            r#"[{"x-message-ttl",60000},{"x-dead-letter-exchange","dlx"},"#,
            r#"{"x-custom","tab\there \"quoted\" \\back é"},{"x-list",[1,"a",true,undefined]},"#,
            r#"{"x-table",[{"k","v"},{"e",[]}]},{"x-big",123456789012},{"x-neg",-5},{"x-empty",[]},{"x-el",[]},"#,
            r#"{"x-null",undefined},{"x-false",false},{"x-nl",[97,10,98,13,1,127]},{"x-f",1.5}]"#
        )
    );
    assert_eq!(
        json,
        concat!(
            r#"[["x-message-ttl","signedint",60000],["x-dead-letter-exchange","longstr","dlx"],"#,
            r#"["x-custom","longstr","tab\there \"quoted\" \\back é"],"#,
            r#"["x-list","array",{"signedint":1,"longstr":"a","bool":true,"void":"undefined"}],"#,
            r#"["x-table","table",[["k","longstr","v"],["e","table",[]]]],["x-big","long",123456789012],"#,
            r#"["x-neg","signedint",-5],["x-empty","longstr",""],["x-el","array",[]],["x-null","void","undefined"],"#,
            "[\"x-false\",\"bool\",false],[\"x-nl\",\"longstr\",\"a\\nb\\r\\u0001\u{7f}\"],[\"x-f\",\"double\",1.5]]"
        )
    );
}

#[test]
fn texts_are_lists_of_characters() {
    let (table, _) = both(&json!({
        "x1": [1, 2, 3], "x2": [97, 98], "x3": "한글", "x4": "é", "x5": "\u{80}", "x6": "\u{a0}", "x7": "\u{1b}\u{8}\t",
        "x8": "\0", "x9": [65, "b"], "xc": 2_147_483_648i64, "xe": [[1], ["a"]], "xf": [{"a": 1}, {"b": 2}], "xg": "😀",
        "xh": ["a", "b"], "xi": [true, false], "xk": "'", "xl": "a\u{b}b\u{c}c", "xm": [10, 13], "xn": [""],
        "xo": [[]], "xp": [0], "한글": 1, "k\"ey": 2, "\u{1}k": 3,
    }));
    assert_eq!(
        table,
        concat!(
            r#"[{"x1",[1,2,3]},{"x2","ab"},{"x3",[54620,44544]},{"x4","é"},{"x5",[128]},{"x6",""#,
            "\u{a0}",
            r#""},{"x7","\e\b\t"},"#,
            r#"{"x8",[0]},{"x9",[65,"b"]},{"xc",2147483648},{"xe",[[1],["a"]]},{"xf",[[{"a",1}],[{"b",2}]]},"#,
            r#"{"xg",[128512]},{"xh",["a","b"]},{"xi",[true,false]},{"xk","'"},{"xl","a\vb\fc"},{"xm","\n\r"},"#,
            r#"{"xn",[[]]},{"xo",[[]]},{"xp",[0]},{[54620,44544],1},{"k\"ey",2},{[1,107],3}]"#
        )
    );
}

#[test]
fn other_cells_have_their_notations() {
    let shown = |cell: Cell| {
        let mut text = String::new();
        cell.in_json(&mut text);
        (cell.in_table(), text)
    };
    let pair = |table: &str, json: &str| (table.to_owned(), json.to_owned());
    assert_eq!(shown(Cell::plain(&Value::Null)), pair("", "\"\""));
    assert_eq!(shown(Cell::plain(&json!(["a", "b"]))), pair("[a, b]", r#"["a","b"]"#));
    assert_eq!(shown(Cell::plain(&json!([]))), pair("[]", "[]"));
    assert_eq!(shown(Cell::plain(&json!({"n@h": "running"}))), pair("[{n@h, running}]", r#"{"n@h":"running"}"#));
    assert_eq!(shown(Cell::plain(&json!(1.0))), pair("1.0", "1.0"));
    assert_eq!(shown(Cell::plain(&json!(false))), pair("false", "false"));
    assert_eq!(shown(Cell::address(&json!("127.0.0.1"))), pair("127.0.0.1", "[127,0,0,1]"));
    assert_eq!(shown(Cell::address(&json!("::1"))), pair("::1", "[0,0,0,0,0,0,0,1]"));
    assert_eq!(shown(Cell::address(&json!("host"))), pair("host", "\"host\""));
    assert_eq!(shown(Cell::Numbers(vec![0, 9, 1])), pair("{0,9,1}", "[0,9,1]"));
    assert_eq!(shown(Cell::arguments(&json!({}))), pair("[]", "[]"));
}
